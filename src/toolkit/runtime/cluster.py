"""A throw-away PostgreSQL cluster as local processes."""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess  # noqa: TC003 - only for a type, but imported anyway
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.errors import EnvironmentFault
from toolkit.runtime import postgres
from toolkit.runtime.confined import Command, basic_environment, confined, run_to_end
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.ready import as_fault, free_port

_DEBIAN = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_ROOM = 2**30
"""Bytes that a cluster may grow to: 256 MB of log, as much again while it is recycled, tables."""

_UNPRIVILEGED = ("postgres", "nobody")
_START_TIMEOUT = 60.0
_STOP_PATIENCE = 5.0
_SUPERUSER = "postgres"
_WHO_MAY = f"host all {postgres.ROLE} 127.0.0.1/32 trust\n"
"""Client authentication: https://www.postgresql.org/docs/current/auth-pg-hba-conf.html."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one installation of PostgreSQL."""

    initdb: str
    server: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """PostgreSQL that answers.

    Attributes:
        version: As it says itself.
        where: Where its data are, in words.
    """

    process: "subprocess.Popen[bytes]"
    log: Path
    url: str
    version: str
    where: str


def find_binaries(debian: Path = _DEBIAN) -> Binaries:
    """Find PostgreSQL on PATH, or where Debian has it, the newest first.

    Raises:
        EnvironmentFault: It is not installed.
    """
    folders = [folder for folder in debian.glob("*/bin") if folder.parent.name.isdigit()]
    newest = sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True)
    for path in (None, *map(str, newest)):
        initdb = shutil.which("initdb", path=path)
        if initdb is not None:
            # of the same version: from the folder in which it was found
            server = shutil.which("postgres", path=str(Path(initdb).parent))
            if server is not None:
                return Binaries(initdb, server)
    raise EnvironmentFault(
        "PostgreSQL is not installed: there is no initdb and postgres on PATH",
        hint="Install it (on Debian: apt-get install postgresql), or take --runtime docker.",
    )


def user_for_server() -> tuple[int, int] | None:
    """Give the user and group that PostgreSQL runs as where this process is root, which it refuses.

    Raises:
        EnvironmentFault: This machine has none for that.
    """
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise EnvironmentFault(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(_UNPRIVILEGED)}",
        hint="Run the toolkit as another user, or take --runtime docker.",
    )


def folders_for_data(user: tuple[int, int] | None, memory: Path = _MEMORY) -> Iterator[Path]:
    """Give the folders that may hold a cluster, memory first: no disk is waited for there."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free >= _ROOM and os.access(memory, os.W_OK):
            yield memory
    for folder in map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108 - as above
        if user is None or _passable(folder):
            yield folder


def _passable(folder: Path) -> bool:
    """Whether everybody may pass through to what lies in a folder."""
    path = folder.resolve()
    with contextlib.suppress(OSError):
        return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))
    return False


@contextlib.contextmanager
def cluster(cpus: Sequence[int], guardian: Guardian) -> Iterator[Cluster]:
    """Make a cluster, start it on loopback, wait until it answers; nothing is left at the end.

    Its one role that may log in is no superuser: whoever else works on this machine reaches the
    port too, and must not run programs as this user.

    Raises:
        EnvironmentFault: PostgreSQL is not installed, or does not start.
    """
    binaries, user = find_binaries(), user_for_server()
    with _folder(user, guardian) as (folder, where):
        with as_fault("PostgreSQL cannot make a cluster"):
            for command in _making(binaries, folder, cpus, user):
                run_to_end(command, guardian, timeout=_START_TIMEOUT)
        (folder / "data" / "pg_hba.conf").write_text(_WHO_MAY)
        # as late as possible, while nobody else has taken it
        port = free_port()
        serve = _serving(binaries, folder, cpus, user, port)
        with confined(serve, guardian) as (process, tree):
            with as_fault("PostgreSQL cannot be started"):
                url = postgres.url("127.0.0.1", port)
                version = postgres.wait_until_ready(
                    url, death=tree.death, log_tail=tree.log_tail, timeout=_START_TIMEOUT
                )
            yield Cluster(process, serve.log, url, version, where)


@contextlib.contextmanager
def _folder(user: tuple[int, int] | None, guardian: Guardian) -> Iterator[tuple[Path, str]]:
    """Make a folder for the data, and say in words where it is."""
    parent = next(folders_for_data(user), None)
    if parent is None:
        raise EnvironmentFault(
            f"there is no temporary folder that the user of PostgreSQL can reach: "
            f"{tempfile.gettempdir()} is closed to others",
            hint="Set TMPDIR to one, run the toolkit as another user, or take --runtime docker.",
        )
    with (
        tempfile.TemporaryDirectory(prefix="toolkit-database-", dir=parent) as name,
        guardian.watching_folder(name),
    ):
        if user is not None:
            os.chown(name, *user)
        yield Path(name), "data in memory" if parent == _MEMORY else "data on disk"


def _making(
    binaries: Binaries, folder: Path, cpus: Sequence[int], user: tuple[int, int] | None
) -> tuple[Command, Command]:
    """Give the commands that make a cluster, and its role."""
    data, role = ("-D", str(folder / "data")), folder / "role.sql"
    role.write_text(
        f"CREATE ROLE {postgres.ROLE} LOGIN CREATEDB\n"
        f"ALTER DATABASE {postgres.NAME} OWNER TO {postgres.ROLE}\n"
    )
    initdb = Command(
        argv=(binaries.initdb, *data, f"--username={_SUPERUSER}", *postgres.INITDB),
        environment=_environment(),
        folder=folder,
        cpus=cpus,
        user=user,
    )
    alone = (binaries.server, "--single", *data, "-c", "fsync=off", postgres.NAME)
    return initdb, replace(initdb, argv=alone, input=role)


def _serving(
    binaries: Binaries,
    folder: Path,
    cpus: Sequence[int],
    user: tuple[int, int] | None,
    port: int,
) -> Command:
    """Give the command that serves a cluster."""
    # none on the file system: it would have to lie where nobody else can reach it
    listening = postgres.arguments(host="127.0.0.1", port=port, unix_socket_directories="")
    return Command(
        argv=(binaries.server, "-D", str(folder / "data"), *listening),
        environment=_environment(),
        folder=folder,
        cpus=cpus,
        user=user,
        # fast shutdown: SIGTERM would wait for the clients to go
        polite=signal.SIGINT,
        patience=_STOP_PATIENCE,
    )


def _environment() -> dict[str, str]:
    # messages in English: they are read by whoever is asked for help
    return {**basic_environment(), "LC_ALL": "C"}
