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
    Outcome,
    PhaseResult,
    Run,
    Severity,
)
from toolkit.model import LoadSettings, Placement, Stage, Trial
from toolkit.report.terminal import show
from toolkit.validity import Evidence, find_faults

GOLDEN = Path(__file__).parent.parent / "golden"
MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]

LIMITED = Finding(
    rule="client-limited",
    severity=Severity.INVALID,
    message="the load generator used 99% of its core",
)


def rendered(run: Run, width: int) -> str:
    out = io.StringIO()
    show(run, Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def judged(measured: Measurement, placement: Placement, *, keep_alive: bool = True) -> Measurement:
    """Add what the rules find."""

    def findings(phase: PhaseResult) -> tuple[Finding, ...]:
        evidence = Evidence(
            phase=phase.phase,
            load=phase.load,
            server=phase.server,
            host=phase.host,
            placement=placement,
            keep_alive=keep_alive,
        )
        return (*phase.findings, *find_faults(evidence))

    phases = tuple(replace(phase, findings=findings(phase)) for phase in measured.phases)
    return replace(measured, phases=phases)


def cells(text: str, stack: str) -> list[list[str]]:
    """Give the rows of a stack, one of each table, as their words."""
    return [line.split() for line in text.splitlines() if line.startswith(f" {stack} ")]


@pytest.fixture
def troubled(
    make_measurement: MakeMeasurement,
    make_ramp: MakeMeasurement,
    make_at_rates: MakeMeasurement,
    make_run: MakeRun,
    placement: Placement,
) -> Run:
    """One round in which everything happens that a report has words for.

    The baseline a/x reconnects and does not stop, b/y is limited by the client, c/z is well but for
    a few errors, slow/z cannot carry the lowest rate and never recovers, dead/x does not start.
    """
    failures = [
        Failure(
            trial=Trial(stack="dead/x", workload="list", round=1, position=5, stage=stage),
            stage="start",
            message="exit code 3",
            log="Traceback\nboom [red]",
        )
        for stage in Stage
    ]
    errors = {"status 500": 3}
    capacity = [
        judged(make_measurement("a/x", users=8, connections=2000), placement, keep_alive=False),
        make_measurement("b/y", rate=4000, users=8, findings=(LIMITED,)),
        judged(make_measurement("c/z", rate=2000, users=8, errors=errors), placement),
        judged(make_measurement("slow/z", rate=400, users=4), placement),
    ]
    at_rates = [
        judged(make_at_rates("a/x", connections=2000), placement, keep_alive=False),
        make_at_rates("b/y", own=4000, findings=(LIMITED,)),
        judged(make_at_rates("c/z", own=2000, errors=errors), placement),
        judged(make_at_rates("slow/z", own=400), placement),
    ]
    ramps = [
        make_ramp("a/x", {1: 500, 2: 900, 4: 1000, 8: 1000}, stop_seconds=None),
        make_ramp("b/y", {1: 500, 2: 1000, 4: 2000, 8: 4000}),
        make_ramp("c/z", {1: 500, 2: 1000, 4: 2000, 8: 2000}),
        make_ramp("slow/z", {1: 400, 2: 400, 4: 400}),
    ]
    done: tuple[Outcome, ...] = (
        *ramps,
        failures[0],
        *capacity,
        failures[1],
        *at_rates,
        failures[2],
    )
    not_done = Trial(stack="a/x", workload="list", round=2, position=1, stage=Stage.LATENCY)
    return make_run(
        done,
        trials=(*(outcome.trial for outcome in done), not_done),
        finished_at=None,
        load=replace(LoadSettings(), rates=(0.5, 0.9, 1.2), rate_rounds=2),
    )


@pytest.fixture
def quick(make_measurement: MakeMeasurement, make_run: MakeRun) -> Run:
    """A first look: one round, so many users, no fixed rates."""
    return make_run(
        (make_measurement("a/x"), make_measurement("b/y", rate=1500)),
        load=replace(LoadSettings(), users=32, rate_rounds=0),
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["ten_rounds", "troubled", "quick"])
def test_the_report_looks_as_it_did(name: str, width: int, request: pytest.FixtureRequest) -> None:
    text = rendered(request.getfixturevalue(name), width)
    file = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", ["ten_rounds", "troubled"])
def test_no_line_is_wider_than_the_terminal(
    name: str, width: int, request: pytest.FixtureRequest
) -> None:
    text = rendered(request.getfixturevalue(name), width)
    assert max(map(len, text.splitlines())) <= width


def test_columns_without_room_are_named(ten_rounds: Run) -> None:
    assert "Not shown for lack of width" in rendered(ten_rounds, 60)
    assert "Not shown for lack of width" not in rendered(ten_rounds, 160)


def test_stacks_of_one_rank_say_so(ten_rounds: Run) -> None:
    rows = rendered(ten_rounds, 160).splitlines()
    ranks = [line.split()[:2] for line in rows if line.lstrip()[:2] in ("1=", "3 ")]
    assert ranks == [["1=", "b/y"], ["1=", "c/z"], ["3", "a/x"]]


def test_text_from_a_log_is_not_taken_for_markup(troubled: Run) -> None:
    assert "boom [red]" in rendered(troubled, 120)


def test_a_tie_is_marked_and_a_difference_is_not(six_rounds: Run) -> None:
    tied = replace(six_rounds, baseline="b/y")
    lines = rendered(tied, 140).splitlines()
    assert any("c/z" in line and "~" in line for line in lines)
    assert not any("a/x" in line and "~" in line for line in lines)


def test_a_missed_objective_is_told_from_one_that_was_not_measured(
    troubled: Run, quick: Run
) -> None:
    text = rendered(troubled, 200)
    slow, good = cells(text, "slow/z")[0], cells(text, "c/z")[0]
    assert "missed" in slow
    assert "1,200/s" in good
    assert "missed" not in rendered(quick, 200)
    assert "p99<" not in rendered(quick, 200)


def test_a_rate_that_was_not_carried_is_marked(troubled: Run) -> None:
    text = rendered(troubled, 200)
    slow, good = cells(text, "slow/z")[1], cells(text, "c/z")[1]
    assert ">" in slow
    assert ">" not in good


def test_a_stack_that_is_failed_or_invalid_says_so_and_has_no_ratio(troubled: Run) -> None:
    text = rendered(troubled, 200)
    assert cells(text, "dead/x")[0][1:4] == ["(failed)", "-", "-"]
    assert cells(text, "b/y")[0][1:4] == ["(invalid)", "4,000", "-"]
