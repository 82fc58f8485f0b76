"""Puts together what ``toolkit deploy`` writes: the run, the app, the numbers, the files."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import toolkit
from toolkit.catalog import Catalog, root
from toolkit.cli.own import staged
from toolkit.cli.wiring import catalog
from toolkit.config import Config, DeployConfig
from toolkit.deployment.assembling import Place, Project, assemble
from toolkit.deployment.evidence import Evidence, evidence_of
from toolkit.deployment.rendering import Written, targets
from toolkit.deployment.sizing import Wishes, derive
from toolkit.errors import ConfigError
from toolkit.model import Knobs, Production, Stack, unvaried
from toolkit.project.staging import MODULE
from toolkit.runtime.images import DEFAULT_BASE
from toolkit.runtime.recipe import find_ca_bundle
from toolkit.spelling import did_you_mean
from toolkit.store import Store
from toolkit.units import parse_size

_POOLS_OF_REFERENCE_APPS = 2
"""One for its own SQL and one for its ORM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says beside settings.

    Attributes:
        run: The run, None: the latest.
        measured: Whether numbers come from a run at all.
        stack: Id of the stack, None: the best of the run.
        workloads: Of the run that count; none: all.
        cpus: Cores of a replica, None: as measured.
        memory: Bytes of a replica, None: derived.
        knobs: Settings of the server in place of the measured ones.
        own: Whether an app of the user's own is named.
        how: The command.
    """

    run: str | None = None
    measured: bool = True
    stack: str | None = None
    workloads: tuple[str, ...] = ()
    cpus: float | None = None
    memory: int | None = None
    knobs: Mapping[str, int] = field(default_factory=dict)
    own: bool = False
    how: str


def deployed(config: Config, folder: Path, asked: Asked) -> dict[str, Written]:
    """Give every file of the deployment that is asked for, by its path in the output folder.

    Raises:
        ConfigError: There is no such run, stack or app, or the numbers do not fit together.
    """
    templates = root() / "deploy" / "templates"
    _require_targets(config.deploy, templates)
    evidence = _evidence(config, asked)
    name = asked.stack or (evidence.stack if evidence else "")
    if not name:
        raise ConfigError(
            "what is to be deployed is not said",
            hint="Say --stack flask/gunicorn-gthread, or leave --no-run out.",
        )
    with _located(config, folder, unvaried(name), asked) as (stack, project, found):
        pool = asked.knobs.get("database_pool")
        wishes = Wishes(
            cpus=asked.cpus,
            memory=asked.memory,
            knobs={key: value for key, value in asked.knobs.items() if key != "database_pool"},
            pool=pool,
            replicas=config.deploy.replicas or None,
            rate=config.deploy.rate or None,
            body=parse_size(config.deploy.body),
            pools=config.deploy.pools if project else _POOLS_OF_REFERENCE_APPS,
        )
        numbers = derive(evidence, wishes, _defaults(stack, config.server))
        return assemble(
            stack,
            numbers,
            evidence,
            _place(config, stack, evidence, asked, is_own=project is not None),
            project=project,
            catalog=found,
            templates=templates,
        )


def _require_targets(deploy: DeployConfig, templates: Path) -> None:
    known = targets(templates)
    for name in deploy.targets:
        if name not in known:
            raise ConfigError(
                f"there is no target {name!r}",
                hint=did_you_mean(name, known) or f"There are {', '.join(known)}.",
            )


def _evidence(config: Config, asked: Asked) -> Evidence | None:
    if not asked.measured:
        return None
    return evidence_of(Store(Path(config.results)).load(asked.run), asked.stack, asked.workloads)


def _defaults(stack: Stack, common: Knobs) -> dict[str, int]:
    return {name: int(getattr(common, name)) for name in sorted(stack.server.knobs)}


@contextlib.contextmanager
def _located(
    config: Config, folder: Path, name: str, asked: Asked
) -> Iterator[tuple[Stack, Project | None, Catalog]]:
    """Find app and server of a stack; an app that is no reference app is looked for in a folder."""
    app, _, server = name.partition("/")
    reference = catalog()
    if not asked.own and app in {item.name for item in reference.apps}:
        (stack,) = reference.select_stacks((name,))
        yield _with_settings(stack, config.deploy), None, reference
        return
    with staged(config, folder) as laid:
        if laid.own.name != app:
            raise ConfigError(
                f"{name} is of the app {app}, and the app of this folder is {laid.own.name}",
                hint="Give the command in the folder of the project that was measured, or say "
                f"--stack {laid.own.name}/{server}.",
            )
        (stack,) = laid.catalog.combine([app], [server])
        project = Project(
            folder=folder if laid.found.file else None,
            target=laid.own.target,
            shim=stack.app.path / f"{MODULE}.py",
        )
        yield _with_settings(stack, config.deploy), project, laid.catalog


def _with_settings(stack: Stack, deploy: DeployConfig) -> Stack:
    """Lay what the settings say of production over what the app says of it."""
    said = stack.app.production
    production = Production(
        ready=deploy.ready or said.ready,
        metrics=deploy.metrics or said.metrics,
        static=deploy.static or said.static,
        secrets=deploy.secrets or said.secrets,
        environment={**said.environment, **deploy.environment},
    )
    return replace(stack, app=replace(stack.app, production=production))


def _place(
    config: Config, stack: Stack, evidence: Evidence | None, asked: Asked, *, is_own: bool
) -> Place:
    deploy, image = config.deploy, config.image
    return Place(
        folder=Path(deploy.output),
        image=deploy.image,
        base=image.base or DEFAULT_BASE,
        host=deploy.host,
        index_url=image.index_url,
        ca_bundle=find_ca_bundle(image.ca_bundle) if image.ca_bundle else None,
        targets=deploy.targets,
        database=bool(config.app.database) if is_own else bool(stack.app.prepare),
        database_scheme=config.app.database or "postgresql",
        remarks=tuple(_remarks(config, stack, evidence)),
        how=asked.how,
        toolkit=toolkit.__version__,
    )


def _remarks(config: Config, stack: Stack, evidence: Evidence | None) -> Iterator[str]:
    if stack.server.caution:
        yield f"{stack.server.name}: {stack.server.caution}"
    for command in stack.app.before:
        yield (
            f"`{' '.join(command)}` was run before each start where it was measured, and is not "
            "here: what it makes is to be there, as after a migration."
        )
    if evidence is None:
        yield "Nothing was measured: the numbers are settings and rules. `toolkit bench` measures."
        return
    changed = {
        name: value
        for name, value in stack.app.production.environment.items()
        if evidence.environment.get(name) != value
    }
    for name, value in changed.items():
        before = evidence.environment.get(name)
        was = "without it" if before is None else f"with {before}"
        yield f"{name} is {value}, and it was measured {was}: measure again what you quote."
    unfit = [under.workload for under in evidence.under if not under.carried]
    if unfit:
        yield (
            f"What a replica carries within {evidence.goal} is not known for {', '.join(unfit)}."
        )
