"""Services of systemd.

Sources: systemd.service(5), systemd.kill(5), systemd.exec(5) and systemd.resource-control(5).
Drop-ins and files of variables are elsewhere on the machine and not looked at.
"""

from collections.abc import Iterator, Mapping
from posixpath import basename, join
from types import MappingProxyType

from toolkit.lint.amounts import fraction, systemd_bytes, systemd_seconds
from toolkit.lint.facts import Container, Fact, Platform, Where
from toolkit.lint.manifests.systemd_syntax import Settings, expanded, section
from toolkit.lint.splitting import split
from toolkit.reading import lines_of

GRACE = 90.0
"""DefaultTimeoutStopSec in systemd-system.conf(5)."""

_PREFIXES = "@-:+!|"
_TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})
_FALSE = frozenset({"0", "no", "n", "false", "f", "off"})
_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - named, not used
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - likewise
"""What lies under /dev stays as it is when all else is read-only."""
_STATE_FOLDERS = {
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
    "StateDirectory": "/var/lib",
}


def is_unit(path: str) -> bool:
    """Tell whether a file is called like a service of systemd."""
    return path.endswith(".service")


def read(path: str, text: str) -> Container | None:
    """Read a service; None: it is none that goes on running.

    Args:
        path: Of the file, from the folder that is looked at.
        text: In it.

    Raises:
        ReadError: A value has a quote that is not closed, or is too long.
    """
    service = section(path, text, "Service")
    starts = service.get("ExecStart", ())
    if not starts or _last(service, "Type") == "oneshot":
        return None
    env = _env(service)
    where = Where(path, _line_of_section(text))
    return Container(
        platform=Platform.SYSTEMD,
        name=basename(path),
        where=where,
        command=_command(starts[-1], env),
        workdir=_workdir(service),
        env=MappingProxyType(env),
        memory=_memory(service),
        cpus=_cpus(service),
        grace=_grace(service, where),
        stop_signal=_fact(service, "KillSignal") or Fact("SIGTERM", where, "systemd"),
        read_only=_read_only(service),
        writable=tuple(_writable(service)),
        memory_folders=tuple(_in_memory(service)),
        kill_mode=_fact(service, "KillMode") or Fact("control-group", where, "systemd"),
    )


def _line_of_section(text: str) -> int:
    lines = (number for number, line in lines_of(text) if line.strip() == "[Service]")
    return next(lines, 0)


def _fact(service: Settings, name: str) -> Fact[str] | None:
    values = service.get(name, ())
    return values[-1] if values else None


def _last(service: Settings, name: str) -> str:
    fact = _fact(service, name)
    return fact.value if fact else ""


def _command(start: Fact[str], env: Mapping[str, Fact[str]]) -> Fact[tuple[str, ...]]:
    line = start.value.lstrip(_PREFIXES)
    words = split(line, start.where.line)
    if "@" in start.value.removesuffix(line):
        words = (*words[:1], *words[2:])  # the second word is what the program is to be called
    return Fact(expanded(words, env), start.where)


def _words(fact: Fact[str]) -> tuple[str, ...]:
    return split(fact.value, fact.where.line)


def _env(service: Settings) -> dict[str, Fact[str]]:
    found: dict[str, Fact[str]] = {}
    for fact in service.get("Environment", ()):
        for word in _words(fact):
            name, separator, value = word.partition("=")
            if separator and name:
                found[name] = Fact(value, fact.where)
    return found


def _workdir(service: Settings) -> str:
    folder = _last(service, "WorkingDirectory").removeprefix("-").strip("\"'")
    return folder if folder.startswith("/") else ""


def _memory(service: Settings) -> Fact[int] | None:
    fact = _fact(service, "MemoryMax") or _fact(service, "MemoryLimit")
    value = systemd_bytes(fact.value) if fact else None
    return Fact(value, fact.where) if fact and value else None


def _cpus(service: Settings) -> Fact[float] | None:
    fact = _fact(service, "CPUQuota")
    share = fraction(fact.value.removesuffix("%")) if fact else None
    return Fact(share / 100, fact.where) if fact and share else None


def _grace(service: Settings, where: Where) -> Fact[float] | None:
    """Give the time to stop; None: without limit, or not known."""
    fact = _fact(service, "TimeoutStopSec") or _fact(service, "TimeoutSec")
    if fact is None:
        return Fact(GRACE, where, "systemd")
    seconds = systemd_seconds(fact.value)
    return Fact(seconds, fact.where) if seconds else None


def _is_on(service: Settings, name: str) -> bool:
    return _last(service, name).lower() in _TRUE


def _read_only(service: Settings) -> Fact[bool] | None:
    protected = _fact(service, "ProtectSystem")
    if protected is not None and protected.value == "strict":
        return Fact(value=True, where=protected.where)
    for fact in service.get("ReadOnlyPaths", ()):
        if "/" in (_words(fact)):
            return Fact(value=True, where=fact.where)
    dynamic = _fact(service, "DynamicUser")
    if dynamic is not None and dynamic.value.lower() in _TRUE:
        return Fact(value=True, where=dynamic.where)  # implies ProtectSystem=strict
    return None


def _writable(service: Settings) -> Iterator[Fact[str]]:
    for name in ("ReadWritePaths", "TemporaryFileSystem"):
        yield from _paths(service, name)
    for name, above in _STATE_FOLDERS.items():
        for fact in service.get(name, ()):
            for folder in _words(fact):
                yield Fact(join(above, folder.partition(":")[0]), fact.where)
    for name in ("PrivateTmp", "DynamicUser"):
        fact_of_tmp = _fact(service, name)
        if fact_of_tmp is not None and fact_of_tmp.value.lower() not in _FALSE:
            for folder in _TEMPORARY_FOLDERS:
                yield Fact(folder, fact_of_tmp.where)
    if (read_only := _read_only(service)) is not None:
        yield Fact(_SHARED_MEMORY, read_only.where)


def _in_memory(service: Settings) -> Iterator[Fact[str]]:
    if (read_only := _read_only(service)) is not None:
        yield Fact(_SHARED_MEMORY, read_only.where)
    yield from _paths(service, "TemporaryFileSystem")
    for fact in service.get("RuntimeDirectory", ()):
        for folder in _words(fact):
            yield Fact(join("/run", folder.partition(":")[0]), fact.where)


def _paths(service: Settings, name: str) -> Iterator[Fact[str]]:
    for fact in service.get(name, ()):
        for word in _words(fact):
            path = word.lstrip("-+").partition(":")[0]
            if path.startswith("/"):
                yield Fact(path, fact.where)
