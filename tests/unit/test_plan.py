from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.model import (
    App,
    Arrivals,
    Interface,
    LoadSettings,
    Phase,
    Plan,
    Server,
    Stack,
    Stage,
    Workload,
)
from toolkit.plan import (
    OWN_PARTS,
    RATE_STRETCH,
    capacity_phase,
    make_plan,
    most_users,
    one_round,
    own_phases,
    ramp_phases,
    rate_phases,
    recovery_limit,
    shape_phase,
)

CASES = sorted((f"{app}/s", workload) for app in "abc" for workload in ("list", "create"))


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


def plan(
    rounds: int = 3, seed: int | None = 1, baseline: str = "", load: LoadSettings | None = None
) -> Plan:
    return make_plan(
        stacks=[stack(name) for name in "abc"],
        workloads=[Workload(name=name, summary="", path=Path(name)) for name in ("list", "create")],
        rounds=rounds,
        load=load or LoadSettings(),
        baseline=baseline,
        seed=seed,
    )


# which trials, in which order


@given(st.integers(1, 8), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_every_round_of_every_stage_has_every_case_once(
    rounds: int, rate_rounds: int, seed: int
) -> None:
    trials = plan(rounds, seed, load=LoadSettings(rate_rounds=rate_rounds)).trials
    counts = {
        Stage.RAMP: 1,
        Stage.CAPACITY: rounds,
        Stage.LATENCY: rate_rounds,
        Stage.OVERLOAD: rate_rounds,
    }
    assert len(trials) == sum(counts.values()) * len(CASES)
    for stage, count in counts.items():
        of_stage = [trial for trial in trials if trial.stage is stage]
        assert len(of_stage) == count * len(CASES)
        for number in range(1, count + 1):
            mine = [trial for trial in of_stage if trial.round == number]
            assert sorted((trial.stack, trial.workload) for trial in mine) == CASES
            assert [trial.position for trial in mine] == list(range(1, len(CASES) + 1))


def test_stages_and_rounds_come_one_after_the_other() -> None:
    trials = plan().trials
    order = [([*Stage].index(trial.stage), trial.round) for trial in trials]
    assert order == sorted(order)


def test_a_number_of_users_that_is_given_needs_no_ramp() -> None:
    stages = {trial.stage for trial in plan(load=LoadSettings(users=8)).trials}
    assert stages == {Stage.CAPACITY, Stage.LATENCY, Stage.OVERLOAD}


@pytest.mark.parametrize("load", [LoadSettings(rates=()), LoadSettings(rate_rounds=0)])
def test_without_rates_or_rounds_of_them_latency_is_not_measured(load: LoadSettings) -> None:
    stages = {trial.stage for trial in plan(load=load).trials}
    assert stages == {Stage.RAMP, Stage.CAPACITY}


@pytest.mark.parametrize("rates", [(0.5, 0.9), (0.5, 1.0)])
def test_a_rate_up_to_the_capacity_is_no_overload(rates: tuple[float, ...]) -> None:
    stages = {trial.stage for trial in plan(load=LoadSettings(rates=rates)).trials}
    assert stages == {Stage.RAMP, Stage.CAPACITY, Stage.LATENCY}


def test_rates_beyond_the_capacity_alone_are_nothing_but_overload() -> None:
    stages = {trial.stage for trial in plan(load=LoadSettings(rates=(1.2, 1.5))).trials}
    assert stages == {Stage.RAMP, Stage.CAPACITY, Stage.OVERLOAD}


def test_overload_comes_after_all_else_because_a_server_may_not_survive_it() -> None:
    stages = [trial.stage for trial in plan().trials]
    assert stages.index(Stage.OVERLOAD) > max(n for n, s in enumerate(stages) if s is Stage.LATENCY)


def test_the_seed_repeats_the_order() -> None:
    assert plan(seed=5).trials == plan(seed=5).trials
    assert plan(seed=5).trials != plan(seed=6).trials


def test_a_plan_without_a_seed_records_the_one_it_drew() -> None:
    drawn = plan(seed=None)
    assert plan(seed=drawn.seed).trials == drawn.trials


def test_rounds_differ_in_their_order_and_stages_too() -> None:
    trials = plan(rounds=5, load=LoadSettings(rate_rounds=5)).trials

    def orders(stage: Stage) -> list[tuple[tuple[str, str], ...]]:
        return [
            tuple((t.stack, t.workload) for t in trials if (t.stage, t.round) == (stage, number))
            for number in range(1, 6)
        ]

    assert len({*orders(Stage.CAPACITY)}) > 1
    assert orders(Stage.CAPACITY) != orders(Stage.LATENCY)


def test_a_round_added_later_is_the_one_that_a_longer_plan_would_have() -> None:
    ids = [f"{name}/s" for name in "abc"]
    added = one_round(ids, ["list", "create"], number=4, stage=Stage.CAPACITY, seed=1)
    longer = plan(rounds=4).trials
    assert added == tuple(t for t in longer if (t.stage, t.round) == (Stage.CAPACITY, 4))


def test_a_misspelt_baseline_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(baseline="a/ss")
    assert "a/s" in caught.value.hint
    with pytest.raises(ConfigError, match="'nothing' is not among the stacks") as caught:
        plan(baseline="nothing")
    assert caught.value.hint == "Chosen: a/s, b/s, c/s."


def test_the_first_stack_is_the_baseline_unless_one_is_named() -> None:
    assert plan().baseline == "a/s"
    assert plan(baseline="c/s").baseline == "c/s"


# how long


@pytest.mark.parametrize(
    "less",
    [
        LoadSettings(users=8),
        LoadSettings(rate_rounds=1),
        LoadSettings(rates=(0.5,)),
        LoadSettings(duration=0.5),
        LoadSettings(warmup=0.1),
    ],
)
def test_less_load_is_expected_to_take_less_time(less: LoadSettings) -> None:
    assert 0 < plan(load=less).estimate < plan().estimate


@pytest.mark.parametrize(
    ("rates", "without"), [((0.5, 0.9, 1.2, 1.5), (0.5, 0.9)), ((0.5, 0.9, 1.2), (0.5, 0.9))]
)
def test_overload_is_expected_to_take_as_long_as_its_windows(
    rates: tuple[float, ...], without: tuple[float, ...]
) -> None:
    load = LoadSettings(duration=60.0, warmup=30.0, rate_rounds=2, rates=rates)
    more = plan(load=load).estimate - plan(load=replace(load, rates=without)).estimate
    phases = [*rate_phases(load, capacity=100.0, seed=1, overload=True)]
    loaded = len(CASES) * 2 * seconds(phases)
    assert loaded < more < 1.05 * loaded


def test_the_estimate_is_all_settling_and_all_windows_and_little_more() -> None:
    """Of the stack's own rates it takes two or three until one keeps the objective."""
    load = LoadSettings(duration=60.0, warmup=30.0, most_users=32, rates=(0.5, 0.9), rate_rounds=2)
    trials = [
        *[[*ramp_phases(load)]] * 6,
        *[[capacity_phase(load, users=32)]] * 6 * 3,
        *[[*rate_phases(load, capacity=100.0, seed=1, overload=False)]] * 6 * 2,
        *[[*own_phases(load, capacity=100.0, seed=1)][:2]] * 6,
        *[[*own_phases(load, capacity=100.0, seed=1)][:3]] * 6,
    ]
    loaded = sum(seconds(phases) for phases in trials)
    assert loaded < plan(rounds=3, load=load).estimate < 1.05 * loaded


def seconds(phases: list[Phase]) -> float:
    return sum(phase.settle + phase.duration for phase in phases)


# the phases of a trial


@given(st.integers(1, 10_000))
def test_a_ramp_doubles_its_users_and_ends_with_the_most(most: int) -> None:
    users = [phase.users for phase in ramp_phases(LoadSettings(most_users=most))]
    *doublings, last = users
    assert doublings == [2**number for number in range(len(doublings))]
    assert last == most
    assert all(before < after <= 2 * before for before, after in pairwise(users))


def test_only_the_first_window_of_a_server_is_after_a_warm_up() -> None:
    load = LoadSettings(warmup=3.0, warmup_requests=77, connections=20)
    first, *others = ramp_phases(load)
    assert (first.settle, first.least) == (3.0, 77)
    assert {(phase.settle < 3.0, phase.least) for phase in others} == {(True, 0)}
    for overload in (False, True):
        both = replace(load, rates=(0.5, 0.9, 1.2, 1.5))
        first, *others = rate_phases(both, capacity=100.0, seed=1, overload=overload)
        assert (first.settle, first.least) == (3.0, 77)
        assert {(phase.settle < 3.0, phase.least) for phase in others} == {(True, 0)}
    only = capacity_phase(load, users=9)
    assert (only.users, only.settle, only.least, only.duration) == (9, 3.0, 77, load.duration)


@pytest.mark.parametrize(
    ("requests", "connections", "least"), [(100, 256, 256), (100, 99, 100), (0, 1, 1)]
)
@pytest.mark.parametrize("overload", [False, True])
def test_every_connection_is_open_before_the_first_window_at_a_fixed_rate(
    requests: int, connections: int, least: int, overload: bool
) -> None:
    """Where the server needs them all: each has been given a request then."""
    load = LoadSettings(
        warmup_requests=requests, connections=connections, rates=(0.5, 0.9, 1.2, 1.5)
    )
    first, *others = rate_phases(load, capacity=100.0, seed=1, overload=overload)
    assert first.least == least
    assert {phase.least for phase in others} == {0}


def test_ramps_and_capacity_are_closed_loops() -> None:
    phases = [*ramp_phases(LoadSettings()), capacity_phase(LoadSettings(), users=9)]
    assert {(phase.rate, phase.part, phase.own) for phase in phases} == {(None, None, None)}
    assert not any(phase.overload or phase.probing for phase in phases)


def test_rates_go_up_as_parts_of_the_capacity_and_those_above_it_are_overload() -> None:
    load = LoadSettings(rates=(1.5, 0.5, 1.2, 1.0), connections=17, arrivals=Arrivals.CONSTANT)
    below = [*rate_phases(load, capacity=2000.0, seed=40, overload=False)]
    above = [*rate_phases(load, capacity=2000.0, seed=40, overload=True)]
    assert [(phase.part, phase.rate) for phase in below] == [(0.5, 1000.0), (1.0, 2000.0)]
    assert [(phase.part, phase.rate) for phase in above] == [(1.2, 2400.0), (1.5, 3000.0)]
    assert {(phase.overload, phase.probing) for phase in below} == {(False, False)}
    assert {(phase.overload, phase.probing) for phase in above} == {(True, True)}
    phases = [*below, *above]
    assert {phase.own for phase in phases} == {None}
    assert {(phase.users, phase.duration) for phase in phases} == {
        (17, RATE_STRETCH * load.duration)
    }
    assert {phase.arrivals for phase in phases} == {Arrivals.CONSTANT}
    assert len({phase.seed for phase in below}) == 2
    assert below == [*rate_phases(load, capacity=2000.0, seed=40, overload=False)]


def test_rates_of_its_own_go_down_from_just_below_the_capacity_of_a_stack() -> None:
    """They try what a stack carries: not to is a result, but no overload of the baseline."""
    load = LoadSettings(connections=17, arrivals=Arrivals.CONSTANT)
    phases = [*own_phases(load, capacity=2000.0, seed=40)]
    assert [phase.own for phase in phases] == [*OWN_PARTS] == sorted(OWN_PARTS, reverse=True)
    assert all(0 < part < 1 for part in OWN_PARTS)
    assert [phase.rate for phase in phases] == [part * 2000.0 for part in OWN_PARTS]
    assert {(phase.part, phase.overload, phase.probing) for phase in phases} == {
        (None, False, True)
    }
    assert {(phase.users, phase.duration, phase.arrivals) for phase in phases} == {
        (17, load.duration, Arrivals.CONSTANT)
    }


@pytest.mark.parametrize(
    ("duration", "capacity", "first", "last"),
    [
        # 200 answers at 95 % and at 30 % of it
        (1.0, 1000.0, 1.0, 1.0),
        (1.0, 100.0, 200 / 95, 5.0),
        (0.1, 100.0, 200 / 95, 5.0),
        (0.1, 1000.0, 200 / 950, 200 / 300),
        # and no longer than five seconds, unless that is asked for
        (1.0, 5.0, 5.0, 5.0),
        (7.0, 5.0, 7.0, 7.0),
    ],
)
def test_a_slow_stack_gets_time_for_200_answers_at_a_rate_of_its_own(
    duration: float, capacity: float, first: float, last: float
) -> None:
    phases = [*own_phases(LoadSettings(duration=duration), capacity, seed=1)]
    assert phases[0].duration == pytest.approx(first)
    assert phases[-1].duration == pytest.approx(last)


@given(st.floats(0.1, 60), st.floats(0.1, 1e5))
def test_a_window_at_a_rate_of_its_own_is_never_shorter_than_asked_for(
    duration: float, capacity: float
) -> None:
    for phase in own_phases(LoadSettings(duration=duration), capacity, seed=1):
        assert phase.rate is not None
        assert phase.duration >= duration
        assert phase.duration >= min(5.0, 199.999 / phase.rate)
        assert phase.duration <= max(5.0, duration)


@pytest.mark.parametrize(
    ("window", "limit"), [(0.1, 5.0), (5.0, 5.0), (8.0, 8.0), (15.0, 15.0), (60.0, 15.0)]
)
def test_calm_is_waited_for_as_long_as_the_overload_was_from_5_to_15_s(
    window: float, limit: float
) -> None:
    assert recovery_limit(window) == limit


def test_no_two_windows_of_a_server_have_the_same_arrivals() -> None:
    load = LoadSettings(rates=tuple(number / 100 for number in range(1, 100)))
    phases = [
        *rate_phases(load, capacity=100.0, seed=40, overload=False),
        *own_phases(load, capacity=100.0, seed=40),
    ]
    assert len({phase.seed for phase in phases}) == len(phases)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (LoadSettings(users=5, connections=256), 256),
        (LoadSettings(users=500, connections=256), 500),
        (LoadSettings(most_users=128, connections=64), 128),
        (LoadSettings(most_users=128, connections=256, rates=()), 128),
        (LoadSettings(users=5, connections=256, rate_rounds=0), 5),
    ],
)
def test_the_generator_has_as_many_users_as_its_greatest_phase(
    load: LoadSettings, expected: int
) -> None:
    assert most_users(load) == expected
    phases = [capacity_phase(load, load.users)] if load.users else [*ramp_phases(load)]
    if load.rate_rounds and load.rates:
        phases += rate_phases(load, capacity=1.0, seed=1, overload=False)
        phases += rate_phases(load, capacity=1.0, seed=1, overload=True)
        phases += own_phases(load, capacity=1.0, seed=1)
    assert max(phase.users for phase in phases) == expected


