"""The numbers of a deployment: they carry what is asked, they nest, each says where it is from."""

import importlib.util
import math
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.made_up_deployments import (
    CATALOG,
    DEFAULTS,
    MIB,
    TEMPLATES,
    evidence,
    figure,
    interval,
    settings_of,
    under,
)
from toolkit.deployment.evidence import Evidence, Under
from toolkit.deployment.sizing import Basis, Numbers, Wishes, derive
from toolkit.errors import ConfigError
from toolkit.model import Server

SERVERS = CATALOG.servers


def _entrypoint() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "entrypoint", TEMPLATES / "common" / "entrypoint.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


entrypoint = _entrypoint()


@st.composite
def unders(draw: st.DrawFn) -> Under:
    capacity = draw(st.floats(1, 1e5))
    return under(
        draw(st.text("abc", min_size=1, max_size=3)),
        capacity=interval(capacity),
        carried=draw(st.none() | st.just(0.0) | st.floats(0.5, capacity)),
        cpu=draw(st.none() | st.floats(1e-5, 1)),
        lone=draw(st.none() | st.floats(1e-4, 10)),
        memory=draw(st.integers(MIB, 2**35)),
        threads=draw(st.none() | st.integers(1, 5000)),
        slowest=draw(st.floats(0, 120)),
    )


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Draw what a run may say."""
    knobs = dict(DEFAULTS)
    knobs["workers"] = draw(st.integers(1, 64))
    knobs["threads"] = draw(st.integers(1, 128))
    knobs["keep_alive"] = draw(st.integers(0, 3600))
    knobs["max_requests"] = draw(st.sampled_from([0, 100, 12345]))
    return evidence(
        *draw(st.lists(unders(), min_size=1, max_size=4)),
        knobs=knobs,
        cpus=draw(st.integers(1, 640)) / 20,
        pool=draw(st.integers(1, 100)),
        start=draw(st.floats(0.01, 90)),
    )


wishes = st.builds(
    Wishes,
    cpus=st.none() | st.integers(1, 640).map(lambda number: number / 20),
    replicas=st.none() | st.integers(1, 100),
    knobs=st.just({}) | st.fixed_dictionaries({"workers": st.integers(1, 64)}),
    pools=st.integers(1, 4),
)

maybe = st.none() | evidences()


# they carry what is asked


@given(evidences(), wishes)
def test_the_memory_limit_holds_the_peak_of_all_workers_and_a_reserve(
    said: Evidence, wanted: Wishes
) -> None:
    numbers = derive(said, wanted, DEFAULTS)
    peak = max(item.memory for item in said.under) / said.knobs["workers"]
    assert numbers.memory_limit >= 1.3 * numbers.workers * peak
    # and wastes no more than its steps of 16 MiB and the rounding of a worker's share
    most = 1.3 * numbers.workers * (peak + 1) + 16 * MIB
    assert 128 * MIB <= numbers.memory_limit <= max(most, 128 * MIB)
    assert numbers.workers * peak <= numbers.memory_request <= numbers.memory_limit
    assert numbers.memory_limit % MIB == numbers.memory_request % MIB == 0


@given(maybe, wishes)
def test_the_entry_point_starts_as_many_workers_as_the_numbers_say(
    said: Evidence | None, wanted: Wishes
) -> None:
    """It multiplies and divides what the image carries, as text, with the limits that it finds."""
    numbers = derive(said, wanted, DEFAULTS)
    environ = {
        "WORKERS_PER_CPU": f"{numbers.workers_per_cpu:.10g}",
        "WORKER_MEMORY": str(numbers.worker_memory),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entrypoint, "cpu_limit", lambda _: numbers.cpus)
        patch.setattr(entrypoint, "memory_limit", lambda _: numbers.memory_limit)
        assert entrypoint.count_workers(environ, Path("/nowhere")) == numbers.workers


@given(evidences())
def test_with_the_cpus_that_were_measured_it_has_the_workers_that_were(said: Evidence) -> None:
    assert derive(said, Wishes(), DEFAULTS).workers == said.knobs["workers"]


@given(evidences(), st.floats(0.1, 1e6))
def test_the_replicas_carry_the_rate_with_one_missing(said: Evidence, rate: float) -> None:
    carried = said.most_expensive.carried or 0.0
    assume(carried)
    numbers = derive(said, Wishes(rate=rate), DEFAULTS)
    assert numbers.carried == carried
    assert (numbers.replicas - 1) * carried >= rate * (1 - 1e-9)
    # not one more than that takes
    assert numbers.replicas == 2 or (numbers.replicas - 2) * carried < rate * (1 + 1e-9)
    assert numbers.most_replicas >= numbers.replicas


@given(maybe, wishes)
def test_the_database_has_connections_for_all_and_for_one_that_is_replaced(
    said: Evidence | None, wanted: Wishes
) -> None:
    numbers = derive(said, wanted, DEFAULTS)
    each = numbers.workers * numbers.database_pool * wanted.pools
    assert numbers.max_connections > (numbers.replicas + 1) * each


@given(evidences(), wishes)
def test_there_may_be_as_many_threads_as_were_seen(said: Evidence, wanted: Wishes) -> None:
    numbers = derive(said, wanted, DEFAULTS)
    most = max((item.threads or 0) for item in said.under) / said.knobs["workers"]
    assert numbers.pids_limit > numbers.workers * max(most, (numbers.threads or 1) + 1)


@given(evidences())
def test_a_replica_is_added_before_the_cpu_at_which_the_objective_is_missed(
    said: Evidence,
) -> None:
    numbers = derive(said, Wishes(), DEFAULTS)
    worst = said.most_expensive
    assert 1 <= numbers.hpa_target <= 80
    if worst.carried and worst.cpu:
        used = 100 * min(worst.carried * worst.cpu / said.cpus, 1)
        assert numbers.hpa_target <= max(used, 1)
    else:
        assert numbers.hpa_target == 70


# they nest


@given(maybe, wishes)
def test_times_nest(said: Evidence | None, wanted: Wishes) -> None:
    """Who is nearer to a fault gives up before who is further away."""
    numbers = derive(said, wanted, DEFAULTS)
    slowest = max((item.slowest for item in said.under), default=0) if said else 0
    assert slowest < numbers.graceful_timeout < numbers.stop_grace
    assert numbers.pre_stop + numbers.graceful_timeout < numbers.termination_grace
    assert numbers.pre_stop + numbers.stop_grace <= numbers.termination_grace
    assert slowest < numbers.worker_timeout < numbers.proxy_timeout
    assert numbers.start_period >= 10
    if said:
        assert numbers.start_period >= 3 * said.start


@given(st.integers(0, 10_000))
def test_who_opens_a_connection_closes_it(keep_alive: int) -> None:
    """The proxy keeps idle ones for less time than the server, or none."""
    said = evidence(knobs={**DEFAULTS, "keep_alive": keep_alive})
    before = derive(said, Wishes(), DEFAULTS).proxy_keep_alive
    assert 0 <= before <= 60
    assert before < keep_alive or before == keep_alive == 0
    assert before or keep_alive < 2


def test_a_server_without_keep_alive_is_kept_none_to() -> None:
    defaults = {name: value for name, value in DEFAULTS.items() if name != "keep_alive"}
    numbers = derive(None, Wishes(), defaults)
    assert (numbers.keep_alive, numbers.proxy_keep_alive) == (None, 0)


# what is wished for


def test_what_is_measured_prevails_over_defaults_and_what_is_said_over_both() -> None:
    said = evidence(knobs={**DEFAULTS, "workers": 2, "threads": 12})
    defaults = {**DEFAULTS, "threads": 4, "backlog": 99}
    numbers = derive(said, Wishes(knobs={"backlog": 512}), defaults)
    assert (numbers.threads, numbers.backlog) == (12, 512)
    assert figure(numbers, "threads").basis is Basis.MEASURED
    assert figure(numbers, "backlog").basis is Basis.SETTING
    alone = derive(None, Wishes(), defaults)
    assert (alone.threads, alone.backlog) == (4, 99)
    assert figure(alone, "threads").basis is Basis.SETTING


def test_other_cpus_than_measured_scale_the_workers() -> None:
    said = evidence(knobs={**DEFAULTS, "workers": 3}, cpus=2.0)
    for cpus, workers in ((2.0, 3), (4.0, 6), (1.0, 1), (0.5, 1)):
        assert derive(said, Wishes(cpus=cpus), DEFAULTS).workers == workers


def test_what_was_carried_counts_only_for_what_was_measured() -> None:
    said = evidence()
    assert derive(said, Wishes(), DEFAULTS).carried == 800.0
    assert derive(said, Wishes(cpus=2.0), DEFAULTS).carried == 800.0
    assert derive(said, Wishes(cpus=1.0), DEFAULTS).carried is None
    assert derive(said, Wishes(knobs={"threads": 8}), DEFAULTS).carried is None
    assert derive(said, Wishes(knobs={"threads": 4}), DEFAULTS).carried == 800.0


def test_too_little_memory_is_refused_with_what_it_takes() -> None:
    """Two workers of 60 MiB with a reserve of 30 % are 156 MiB, 160 in steps of 16."""
    with pytest.raises(ConfigError, match=r"2 workers need 160 MiB \(1.3 x 2 x 60 MiB\)"):
        derive(evidence(), Wishes(memory=159 * MIB), DEFAULTS)
    assert derive(evidence(), Wishes(memory=160 * MIB), DEFAULTS).memory_limit == 160 * MIB
    more = derive(evidence(), Wishes(memory=1024 * MIB), DEFAULTS)
    assert (more.memory_limit, more.memory_request) == (1024 * MIB, 128 * MIB)
    assert figure(more, "memory_limit").basis is Basis.SETTING


def test_a_rate_of_which_nobody_knows_what_it_takes_is_refused() -> None:
    for said in (None, evidence(under(carried=None)), evidence(under(carried=0.0))):
        with pytest.raises(ConfigError, match="how many it takes for 2,000/s is not known"):
            derive(said, Wishes(rate=2000), DEFAULTS)
    with pytest.raises(ConfigError, match="not known"):
        derive(evidence(), Wishes(rate=2000, cpus=1.0), DEFAULTS)


def test_a_setting_that_the_server_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="no setting threads") as raised:
        derive(None, Wishes(knobs={"threads": 4}), {"workers": 1, "backlog": 2048})
    assert raised.value.hint == "It has workers, backlog."
    with pytest.raises(ConfigError, match="no setting workers") as raised:
        derive(None, Wishes(knobs={"workers": 4}), {})
    assert raised.value.hint == "It has none."


# each says where it is from


@given(maybe, wishes)
def test_every_number_has_one_figure(said: Evidence | None, wanted: Wishes) -> None:
    numbers = derive(said, wanted, DEFAULTS)
    names = [item.name for item in numbers.figures]
    assert len(names) == len(set(names))
    known = {
        item.name
        for item in fields(Numbers)
        if item.name != "figures" and getattr(numbers, item.name) is not None
    }
    assert set(names) == known
    assert all(item.shown and item.formula for item in numbers.figures)


@pytest.mark.parametrize("server", SERVERS, ids=[server.name for server in SERVERS])
def test_so_it_is_for_the_settings_of_every_server(server: Server) -> None:
    """Those that it has not are no numbers, or such that no template of it takes."""
    defaults = settings_of(server)
    numbers = derive(None, Wishes(), defaults)
    named = {item.name for item in numbers.figures}
    absent = {"preload", "access_log", "max_requests"} - defaults.keys()
    missing = {
        item.name
        for item in fields(Numbers)
        if item.name not in named and getattr(numbers, item.name) is not None
    }
    assert missing - {"figures"} == absent
    assert not any(getattr(numbers, name) for name in absent)


def test_nothing_is_called_measured_that_was_not() -> None:
    bases = {item.basis for item in derive(None, Wishes(), DEFAULTS).figures}
    assert bases == {Basis.SETTING, Basis.RULE}


def test_threads_stand_beside_what_waiting_would_make_of_them() -> None:
    """A lone request takes 4 ms, 1 ms of it CPU: four could share that CPU."""
    numbers = derive(evidence(), Wishes(), DEFAULTS)
    assert "1 + wait/CPU = 4.0" in figure(numbers, "threads").inputs["list"]
    silent = derive(evidence(under(lone=None)), Wishes(), DEFAULTS)
    assert figure(silent, "threads").inputs == {}


def test_shown_is_what_is_used() -> None:
    numbers = derive(evidence(under(slowest=41.0)), Wishes(), DEFAULTS)
    assert figure(numbers, "graceful_timeout").shown == f"{numbers.graceful_timeout} s" == "50 s"
    assert figure(numbers, "worker_timeout").shown == f"{numbers.worker_timeout} s" == "82 s"
    assert figure(numbers, "memory_limit").shown == "160 MiB"
    assert math.isclose(numbers.memory_limit, 160 * MIB)
    assert figure(replace(numbers), "hpa_target").shown == "32 %"
