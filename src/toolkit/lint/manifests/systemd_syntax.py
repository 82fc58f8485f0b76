"""The text of systemd's unit files: settings by section, and the words of a command line.

Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html
"""

import re
from collections.abc import Mapping

from toolkit.lint.facts import Fact, Where
from toolkit.lint.variables import unknown
from toolkit.reading import lines_of

Settings = Mapping[str, tuple[Fact[str], ...]]
"""Values by name, in order; one that is empty takes away those before it."""

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)", re.ASCII)
_MOST_LENGTH = 1_000
"""Of a variable that is put into a command."""


def section(path: str, text: str, name: str) -> Settings:
    """Read the settings of a section.

    Args:
        path: Of the file.
        text: In it; lines that are no settings are passed over.
        name: Of the section, as "Service".
    """
    found: dict[str, list[Fact[str]]] = {}
    inside = False
    started: Fact[str] | None = None
    parts: list[str] = []
    for number, line in lines_of(text):
        stripped = line.strip()
        if started is not None:
            if stripped.startswith(("#", ";")):
                continue  # a comment between the lines of a value
            parts.append(stripped)
        elif stripped.startswith("["):
            inside = stripped == f"[{name}]"
            continue
        elif inside and stripped and stripped[0] not in "#;":
            key, separator, value = stripped.partition("=")
            if not separator:
                continue
            started, parts = Fact(key.strip(), Where(path, number)), [value.strip()]
        if started is not None and not _continues(parts):
            _set(found, started, " ".join(parts))
            started = None
    if started is not None:
        _set(found, started, " ".join(parts))
    return {key: tuple(values) for key, values in found.items()}


def _continues(parts: list[str]) -> bool:
    """Tell whether a backslash ends the last line, and take it off."""
    if not parts[-1].endswith("\\"):
        return False
    parts[-1] = parts[-1][:-1].rstrip()
    return True


def _set(found: dict[str, list[Fact[str]]], key: Fact[str], value: str) -> None:
    values = found.setdefault(key.value, [])
    if value:
        values.append(Fact(value, key.where))
    else:
        values.clear()


def expanded(words: tuple[str, ...], env: Mapping[str, Fact[str]]) -> tuple[str, ...]:
    """Put variables into a command line: ``$NAME`` as a word gives words, ``${NAME}`` one."""
    found: list[str] = []
    for number, word in enumerate(words):
        alone = _VARIABLE.fullmatch(word)
        if number and alone is not None and alone[2] and alone[2] in env:
            found += env[alone[2]].value[:_MOST_LENGTH].split()
        else:
            found.append(_VARIABLE.sub(lambda at: _value(at, env), word))
    return tuple(found)


def _value(found: re.Match[str], env: Mapping[str, Fact[str]]) -> str:
    name = found[1] or found[2]
    if not name:
        return "$"
    fact = env.get(name)
    return unknown(name) if fact is None else fact.value[:_MOST_LENGTH]
