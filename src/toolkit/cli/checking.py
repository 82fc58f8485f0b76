"""Puts together what ``toolkit check`` measures with: versions, workloads, the arena."""

import contextlib
import hashlib
import secrets
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from toolkit.backing import Backings, open_backings
from toolkit.catalog import Catalog
from toolkit.check import Arena, looks, run_check, seconds_expected
from toolkit.check_store import check_path, save_check
from toolkit.checked import Check, CheckSettings, Side, VersionFacts
from toolkit.cli.benched import words
from toolkit.cli.sides import (
    DEFAULT_STACK,
    Compared,
    Source,
    compare,
    refuse_idle_flags,
    refuse_same,
)
from toolkit.cli.traffic import own_traffic, unplayed
from toolkit.cli.wiring import catalog, messages, placement, step_aside
from toolkit.config import CheckConfig, Config
from toolkit.errors import ConfigError, StackError, ToolkitError
from toolkit.host import read_counters, read_host
from toolkit.load.duel import LocustDuels
from toolkit.model import Placement, Project, Stack, Workload
from toolkit.ports import Backing, Platform, Version
from toolkit.progress import CheckProgress
from toolkit.runtime.checkout import checked_out
from toolkit.runtime.choice import open_runtime
from toolkit.runtime.environments import InstallFault
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.overlay import with_requirements
from toolkit.store import new_run_id, utc_now
from toolkit.units import format_duration
from toolkit.version import Origin, ProjectVersion, StackVersion

_DEFAULT_WORKLOADS = ("list",)


def measure(
    config: Config, *, against_itself: bool, again: str, named: Collection[str] = ()
) -> Check:
    """Build both versions and compare them.

    Args:
        config: Settings.
        against_itself: Whether the base is compared with itself.
        again: The command that does it again, but for the seed.
        named: The flags that were given, as ``server_workers``.

    Raises:
        ConfigError: It is not clear what to compare, or by what.
        ToolkitError: Something cannot be built or started, or there is only one CPU.
    """
    compared = compare(config.check, Path.cwd(), against_itself=against_itself)
    stack = compared.stack
    if not stack:
        refuse_idle_flags(named)
    workloads = _workloads(config.check, with_stack=bool(stack))
    where = placement(config)
    if where.server_shares:
        raise ToolkitError(
            "nothing can be said with one CPU: the load generator would take its time from the "
            "servers",
            hint="Run it where there are two or more.",
        )
    step_aside(where)
    with contextlib.ExitStack() as opened:
        progress = opened.enter_context(CheckProgress(messages()))
        for remark in (compared.remark, *unplayed(workloads, config.check.locustfile)):
            if remark:
                progress.noted(remark)
        ring = _Ring(config, where, opened.enter_context(Guardian()), progress, opened)
        ring.open(compared, named)
        settings = config.check.settings
        progress.noted(_duration(settings, len(workloads)))
        versions = ring.versions(compared, workloads)
        seed = secrets.randbits(31) if config.check.seed is None else config.check.seed
        check = Check(
            id=ring.run_id,
            started_at=utc_now(),
            host=read_host(),
            runtime=ring.runtimes[Side.BASE].facts,
            placement=where,
            knobs=config.server,
            settings=settings,
            base=versions[Side.BASE].facts,
            candidate=versions[Side.CANDIDATE].facts,
            stack=stack or None,
            workloads=tuple(workload.id for workload in workloads),
            seed=seed,
            again=f"{again} --seed {seed}",
            against_itself=against_itself,
            backings=tuple(item.facts for item in ring.started),
        )
        path = check_path(Path(config.results), ring.run_id)
        arena = Arena(
            versions=versions,
            engine=LocustDuels(settings, where, ring.guardian),
            workloads=workloads,
            placement=where,
            read_host=partial(read_counters, where.server_cpus, where.client_cpus),
            observer=progress,
            save=partial(save_check, path),
        )
        try:
            return run_check(check, arena)
        except KeyboardInterrupt:
            if path.is_file():
                progress.noted(
                    f"The pairs so far are in {path}; `toolkit check --from {path}` shows them."
                )
            raise


