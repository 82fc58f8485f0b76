"""docs/deploy.md quotes what was measured; `UPDATE_GOLDEN=1` with this file writes its tables."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from toolkit.catalog import root

DOCS = root() / "docs" / "deploy.md"


def rows(document: dict[str, Any]) -> Iterator[str]:
    heads = ("recipe", "MB", "of it on top of the base", "cold build, s")
    yield f"| {' | '.join((*heads, 'after a change of code, s', 'ready, s'))} |"
    yield "|---|---|---|---|---|---|"
    for name, one in document["recipes"].items():
        sizes = (f"{one[key] / 1e6:.0f}" for key in ("size", "added"))
        times = (seconds(one[key]) for key in ("cold", "changed", "ready"))
        yield f"| {name} | {' | '.join(sizes)} | {' | '.join(times)} |"


def seconds(values: list[float]) -> str:
    return f"{median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


SCENARIOS = ("rolling", "stop", "recycle", "recycle-direct", "reload", "kill")


def losses(document: dict[str, Any]) -> Iterator[str]:
    heads = ("server", "rolling restart", "stop", "recycle", "recycle, no proxy", "reload", "kill")
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for proof in (one for one in document["proofs"] if "failed" not in one):
        found.setdefault(proof["server"], {}).setdefault(proof["scenario"], []).append(proof)
    for server in sorted(found):
        yield f"| {server} | {' | '.join(lost(found[server].get(name)) for name in SCENARIOS)} |"


def lost(tries: list[dict[str, Any]] | None) -> str:
    if not tries:
        return "-"
    count = sum(sum(one["lost"].values()) for one in tries)
    return f"{count} of {sum(one['sent'] for one in tries):,}"


def require_table(name: str, table: str) -> None:
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    text = DOCS.read_text()
    before, _, rest = text.partition(begin)
    quoted, _, after = rest.partition(end)
    if os.environ.get("UPDATE_GOLDEN"):
        DOCS.write_text(f"{before}{begin}{table}{end}{after}")
        quoted = table
    assert quoted == table


@pytest.mark.parametrize(
    ("name", "lines"), [("deploy_images", rows), ("deployment_proofs", losses)]
)
def test_a_table_is_that_of_the_committed_measurement(
    name: str, lines: Callable[[dict[str, Any]], Iterator[str]]
) -> None:
    file = root() / "results" / "reference" / f"{name}.json"
    require_table(name, "\n".join(lines(json.loads(file.read_text()))) + "\n")


def test_files_that_the_page_names_are_there() -> None:
    for name in ("benchmarks/deploy_images.py", "benchmarks/deployment_proofs.py"):
        assert f"`{name}`" in DOCS.read_text()
        assert Path(root() / name).is_file()
