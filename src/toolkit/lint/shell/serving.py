"""Which programs serve an app: enough to choose among the commands of a script."""

from collections.abc import Sequence
from enum import IntEnum

from toolkit.lint.facts import Fact
from toolkit.lint.shell.wrappers import name_of

SERVERS = frozenset(
    {"cheroot", "daphne", "granian", "gunicorn", "hypercorn", "uvicorn", "uwsgi", "waitress-serve"}
)
_DEVELOPMENT = frozenset({("fastapi", "dev"), ("flask", "run"), ("quart", "run")})
_ENDS_AT_ONCE = frozenset({"--check-config", "--help", "--print-config", "--version"})


class Serves(IntEnum):
    """How likely a command is the one that a container is for."""

    NOT = 0
    DEVELOPMENT = 1
    PRODUCTION = 2


def serves(args: Sequence[Fact[str]]) -> Serves:
    """Tell what a command, without wrappers, serves."""
    words = [word.value for word in args]
    name = name_of(args)
    if _ENDS_AT_ONCE.intersection(words):
        return Serves.NOT
    if name in SERVERS or (name == "fastapi" and "run" in words):
        return Serves.PRODUCTION
    if any(name == program and verb in words[1:] for program, verb in _DEVELOPMENT):
        return Serves.DEVELOPMENT
    if "runserver" in words or "runserver_plus" in words:
        return Serves.DEVELOPMENT
    return Serves.NOT
