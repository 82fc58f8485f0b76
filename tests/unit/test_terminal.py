"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_terminal.py` writes them anew."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from toolkit.measured import (
    Failure,
    Finding,
    Measurement,
    Run,
    Severity,
)
from toolkit.model import Trial
from toolkit.report.terminal import show

GOLDEN = Path(__file__).parent.parent / "golden"
MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]


def rendered(run: Run, width: int) -> str:
    out = io.StringIO()
    show(run, Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.fixture
def troubled(make_measurement: MakeMeasurement, make_run: MakeRun) -> Run:
    """One round with an invalid row, a failure, and a server that reconnects."""
    finding = Finding(
        rule="client-limited",
        severity=Severity.INVALID,
        message="the load generator used 99% of its core",
    )
    trial = Trial(stack="dead/x", workload="list", round=1, position=4)
    good = make_measurement("a/x", rate=1000)
    reconnecting = replace(good, load=replace(good.load, connections=2000))
    return make_run(
        (
            reconnecting,
            make_measurement("b/y", rate=4000, findings=(finding,)),
            make_measurement("c/z", rate=2000),
            Failure(trial=trial, stage="start", message="exit code 3", log="Traceback\nboom [red]"),
        ),
        finished_at=None,
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["six_rounds", "troubled"])
def test_the_report_looks_as_it_did(name: str, width: int, request: pytest.FixtureRequest) -> None:
    text = rendered(request.getfixturevalue(name), width)
    file = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(six_rounds: Run, width: int) -> None:
    assert max(map(len, rendered(six_rounds, width).splitlines())) <= width


def test_columns_without_room_are_named(six_rounds: Run) -> None:
    assert "Not shown for lack of width" in rendered(six_rounds, 60)
    assert "Not shown for lack of width" not in rendered(six_rounds, 140)


def test_text_from_a_log_is_not_taken_for_markup(troubled: Run) -> None:
    assert "boom [red]" in rendered(troubled, 120)


def test_a_tie_is_marked_and_a_difference_is_not(six_rounds: Run) -> None:
    tied = replace(six_rounds, baseline="b/y")
    lines = rendered(tied, 140).splitlines()
    assert any("c/z" in line and "~" in line for line in lines)
    assert not any("a/x" in line and "~" in line for line in lines)
