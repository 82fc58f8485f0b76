"""What `toolkit lint` finds in public templates.

``.venv/bin/python benchmarks/lint_templates.py NAME@COMMIT=FOLDER ...``: each folder holds the
files of a public repository at that commit (``git archive``), or what a template makes of its
defaults. Nothing of them is kept but where a rule found something. Writes
``results/reference/lint_templates.json``, which docs/lint.md quotes.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from toolkit.store import utc_now

RESULTS = Path(__file__).parent.parent / "results" / "reference" / "lint_templates.json"


def findings_of(folder: str) -> tuple[list[str], list[str]]:
    """Lint a folder as a user does; give what serves there and what was found."""
    done = subprocess.run(
        [sys.executable, "-m", "toolkit", "lint", ".", "--format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{folder}: {done.stderr}")
    document = json.loads(done.stdout)
    serving = [f"{unit['name']}: {unit['server'] or 'not known'}" for unit in document["units"]]
    found = [
        f"{item['severity']} {item['rule']} {item['path']}:{item['line']}"
        for item in document["findings"]
    ]
    return serving, found


def main() -> int:
    """Lint what the arguments name, print a line for each, and write the result."""
    templates = []
    for argument in sys.argv[1:]:
        named, _, folder = argument.partition("=")
        name, _, commit = named.partition("@")
        serving, found = findings_of(folder)
        templates.append({"name": name, "commit": commit, "serves": serving, "findings": found})
        rules = Counter(" ".join(text.split()[:2]) for text in found)
        said = ", ".join(f"{rule} ({times})" for rule, times in rules.items()) or "nothing"
        print(f"{name}: {len(serving)} units; {said}")
    document = {"what": "benchmarks/lint_templates.py", "date": utc_now(), "templates": templates}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
