"""Puts together what ``toolkit bench`` measures with, and shows what came of it."""

import contextlib
from functools import partial
from pathlib import Path

import click

from toolkit.backing import OwnNeeds, open_backings, own_services
from toolkit.bench import run_bench
from toolkit.cli.benched import Benched
from toolkit.cli.wiring import contracts, messages, output, session, step_aside
from toolkit.compare import tables
from toolkit.config import Config
from toolkit.host import read_counters, read_host
from toolkit.load.calibrate import calibrate
from toolkit.load.engine import LocustEngine
from toolkit.measured import Failure, Run
from toolkit.model import Knobs, Plan
from toolkit.plan import most_users
from toolkit.progress import Progress
from toolkit.project.advice import advice_on
from toolkit.report.plan import show as show_planned
from toolkit.report.terminal import show
from toolkit.runtime.given import GivenImages
from toolkit.store import Store, new_run_id, utc_now
from toolkit.trial import World

_FAILED = 4


def show_plan(config: Config, benched: Benched, plan: Plan) -> int:
    """Show what would be done and start nothing; give the exit code."""
    with session(config, new_run_id(), found=benched.catalog) as parts:
        show_planned(plan, config.server, parts.placement, parts.runtime.facts, output())
    return 0


def measure(config: Config, benched: Benched, plan: Plan, wanted: float | None) -> int:
    """Measure, show the report and say where it is; give the exit code.

    Args:
        config: Settings.
        benched: What is measured.
        plan: How.
        wanted: Rate for which servers are counted, requests/s.

    Raises:
        ToolkitError: Nothing can be measured.
    """
    store, console = Store(Path(config.results)), messages()
    run_id, host = new_run_id(), read_host()
    try:
        with (
            session(config, run_id, found=benched.catalog) as parts,
            Progress(console) as progress,
        ):
            where = parts.placement
            given = GivenImages(parts.runtime, benched.projects) if benched.projects else None
            runtime = given or parts.runtime
            step_aside(where)
            needs = {need for workload in plan.workloads for need in workload.needs}
            shared = parts.catalog.path / "apps" / "shared"
            with (
                open_backings(
                    runtime,
                    needs,
                    shared,
                    progress,
                    knobs=_greediest(plan, config),
                    own=benched.own,
                ) as backings,
                own_services(parts.runtime, benched.own or OwnNeeds(), backings, progress),
            ):
                run = Run(
                    id=run_id,
                    started_at=utc_now(),
                    host=host,
                    runtime=parts.runtime.facts,
                    placement=where,
                    knobs=config.server,
                    load=plan.load,
                    rounds=plan.rounds,
                    seed=plan.seed,
                    baseline=plan.baseline,
                    workloads=tuple(workload.id for workload in plan.workloads),
                    trials=plan.trials,
                    backings=tuple(item.facts for item in backings.started.values()),
                )
                world = World(
                    runtime=runtime,
                    load=LocustEngine(most_users(plan.load), where, parts.guardian),
                    store=store,
                    observer=progress,
                    exchanges=contracts(parts.catalog),
                    backings=backings,
                    broken=parts.catalog.broken,
                    read_host=partial(read_counters, where.server_cpus, where.client_cpus),
                    calibrate=partial(calibrate, placement=where, guardian=parts.guardian),
                )
                run = run_bench(plan, run, world)
    except KeyboardInterrupt:
        _mention(store.path(run_id), run_id)
        raise
    show(run, output(), wanted=wanted)
    if benched.own is not None:
        failures = (item for item in run.outcomes if isinstance(item, Failure))
        for advice in advice_on(f"{item.message}\n{item.log}" for item in failures):
            click.echo(f"toolkit: hint: {advice}", err=True)
    _say_where(store.path(run_id), run)
    return 0 if all(row.sound for table in tables(run) for row in table.rows) else _FAILED


def _greediest(plan: Plan, config: Config) -> Knobs:
    """Give the settings with which servers may open the most database connections."""
    found = (stack.knobs(config.server) for stack in plan.stacks)
    return max(found, key=lambda knobs: knobs.workers * knobs.database_pool)


def _say_where(path: Path, run: Run) -> None:
    click.echo(f"\nStored in {path}; `toolkit report {run.id}` shows it again.")


def _mention(path: Path, run_id: str) -> None:
    with contextlib.suppress(OSError):
        if path.is_file():
            click.echo(
                f"toolkit: the trials so far are in {path}; `toolkit report {run_id}` shows them",
                err=True,
            )
