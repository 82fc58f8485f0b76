"""Programs that start another program and leave it its arguments: ``env``, ``tini``, ``uv run``.

They either become the program or hand signals on to it, so that nothing is lost by leaving them
out; shells, which keep signals to themselves, are not among them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from toolkit.lint.facts import Fact

Args = tuple[Fact[str], ...]

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})

_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_PYTHON = re.compile(r"(python|pypy)[0-9.]*t?")


@dataclass(frozen=True, slots=True)
class Inside:
    """What a wrapper starts.

    Attributes:
        env: That it sets.
        to_group: Whether it sends signals to every process in its group, so that they reach the
            program past a shell.
    """

    args: Args
    env: Mapping[str, Fact[str]] = field(default_factory=dict)
    to_group: bool = False


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """How to find what a wrapper starts.

    Attributes:
        valued: Options that take the next argument as their value.
        taken: Arguments of its own before the program.
        verb: Its subcommand that starts programs.
    """

    valued: frozenset[str] = frozenset()
    taken: int = 0
    verb: str = ""


def _wrapper(valued: str = "", taken: int = 0, verb: str = "") -> _Wrapper:
    return _Wrapper(frozenset(valued.split()), taken, verb)


_UV = (
    "--with --with-editable --with-requirements --extra --no-extra --group --no-group --only-group "
    "--env-file --package --project --directory -p --python --index --default-index -i --index-url "
    "--extra-index-url -f --find-links --config-file --cache-dir --refresh-package -P "
    "--upgrade-package --link-mode --from -w"
)
_DOCKERIZE = (
    "-wait -timeout -template -stdout -stderr -wait-retry-interval -wait-http-header -delims"
)
_CONDA = "-n --name -p --prefix --cwd"
_WRAPPERS = {
    "authbind": _wrapper(),
    "busybox": _wrapper(),
    "catatonit": _wrapper(),
    "chpst": _wrapper("-u -U -b -e -m -d -o -p -f -c -t -r -/ -n"),
    "chrt": _wrapper(taken=1),
    "command": _wrapper(),
    "conda": _wrapper(_CONDA, verb="run"),
    "ddtrace-run": _wrapper(),
    "docker-init": _wrapper("-p -e"),
    "dockerize": _wrapper(_DOCKERIZE),
    "doppler": _wrapper("-p --project -c --config -t --token", verb="run"),
    "dotenv": _wrapper("-f --file", verb="run"),
    "dumb-init": _wrapper("-r --rewrite"),
    "env": _wrapper("-u --unset -C --chdir"),
    "envdir": _wrapper(taken=1),
    "exec": _wrapper("-a"),
    "gosu": _wrapper(taken=1),
    "hatch": _wrapper("-e --env", verb="run"),
    "infisical": _wrapper("--env --path --projectId --token", verb="run"),
    "ionice": _wrapper("-c -n --class --classdata"),
    "mamba": _wrapper(_CONDA, verb="run"),
    "micromamba": _wrapper(_CONDA, verb="run"),
    "newrelic-admin": _wrapper(verb="run-program"),
    "nice": _wrapper("-n --adjustment"),
    "nohup": _wrapper(),
    "numactl": _wrapper("-N -m -C -i -p"),
    "op": _wrapper("--env-file", verb="run"),
    "opentelemetry-instrument": _wrapper(),
    "pdm": _wrapper("-p --project -V --venv", verb="run"),
    "pipenv": _wrapper("--python", verb="run"),
    "pixi": _wrapper("-e --environment --manifest-path", verb="run"),
    "poetry": _wrapper("-C --directory -P --project", verb="run"),
    "runuser": _wrapper("-u -g -G"),
    "rye": _wrapper("--pyproject", verb="run"),
    "s6-envdir": _wrapper(taken=1),
    "s6-setuidgid": _wrapper(taken=1),
    "setpriv": _wrapper("--reuid --regid --groups --inh-caps --ambient-caps --bounding-set"),
    "setsid": _wrapper(),
    "setuidgid": _wrapper(taken=1),
    "stdbuf": _wrapper("-i -o -e"),
    "su-exec": _wrapper(taken=1),
    "sudo": _wrapper("-u -g -h -p -C"),
    "taskset": _wrapper(taken=1),
    "time": _wrapper("-f -o"),
    "timeout": _wrapper("-s -k --signal --kill-after", taken=1),
    "tini": _wrapper("-p -e"),
    "tini-static": _wrapper("-p -e"),
    "uv": _wrapper(_UV, verb="run"),
    "uvx": _wrapper(_UV),
    "with-contenv": _wrapper(),
}

_PROGRAMS = (
    *("cheroot", "daphne", "fastapi", "flask", "granian", "gunicorn", "hypercorn", "pdm"),
    *("pipenv", "poetry", "quart", "uv", "uvicorn"),
)
_MODULES = {
    "gunicorn.app.wsgiapp": "gunicorn",
    "waitress": "waitress-serve",
    "django": "django-admin",
    **{name: name for name in _PROGRAMS},
}
"""Programs that ``python -m`` starts, by module."""


def name_of(args: Sequence[Fact[str]]) -> str:
    """Give the base name of a program."""
    return PurePosixPath(args[0].value).name if args else ""


def is_python(name: str) -> bool:
    """Tell whether a program is an interpreter of Python."""
    return _PYTHON.fullmatch(name) is not None


def unwrap(args: Args) -> Inside | None:
    """Take off one wrapper; None if the first word is none."""
    name = name_of(args)
    if is_python(name):
        return _of_python(args)
    wrapper = _WRAPPERS.get(name)
    if wrapper is None:
        return _after_dashes(name, args)
    rest = _past_options(args[1:], wrapper.valued)
    if wrapper.verb:
        if not rest or rest[0].value != wrapper.verb:
            return None
        rest = rest[1:]
        if name in ("uv", "uvx"):
            rest = _with_python(rest, wrapper.valued)
        rest = _past_options(rest, wrapper.valued)
    rest = rest[wrapper.taken :]
    given = {word.value for word in args[: len(args) - len(rest)]}
    if name == "env":
        rest = _split_string(args, rest)
    env, rest = _assignments(rest) if name in ("env", "sudo") else ({}, rest)
    if name in ("uv", "uvx") and rest and rest[0].value.endswith(".py"):
        rest = (Fact("python", rest[0].where), *rest)
    to_group = (name == "dumb-init" and not given & {"-c", "--single-child"}) or (
        name.startswith("tini") and bool(given & {"-g", "-sg", "-gs", "-vg"})
    )
    return Inside(rest, env, to_group)


def _past_options(args: Args, valued: frozenset[str]) -> Args:
    at = 0
    while at < len(args) and args[at].value.startswith("-") and args[at].value != "-":
        word = args[at].value
        at += 1
        if word == "--":
            break
        if word in valued:
            at += 1
    return args[at:]


def _assignments(args: Args) -> tuple[dict[str, Fact[str]], Args]:
    env: dict[str, Fact[str]] = {}
    for at, word in enumerate(args):
        found = _ASSIGNED.fullmatch(word.value)
        if found is None:
            return env, args[at:]
        env[found[1]] = Fact(found[2], word.where)
    return env, ()


def _split_string(args: Args, rest: Args) -> Args:
    """Follow ``env -S "program argument"``, as scripts' first lines have it."""
    for at, word in enumerate(args[:2]):
        if word.value in ("-S", "--split-string") and at + 1 < len(args):
            first = args[at + 1]
            words = tuple(Fact(text, first.where) for text in first.value.split())
            return (*words, *args[at + 2 :])
    return rest


