"""Puts together what ``toolkit bench`` measures with, and shows what came of it."""

import contextlib
from dataclasses import replace
from pathlib import Path

import click

from toolkit.bench import run_bench
from toolkit.cli.benched import Benched
from toolkit.cli.opening import opened
from toolkit.cli.outputs import Telling
from toolkit.cli.wiring import messages, output, placement_of_load, session
from toolkit.cli.written import write_run
from toolkit.compare import tables
from toolkit.config import Config
from toolkit.measured import Failure, Run
from toolkit.model import Knobs, Plan
from toolkit.progress import Progress
from toolkit.project.advice import advice_on
from toolkit.report.not_started import not_started
from toolkit.report.plan import show as show_planned
from toolkit.report.terminal import show
from toolkit.runtime.targets import Targets
from toolkit.store import Store, new_run_id

_FAILED = 4


def show_plan(config: Config, benched: Benched, plan: Plan) -> int:
    """Show what would be done and start nothing; give the exit code."""
    if benched.targets:
        where, facts = placement_of_load(config), Targets(benched.targets).facts
        show_planned(plan, config.server, where, facts, output())
        _say_load_hosts(config)
        return 0
    with session(config, new_run_id(), found=benched.catalog) as parts:
        show_planned(plan, config.server, parts.placement, parts.runtime.facts, output())
        if config.runtime.target_host:
            _say_load_hosts(config)
    return 0


def _say_load_hosts(config: Config) -> None:
    if config.runtime.load_hosts:
        click.echo(f"Load is made on {', '.join(config.runtime.load_hosts)}.")


def measure(
    config: Config,
    benched: Benched,
    plan: Plan,
    wanted: float | None,
    told: Telling,
) -> int:
    """Measure, show the report and say where it is; give the exit code.

    Args:
        config: Settings.
        benched: What is measured.
        plan: How.
        wanted: Rate for which servers are counted, requests/s.
        told: How it is told.

    Raises:
        ToolkitError: Nothing can be measured.
    """
    store, run_id = Store(Path(config.results)), new_run_id()
    try:
        with (
            Progress(messages(quiet=told.quiet)) as progress,
            opened(
                config,
                benched,
                run_id=run_id,
                store=store,
                observer=progress,
                traffic=plan.traffic,
                load=plan.load,
                knobs=_greediest(benched, plan, config),
            ) as parts,
        ):
            run = replace(
                parts.run,
                rounds=plan.rounds,
                seed=plan.seed,
                baseline=plan.baseline,
                trials=plan.trials,
                beside={item.id: item.work.id for item in plan.stacks if item.work is not None},
            )
            run = run_bench(plan, run, parts.world)
    except KeyboardInterrupt:
        mention(store.path(run_id), run_id)
        raise
    if benched.own is not None and all(isinstance(item, Failure) for item in run.outcomes):
        for line in not_started(item for item in run.outcomes if isinstance(item, Failure)):
            click.echo(f"toolkit: {line}", err=True)
    else:
        if not told.quiet:
            show(run, messages() if told.taken else output(), wanted=wanted)
        hint_at(run, benched)
    write_run(told.outputs, run, wanted=wanted)
    if not told.quiet:
        say_where(store.path(run_id), run, err=told.taken)
    return 0 if all(row.sound for table in tables(run) for row in table.rows) else _FAILED


def hint_at(run: Run, benched: Benched) -> None:
    """Say what to do about failures of an app of the user's own, as far as their words tell."""
    if benched.own is None:
        return
    failures = (item for item in run.outcomes if isinstance(item, Failure))
    for advice in advice_on(f"{item.message}\n{item.log}" for item in failures):
        click.echo(f"toolkit: hint: {advice}", err=True)


def _greediest(benched: Benched, plan: Plan, config: Config) -> Knobs | None:
    """Give the settings with which reference apps may open the most database connections.

    What an app of the user's own opens is not known.
    """
    reference = (item for item in plan.stacks if benched.own is None or item.work is not None)
    found = (stack.knobs(config.server) for stack in reference)
    return max(found, key=lambda knobs: knobs.workers * knobs.database_pool, default=None)


def say_where(path: Path, run: Run, *, err: bool = False) -> None:
    """Say where a run is stored, and how it is shown again."""
    click.echo(f"\nStored in {path}; `toolkit report {run.id}` shows it again.", err=err)


def mention(path: Path, run_id: str) -> None:
    """Say where the trials of an interrupted run are."""
    with contextlib.suppress(OSError):
        if path.is_file():
            click.echo(
                f"toolkit: the trials so far are in {path}; `toolkit report {run_id}` shows them",
                err=True,
            )
