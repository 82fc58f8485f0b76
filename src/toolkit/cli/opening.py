"""Opens what servers are measured with: runtime, backing services, load generator, an empty run."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from toolkit.backing import OwnNeeds, open_backings, own_services
from toolkit.cli.benched import Benched
from toolkit.cli.wiring import catalog, contracts, session, step_aside
from toolkit.config import Config
from toolkit.host import read_counters, read_host
from toolkit.load.calibrate import calibrate
from toolkit.load.engine import LocustEngine
from toolkit.measured import Run
from toolkit.model import Knobs, LoadSettings, Workload
from toolkit.plan import most_users
from toolkit.ports import Observer
from toolkit.runtime.given import GivenImages
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
    with contextlib.ExitStack() as stack:
        parts = stack.enter_context(session(config, run_id, found=benched.catalog))
        where = parts.placement
        given = GivenImages(parts.runtime, benched.projects) if benched.projects else None
        runtime = given or parts.runtime
        step_aside(where)
        # an app of the user's own may have reference stacks beside it
        installation = catalog()
        backings = stack.enter_context(
            open_backings(
                runtime,
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
            runtime=parts.runtime.facts,
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
        )
        world = World(
            runtime=runtime,
            load=LocustEngine(most_users(load), where, parts.guardian),
            store=store,
            observer=observer,
            exchanges=contracts(installation),
            backings=backings,
            broken=installation.broken if benched.own is None or beside else (),
            read_host=partial(read_counters, where.server_cpus, where.client_cpus),
            calibrate=partial(calibrate, placement=where, guardian=parts.guardian),
        )
        yield Opened(run=run, world=world)