def _with_python(args: Args, valued: frozenset[str]) -> Args:
    """Put the ``python`` that ``uv run -m MODULE`` means before it."""
    at = 0
    while at < len(args) and args[at].value.startswith("-"):
        word = args[at]
        if word.value in ("-m", "--module"):
            return (Fact("python", word.where), Fact("-m", word.where), *args[at + 1 :])
        at += 2 if word.value in valued else 1
    return args


def _of_python(args: Args) -> Inside | None:
    """Take ``python -m`` off what is a program of its own too, and a program's full path."""
    at = 1
    while at < len(args) and args[at].value.startswith("-") and args[at].value != "-":
        word = args[at].value
        if word == "-m" and at + 1 < len(args):
            return _of_module(args[at + 1], args[at + 2 :])
        if word in ("-c", "-m"):
            return None
        at += 2 if word in ("-W", "-X") else 1
    if at < len(args) and PurePosixPath(args[at].value).name in set(_MODULES.values()):
        return Inside(args[at:])
    return None


def _of_module(module: Fact[str], rest: Args) -> Inside | None:
    if module.value in ("debugpy", "ptvsd"):
        inner = _past_options(rest, frozenset({"--listen", "--connect", "--host", "--port", "-m"}))
        before = rest[: len(rest) - len(inner)]
        started = next((at for at, word in enumerate(before) if word.value == "-m"), None)
        inner = rest[started:] if started is not None else inner
        return Inside((Fact("python", module.where), *inner))
    name = _MODULES.get(module.value)
    return None if name is None else Inside((Fact(name, module.where), *rest))


def _after_dashes(name: str, args: Args) -> Inside | None:
    """Take ``wait-for-it.sh db:5432 -- program`` for what it is, whoever wrote it."""
    if name.startswith(("wait-for", "wait_for", "waitfor")):
        for at, word in enumerate(args):
            if word.value == "--":
                return Inside(args[at + 1 :])
    return None
