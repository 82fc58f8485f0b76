"""Which program a container starts in the end, past its entry point, shells and wrappers.

Whether a shell stays above the program and keeps signals from it was tried with the shells
themselves (``sh -c COMMAND``, then the name of the process; dash 0.5.11 of Debian 11, 0.5.12 of
Debian 12 and 13, bash 5.2.15, BusyBox 1.35):

- dash, Debian's /bin/sh, stays without ``exec``, even where the command is a single one;
- bash makes way for the last command of ``-c`` if that is a simple one without redirection, on the
  top level (not in ``if``, ``{ }``, ``|``) and no trap is set; so does BusyBox's ash;
- all of them stay while they go through a script in a file, whatever its last line.
"""

import re
from collections.abc import Callable, Mapping

from toolkit.lint.facts import NONE, Command, Fact, Where
from toolkit.lint.shell.run import Find, Shell, Started, Surroundings
from toolkit.lint.shell.serving import Serves, serves
from toolkit.lint.shell.syntax import parse
from toolkit.lint.shell.values import Values
from toolkit.lint.shell.wrappers import SHELLS, Args, is_python, name_of, unwrap
from toolkit.reading import ReadError

ScriptFinder = Callable[[str], tuple[str, str] | None]
"""Give the path in the folder and the text of a script by its path in the container."""

_MOST_DEEP = 16
_OPTIONS_WITH_VALUE = frozenset({"--rcfile", "--init-file"})
_BECOMES = re.compile(r"\bos\.exec[lv]p?e?\(")
_COMMANDS = {
    "granian": "granian.cli",
    "gunicorn": "gunicorn.app.wsgiapp",
    "hypercorn": "hypercorn.__main__",
    "uvicorn": "uvicorn.main",
}
"""Modules of servers that have nothing in them but their commands."""

_NO_SCRIPT = (".py", ".js", ".rb", ".pl", ".php", ".jar")


def command_of(
    entrypoint: Fact[tuple[str, ...]] | None,
    cmd: Fact[tuple[str, ...]] | None,
    script: ScriptFinder,
    *,
    env: Mapping[str, Fact[str]],
    makes_way: bool = False,
) -> Command | None:
    """Find the program that is started.

    As Docker does, it puts CMD after ENTRYPOINT, so that a shell form (``/bin/sh -c TEXT``) of
    ENTRYPOINT makes nothing of CMD.

    Args:
        entrypoint: None or empty: none.
        cmd: Likewise.
        script: Finds entry point scripts.
        env: The container's variables, for ``${WORKERS:-4}``: what is not among them has its
            default if it has one, and stays as written if not.
        makes_way: Whether /bin/sh is BusyBox's or bash, not Debian's dash.

    Returns:
        The command; of an entry point that is not in the folder what it is given, if that is a
        server, else the entry point itself. None if nothing is started, or if that depends on what
        the script cannot tell.
    """
    facts = [fact for fact in (entrypoint, cmd) if fact is not None]
    args = tuple(Fact(word, fact.where) for fact in facts for word in fact.value)
    try:
        started = _Starter(script, makes_way=makes_way).start(args, Surroundings(env))
    except (ReadError, RecursionError):
        return None
    if started is None or not started.args:
        return None
    changed = {name: fact for name, fact in started.env.items() if env.get(name) != fact}
    return Command(
        words=(name_of(started.args), *(word.value for word in started.args[1:])),
        where=started.args[0].where,
        shell=started.shell,
        env=changed or NONE,
        workdir=started.workdir,
        places=tuple(word.where for word in started.args),
    )


