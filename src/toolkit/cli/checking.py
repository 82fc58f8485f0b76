"""Puts together what ``toolkit check`` measures with: versions, workloads, the arena."""

import contextlib
import hashlib
import secrets
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from toolkit.backing import Backings, open_backings
from toolkit.catalog import Catalog
from toolkit.check import Arena, run_check
from toolkit.check_store import check_path, save_check
from toolkit.checked import Check, Side
from toolkit.cli.wiring import catalog, messages, placement, step_aside
from toolkit.config import CheckConfig, Config
from toolkit.errors import ConfigError, ToolkitError
from toolkit.host import read_counters, read_host
from toolkit.load.duel import GET_FILE, LocustDuels
from toolkit.model import Placement, Project, Stack, Workload
from toolkit.ports import Backing, Platform, Version
from toolkit.progress import CheckProgress
from toolkit.runtime.checkout import checked_out
from toolkit.runtime.choice import open_runtime
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.overlay import with_requirements
from toolkit.store import new_run_id, utc_now
from toolkit.version import Origin, ProjectVersion, StackVersion

_DEFAULT_STACK = "flask/gunicorn-gthread"
_DEFAULT_WORKLOADS = ("list",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where one side comes from: one of these, or none of them for the toolkit's own files."""

    ref: str = ""
    image: str = ""
    requirements: str = ""


def measure(config: Config, *, against_itself: bool, again: str) -> Check:
    """Build both versions and compare them.

    Args:
        config: Settings.
        against_itself: Whether the base is compared with itself.
        again: The command that does it again, but for the seed.

    Raises:
        ConfigError: It is not clear what to compare, or by what.
        ToolkitError: Something cannot be built or started, or there is only one CPU.
    """
    sources = _sources(config.check, against_itself=against_itself)
    stack = config.check.stack or ("" if sources[Side.BASE] != _Source() else _DEFAULT_STACK)
    workloads = _workloads(config.check, with_stack=bool(stack))
    where = placement(config)
    if len(where.server_cpus) and where.server_cpus == where.client_cpus:
        raise ToolkitError(
            "nothing can be said with one CPU: the load generator would take its time from the "
            "servers",
            hint="Run it where there are two or more.",
        )
    step_aside(where)
    with contextlib.ExitStack() as opened:
        progress = opened.enter_context(CheckProgress(messages()))
        ring = _Ring(config, where, opened.enter_context(Guardian()), progress, opened)
        versions = ring.versions(sources, stack, workloads)
        settings = config.check.settings
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

    def versions(
        self, sources: Mapping[Side, _Source], stack: str, workloads: Sequence[Workload]
    ) -> dict[Side, Version]:
        """Build both versions."""
        origins = {side: self._origin(source, stack) for side, source in sources.items()}
        for side, (_, found) in origins.items():
            self.runtimes[side] = self._runtime(side, found)
        if not stack:
            return {
                side: ProjectVersion(
                    self._project(side, source, origins[side][0], origins[side][1].path),
                    origins[side][0],
                    self.runtimes[side],
                    self._progress,
                )
                for side, source in sources.items()
            }
        backings = self._backings(workloads)
        return {
            side: StackVersion(
                _one_stack(found, stack),
                origin,
                self.runtimes[side],
                backings.of_side(str(side), self.runtimes[side]),
                self._progress,
            )
            for side, (origin, found) in origins.items()
        }

    def _origin(self, source: _Source, stack: str) -> tuple[Origin, Catalog]:
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

    def _project(self, side: Side, source: _Source, origin: Origin, folder: Path) -> Project:
        check = self._config.check
        return Project(
            name=f"{Path.cwd().name} ({side})",
            identity=origin.identity,
            image=source.image,
            folder=None if source.image else folder,
            dockerfile=check.dockerfile,
            port=check.port,
            health=check.health,
            environment=dict(check.environment),
            command=_words("--command", check.command),
            install=_words("--install", check.install),
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


def _sources(check: CheckConfig, *, against_itself: bool) -> dict[Side, _Source]:
    """Say where the sides come from: images go before requirements, and these before refs."""
    if check.base_image or check.candidate_image:
        base, candidate = _Source(image=check.base_image), _Source(image=check.candidate_image)
        missing = "--base-image and --candidate-image"
    elif check.base_requirements or check.candidate_requirements:
        base = _Source(requirements=check.base_requirements)
        candidate = _Source(requirements=check.candidate_requirements)
        missing = "--base-requirements and --candidate-requirements"
    else:
        base, candidate = _Source(ref=check.base), _Source(ref=check.candidate)
        missing = "--base"
    if against_itself:
        candidate = base
    if _Source() in (base, candidate) and not against_itself:
        raise ConfigError(
            f"what is compared is not said: give {missing}",
            hint="`toolkit check --base origin/main` compares this folder with that branch, "
            "`toolkit check --aa` shows what this machine can tell.",
        )
    if base.requirements and not check.stack:
        raise ConfigError(
            "requirements are compared on a stack", hint=f"Give --stack {_DEFAULT_STACK}."
        )
    return {Side.BASE: base, Side.CANDIDATE: candidate}


def _workloads(check: CheckConfig, *, with_stack: bool) -> tuple[Workload, ...]:
    """Say what is requested."""
    found = [
        Workload(
            name="get",
            title=f"GET {path}",
            summary="",
            parameters={"path": quote(path, safe="/")},
            path=GET_FILE,
        )
        for path in dict.fromkeys(check.get)
    ]
    if check.locustfile:
        file = Path(check.locustfile).absolute()
        if not file.is_file():
            raise ConfigError(f"the locustfile {check.locustfile} does not exist")
        found.append(Workload(name=file.stem, summary="", path=file))
    if check.workloads:
        found += catalog().select_workloads(check.workloads)
    if not found and with_stack:
        found += catalog().select_workloads(_DEFAULT_WORKLOADS)
    if not found:
        raise ConfigError(
            "what is requested is not said",
            hint="Give --get / (repeatable), or a --locustfile with the traffic of your app.",
        )
    return tuple(found)


def _words(flag: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{flag} {text!r}: {str(error).lower()}") from error


def _one_stack(found: Catalog, name: str) -> Stack:
    stacks = found.select_stacks((name,))
    if len(stacks) > 1:
        names = ", ".join(stack.id for stack in stacks)
        raise ConfigError(f"{name!r} fits several stacks", hint=f"Name one of {names}.")
    return stacks[0]
