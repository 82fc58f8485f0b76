"""hypercorn's configuration file: TOML, or Python as gunicorn's."""

import re
import tomllib
from collections.abc import Mapping

from toolkit.lint.facts import Fact, Where
from toolkit.lint.servers import gunicorn_config
from toolkit.reading import ReadError, lines_of

_KEY = re.compile(r"\s*[\"']?([A-Za-z_]\w*)[\"']?\s*=")


def read(
    path: str, text: str, env: Mapping[str, Fact[str]]
) -> tuple[dict[str, Fact[object]], bool]:
    """Read a configuration file.

    Returns:
        Its settings, and whether they are all.

    Raises:
        ReadError: It is neither TOML nor Python.
    """
    if path.endswith(".py"):
        return gunicorn_config.read(path, text, env)
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ReadError(f"not TOML: {error}") from error
    lines: dict[str, int] = {}
    for number, line in lines_of(text):
        if found := _KEY.match(line):
            lines.setdefault(found[1], number)
    return {
        name: Fact(value, Where(path, lines.get(name, 0))) for name, value in table.items()
    }, True
