"""Runs beside each other: what may be compared, and what is called a change."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from toolkit.cli import main
from toolkit.contrast import common_baseline, contrasts, differences, only_in, packages_changed
from toolkit.measured import Measurement, Run
from toolkit.report.contrast_table import show
from toolkit.store import Store

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture(scope="module")
def first() -> Run:
    return Store(REFERENCE).load(str(REFERENCE / "two-cores"))


def with_rates(run: Run, factor: Callable[[str], float], name: str = "other") -> Run:
    """Give the run as if each stack had served so many times as much."""

    def changed(item: Measurement) -> Measurement:
        times = factor(item.trial.stack)
        phases = tuple(
            replace(phase, load=replace(phase.load, requests=round(times * phase.load.requests)))
            for phase in item.phases
        )
        return replace(item, phases=phases)

    outcomes = tuple(
        changed(item) if isinstance(item, Measurement) else item for item in run.outcomes
    )
    return replace(run, id=name, outcomes=outcomes)


def rendered(runs: list[Run], width: int = 120) -> str:
    out = io.StringIO()
    show(runs, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def test_the_same_run_has_no_difference(first: Run) -> None:
    found = contrasts(first, replace(first, id="other"))
    assert {(item.workload, item.stack) for item in found} == {
        (trial.workload, trial.stack) for trial in first.trials
    }
    assert not any(item.differs for item in found)
    assert all(item.change.value == pytest.approx(1) for item in found)


def test_what_hits_all_alike_is_no_difference_to_the_baseline(first: Run) -> None:
    found = contrasts(first, with_rates(first, lambda stack: 0.7))
    others = [item for item in found if item.stack != first.baseline]
    assert all(item.change.value == pytest.approx(0.7, rel=0.01) for item in found)
    assert not any(item.differs for item in others)


def test_the_stack_that_changed_is_named(first: Run) -> None:
    slower = "flask/gunicorn-gevent"
    other = with_rates(first, lambda stack: 0.5 if stack == slower else 1.0)
    found = contrasts(first, other)
    assert {item.stack for item in found if item.differs} == {slower}


def test_without_the_first_baseline_another_common_stack_is_taken(first: Run) -> None:
    kept = tuple(item for item in first.outcomes if item.trial.stack != first.baseline)
    trials = tuple(item for item in first.trials if item.stack != first.baseline)
    other = replace(first, baseline="fastapi/uvicorn", outcomes=kept, trials=trials)
    assert common_baseline(first, other) == "fastapi/uvicorn"
    assert only_in(first, other) == (first.baseline,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: replace(run, host=replace(run.host, cpu_model="another")), "CPU: "),
        (lambda run: replace(run, placement=replace(run.placement, cpus=2.0)), "CPU limit: 1.0"),
        (lambda run: replace(run, load=replace(run.load, duration=9.0)), "duration: 1.0 and 9.0"),
        (
            lambda run: replace(
                run,
                stacks=tuple(
                    replace(s, settings={**s.settings, "BACKLOG": "7"}) for s in run.stacks
                ),
            ),
            "BACKLOG 2048 and 7",
        ),
    ],
)
def test_runs_that_were_not_measured_alike_are_told_apart(
    first: Run, change: Callable[[Run], Run], said: str
) -> None:
    assert not differences(first, replace(first, id="other"))
    assert any(said in text for text in differences(first, change(first)))


def test_other_versions_are_named_and_no_reason_to_refuse(first: Run) -> None:
    stacks = tuple(
        replace(stack, packages={**stack.packages, "gunicorn": "99.0"}) for stack in first.stacks
    )
    other = replace(first, stacks=stacks)
    assert not differences(first, other)
    (changed,) = packages_changed(first, other)
    assert changed.startswith("gunicorn ")
    assert changed.endswith(" -> 99.0")


def test_a_tie_is_marked_and_a_difference_is_not(first: Run) -> None:
    other = with_rates(first, lambda stack: 0.5 if stack == "fastapi/uvicorn" else 1.0)
    lines = rendered([first, other]).splitlines()
    changed = [line for line in lines if line.startswith(" fastapi/uvicorn ")]
    equal = [line for line in lines if line.startswith(" flask/gunicorn-gevent ")]
    marks = [re.search(r"(~ )?[-+]\d+\.\d%", line) for line in (*changed, *equal)]
    ties = [mark is not None and mark[1] is not None for mark in marks]
    assert ties == [False] * len(changed) + [True] * len(equal)
    assert len(changed) == len(equal) == 2


def test_what_does_not_fit_is_named(first: Run) -> None:
    text = rendered([first, replace(first, id="other")], width=80)
    assert "Not shown for lack of width: first req/s, other req/s" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_unlike_runs_are_refused_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(REFERENCE / "two-cores"), str(REFERENCE / "frameworks")]
    with pytest.raises(SystemExit) as refused:
        main(["compare", *runs])
    assert refused.value.code == 2
    assert "were not measured alike: users: 0 and 64" in capsys.readouterr().err
    with pytest.raises(SystemExit) as forced:
        main(["compare", *runs, "--force"])
    assert forced.value.code == 0
    assert "NOT ALIKE" in capsys.readouterr().out


def test_one_run_is_nothing_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["compare", str(REFERENCE / "two-cores")])
    assert end.value.code == 2
    assert "two runs" in capsys.readouterr().err
