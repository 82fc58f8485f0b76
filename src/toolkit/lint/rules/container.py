"""Folders that a server writes to, in a container."""

import posixpath
from collections.abc import Iterator

from toolkit.lint.facts import Container, Deployment, Fact, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.fronts import CONTAINERS
from toolkit.lint.rules.versions import is_older

READ_ONLY_ROOT = Rule(
    name="read-only-root",
    summary="A server on a read-only root file system writes nowhere else than it may.",
    reason="gunicorn makes a file for each worker's heartbeat in the temporary folder and does not "
    "start without one. From 25.1 on it also opens a control socket under $HOME, and logs an error "
    "where it cannot.",
    fix="Put the heartbeat on /dev/shm (--worker-tmp-dir /dev/shm), mount a tmpfs on /tmp, and "
    "switch the control socket off (--no-control-socket).",
    source="gunicorn, Read-only filesystem: https://github.com/benoitc/gunicorn/issues/2859; "
    "the control socket: https://gunicorn.org/reference/settings/#control_socket",
)

HEARTBEAT_IN_MEMORY = Rule(
    name="heartbeat-in-memory",
    summary="gunicorn's heartbeat files are in memory, not on the container's disk.",
    reason="Each worker touches its file again and again. If the disk is busy that "
    "blocks: gunicorn takes the worker for dead and kills it with its requests (WORKER TIMEOUT).",
    fix="--worker-tmp-dir /dev/shm, which is in memory in every container.",
    source="gunicorn, FAQ, How do I avoid blocking in os.fchmod?: https://gunicorn.org/faq/",
)

_ALWAYS_IN_MEMORY = "/dev/shm"  # noqa: S108 - what gunicorn is told, nothing is written here
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - likewise; Python's tempfile's order
_TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")
_CONTROL_SOCKET_SINCE = (25, 1)


def _gunicorn(deployment: Deployment) -> Iterator[tuple[Unit, Server]]:
    for unit in deployment.units:
        if unit.server is not None and unit.server.kind is ServerKind.GUNICORN:
            yield unit, unit.server


# read-only-root


def _read_only_root(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit, server in _gunicorn(deployment):
        read_only = unit.container.read_only
        if read_only is None or not read_only.value:
            continue
        heartbeat = server.heartbeat_folder
        if heartbeat is not None and _heartbeat_place(unit, heartbeat) is None:
            yield _no_heartbeat(unit, read_only, heartbeat)
        control = server.control_socket
        if control is not None and _opens_control_socket(unit, server, control):
            yield _no_control_socket(unit, server, read_only, control)


def _no_heartbeat(unit: Unit, read_only: Fact[bool], heartbeat: Fact[str]) -> Finding:
    folder = heartbeat.value or "the temporary folder"
    return Finding(
        rule=READ_ONLY_ROOT.name,
        severity=Severity.ERROR,
        where=read_only.where,
        message=f"{unit.name}: the root file system is read-only, but gunicorn keeps its heartbeat "
        f"in {folder}{heartbeat.said} ({heartbeat.where}), where nothing is mounted: it does not "
        "start",
        fix="--worker-tmp-dir /dev/shm, or a tmpfs on /tmp",
        others=(heartbeat.where,),
    )


def _opens_control_socket(unit: Unit, server: Server, control: Fact[bool]) -> bool:
    # a path that somebody chose is one that they thought about
    if not control.value or not control.default:
        return False
    if is_older(server, _CONTROL_SOCKET_SINCE):
        return False
    homes = [unit.container.env.get(name) for name in ("XDG_RUNTIME_DIR", "HOME")]
    return not any(
        _is_writable(unit.container, home.value) for home in homes if home is not None
    ) and not any(_may_be_home(folder.value) for folder in unit.container.writable)


def _may_be_home(folder: str) -> bool:
    return folder.startswith(("/home", "/root", "/run/user"))


def _no_control_socket(
    unit: Unit, server: Server, read_only: Fact[bool], control: Fact[bool]
) -> Finding:
    version = f" {server.version.value}" if server.version else " (25.1 and later)"
    return Finding(
        rule=READ_ONLY_ROOT.name,
        severity=Severity.WARNING,
        where=control.where,
        message=f"{unit.name}: the root file system is read-only ({read_only.where}), but "
        f"gunicorn{version} opens a control socket under $HOME{control.said} and logs errors "
        "where it cannot",
        fix="--no-control-socket",
        others=(read_only.where,),
    )


# heartbeat-in-memory


def _heartbeat_in_memory(
    deployment: Deployment, measured: Measured
) -> Iterator[Finding | NotJudged]:
    for unit, server in _gunicorn(deployment):
        heartbeat = server.heartbeat_folder
        if heartbeat is None or unit.container.platform not in CONTAINERS:
            continue
        place = _heartbeat_place(unit, heartbeat)
        # one that is nowhere is the matter of read-only-root
        if place is None or _is_in(place, _in_memory(unit.container)):
            continue
        yield Finding(
            rule=HEARTBEAT_IN_MEMORY.name,
            severity=Severity.WARNING,
            where=heartbeat.where,
            message=f"gunicorn keeps its workers' heartbeat in {place}{heartbeat.said}, on the "
            "container's disk: a busy disk looks like a dead worker",
            fix="--worker-tmp-dir /dev/shm",
        )


def _heartbeat_place(unit: Unit, heartbeat: Fact[str]) -> str | None:
    """Give the folder that the heartbeat is made in, None if none can be written.

    Without a setting it is the first that Python's ``tempfile`` can write to.
    """
    container = unit.container
    if heartbeat.value:
        return heartbeat.value if _is_writable(container, heartbeat.value) else None
    variables = (container.env.get(name) for name in _TEMPORARY_VARIABLES)
    workdir = container.workdir or (unit.image.workdir if unit.image else "") or "/"
    candidates = (*(item.value for item in variables if item and item.value), *_TEMPORARY, workdir)
    return next((folder for folder in candidates if _is_writable(container, folder)), None)


def _is_writable(container: Container, folder: str) -> bool:
    if container.read_only is None or not container.read_only.value:
        return True
    writable = (item.value for item in container.writable)
    return _is_in(folder, (_ALWAYS_IN_MEMORY, *writable, *_in_memory(container)))


def _in_memory(container: Container) -> tuple[str, ...]:
    return (_ALWAYS_IN_MEMORY, *(item.value for item in container.memory_folders))


def _is_in(folder: str, parents: tuple[str, ...]) -> bool:
    path = posixpath.normpath(folder)
    return any(
        path == parent or path.startswith(parent.rstrip("/") + "/")
        for parent in map(posixpath.normpath, parents)
    )


RULES: tuple[tuple[Rule, Check], ...] = (
    (HEARTBEAT_IN_MEMORY, _heartbeat_in_memory),
    (READ_ONLY_ROOT, _read_only_root),
)
