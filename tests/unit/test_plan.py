from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.model import (
    App,
    Interface,
    LoadSettings,
    Plan,
    Server,
    Stack,
    Workload,
)
from toolkit.plan import make_plan


def stack(name: str) -> Stack:
    app = App(
        name=name,
        summary="",
        interface=Interface.WSGI,
        target="wsgi:app",
        health="/",
        path=Path(name),
    )
    server = Server(
        name="s",
        summary="",
        interfaces=(Interface.WSGI,),
        keep_alive=True,
        argv=("s",),
        path=Path("s"),
    )
    return Stack(app=app, server=server)


def plan(rounds: int = 3, seed: int | None = 1, baseline: str = "") -> Plan:
    return make_plan(
        stacks=[stack(name) for name in "abc"],
        workloads=[Workload(name=name, summary="", path=Path(name)) for name in ("list", "create")],
        rounds=rounds,
        load=LoadSettings(),
        baseline=baseline,
        seed=seed,
    )


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_every_round_has_every_case_once(rounds: int, seed: int) -> None:
    trials = plan(rounds, seed).trials
    for number in range(1, rounds + 1):
        cases = [(t.stack, t.workload) for t in trials if t.round == number]
        assert sorted(cases) == sorted({(f"{s}/s", w) for s in "abc" for w in ("list", "create")})


def test_the_seed_repeats_the_order() -> None:
    assert plan(seed=5).trials == plan(seed=5).trials
    assert plan(seed=5).trials != plan(seed=6).trials


def test_a_plan_without_a_seed_records_the_one_it_drew() -> None:
    drawn = plan(seed=None)
    assert plan(seed=drawn.seed).trials == drawn.trials


def test_rounds_differ_in_their_order() -> None:
    orders = {
        tuple((t.stack, t.workload) for t in plan(rounds=5).trials if t.round == number)
        for number in range(1, 6)
    }
    assert len(orders) > 1


def test_a_misspelt_baseline_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(baseline="a/ss")
    assert "a/s" in caught.value.hint


def test_the_first_stack_is_the_baseline_unless_one_is_named() -> None:
    assert plan().baseline == "a/s"
    assert plan(baseline="c/s").baseline == "c/s"
