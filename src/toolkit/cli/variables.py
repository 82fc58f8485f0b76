"""Variables that users give to their servers: ``--env NAME[=VALUE]`` and ``--env-file FILE``."""

import os
from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import ConfigError


def read_variables(texts: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=VALUE``, and ``NAME`` with the value that it has here.

    Raises:
        ConfigError: There is no such variable here.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not (equals or name in os.environ):
            raise ConfigError(
                f"--env {name}: there is no such variable here" if name else "--env without a name",
                hint="Set it, or give --env NAME=VALUE.",
            )
        found[name] = value if equals else os.environ[name]
    return found


def read_file(file: Path) -> dict[str, str]:
    """Read a file of variables, as Docker's ``--env-file`` does: a ``NAME=VALUE`` a line.

    Nothing is expanded; quotes around a whole value go. Lines that begin with # are remarks.

    Raises:
        ConfigError: It cannot be read, or has other lines.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--env-file {file}: {error}") from error
    found = {}
    for number, raw in enumerate(lines, start=1):
        line = raw.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{file}:{number}: {line!r} is no variable", hint="Write NAME=VALUE.")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
