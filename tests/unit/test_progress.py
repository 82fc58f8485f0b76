"""Without a terminal there are plain lines; with one, a display that leaves nothing behind."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from toolkit.measured import (
    Failure,
    Finding,
    Measurement,
    RuntimeFacts,
    Severity,
)
from toolkit.model import App, Interface, LoadSettings, Plan, Server, Stack, Stage, Trial, Workload
from toolkit.plan import make_plan
from toolkit.ports import Tick
from toolkit.progress import Progress, describe

MakeMeasurement = Callable[..., Measurement]
FACTS = RuntimeFacts(name="process", reason="no engine", network="loopback", memory_kind="pss")
INVALID = Finding(rule="oom", severity=Severity.INVALID, message="2 processes [were] killed")
DOUBTFUL = Finding(rule="swap", severity=Severity.WARNED, message="9 pages")
TICK = Tick(phase="measuring", throughput=1234.0, latency=0.0123, errors=3)


def plan(load: LoadSettings | None = None, rounds: int = 2) -> Plan:
    app = App(name="a", summary="", interface=Interface.WSGI, target="a:b", health="/", path=Path())
    server = Server(
        name="x", summary="", interfaces=(Interface.WSGI,), keep_alive=True, argv=(), path=Path()
    )
    return make_plan(
        stacks=[Stack(app=app, server=server)],
        workloads=[Workload(name="list", summary="", path=Path())],
        rounds=rounds,
        load=load or LoadSettings(),
        baseline="",
        seed=1,
    )


def plain() -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    return Progress(Console(file=out, width=40)), out


def lines_of(out: io.StringIO) -> list[str]:
    return out.getvalue().splitlines()


def test_a_plan_is_said_in_one_line_with_its_stages() -> None:
    text = describe(plan(replace(LoadSettings(), rates=(0.9, 0.5), rate_rounds=3)))
    assert "1 stack x 1 workload" in text
    assert "a ramp, 2 rounds at capacity, 3 rounds at 50%, 90% of the baseline's capacity" in text
    assert "= 6 trials" in text
    assert re.search(r"about [\d ]+(min|s)", text)


def test_stages_that_are_left_out_are_not_said() -> None:
    text = describe(plan(replace(LoadSettings(), users=8, rate_rounds=0), rounds=1))
    assert "ramp" not in text
    assert "capacity," not in text
    assert "1 round at capacity = 1 trial," in text


def test_without_a_terminal_every_message_is_a_plain_line_however_long() -> None:
    progress, out = plain()
    message = "Building [bold]" + "x" * 100
    with progress:
        progress.planned(plan(), FACTS)
        progress.noted(message)
    first, second, third = lines_of(out)
    assert first == "Runtime: process (no engine)."
    assert second == describe(plan())
    assert third == message
    assert "\x1b" not in out.getvalue()


def test_a_trial_is_one_line_when_it_ends_and_ticks_are_none(
    make_measurement: MakeMeasurement,
) -> None:
    progress, out = plain()
    outcome = make_measurement("a/x", rate=1500, errors={"late": 2})
    with progress:
        progress.planned(plan(), FACTS)
        progress.trial_started(outcome.trial, 1)
        progress.ticked(outcome.trial, TICK)
        progress.trial_finished(outcome, 1)
    *_, line = lines_of(out)
    assert len(lines_of(out)) == 3
    assert line.startswith("[1/9] capacity 1: a/x list: 1,500 req/s, 2 errors, about ")
    assert line.endswith(" left")


def test_each_stage_has_its_own_result(
    make_ramp: MakeMeasurement, make_at_rates: MakeMeasurement
) -> None:
    progress, out = plain()
    progress.trial_finished(make_ramp("a/x", {1: 500, 2: 1000, 4: 1000}), 1)
    progress.trial_finished(make_ramp("a/x", {}), 2)
    progress.trial_finished(make_at_rates("a/x", 3, parts=(0.5, 0.9)), 3)
    progress.trial_finished(make_at_rates("a/x", 3, own=1100, parts=(1.2,)), 4)
    ramp, nothing, at_rates, overload = lines_of(out)
    assert "ramp 1: a/x list: 1,000 req/s with 4 users, 0 errors" in ramp
    assert "nothing served" in nothing
    assert "latency 3: a/x list: 500, 900 req/s, 0 errors" in at_rates
    assert "overload 3: a/x list: 1,100 req/s, 0 errors" in overload


def test_a_failure_and_an_invalid_trial_say_why(make_measurement: MakeMeasurement) -> None:
    progress, out = plain()
    trial = Trial(stack="a/x", workload="list", round=2, position=1, stage=Stage.CAPACITY)
    progress.trial_finished(Failure(trial=trial, stage="start", message="exit [3]"), 1)
    progress.trial_finished(make_measurement("a/x", findings=(INVALID, DOUBTFUL)), 2)
    failed, invalid = lines_of(out)
    assert "capacity 2: a/x list: FAILED (start): exit [3]" in failed
    assert "INVALID: 2 processes [were] killed" in invalid
    assert "9 pages" not in invalid


def test_what_is_invalid_in_several_phases_for_one_reason_is_said_once(
    make_at_rates: MakeMeasurement,
) -> None:
    progress, out = plain()
    progress.trial_finished(make_at_rates("a/x", findings=(INVALID,)), 1)
    assert out.getvalue().count("killed") == 1


def test_trials_beyond_the_plan_raise_the_total(make_measurement: MakeMeasurement) -> None:
    progress, out = plain()
    progress.planned(plan(replace(LoadSettings(), users=8, rate_rounds=0), rounds=1), FACTS)
    progress.trial_finished(make_measurement("a/x"), 1)
    progress.trial_finished(make_measurement("a/x", round=2), 2)
    assert [line[:5] for line in lines_of(out)[2:]] == ["[1/1]", "[2/2]"]


@pytest.mark.parametrize("latency", [0.0123, None])
def test_on_a_terminal_the_display_shows_the_running_trial(
    make_measurement: MakeMeasurement, latency: float | None
) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={})
    progress = Progress(console)
    progress.planned(plan(), FACTS)
    trial = make_measurement("a/x").trial
    progress.trial_started(trial, 1)
    progress.ticked(trial, replace(TICK, latency=latency))
    shown = io.StringIO()
    Console(file=shown, width=80).print(progress._display())
    text = shown.getvalue()
    assert "0/9" in text
    assert "capacity 1: a/x list" in text
    assert "measuring 1,234 req/s" in text
    assert ("p50 12.3 ms" in text) is (latency is not None)
    assert "3 errors" in text


def test_on_a_terminal_only_what_went_wrong_stays(make_measurement: MakeMeasurement) -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=80, force_terminal=True, _environ={}))
    with progress:
        progress.trial_finished(make_measurement("good/x"), 1)
        progress.trial_finished(make_measurement("bad/x", findings=(INVALID,)), 2)
    # the display itself is drawn over
    assert "capacity 1: good/x" not in out.getvalue()
    assert "[2/2] capacity 1: bad/x" in out.getvalue()