class _Starter:
    def __init__(self, script: ScriptFinder, *, makes_way: bool) -> None:
        self.script: Find = script
        self.makes_way = makes_way
        self.starts = 0
        self.running: list[tuple[str, ...]] = []

    def start(self, args: Args, around: Surroundings) -> Started | None:
        """Follow a command to its program."""
        self.starts += 1
        if around.depth > _MOST_DEEP or self.starts > 2_000:
            raise ReadError("scripts call each other without end")
        env = dict(around.env)
        to_group = False
        while args and serves(args) is Serves.NOT:
            inside = unwrap(args)
            if inside is None:
                break
            args = inside.args
            env.update(inside.env)
            to_group = to_group or inside.to_group
        if not args:
            return None
        around = Surroundings(env, around.workdir, around.depth)
        started = self._of_shell(args, around)
        if started is not None and to_group:
            return Started(args=started.args, env=started.env, workdir=started.workdir)
        return started

    def _of_shell(self, args: Args, around: Surroundings) -> Started | None:
        plain = Started(args=args, env=around.env, workdir=around.workdir)
        if serves(args) is not Serves.NOT:
            return plain
        if name_of(args) in SHELLS:
            return self._of_options(args, around)
        handed = _handed_on_by_python(args, self.script)
        if handed:
            return self.start(handed, around)
        if name_of(args).endswith(_NO_SCRIPT):
            return plain
        found = self.script(args[0].value)
        if found is None:
            return self._behind(args, around) or plain
        if not _is_shells(*found):
            return plain
        return self._of_file(found, args, around)

    def _behind(self, args: Args, around: Surroundings) -> Started | None:
        """Take a server that an entry point which is not here is given for what it starts."""
        inner = args[1:]
        while inner and serves(inner) is Serves.NOT:
            inside = unwrap(inner)
            if inside is None:
                break
            inner = inside.args
        # in a script it may as well be `which gunicorn`
        if around.depth or not inner:
            return None
        if serves(inner) is Serves.NOT and name_of(inner) not in SHELLS:
            return None
        return self.start(inner, around)

    def _of_options(self, args: Args, around: Surroundings) -> Started | None:
        """Follow ``sh -c TEXT`` and ``sh SCRIPT``."""
        at, is_text = 1, False
        while at < len(args) and args[at].value[:1] in ("-", "+") and len(args[at].value) > 1:
            option = args[at].value
            at += 1
            if option == "--":
                break
            if option.startswith("--"):
                at += option in _OPTIONS_WITH_VALUE
                continue
            is_text = is_text or "c" in option
            at += option.count("o") + option.count("O")
        if at >= len(args):
            return None
        if is_text:
            return self._of_text(args, at, around)
        found = self.script(args[at].value)
        return None if found is None else self._of_file(found, args[at:], around)

    def _of_text(self, args: Args, at: int, around: Surroundings) -> Started | None:
        where = args[at].where
        values = Values(lambda _: where, dict(around.env), args[at + 1 :] or (args[0],))
        # dash is what /bin/sh is on Debian, and what Python's images are made from
        replaces = self.makes_way or name_of(args) not in ("sh", "dash")
        shell = Shell(values, self.start, self.script, around, replaces=replaces)
        return shell.run(parse(args[at].value))

    def _of_file(self, found: tuple[str, str], args: Args, around: Surroundings) -> Started | None:
        path, text = found
        called = (path, *(word.value for word in args[1:]))
        if called in self.running:
            return None  # once more, as another user: `exec gosu app "$0" "$@"`
        values = Values(lambda line: Where(path, line), dict(around.env), args)
        self.running.append(called)
        started = Shell(values, self.start, self.script, around).run(parse(text))
        self.running.pop()
        return started


def _handed_on_by_python(args: Args, script: ScriptFinder) -> Args:
    """Give what ``python entrypoint.py PROGRAM ...`` becomes; nothing if it stays itself.

    A script that calls the command of a server, with something of its own around it, is taken for
    that command.
    """
    at = 1 if is_python(name_of(args)) else 0
    if len(args) < at + 2 or not args[at].value.endswith(".py"):
        return ()
    found = script(args[at].value)
    if found is None:
        return ()
    if _BECOMES.search(found[1]):
        return args[at + 1 :]
    for program, module in _COMMANDS.items():
        if f"from {module} import" in found[1]:
            return (Fact(program, args[at].where), *args[at + 1 :])
    return ()


def _is_shells(path: str, text: str) -> bool:
    """Tell whether a script is a shell's: by its first line, else by its name."""
    first = text[:200].split("\n", 1)[0]
    if not first.startswith("#!"):
        return not path.endswith(_NO_SCRIPT)
    return any(name in first for name in ("sh", "with-contenv"))
