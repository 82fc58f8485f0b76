"""The loop of a search, on a made-up machine: nothing is started."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.made_up_servers import EVERY, GTHREAD, MIB, SYNC, World
from tests.unit.made_up_tuning import Machine, candidate_of, stacks_of, tuned
from toolkit.compare import tables
from toolkit.errors import ConfigError
from toolkit.measured import BROKEN_UPSTREAM, Finding, LoadResult, Measurement, Run, Severity
from toolkit.model import Broken, Stage
from toolkit.slo import parse_slo
from toolkit.stats import LEAST_PAIRS
from toolkit.store import Store
from toolkit.tune import reference_of, require_servers
from toolkit.tuning.finals import finals_of
from toolkit.tuning.look import look_of
from toolkit.tuning.space import Candidate, Concurrency, Space, Tunable

Make = Callable[..., Any]
Tune = Callable[..., tuple[Run, Machine]]

WAITING = World(
    space=Space(servers=EVERY, cpus=1.0, memory=512 * MIB),
    cpu={"sync": 0.002, "gthread": 0.002, "gevent": 0.0025, "waitress": 0.004},
    wait=0.02,
    each=30 * MIB,
    limit=1.0,
    noise=0.02,
)
"""One core, ten requests at once keep it busy."""

ONE = replace(WAITING, space=replace(WAITING.space, servers=(SYNC,)))


@pytest.fixture
def tune(make_load: Make, make_run: Make, tmp_path: Path) -> Tune:
    def run(world: World = WAITING, seed: int = 1, **changes: Any) -> tuple[Run, Machine]:  # noqa: ANN401
        names = ("failing", "interrupt", "stolen_until")
        of_machine = {key: changes.pop(key) for key in names if key in changes}
        machine = Machine(world=world, make_load=make_load, seed=seed, **of_machine)
        return tuned(machine, make_run, tmp_path, **changes), machine

    return run


def stages(run: Run) -> list[Stage]:
    return [trial.stage for trial in run.trials]


def test_a_search_ends_with_a_recommendation_that_is_stored_with_its_trials(
    tune: Tune, tmp_path: Path
) -> None:
    run, machine = tune()
    found = run.tuned
    assert found is not None
    assert found.complete
    assert machine.open == 0
    assert Store(tmp_path).load(run.id) == run
    assert run.finished_at is not None

    # ramps first, then rounds side by side, then the open loops
    order = stages(run)
    assert order == sorted(order, key=[Stage.RAMP, Stage.CAPACITY, Stage.LATENCY].index)
    assert len(run.outcomes) == len(run.trials)

    taken = candidate_of(found.recommended or "")
    best = max(map(WAITING.rate, WAITING.grid()))
    assert WAITING.rate(taken) >= 0.9 * best

    finalists = {item.stack: item for item in found.finalists}
    assert found.recommended in finalists
    assert found.best in finalists
    assert finalists[found.best or ""].ratio is None
    assert all(item.ratio is not None for name, item in finalists.items() if name != found.best)
    assert found.pareto
    assert 0 < found.tried < found.grid

    # the formula of gunicorn's documentation goes with them to the end
    assert found.formula_stack == "app/sync:workers=3"
    assert found.formula is not None
    assert found.formula.high is not None
    assert found.formula.high < 1
    assert run.baseline == found.formula_stack


def test_a_configuration_is_measured_with_the_most_users_that_were_served_as_well(
    make_ramp: Make,
) -> None:
    """With as many as had the best step by chance the server may wait for them."""
    ramp = make_ramp("a/x", {1: 500, 4: 900, 8: 1000, 16: 980, 32: 955, 64: 900})
    found = look_of(Candidate(server="sync"), ramp, parse_slo("p99<60s"), 1.0)
    assert (found.rate, found.users) == (1000, 32)


def test_users_that_miss_the_objective_do_not_count_however_well_they_are_served(
    make_ramp: Make,
) -> None:
    ramp = make_ramp("a/x", {1: 500, 8: 1000, 32: 1000})
    found = look_of(Candidate(server="sync"), ramp, parse_slo("p99<50ms"), 1.0)
    assert (found.rate, found.users) == (1000, 8)


def test_a_look_while_others_had_the_cpus_is_taken_once_more(tune: Tune) -> None:
    calm, _ = tune(ONE)
    run, machine = tune(ONE, stolen_until=3)
    ramps = [trial for trial in run.trials if trial.stage is Stage.RAMP]
    first = ramps[0].stack
    assert [trial.round for trial in ramps if trial.stack == first] == [1, 2]
    assert all(trial.round == 1 for trial in ramps if trial.stack != first)
    assert calm.tuned is not None
    assert run.tuned is not None
    # it is one configuration, however often it was looked at
    assert run.tuned.tried == calm.tuned.tried
    assert machine.open == 0


def test_where_others_have_the_cpus_all_the_time_a_look_is_not_taken_for_ever(tune: Tune) -> None:
    run, _ = tune(ONE, stolen_until=10**6)
    ramps = [trial.stack for trial in run.trials if trial.stage is Stage.RAMP]
    assert {ramps.count(stack) for stack in ramps} == {2}


def test_all_finalists_are_in_each_round_of_the_finals_each_with_its_own_users(tune: Tune) -> None:
    run, _ = tune()
    found = run.tuned
    assert found is not None
    rounds: dict[int, set[str]] = {}
    for trial in run.trials:
        if trial.stage is Stage.CAPACITY and trial.round >= found.final:
            rounds.setdefault(trial.round, set()).add(trial.stack)
    names = {item.stack for item in found.finalists}
    assert len(rounds) >= LEAST_PAIRS
    assert all(stacks == names for stacks in rounds.values())
    users = {item.stack: item.users for item in found.finalists}
    for outcome in run.outcomes:
        if outcome.trial.stage is Stage.CAPACITY and outcome.trial.stack in names:
            assert isinstance(outcome, Measurement)
            assert outcome.phases[0].phase.users == users[outcome.trial.stack]


def test_the_numbers_reported_are_those_of_the_finals(tune: Tune) -> None:
    run, _ = tune()
    assert run.tuned is not None
    shown = finals_of(run)
    (table,) = tables(shown)
    rows = {row.stack: row for row in table.rows}
    assert rows.keys() == {item.stack for item in run.tuned.finalists}
    assert shown.rounds >= LEAST_PAIRS
    for item in run.tuned.finalists:
        row = rows[item.stack]
        assert row.throughput is not None
        assert item.capacity == pytest.approx(row.throughput.value)
        assert item.rate == row.under_objective
        assert row.throughput.count == shown.rounds
    # what is shown again as a run can be told from nothing else
    assert {trial.round for trial in shown.trials if trial.stage is Stage.CAPACITY} == set(
        range(1, shown.rounds + 1)
    )


def test_the_same_seed_on_the_same_machine_takes_the_same_decisions(tune: Tune) -> None:
    one, other = tune(ONE, seed=5)[0], tune(ONE, seed=5)[0]
    assert one.trials == other.trials
    assert one.tuned is not None
    assert other.tuned is not None
    assert one.tuned.recommended == other.tuned.recommended
    assert one.tuned.finalists == other.tuned.finalists


def test_a_server_that_does_not_start_is_ruled_out_and_the_others_are_tuned(tune: Tune) -> None:
    run, _ = tune(failing=frozenset({"gthread"}), rounds=2, rungs=())
    found = run.tuned
    assert found is not None
    assert found.recommended is not None
    assert [item.what for item in found.ruled_out if "exit code 3" in item.why] == ["gthread"]
    assert not any("gthread" in item.stack for item in found.finalists)


def test_what_is_broken_upstream_is_not_started_and_says_why(tune: Tune) -> None:
    known = Broken(
        stack="app/sync", exchange="*", workloads=("*",), reason="it hangs", evidence="issue 1"
    )
    both = replace(WAITING, space=replace(WAITING.space, servers=(SYNC, GTHREAD)))
    run, machine = tune(both, broken=(known,), rounds=2, rungs=())
    found = run.tuned
    assert found is not None
    (out,) = [item for item in found.ruled_out if item.what == "sync"]
    assert out.why == f"{BROKEN_UPSTREAM}: it hangs [issue 1]"
    assert not any("sync" in stack for stack, _ in machine.ran)
    assert "gthread" in (found.recommended or "")


def test_where_nothing_can_be_measured_nothing_is_recommended(tune: Tune) -> None:
    run, _ = tune(ONE, failing=frozenset({"sync"}))
    found = run.tuned
    assert found is not None
    assert found.recommended is None
    assert found.reason == "No configuration could be measured."
    assert stages(run) == [Stage.RAMP]


def test_where_nothing_keeps_the_objective_the_nearest_is_named(tune: Tune) -> None:
    run, _ = tune(ONE, slo=parse_slo("p99<1ms"))
    found = run.tuned
    assert found is not None
    assert found.recommended is None
    assert found.complete
    assert found.reason.startswith("No configuration keeps p99<1ms")
    assert "Nearest: sync, 1 worker, with 1 user: its latency is" in found.reason


def test_a_search_that_is_interrupted_keeps_the_best_so_far(
    make_load: Make, make_run: Make, tmp_path: Path
) -> None:
    machine = Machine(world=WAITING, make_load=make_load, interrupt=30)
    with pytest.raises(KeyboardInterrupt):
        tuned(machine, make_run, tmp_path)
    run = Store(tmp_path).load()
    assert run.tuned is not None
    assert not run.tuned.complete
    assert run.tuned.note.startswith("Interrupted")
    assert run.tuned.recommended in {trial.stack for trial in run.trials}
    assert 0 < len(run.outcomes) < 30
    assert run.finished_at is None
    assert machine.open == 0


def test_without_time_the_finals_come_all_the_same(tune: Tune) -> None:
    """Of each server at least the first look is made until the time is over, one in any case."""
    run, _ = tune(time_limit=0.0, rounds=2)
    found = run.tuned
    assert found is not None
    assert not found.complete
    assert "time was over" in found.note
    assert found.recommended is not None
    assert stages(run).count(Stage.RAMP) <= 2  # and the reference
    assert Stage.LATENCY in stages(run)


def test_where_a_rate_is_wanted_the_cheapest_that_carries_it_is_taken(tune: Tune) -> None:
    run, machine = tune(wanted=100.0)
    found = run.tuned
    assert found is not None
    taken = next(item for item in found.finalists if item.stack == found.recommended)
    memories = [item.memory for item in found.finalists if not item.trouble]
    assert taken.memory is not None
    assert taken.memory <= 1.03 * min(memory for memory in memories if memory)
    assert found.common == 100.0
    assert len(taken.parts) == LEAST_PAIRS
    # one at a time carries fewer than 50, so one worker of the sync server does not do
    assert candidate_of(taken.stack).workers == 1
    open_loops = [phase for _, phase in machine.ran if phase.rate is not None]
    assert {phase.rate for phase in open_loops} == {100.0}


def test_a_rate_that_nobody_carries_is_said_to_be_so(tune: Tune) -> None:
    run, _ = tune(ONE, wanted=1e6, rounds=2)
    found = run.tuned
    assert found is not None
    assert found.recommended is None
    assert found.reason.startswith("No configuration keeps 1,000,000 req/s within")
    assert "in 0 of 2 rounds" in found.reason


def test_rounds_that_are_not_valid_are_made_up_for(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third window of capacity is disturbed."""
    judged = 0

    def find(evidence: object) -> tuple[Finding, ...]:
        nonlocal judged
        judged += 1
        fault = Finding(rule="foreign-cpu", severity=Severity.INVALID, message="others")
        return (fault,) if judged % 3 == 0 else ()

    monkeypatch.setattr("toolkit.trial.find_faults", find)
    run, _ = tune(ONE, rungs=())
    found = run.tuned
    assert found is not None
    assert run.rounds > LEAST_PAIRS
    valid = finals_of(run)
    for row in tables(valid)[0].rows:
        assert row.throughput is not None
        assert row.throughput.count >= LEAST_PAIRS


