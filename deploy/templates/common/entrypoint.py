"""Prepare the environment of a container, then become its command.

Standard library only; the entry point of the image, so every command of the image runs after it.

Secrets: for each name in ``SECRETS``, ``NAME_FILE`` names a file that holds the value; a variable
that is set keeps its value. A variable may refer to a secret as ``{NAME}``, which is put in quoted
as part of a URL: ``DATABASE_URL=postgresql://app:{DATABASE_PASSWORD}@database/app``.

Workers: unless ``WORKERS`` says how many, ``WORKERS_PER_CPU`` times the CPU quota of this
container, rounded down, at least one, and no more than its memory holds at ``WORKER_MEMORY`` bytes
each and 30 % in reserve. ``os.cpu_count`` and ``os.process_cpu_count`` do not know of quotas
(https://github.com/python/cpython/issues/149452). ``{workers}`` in the command becomes the number.

``PROMETHEUS_MULTIPROC_DIR``, where set, is made, and what a run before has left there goes: it
would be added to the numbers of this one.

``entrypoint.py --health PATH`` asks the server of this container and fails unless it answers 200.
"""

import http.client
import math
import os
import socket
import sys
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

CONFIGURATION = 78
"""Exit code of what cannot start as it is configured (EX_CONFIG of sysexits.h)."""

NO_COMMAND = 127
"""Exit code of a command that is not there, as of a shell."""

CGROUPS = Path("/sys/fs/cgroup")
_RESERVE = 1.3
_UNLIMITED = 2**60
_HAIR = 1e-9
"""By which a product may miss a whole number only because it is computed in binary."""
_POSTGRES = 5432


class ConfigurationError(Exception):
    """This container cannot start as it is configured; the message says what to set."""


def main(arguments: Sequence[str]) -> int:
    """Answer ``--health PATH`` with 0 or 1, or become the command; give the exit code."""
    if len(arguments) == 2 and arguments[0] == "--health":
        return 0 if is_well(arguments[1], int(os.environ.get("PORT", "8000"))) else 1
    if not arguments:
        _say("there is no command to run")
        return CONFIGURATION
    try:
        read_secrets(os.environ)
        workers = count_workers(os.environ, CGROUPS)
        clear_metrics(os.environ)
    except ConfigurationError as error:
        _say(f"cannot start: {error}")
        return CONFIGURATION
    os.environ["WORKERS"] = str(workers)
    command = [argument.replace("{workers}", str(workers)) for argument in arguments]
    if os.environ.get("DATABASE_URL"):
        look_for_database(os.environ["DATABASE_URL"], _say)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell: the server is process 1 and gets its signals
    except OSError as error:
        _say(f"cannot start {command[0]}: {error.strerror}")
    return NO_COMMAND


def read_secrets(environ: MutableMapping[str, str]) -> None:
    """Put secrets from files into the environment, and into the variables that refer to them.

    Raises:
        ConfigurationError: A file is missing, unreadable or empty, or nothing says the secret.
    """
    secrets = {}
    for name in environ.get("SECRETS", "").split():
        if not environ.get(name):
            environ[name] = _from_file(name, environ.get(f"{name}_FILE", ""))
        secrets[name] = quote(environ[name], safe="")
    for variable in [name for name in environ if name not in secrets]:
        for name, secret in secrets.items():
            if f"{{{name}}}" in environ[variable]:
                environ[variable] = environ[variable].replace(f"{{{name}}}", secret)


def _from_file(name: str, file: str) -> str:
    if not file:
        raise ConfigurationError(f"{name} is not set; set it, or {name}_FILE to a file with it")
    try:
        # the line end is the editor's, not the secret's
        secret = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{name}_FILE names {file}: {reason}") from error
    if not secret:
        raise ConfigurationError(f"{name}_FILE names {file}, which is empty")
    return secret


