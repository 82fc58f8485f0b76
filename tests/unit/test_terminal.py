"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_terminal.py` writes them anew."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.measure import Measurement as Width

from toolkit.compare import tables
from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    Calibration,
    Failure,
    Finding,
    Measurement,
    Outcome,
    PhaseResult,
    Run,
    Severity,
)
from toolkit.model import LoadSettings, Placement, Stage, Trial
from toolkit.plan import OWN_PARTS
from toolkit.report.columns import Column, fitting, rate_columns
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


def latencies(count: int) -> str:
    """Encode so many, all of 10 ms."""
    histogram = LatencyHistogram()
    histogram.record(0.01, count)
    return histogram.encode()


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
    a few errors, slow/z cannot carry the lowest rate in an open loop nor any of its own and never
    recovers, dead/x does not start.
    """
    failures = [
        Failure(
            trial=Trial(stack="dead/x", workload="list", round=1, position=5, stage=stage),
            stage="start",
            message="exit code 3",
            log="Traceback\nboom [red]",
        )
        for stage in Stage
        if stage is not Stage.SHAPE
    ]
    errors = {"status 500": 3}
    capacity = [
        judged(make_measurement("a/x", users=8, connections=2000), placement, keep_alive=False),
        make_measurement("b/y", rate=4000, users=8, findings=(LIMITED,)),
        judged(make_measurement("c/z", rate=2000, users=8, errors=errors), placement),
        judged(make_measurement("slow/z", rate=400, users=4), placement),
    ]
    at_rates = [
        trial
        for which in ({"parts": (0.5, 0.9), "ladder": OWN_PARTS}, {"parts": (1.2,)})
        for trial in (
            judged(make_at_rates("a/x", connections=2000, **which), placement, keep_alive=False),
            make_at_rates("b/y", own=4000, findings=(LIMITED,), **which),
            judged(make_at_rates("c/z", own=2000, errors=errors, **which), placement),
            judged(make_at_rates("slow/z", own=100, ladder_of=400, **which), placement),
        )
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
        *failures[2:],
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
    """A first look: one round, so many users, no fixed rates; the client is measured anyway."""
    return make_run(
        (make_measurement("a/x"), make_measurement("b/y", rate=1500)),
        calibrations=(Calibration(client="SocketUser", throughput=21_000, cpu_per_request=41e-6),),
        load=replace(LoadSettings(), users=32, rate_rounds=0),
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["ten_rounds", "six_rounds", "troubled", "quick", "shaped"])
def test_the_report_looks_as_it_did(name: str, width: int, request: pytest.FixtureRequest) -> None:
    text = rendered(request.getfixturevalue(name), width)
    file = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", ["ten_rounds", "troubled", "shaped"])
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
    assert "1,900/s" in good
    assert "missed" not in rendered(quick, 200)
    assert "p99<" not in rendered(quick, 200)


def test_overload_tells_what_was_served_and_how_long_it_took_to_get_calm(troubled: Run) -> None:
    text = rendered(troubled, 200)
    assert "120% (1,200/s)" in text
    assert " ".join(cells(text, "a/x")[1][-2:]) == "0.80 s"


@pytest.mark.parametrize(
    ("duration", "limit"), [(1.0, "5"), (2.5, "5"), (4.0, "8"), (6.25, "12.5"), (60.0, "15")]
)
def test_of_a_stack_that_did_not_get_calm_it_is_said_how_long_that_was_waited_for(
    troubled: Run, duration: float, limit: str
) -> None:
    """As long as the window, which is twice the duration asked for, but 5 to 15 s."""
    run = replace(troubled, load=replace(troubled.load, duration=duration))
    slow = cells(rendered(run, 200), "slow/z")[1]
    assert " ".join(slow[-4:]) == f"100/s, > {limit} s"


def test_overload_tells_what_was_never_answered_beside_what_was_wrong(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """Of 1,600 right ones, 40 wrong ones and 360 without an answer."""
    changes = {"own": 800, "parts": (1.2,), "latency": latencies(1600)}
    hung = make_at_rates("a/x", unanswered=360, errors={"status 500": 40}, **changes)
    text = rendered(make_run((hung, make_at_rates("b/y", own=2000, parts=(1.2,)))), 200)
    assert "800/s, 2.00 % wrong, 18.00 % unanswered, " in text
    assert text.count("unanswered") == 1


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1000, "10.0 / 10.0 / 10.0"), (999, "10.0 / 10.0 / -"), (99, "10.0 / - / -")],
)
def test_a_percentile_that_there_are_too_few_answers_for_is_not_shown(
    make_measurement: MakeMeasurement,
    make_at_rates: MakeMeasurement,
    make_run: MakeRun,
    count: int,
    shown: str,
) -> None:
    at_rate = make_at_rates("a/x", parts=(0.5,), latency=latencies(count))
    text = rendered(make_run((make_measurement("a/x"), at_rate)), 200)
    assert " ".join(cells(text, "a/x")[1][1:]) == shown


def test_a_client_that_was_not_calibrated_is_named_as_one_of_which_nobody_knows_what_it_adds(
    make_measurement: MakeMeasurement, quick: Run, troubled: Run
) -> None:
    """Of two clients one was calibrated, or none of one."""
    assert "adds by itself is not known" not in rendered(quick, 200)
    assert "What SocketUser adds by itself is not known." in rendered(troubled, 200)
    others = tuple(
        make_measurement(stack, client=client)
        for stack, client in (("c/z", "HttpUser"), ("d/z", "FastHttpUser"))
    )
    text = rendered(replace(quick, outcomes=(*quick.outcomes, *others)), 200)
    assert "What FastHttpUser, HttpUser adds by itself is not known." in text
    assert "SocketUser by itself, against a target" in text


@pytest.mark.parametrize(
    ("users", "said"), [(0, "with as many users as serve most"), (1, "1 user")]
)
def test_the_title_says_how_many_users_there_were(quick: Run, users: int, said: str) -> None:
    text = rendered(replace(quick, load=replace(quick.load, users=users)), 200)
    assert f"Capacity: closed loop, {said}\n" in text


def test_a_stack_that_did_not_stop_is_named_if_its_stop_was_seen(
    make_measurement: MakeMeasurement, make_ramp: MakeMeasurement, make_run: MakeRun
) -> None:
    """Without a ramp no server is stopped that way: b/y has none, its ramp having failed."""
    measured = (make_measurement("a/x"), make_measurement("b/y"), make_measurement("c/z"))
    ramps = (make_ramp("a/x", {1: 1000}, stop_seconds=None), make_ramp("c/z", {1: 1000}))
    assert "Did not end within 5 s of SIGTERM: a/x." in rendered(make_run((*ramps, *measured)), 200)
    assert "SIGTERM" not in rendered(make_run((*ramps[1:], *measured)), 200)


def test_a_stack_that_is_invalid_and_did_not_stop_is_named_too(
    make_measurement: MakeMeasurement, make_ramp: MakeMeasurement, make_run: MakeRun
) -> None:
    measured = make_measurement("a/x", findings=(LIMITED,))
    run = make_run((make_ramp("a/x", {1: 1000}, stop_seconds=None), measured))
    assert "SIGTERM: a/x." in rendered(run, 200)


def test_findings_are_counted_in_the_windows_in_which_they_were_made(troubled: Run) -> None:
    """One of capacity, two at the rates of all, one at its own, one of overload."""
    text = rendered(troubled, 200)
    assert "INVALID b/y (5 windows): for instance" in text
    once = [item for item in troubled.outcomes if item.trial.stage is Stage.CAPACITY]
    assert "INVALID b/y (1 window): the load" in rendered(
        replace(troubled, outcomes=tuple(once)), 200
    )


def test_the_highest_rate_that_all_should_carry_is_the_last_to_go(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """First go the rates between, then overload, then the lowest."""
    latency = make_at_rates("a/x", parts=(0.3, 0.5, 0.7, 0.9))
    run = make_run((latency, make_at_rates("a/x", parts=(1.2,))))
    (table,) = tables(run)
    columns = rate_columns(table, run)
    assert [column.title[:4].rstrip(" (") for column in columns] == [
        *("stac", "30%", "50%", "70%", "90%", "120%")
    ]
    _, hidden = fitting(table.rows, columns, Console(file=io.StringIO(), width=30), lambda _: None)
    assert [title.split()[0] for title in hidden] == ["50%", "70%", "120%", "30%"]


@given(st.lists(st.lists(st.text("ab \u4e2d", max_size=12), min_size=3, max_size=3), max_size=4))
def test_columns_go_when_rich_would_not_have_room_for_them(rows: list[list[str]]) -> None:
    """How wide a table is need not be asked of rich, which takes long to say it."""
    columns: list[Column[list[str]]] = [
        Column("name", lambda row: row[0], justify="left", least=14),
        Column("first", lambda row: row[1], drop=1),
        Column("other", lambda row: row[2], drop=2),
    ]
    wide = Console(file=io.StringIO(), width=1000)
    table, none = fitting(rows, columns, wide, lambda _: None)
    needed = Width.get(wide, wide.options, table).maximum
    assert none == []
    for width, hidden in ((needed, []), (needed - 1, ["other"])):
        console = Console(file=io.StringIO(), width=width)
        assert fitting(rows, columns, console, lambda _: None)[1][:1] == hidden


def test_brackets_in_a_name_are_no_markup(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    name = "own/[red]x[/b]"
    assert name in rendered(make_run((make_at_rates(name, parts=(0.5,)),)), 200)


@pytest.mark.parametrize("rounds", [5, 6, 7])
def test_ranks_and_intervals_appear_with_the_rounds_that_they_take(
    make_rounds: Callable[[int, float], Run], rounds: int
) -> None:
    """Intervals of medians and ratios take six rounds, ranks of three stacks seven."""
    text = rendered(make_rounds(rounds, 0.0), 200)
    header = next(line for line in text.splitlines() if "ratio to baseline" in line)
    assert ("95 %" in header) is (rounds >= 6)
    assert ("rank" in header) is (rounds >= 7)


def test_a_rate_that_was_not_carried_is_marked(troubled: Run) -> None:
    text = rendered(troubled, 200)
    slow, good = cells(text, "slow/z")[1], cells(text, "c/z")[1]
    assert ">" in slow
    assert ">" not in good


def test_a_stack_that_is_failed_or_invalid_says_so_and_has_no_ratio(troubled: Run) -> None:
    text = rendered(troubled, 200)
    assert cells(text, "dead/x")[0][1:4] == ["(failed)", "-", "-"]
    assert cells(text, "b/y")[0][1:4] == ["(invalid)", "4,000", "-"]
