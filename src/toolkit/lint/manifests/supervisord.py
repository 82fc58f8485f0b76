"""Programs of supervisord, on a machine or in a container.

Source: http://supervisord.org/configuration.html. A value may go on in indented lines; a comment
within a line needs a space before its semicolon.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from posixpath import basename, dirname, join, normpath
from types import MappingProxyType

from toolkit.lint.amounts import fraction, whole
from toolkit.lint.facts import Fact, Where
from toolkit.lint.manifests.programs import Program
from toolkit.lint.splitting import split
from toolkit.lint.variables import unknown
from toolkit.reading import lines_of

GRACE = 10.0
"""Default of ``stopwaitsecs``."""

NAME = "supervisord"

_PROGRAM = "program:"
_MOST_PROGRAMS = 200
_HEADER = re.compile(r"\[([^\]]+)\]\s*(?:;.*)?")
_COMMENT = re.compile(r"\s;.*")
_EXPANSION = re.compile(r"%\((\w+)\)[sd]|%%")
_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^,]*)")
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})


def is_config(path: str, text: str) -> bool:
    """Tell whether a file configures supervisord."""
    return path.endswith((".conf", ".ini")) and any(
        line.startswith((f"[{_PROGRAM}", f"[{NAME}]")) for _, line in lines_of(text)
    )


def common_of(path: str, text: str, env: Mapping[str, Fact[str]]) -> Mapping[str, Fact[str]]:
    """Give the variables that a configuration has for all programs, included ones too."""
    return _env(_sections(path, text).get(NAME, {}), env)


def included(path: str, text: str) -> tuple[str, ...]:
    """Give the globs of the files that a configuration includes, as seen from where it lies."""
    sections = _sections(path, text)
    patterns = sections.get("include", {}).get("files")
    return tuple(patterns.value.split()) if patterns is not None else ()


def means(path: str, patterns: tuple[str, ...], other: str) -> bool:
    """Tell whether globs that a file names mean another one; all paths are of one place."""
    folder = dirname(path)
    return any(fnmatchcase(other, normpath(join(folder, pattern))) for pattern in patterns)


def read(
    path: str,
    text: str,
    env: Mapping[str, Fact[str]] = MappingProxyType({}),
    common: Mapping[str, Fact[str]] = MappingProxyType({}),
) -> tuple[Program, ...]:
    """Read the programs of a configuration.

    Args:
        path: Of the file, from the folder that is looked at.
        text: In it.
        env: Variables with which supervisord is started.
        common: Those that the file which includes this one has for all programs.

    Raises:
        ReadError: A command has a quote that is not closed, or is too long.
    """
    sections = _sections(path, text)
    common = {**common, **_env(sections.get(NAME, {}), env)}
    programs = [name for name in sections if name.startswith(_PROGRAM)]
    found = (
        _program(name.removeprefix(_PROGRAM).strip(), sections[name], common, env)
        for name in programs[:_MOST_PROGRAMS]
    )
    return tuple(program for program in found if program is not None)


Settings = Mapping[str, Fact[str]]


def _program(name: str, settings: Settings, common: Settings, outer: Settings) -> Program | None:
    command = settings.get("command")
    if command is None or not command.value:
        return None
    env = {**common, **_env(settings, outer)}
    text = _expanded(command.value, name, outer)
    where = command.where
    return Program(
        supervisor=NAME,
        name=name,
        where=where,
        command=Fact(split(text, where.line), where),
        directory=_directory(settings),
        env=MappingProxyType(env),
        grace=_grace(settings, where),
        grace_setting="stopwaitsecs={seconds}",
        stop_signal=_stop_signal(settings, where),
        as_group=_is_on(settings, "stopasgroup"),
        copies=_copies(settings),
    )


def _sections(path: str, text: str) -> dict[str, dict[str, Fact[str]]]:
    """Read all settings; of two of one name the last counts."""
    found: dict[str, dict[str, Fact[str]]] = {}
    inside: dict[str, Fact[str]] = {}
    last = ""
    for number, line in lines_of(text):
        stripped = line.strip()
        if not stripped or stripped[0] in ";#":
            continue
        header = _HEADER.fullmatch(stripped)
        if header:
            inside, last = found.setdefault(header[1].strip(), {}), ""
        elif line[0].isspace() and last:
            before = inside[last]
            more = _COMMENT.sub("", line).strip()
            inside[last] = Fact(f"{before.value}\n{more}".strip(), before.where)
        else:
            key, separator, value = stripped.partition("=")
            if separator:
                last = key.strip().lower()
                value = _COMMENT.sub("", f" {value}").strip()
                inside[last] = Fact(value, Where(path, number))
    return found


def _expanded(text: str, name: str, env: Settings) -> str:
    """Put in what ``%(NAME)s`` stands for; a variable that nobody gives stays one."""

    def value(match: re.Match[str]) -> str:
        key = match[1]
        if key is None:
            return "%"
        if key == "program_name":
            return name
        variable = key.removeprefix("ENV_")
        known = env.get(variable) if variable != key else None
        return known.value if known is not None else unknown(variable)

    return _EXPANSION.sub(value, " ".join(text.split("\n")))


def _env(settings: Settings, outer: Settings) -> dict[str, Fact[str]]:
    given = settings.get("environment")
    if given is None:
        return {}
    pairs = _ASSIGNMENT.findall(given.value.replace("\n", " "))
    return {
        name: Fact(_expanded(value.strip().strip("\"'"), "", outer), given.where)
        for name, value in pairs
    }


def _directory(settings: Settings) -> str:
    given = settings.get("directory")
    return given.value if given is not None and given.value.startswith("/") else ""


def _grace(settings: Settings, where: Where) -> Fact[float]:
    given = settings.get("stopwaitsecs")
    seconds = fraction(given.value) if given is not None else None
    if given is None or seconds is None:
        return Fact(GRACE, where, NAME)
    return Fact(seconds, given.where)


def _stop_signal(settings: Settings, where: Where) -> Fact[str]:
    given = settings.get("stopsignal")
    # several: each is sent in its turn
    names = given.value.replace(",", " ").split() if given is not None else []
    return Fact(names[0], given.where) if given is not None and names else Fact("TERM", where, NAME)


def _is_on(settings: Settings, key: str) -> bool:
    given = settings.get(key)
    return given is not None and given.value.lower() in _TRUE


def _copies(settings: Settings) -> Fact[int] | None:
    given = settings.get("numprocs")
    number = whole(given.value) if given is not None else None
    return None if given is None or number is None or number < 2 else Fact(number, given.where)


def configuration_of(words: tuple[str, ...]) -> str | None:
    """Give the file that a command of supervisord names, "" if none; None: it is another's."""
    if not words or basename(words[0]) != NAME:
        return None
    for at, word in enumerate(words):
        if word in ("-c", "--configuration"):
            return words[at + 1] if at + 1 < len(words) else ""
        if word.startswith("--configuration="):
            return word.partition("=")[2]
    return ""


STANDARD: tuple[str, ...] = ("/etc/supervisord.conf", "/etc/supervisor/supervisord.conf")
"""Where it looks if it is told nothing."""

DISTRIBUTED: tuple[str, ...] = ("/etc/supervisor/conf.d/*.conf", "/etc/supervisor.d/*.ini")
"""What the configurations include that Debian's and Alpine's packages bring along."""