def count_workers(environ: MutableMapping[str, str], cgroups: Path) -> int:
    """Say how many processes the server has.

    Raises:
        ConfigurationError: A variable holds no such number.
    """
    if environ.get("WORKERS"):
        return int(_number(environ, "WORKERS", least=1))
    per_cpu = _number(environ, "WORKERS_PER_CPU", least=0, default=1)
    cpus = cpu_limit(cgroups)
    workers = max(1, math.floor(per_cpu * cpus + _HAIR))
    each, limit = _number(environ, "WORKER_MEMORY", least=0, default=0), memory_limit(cgroups)
    if each and limit is not None:
        workers = max(1, min(workers, math.floor(limit / (_RESERVE * each) + _HAIR)))
    return workers


def clear_metrics(environ: MutableMapping[str, str]) -> None:
    """Make the folder where all processes keep their metrics, without those of a run before.

    https://prometheus.github.io/client_python/multiprocess/

    Raises:
        ConfigurationError: It cannot be written to.
    """
    folder = environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file in Path(folder).glob("*.db"):
            file.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"PROMETHEUS_MULTIPROC_DIR names {folder}: {error.strerror}"
        ) from error


def _number(
    environ: MutableMapping[str, str], name: str, *, least: float, default: float = 0
) -> float:
    text = environ.get(name, "")
    try:
        number = float(text) if text else float(default)
    except ValueError:
        number = math.nan
    if not number >= least or math.isinf(number):
        raise ConfigurationError(f"{name} is {text!r}, and is to be a number from {least:g} on")
    return number


def cpu_limit(cgroups: Path) -> float:
    """Give the cores that this container may use at once.

    The quota of version 2 (``cpu.max``) or version 1 of control groups, or without one the CPUs
    that this process may run on. https://docs.kernel.org/admin-guide/cgroup-v2.html,
    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    if hasattr(os, "sched_getaffinity"):
        cpus = float(len(os.sched_getaffinity(0)))
    else:
        cpus = float(os.cpu_count() or 1)
    both = _words(cgroups / "cpu.max") or [
        *_words(cgroups / "cpu" / "cpu.cfs_quota_us"),
        *_words(cgroups / "cpu" / "cpu.cfs_period_us"),
    ]
    if len(both) == 2 and both[0] not in ("max", "-1"):
        cpus = min(cpus, int(both[0]) / int(both[1]))
    return cpus


def memory_limit(cgroups: Path) -> int | None:
    """Give the bytes that this container may use, None without a limit."""
    for file in (cgroups / "memory.max", cgroups / "memory" / "memory.limit_in_bytes"):
        words = _words(file)
        if words and words[0].isdigit() and int(words[0]) < _UNLIMITED:
            return int(words[0])
    return None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:
        return []


def look_for_database(url: str, say: Callable[[str], None]) -> None:
    """Say in one line if the database does not answer; the server starts all the same.

    It would be no better for not running: readiness fails until the database is there, and then it
    serves without having been restarted.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _POSTGRES
    except ValueError:
        # not what is wrong with it: that may be a part of the password
        say("DATABASE_URL is no address; a password in it is to be quoted as in any URL")
        return
    if not parts.scheme.startswith("postgres") or not host:
        return
    try:
        _connect(url.replace(parts.scheme, "postgresql", 1), host, port)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is worth the same line
        # of libpq's lines the first says it, after where it tried; the next asks whether it runs
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        reason = first.rpartition("failed: ")[2].strip()
        say(f"the database at {host}:{port} cannot be used yet: {reason}")


def _connect(url: str, host: str, port: int) -> None:
    """Connect as the app would if its driver is there, otherwise see whether somebody listens."""
    try:
        import psycopg as driver  # noqa: PLC0415 - only where the app has it
    except ImportError:
        try:
            import psycopg2 as driver  # noqa: PLC0415
        except ImportError:
            socket.create_connection((host, port), timeout=3).close()
            return
    driver.connect(url, connect_timeout=3).close()


def is_well(path: str, port: int) -> bool:
    """Ask the server of this container; anything but a 200 within 2 s is ill."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request(
            "GET", path, headers={"Host": os.environ.get("HEALTH_HOST", "localhost")}
        )
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _say(message: str) -> None:
    print(f"entrypoint: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the container's log


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
