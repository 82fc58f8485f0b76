"""Opens what servers are measured with: runtime, backing services, load generator, an empty run."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from toolkit.backing import Backings, OwnNeeds, open_backings, own_services
from toolkit.cli.benched import Benched
from toolkit.cli.wiring import catalog, contracts, placement_of_load, session, step_aside
from toolkit.config import Config
from toolkit.errors import ConfigError
from toolkit.host import allowed_cpus, read_counters, read_host
from toolkit.load.calibrate import calibrate
from toolkit.load.engine import LocustEngine
from toolkit.load.joined import JoinedFleet
from toolkit.measured import HostReading, Run
from toolkit.model import Knobs, LoadSettings, Placement, Workload
from toolkit.plan import most_users
from toolkit.ports import Fleet, Observer, Servers
from toolkit.runtime.given import GivenImages
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.targets import Targets
from toolkit.store import Store, utc_now
from toolkit.trial import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What is measured with while the context is open.

    Attributes:
        run: The document to fill, without trials.
    """

    run: Run
    world: World


@contextlib.contextmanager
def opened(
    config: Config,
    benched: Benched,
    *,
    run_id: str,
    store: Store,
    observer: Observer,
    traffic: Sequence[Workload],
    load: LoadSettings,
    knobs: Knobs | None,
) -> Iterator[Opened]:
    """Open all that a run is measured with; whatever is started is gone at the end.

    Args:
        config: Settings.
        benched: What is measured.
        run_id: Of the run.
        store: Where it is stored.
        observer: Told how it goes.
        traffic: All workloads, for their backing services.
        load: How stacks are loaded.
        knobs: Settings with which servers may open the most database connections, None: not known.

    Raises:
        ConfigError: The servers may open more connections than the database takes.
        EnvironmentFault: The runtime or a backing service cannot be had.
    """
    host = read_host()
    # an app of the user's own may have reference stacks beside it
    installation = catalog()
    with contextlib.ExitStack() as stack:
        runtime: Servers
        fleet: Fleet | None = None
        read: Callable[[Sequence[int]], HostReading]
        if benched.targets:
            guardian, where = stack.enter_context(Guardian()), placement_of_load(config)
            fleet = stack.enter_context(_fleet(config, run_id, guardian, observer))
            read = partial(read_counters, where.server_cpus)
            step_aside(where)
            runtime = theirs = Targets(benched.targets)
            backings = Backings(theirs, secret="")
        else:
            parts = stack.enter_context(
                session(config, run_id, observer=observer, found=benched.catalog)
            )
            guardian, where, read = parts.guardian, parts.placement, parts.read_host
            read(())  # what it takes to read another machine is there before the first window
            # on loopback nobody else reaches the servers
            if config.runtime.target_host:
                fleet = stack.enter_context(
                    _fleet(config, run_id, guardian, observer, target=parts.target)
                )
            given = GivenImages(parts.runtime, benched.projects) if benched.projects else None
            runtime = ours = given or parts.runtime
            step_aside(where)
            backings = stack.enter_context(
                open_backings(
                    ours,
                    {need for workload in traffic for need in workload.needs},
                    installation.path / "apps" / "shared",
                    observer,
                    knobs=knobs,
                    own=benched.own,
                )
            )
            own = benched.own or OwnNeeds()
            stack.enter_context(own_services(parts.runtime, own, backings, observer))
        beside = {item.id: item.work.id for item in benched.stacks if item.work is not None}
        run = Run(
            id=run_id,
            started_at=utc_now(),
            host=host,
            runtime=runtime.facts,
            placement=where,
            knobs=config.server,
            load=load,
            rounds=0,
            seed=0,
            baseline="",
            workloads=tuple(workload.id for workload in benched.workloads),
            trials=(),
            backings=tuple(item.facts for item in backings.started.values()),
            beside=beside,
            load_hosts=() if fleet is None else fleet.facts,
        )
        # where load is made elsewhere, this machine's CPUs say nothing of it
        client_cpus = where.client_cpus if fleet is None else ()
        world = World(
            runtime=runtime,
            load=LocustEngine(
                most_users(load), where, guardian, spawn_rate=load.most_rate, fleet=fleet
            ),
            store=store,
            observer=observer,
            exchanges=contracts(installation),
            backings=backings,
            broken=installation.broken if benched.own is None or beside else (),
            read_host=partial(read, client_cpus),
            calibrate=(
                partial(calibrate, placement=_with_a_target(where), guardian=guardian)
                if fleet is None
                else _not_known
            ),
        )
        yield Opened(run=run, world=world)


@contextlib.contextmanager
def _fleet(
    config: Config, run_id: str, guardian: Guardian, observer: Observer, *, target: str = ""
) -> Iterator[Fleet | None]:
    """Open the load hosts that the settings name, None: load is made on this machine.

    Raises:
        ConfigError: There are two kinds of them.
    """
    where = config.runtime
    if where.load_hosts and where.load_join:
        raise ConfigError(
            "--load-hosts does not go with --load-join",
            hint="Load processes are started by the toolkit, or by somebody else.",
        )
    if where.load_join:
        yield JoinedFleet(where.load_join, where.load_address or "127.0.0.1", where.load_port)
        return
    if not where.load_hosts:
        yield None
        return
    # the SDK is heavy and not everybody's
    from toolkit.load.fleet import open_fleet

    with open_fleet(
        where.load_hosts,
        workers=where.load_workers,
        address=where.load_address,
        catalog=catalog(),
        image=config.image,
        target=target,
        run=run_id,
        guardian=guardian,
        observer=observer,
    ) as fleet:
        yield fleet


def _not_known(client: str, rates: Sequence[float]) -> None:
    """What a client adds on other hosts is not measured."""


def _with_a_target(where: Placement) -> Placement:
    """Give what a client loads to see what it adds by itself CPUs here, where no server has any."""
    if not where.client_cpus or (where.server_cpus and not where.apart):
        return where
    others = tuple(cpu for cpu in allowed_cpus() if cpu not in where.client_cpus)
    return replace(where, server_cpus=others or where.client_cpus)
