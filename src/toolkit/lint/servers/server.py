"""The server that a command is, with its settings."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from toolkit.lint.facts import Command, Fact, Server
from toolkit.lint.servers import development, gunicorn, other_servers, uwsgi
from toolkit.lint.servers.starting import ConfigFinder, Starting
from toolkit.lint.shell.values import is_known

_VARIABLE = re.compile(r"\$(?:\((\w+)\)|\{(\w+)\}|(\w+))")


_READERS: Mapping[str, tuple[Callable[[Starting], Server | None], str]] = {
    "cheroot": (other_servers.cheroot, "cheroot"),
    "fastapi": (other_servers.uvicorn, "uvicorn"),
    "granian": (other_servers.granian, "granian"),
    "gunicorn": (gunicorn.read, "gunicorn"),
    "hypercorn": (other_servers.hypercorn, "hypercorn"),
    "uvicorn": (other_servers.uvicorn, "uvicorn"),
    "uwsgi": (uwsgi.read, "uwsgi"),
    "waitress-serve": (other_servers.waitress, "waitress"),
}
"""How to read which program, and the package whose version is its own."""


def server_of(
    command: Command,
    *,
    env: Mapping[str, Fact[str]],
    workdir: str,
    find: ConfigFinder,
    versions: Mapping[str, Fact[str]],
) -> Server | None:
    """Tell which server a command is, and what its settings come to.

    Args:
        command: Without shells and wrappers.
        env: Variables of the container; those that the command sets are added.
        workdir: Of the container, "" if it is not known.
        find: Finds configuration files, and the source of ``python app.py``.
        versions: That the project pins, by package.

    Returns:
        None: it is none that is known.
    """
    around = {**env, **command.env}
    words = tuple(_put_in(word, around) for word in command.words)
    name = words[0].removesuffix(".exe") if words else ""
    folder = str(PurePosixPath(workdir or "/", command.workdir))
    read, package = _READERS.get(name, (development.read, ""))
    return read(
        Starting(
            command=replace(command, words=(name, *words[1:])),
            env=around,
            workdir=folder,
            find=find,
            version=versions.get(package),
        )
    )


def _put_in(word: str, env: Mapping[str, Fact[str]]) -> str:
    """Put in variables that no shell is there for: Kubernetes' ``$(NAME)``, systemd's ``$NAME``."""

    def value(found: re.Match[str]) -> str:
        fact = env.get(found[1] or found[2] or found[3])
        return fact.value if fact is not None and is_known(fact.value) else found[0]

    return _VARIABLE.sub(value, word)
