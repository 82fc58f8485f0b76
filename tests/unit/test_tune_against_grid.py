"""Claims about what benchmarks/tune_against_grid.py makes of its records."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
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
    duel = {"workload": "w", "part": "duel", "ratio": 0.98, "low": 0.95, "high": 1.01, "pairs": 10}
    script.summarize([ramps, *rounds({"a": 1.0}, {"a": 1.0}), tuned])
    assert "not all parts are stored yet" in capsys.readouterr().out
    script.summarize([ramps, *rounds({"a": 1.0}, {"a": 1.0}), tuned, duel])
    out = capsys.readouterr().out
    assert "25%" in out
    assert "0.980 [0.950, 1.010], 10 rounds" in " ".join(out.split())
