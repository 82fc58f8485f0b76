"""Claims about what benchmarks/tune_against_grid.py makes of its records."""

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
DOCS = CHECKOUT / "docs" / "tune.md"
Record = dict[str, Any]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a module
    """Import the script as it is started: from the checkout's root."""
    monkeypatch.syspath_prepend(str(CHECKOUT))
    return import_module("benchmarks.tune_against_grid")


def rounds(*values: dict[str, float | None]) -> list[Record]:
    return [
        {"workload": "w", "part": f"round {number}", "seconds": 100.0, "values": found}
        for number, found in enumerate(values, start=1)
    ]


def test_the_best_of_the_grid_is_that_of_the_medians_of_the_valid_rounds(script: Any) -> None:  # noqa: ANN401
    records = rounds({"a": 100.0, "b": 300.0}, {"a": 120.0, "b": 90.0}, {"a": 110.0, "b": None})
    assert script.grid_best(records, "w") == ("b", 195.0)
    assert script.grid_best(rounds({"a": 1.0, "b": None}), "w") == ("a", 1.0)


def test_a_grid_without_a_valid_round_has_no_best(script: Any) -> None:  # noqa: ANN401
    with pytest.raises(SystemExit, match="no valid round"):
        script.grid_best(rounds({"a": None}), "w")


def test_the_time_of_the_grid_is_that_of_all_its_parts(
    script: Any,  # noqa: ANN401
    capsys: pytest.CaptureFixture[str],
) -> None:
    ramps = {
        "workload": "w",
        "part": "ramps",
        "seconds": 200.0,
        "values": {"a": {"users": 4, "rate": 100.0, "failure": ""}},
    }
    tuned = {"workload": "w", "part": "tune", "seconds": 100.0, "taken": "a", "tried": 1}
    duels = [
        {"workload": "w", "part": f"duel {n}", "seconds": 50.0, "rates": [[98.0, 100.0]] * 5}
        for n in (1, 2)
    ]
    script.summarize([ramps, *rounds({"a": 1.0}, {"a": 1.0}), tuned])
    assert "not all parts are stored yet" in capsys.readouterr().out
    script.summarize([ramps, *rounds({"a": 1.0}, {"a": 1.0}), tuned, *duels])
    out = capsys.readouterr().out
    assert "25%" in out
    assert "0.980 [0.980, 0.980], 10 rounds" in " ".join(out.split())


def test_the_page_quotes_what_was_measured(script: Any) -> None:  # noqa: ANN401
    """`UPDATE_GOLDEN=1` with this file writes the table."""
    document = json.loads(script.REFERENCE.joinpath("tune_against_grid.json").read_text())
    records = document["checks"]
    lines = [
        "| workload | best of the grid | taken (tried) | taken / best | time, of the grid's |",
        "|---|---|---|---|---|",
    ]
    for workload in dict.fromkeys(record["workload"] for record in records):
        of = {r["part"]: r for r in records if r["workload"] == workload}
        taken, ratio = of["tune"]["taken"], script.duelled(records, workload)
        grid = [r["seconds"] for part, r in of.items() if part.startswith(("ramps", "round"))]
        best = script.grid_best(records, workload)[0]
        lines.append(
            f"| {workload} | {shown(best)} | {'the same' if taken == best else shown(taken)} "
            f"({of['tune']['tried']}) | {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] | "
            f"{of['tune']['seconds']:.0f} s of {sum(grid):,.0f} s, "
            f"{of['tune']['seconds'] / sum(grid) * 100:.0f} % |"
        )
        # the claim itself, and that it was not cheaper to measure everything
        assert ratio.value >= 0.95
        assert of["tune"]["seconds"] < sum(grid) / 3
    begin, end = (f"<!-- tune_against_grid: {which} -->\n" for which in ("begin", "end"))
    before, _, rest = DOCS.read_text().partition(begin)
    quoted, _, after = rest.partition(end)
    table = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        DOCS.write_text(f"{before}{begin}{table}{end}{after}")
        quoted = table
    assert quoted == table


def shown(stack: str) -> str:
    name, _, settings = stack.removeprefix("flask/").partition(":")
    numbers = [part.partition("=")[2] for part in settings.split(",")]
    return f"{name}, {' x '.join(numbers)}"