class _Ring:
    """Makes the two versions, and keeps what they need open.

    Attributes:
        runtimes: One for each side, since each has files of its own.
        started: Database and upstream, as far as there are any.
    """

    def __init__(
        self,
        config: Config,
        where: Placement,
        guardian: Guardian,
        progress: CheckProgress,
        opened: contextlib.ExitStack,
    ) -> None:
        self._config = config
        self._where = where
        self.guardian = guardian
        self._progress = progress
        self._opened = opened
        self.run_id = new_run_id()
        self.runtimes: dict[Side, Platform] = {}
        self.started: tuple[Backing, ...] = ()
        self._origins: dict[Side, tuple[Origin, Catalog]] = {}

    def open(self, compared: Compared, named: Collection[str]) -> None:
        """Get the files of both versions, and a runtime for each."""
        self._origins = {
            side: self._origin(source, compared.stack) for side, source in compared.sources.items()
        }
        _refuse_same(compared, {side: origin for side, (origin, _) in self._origins.items()})
        for side, (_, files) in self._origins.items():
            self.runtimes[side] = self._runtime(side, files)
        if not compared.stack:
            refuse_idle_flags(named, docker=self.runtimes[Side.BASE].facts.name == "docker")

    def versions(self, compared: Compared, workloads: Sequence[Workload]) -> dict[Side, Version]:
        """Build both versions."""
        backings = self._backings(workloads) if compared.stack else None
        found: dict[Side, Version] = {}
        for side, (origin, files) in self._origins.items():
            runtime = self.runtimes[side]
            with _naming(side, origin):
                if backings is None:
                    project = self._project(side, compared.sources[side], origin, files.path)
                    found[side] = ProjectVersion(project, origin, runtime, self._progress)
                else:
                    of_side = backings.of_side(str(side), runtime)
                    stack = _one_stack(files, compared.stack)
                    found[side] = StackVersion(stack, origin, runtime, of_side, self._progress)
        _refuse_same(compared, {side: version.facts for side, version in found.items()})
        return found

    def _origin(self, source: Source, stack: str) -> tuple[Origin, Catalog]:
        """Get the files of a side."""
        if source.image:
            return Origin(label=f"image {source.image}"), Catalog(Path())
        if source.ref:
            here = self._opened.enter_context(
                checked_out(Path.cwd(), source.ref, self.guardian, without=self._config.results)
            )
            if stack and not (here.folder / "apps").is_dir():
                raise ConfigError(
                    f"{here.label} has no folder apps/",
                    hint="--stack compares stacks of checkouts of this toolkit; a project of your "
                    "own is built from its Dockerfile: leave --stack out.",
                )
            return Origin(label=here.label, identity=here.identity), Catalog(here.folder)
        found = catalog()
        if not source.requirements:
            return Origin(label=f"{stack} of this toolkit"), found
        file = Path(source.requirements)
        name = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-stack-"))
        self._opened.enter_context(self.guardian.watching_folder(name))
        changed = with_requirements(found, _one_stack(found, stack), file, Path(name))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return Origin(label=f"{stack} with {file.name}", identity=f"sha256:{digest}"), changed

    def _runtime(self, side: Side, found: Catalog) -> Platform:
        return self._opened.enter_context(
            open_runtime(
                self._config,
                catalog=found,
                placement=self._where,
                run=f"{self.run_id}-{side}",
                guardian=self.guardian,
            )
        )

    def _project(self, side: Side, source: Source, origin: Origin, folder: Path) -> Project:
        check = self._config.check
        return Project(
            name=f"{Path.cwd().name} ({side})",
            identity=origin.identity,
            image=source.image,
            folder=None if source.image else folder,
            dockerfile=check.dockerfile,
            port=check.port,
            health=check.health,
            environment={
                name: value.replace("{side}", side) for name, value in check.environment.items()
            },
            command=words("--command", check.command),
            install=words("--install", check.install),
        )

    def _backings(self, workloads: Sequence[Workload]) -> Backings:
        needs = {need for workload in workloads for need in workload.needs}
        backings = self._opened.enter_context(
            open_backings(
                self.runtimes[Side.BASE],
                needs,
                catalog().path / "apps" / "shared",
                self._progress,
                knobs=self._config.server,
            )
        )
        self.started = tuple(backings.started.values())
        return backings


@contextlib.contextmanager
def _naming(side: Side, origin: Origin) -> Iterator[None]:
    """Say which version it is that cannot be built: nothing can be said then.

    Raises:
        StackError: It cannot be built.
    """
    try:
        yield
    except (StackError, InstallFault) as error:
        raise StackError(
            f"the {side} ({origin.label}): {error}", hint=error.hint, log=error.log
        ) from error


def _refuse_same(compared: Compared, found: Mapping[Side, Origin | VersionFacts]) -> None:
    if not compared.against_itself:
        refuse_same(*((found[side].label, found[side].identity) for side in Side))


def _duration(settings: CheckSettings, workloads: int) -> str:
    """Say how long it takes before it begins."""
    counts = looks(settings.max_pairs)
    ends = tuple(dict.fromkeys((counts[0], counts[-1])))
    pairs = " to ".join(map(str, ends))
    times = [format_duration(seconds_expected(settings, workloads, count)) for count in ends]
    twice = " (twice that for a regression)" if settings.confirm else ""
    return f"{pairs} pairs, about {' to '.join(times)}{twice}, without building."


def _workloads(check: CheckConfig, *, with_stack: bool) -> tuple[Workload, ...]:
    """Say what is requested."""
    found = list(own_traffic(check.get, (), check.locustfile))
    if check.workloads:
        found += catalog().select_workloads(check.workloads)
    if not found and with_stack:
        found += catalog().select_workloads(_DEFAULT_WORKLOADS)
    if not found:
        raise ConfigError(
            "what is requested is not said",
            hint="Give --get / (repeatable), or a --locustfile with the traffic of your app; "
            f"--stack {DEFAULT_STACK} takes a reference stack instead.",
        )
    return tuple(found)


def _one_stack(found: Catalog, name: str) -> Stack:
    stacks = found.select_stacks((name,))
    if len(stacks) > 1:
        names = ", ".join(stack.id for stack in stacks)
        raise ConfigError(f"{name!r} fits several stacks", hint=f"Name one of {names}.")
    return stacks[0]