def test_a_configuration_that_the_client_limits_is_no_winner_and_is_said_to_be_so(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = Finding(rule="client-limited", severity=Severity.INVALID, message="too slow a client")

    def find(evidence: Any) -> tuple[Finding, ...]:  # noqa: ANN401
        return (limited,) if evidence.phase.users > 4 and evidence.phase.rate is None else ()

    monkeypatch.setattr("toolkit.trial.find_faults", find)
    threads = replace(WAITING, space=replace(WAITING.space, servers=(SYNC, GTHREAD)))
    run, _ = tune(threads, rounds=2, rungs=())
    found = run.tuned
    assert found is not None
    troubled = [item for item in found.finalists if item.users > 4]
    assert troubled
    assert all("limited by the load generator" in item.trouble for item in troubled)
    assert found.recommended not in {item.stack for item in troubled}


# the reference


def test_the_reference_is_the_formula_on_gunicorns_sync_workers_where_they_are_searched() -> None:
    sync = Tunable(name="gunicorn-sync", workers=True, threads=False, holds=Concurrency.PROCESS)
    space = Space(servers=(GTHREAD, sync), cpus=2.0, memory=1)
    assert (reference_of(space).server, reference_of(space).workers) == ("gunicorn-sync", 5)
    without = replace(space, servers=(GTHREAD,))
    assert (reference_of(without).server, reference_of(without).workers) == ("gthread", 5)


def test_a_reference_that_does_not_fit_into_the_memory_is_left_out(tune: Tune) -> None:
    small = replace(ONE, space=replace(ONE.space, memory=100 * MIB))
    run, _ = tune(small, rounds=2, rungs=())
    found = run.tuned
    assert found is not None
    assert found.recommended == "app/sync:workers=1"
    assert found.formula_stack is None
    assert any(item.what == "sync with 2 workers or more" for item in found.ruled_out)


def test_servers_without_workers_and_threads_cannot_be_tuned() -> None:
    bare = Tunable(name="gevent-pywsgi", workers=False, threads=False, holds=Concurrency.NOTHING)
    with pytest.raises(ConfigError, match="gevent-pywsgi: nothing to tune"):
        require_servers(Space(servers=(bare,), cpus=1.0, memory=1))


def test_a_candidate_is_a_stack_with_the_settings_that_its_server_has() -> None:
    assert stacks_of(WAITING).keys() == {"sync", "gthread", "gevent", "waitress"}
    assert candidate_of("app/gthread:workers=2,threads=4,preload=1").extras == (("preload", 1),)


def test_a_load_counts_as_that_of_the_made_up_machine(
    make_load: Callable[..., LoadResult],
) -> None:
    """The fake keeps Little's law, or the rules would refuse what it gives."""
    machine = Machine(world=WAITING, make_load=make_load)
    assert machine.world.throughput(candidate_of("app/sync:workers=1"), 1) == pytest.approx(
        1 / 0.022, rel=0.01
    )
