"""docs/deploy.md quotes what was measured; `UPDATE_GOLDEN=1` with this file writes its table."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from toolkit.catalog import root

DOCS = root() / "docs" / "deploy.md"
BEGIN, END = "<!-- deploy_images: begin -->\n", "<!-- deploy_images: end -->"


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


def test_the_table_of_images_is_that_of_the_committed_measurement() -> None:
    file = root() / "results" / "reference" / "deploy_images.json"
    table = "\n".join(rows(json.loads(file.read_text()))) + "\n"
    text = DOCS.read_text()
    before, _, rest = text.partition(BEGIN)
    quoted, _, after = rest.partition(END)
    if os.environ.get("UPDATE_GOLDEN"):
        DOCS.write_text(f"{before}{BEGIN}{table}{END}{after}")
        quoted = table
    assert quoted == table


def test_files_that_the_page_names_are_there() -> None:
    for name in ("benchmarks/deploy_images.py", "benchmarks/deployment_proofs.py"):
        assert f"`{name}`" in DOCS.read_text()
        assert Path(root() / name).is_file()