SHAPED = Workload(name="load", summary="", path=Path("load.py"), shape=(3, 700, 2))


def test_a_shape_is_played_in_rounds_of_its_own_at_the_end_where_there_is_one() -> None:
    load = LoadSettings(shape_rounds=2)
    plain = Workload(name="list", summary="", path=Path("list"))
    beside = replace(stack("other"), work=plain)
    made = make_plan(
        stacks=[stack("a"), stack("b"), beside],
        workloads=[plain, SHAPED],
        rounds=1,
        load=load,
        baseline="",
        seed=1,
    )
    played = made.trials[-4:]
    assert {trial.stage for trial in played} == {Stage.SHAPE}
    assert Stage.SHAPE not in {trial.stage for trial in made.trials[:-4]}
    assert [trial.round for trial in played] == [1, 1, 2, 2]
    assert {(trial.stack, trial.workload) for trial in played} == {
        (stack(name).id, "load") for name in "ab"
    }
    without = make_plan(
        stacks=[stack("a"), stack("b"), beside],
        workloads=[plain, SHAPED],
        rounds=1,
        load=replace(load, shape_rounds=0),
        baseline="",
        seed=1,
    )
    seconds = 4 * len(SHAPED.shape)
    assert seconds <= made.estimate - without.estimate <= seconds + 4 * 5


def test_a_shape_is_one_phase_from_its_first_second_to_its_last() -> None:
    phase = shape_phase(SHAPED)
    assert (phase.users, phase.duration, phase.settle, phase.shape) == (700, 3.0, 0, SHAPED.shape)
    assert phase.probing
    assert phase.rate is None


def test_a_plan_keeps_what_it_was_made_of() -> None:
    load = replace(LoadSettings(), objective=0.2)
    made = make_plan(
        stacks=[stack("a")],
        workloads=[Workload(name="list", summary="", path=Path())],
        rounds=3,
        load=load,
        baseline="",
        seed=9,
        precision=0.05,
        time_limit=60.0,
    )
    assert (made.load, made.rounds, made.seed) == (load, 3, 9)
    assert (made.precision, made.time_limit) == (0.05, 60.0)
