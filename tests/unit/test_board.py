"""What somebody sees who watches a bench."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from toolkit.measured import Failure, Finding, Measurement, Run, Severity
from toolkit.model import Trial
from toolkit.report.board import Board, sparkline

MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]


def rendered(board: Board, height: int = 20) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=100).print(board.table(height))
    return [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]


def trial(stack: str, number: int = 1) -> Trial:
    return Trial(stack=stack, workload="list", round=number, position=1)


def test_the_fastest_so_far_stands_first(make_measurement: MakeMeasurement) -> None:
    board = Board()
    for stack, rates in (("flask/slow", (100, 110)), ("flask/fast", (300, 310))):
        for number, rate in enumerate(rates, 1):
            board.add(make_measurement(stack, "list", number, rate))
    head, first, second = rendered(board)
    assert head.split() == ["list", "req/s", "p99", "ms"]
    assert first.split()[0] == "flask/fast"
    assert len(first.split()[1]) == 2
    assert second.split()[0] == "flask/slow"


def test_a_failure_is_counted_and_its_reason_shown() -> None:
    board = Board()
    board.add(Failure(trial=trial("flask/x"), stage="start", message="no port"))
    assert "1 unusable" in rendered(board)[1]
    assert [text.plain for text in board.warnings()] == ["flask/x: no port"]


def test_it_is_never_taller_than_there_is_room(make_measurement: MakeMeasurement) -> None:
    board = Board()
    for number in range(30):
        board.add(make_measurement(f"flask/{number}", "list", 1, 100 + number))
    assert len(rendered(board, height=10)) == 10
    assert rendered(board, height=10)[-1] == "and 22 more"
    assert rendered(board, height=2) == []


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=30), st.floats(1, 1e6))
def test_a_value_is_a_bar_and_more_is_never_lower(values: list[float], top: float) -> None:
    drawn = sparkline(values, top)
    assert len(drawn) == len(values)
    pairs = sorted(zip(values, drawn, strict=True))
    assert [bar for _, bar in pairs] == sorted(drawn)


@pytest.mark.parametrize("severity", Severity)
def test_a_finding_is_said_once(make_measurement: MakeMeasurement, severity: Severity) -> None:
    board = Board()
    finding = Finding(rule="noise", severity=severity, message="a neighbour")
    for number in (1, 2):
        board.add(make_measurement("flask/x", "list", number, 100, findings=(finding,)))
    assert len(board.warnings()) == 1
