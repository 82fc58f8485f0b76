"""Puts together what ``toolkit tune`` searches, and shows what came of it."""

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from toolkit.cli.benched import Benched
from toolkit.cli.benching import hint_at, mention, say_where
from toolkit.cli.opening import opened
from toolkit.cli.outputs import Telling
from toolkit.cli.traffic import mixed, unplayed
from toolkit.cli.wiring import catalog, messages, output, session
from toolkit.cli.written import write_run
from toolkit.config import AppConfig, Config
from toolkit.errors import ConfigError, ToolkitError
from toolkit.measured import Measurement, Run
from toolkit.model import MOST_CONNECTIONS, Knobs, Need, Placement, Workload
from toolkit.progress import TuneProgress
from toolkit.report.tune_plan import show_search
from toolkit.report.tune_terminal import show_tuned
from toolkit.store import Store, new_run_id
from toolkit.tune import TuneSettings, estimate, require_servers, run_tune
from toolkit.tuning.space import Space, for_production, tunable

_FAILED = 4
_POOLS_OF_REFERENCE_APPS = 2
"""One for its own SQL and one for its ORM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Numbers that are not searched, None: they are."""

    workers: int | None
    threads: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What is searched.

    Attributes:
        benched: The app on all servers.
        workload: Its traffic.
    """

    benched: Benched
    workload: Workload


def refuse(images: Sequence[str], *, beside: Sequence[str] = (), reference: bool = False) -> None:
    """See that nothing is asked for that cannot be tuned.

    Raises:
        ConfigError: It is.
    """
    if images:
        raise ConfigError(
            "an image brings its own server, and there is nothing to tune from outside",
            hint="Name the app that is in it: toolkit tune shop.wsgi:app --get /.",
        )
    if beside:
        raise ConfigError(
            "--beside does not go with tune", hint="`toolkit bench` measures stacks beside an app."
        )
    if reference:
        raise ConfigError(
            "--app and --workload are of the reference apps, and not of your own",
            hint="Name traffic with --get, --post or --locustfile.",
        )


def reference_app(config: Config) -> Searched:
    """Take a reference app, on all servers that are searched, and one of the workloads.

    Raises:
        ConfigError: There are none such, or several.
    """
    found, wanted = catalog(), config.tune
    workloads = found.select_workloads([wanted.workload])
    if len(workloads) > 1:
        names = ", ".join(workload.id for workload in workloads)
        raise ConfigError(f"{wanted.workload!r} fits several workloads", hint=f"Name one: {names}.")
    stacks = found.combine([wanted.app], wanted.servers or ("*",))
    if len({stack.app.name for stack in stacks}) > 1:
        raise ConfigError(f"{wanted.app!r} fits several apps", hint="Name one of them.")
    benched = Benched(catalog=found, stacks=stacks, workloads=workloads)
    return Searched(benched=_for_production(benched, wanted.servers), workload=workloads[0])


def own_search(config: Config, lay_out: Callable[[AppConfig], Benched]) -> Searched:
    """Take an app of the user's own, on all servers that are searched, and all of its traffic.

    Args:
        config: Settings.
        lay_out: Lays it out beside the servers that its settings name.

    Raises:
        ConfigError: There is none such.
    """
    named = config.app.servers or config.tune.servers
    benched = lay_out(replace(config.app, servers=named or ("*",), beside=()))
    benched = _for_production(benched, named)
    workload = mixed(benched.workloads)
    return Searched(benched=replace(benched, workloads=(workload,)), workload=workload)


def _for_production(benched: Benched, named: Sequence[str]) -> Benched:
    """Leave out what nobody deploys, unless it was named.

    Raises:
        ConfigError: Nothing is left.
    """
    chosen = for_production((stack.server for stack in benched.stacks), named)
    stacks = tuple(stack for stack in benched.stacks if stack.server in chosen)
    if not stacks:
        names = ", ".join(stack.server.name for stack in benched.stacks)
        raise ConfigError(
            f"{', '.join(named)} fits only servers that are not for production",
            hint=f"Call one by its name to tune it in spite of that: {names}.",
        )
    return replace(benched, stacks=stacks)


def space_of(config: Config, searched: Searched, fixed: Fixed, where: Placement) -> Space:
    """Say what is searched within which limits.

    Raises:
        ConfigError: There is nothing to tune.
    """
    stacks = searched.benched.stacks
    pools = 1 if searched.benched.own is not None else _POOLS_OF_REFERENCE_APPS
    space = Space(
        servers=tuple(tunable(stack.server, stack.app.interface) for stack in stacks),
        cpus=where.cpus,
        memory=where.memory,
        pools=pools if Need.DATABASE in searched.workload.needs else 0,
        pool=config.server.database_pool,
        connections=MOST_CONNECTIONS - 10,
        workers=fixed.workers,
        threads=fixed.threads,
    )
    require_servers(space)
    return space


def settings_of(config: Config) -> TuneSettings:
    """Say what is looked for."""
    wanted = config.tune
    return TuneSettings(
        slo=wanted.objective,
        wanted=wanted.rate or None,
        rounds=wanted.rounds,
        rungs=wanted.rungs,
        contenders=wanted.contenders or None,
        time_limit=wanted.time_limit,
    )


def tune(config: Config, searched: Searched, fixed: Fixed, told: Telling, *, dry_run: bool) -> int:
    """Search, show what came of it and say how to go on; give the exit code.

    Raises:
        ToolkitError: Nothing can be measured.
    """
    settings, load = settings_of(config), config.tune.load
    benched = searched.benched
    for remark in (*benched.remarks, *unplayed(benched.workloads, config.app.locustfile)):
        click.echo(f"toolkit: {remark}", err=True)
    if dry_run:
        with session(config, new_run_id(), found=benched.catalog) as parts:
            space = space_of(config, searched, fixed, parts.placement)
            show_search(
                settings.slo,
                settings.wanted,
                space,
                searched.workload,
                estimate(settings, space, load),
                parts.placement,
                parts.runtime.facts,
                output(),
            )
        return 0
    store, run_id = Store(Path(config.results)), new_run_id()
    try:
        with (
            TuneProgress(messages(quiet=told.quiet)) as progress,
            opened(
                config,
                benched,
                run_id=run_id,
                store=store,
                observer=progress,
                traffic=benched.workloads,
                load=load,
                knobs=_fitting(config) if benched.own is None else None,
            ) as parts,
        ):
            space = space_of(config, searched, fixed, parts.run.placement)
            progress.searching(
                parts.run.runtime, len(space.servers), estimate(settings, space, load)
            )
            seed = random.SystemRandom().randrange(2**32)
            run = replace(parts.run, seed=seed if config.tune.seed is None else config.tune.seed)
            by_server = {stack.server.name: stack for stack in benched.stacks}
            run = run_tune(settings, space, by_server, searched.workload, run, parts.world)
    except KeyboardInterrupt:
        _show_interrupted(store, run_id, told)
        raise
    _show(run, told)
    write_run(told.outputs, run)
    hint_at(run, benched)
    if not told.quiet:
        say_where(store.path(run_id), run, err=told.taken)
    return _FAILED if _is_nothing(run) else 0


def _fitting(config: Config) -> Knobs:
    """Give settings that the database takes: the search rules out those that it does not."""
    return replace(config.server, workers=1)


def _is_nothing(run: Run) -> bool:
    """Tell whether nothing valid was measured."""
    tuned = run.tuned
    if tuned is None or tuned.recommended is not None:
        return False
    if tuned.finalists:
        return not any(item.capacity or item.parts for item in tuned.finalists)
    return not any(isinstance(item, Measurement) for item in run.outcomes)


def _show(run: Run, told: Telling) -> None:
    if not told.quiet:
        show_tuned(run, messages() if told.taken else output())


def _show_interrupted(store: Store, run_id: str, told: Telling) -> None:
    with contextlib.suppress(ToolkitError, OSError):
        run = store.load(run_id)
        if run.tuned is not None and run.outcomes:
            _show(run, told)
    mention(store.path(run_id), run_id)
