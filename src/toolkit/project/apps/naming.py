"""Targets that a project's own files name: commands of servers, FLASK_APP, gunicorn's config."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from toolkit.project.apps.sources import parse
from toolkit.reading import Files

_MOST_FILES = 60
_MOST_TEXT = 100_000
_SERVERS = frozenset(
    {"gunicorn", "uvicorn", "hypercorn", "granian", "waitress-serve", "uwsgi", "daphne", "fastapi"}
)
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?")
_PLACES = frozenset({"python", "file", "egg", "unix", "fd", "http", "https", "tcp"})
"""What stands before the colon of an address or of a config file."""

_SCRIPTS = ("", "bin", "docker", "scripts", "deploy", "deployment", "run", ".docker", ".deploy")
"""Folders with files that may start a server."""

_JSON = re.compile(r"\[[^\[\]]*\]")
_WSGI_APP = re.compile(r"(?m)^\s*(?:module|wsgi|mount|wsgi-file)\s*=\s*(\S.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Named:
    """A target as a file names it.

    Attributes:
        target: As it stands there.
        file: From the folder.
        by: What names it, for people: "the command of gunicorn", "FLASK_APP".
    """

    target: str
    file: str
    by: str


def named_targets(files: Files) -> Iterator[Named]:
    """Find targets, those that are deployed before those that developers run."""
    texts = [(path, text) for path in _relevant(files) if (text := files.text(path))]
    yield from _in_configs(texts)
    for path, text in texts:
        if _is_command_file(path):
            for arguments in _commands(path, text[:_MOST_TEXT]):
                yield from _in_command(arguments, path)
    yield from _in_variables(texts)


def _relevant(files: Files) -> list[str]:
    found = [
        path
        for path in files.paths
        if str(PurePosixPath(path).parent).removeprefix(".") in _SCRIPTS
        or PurePosixPath(path).name.startswith("gunicorn")
    ]
    near = [path for path in found if _is_command_file(path) or _is_config(path)]
    # a Procfile and a Dockerfile say what is deployed; scripts also say other things
    return sorted(near, key=lambda path: (path.count("/"), _order(path), path))[:_MOST_FILES]


def _order(path: str) -> int:
    name = PurePosixPath(path).name
    if name == "Procfile":
        return 0
    if "ockerfile" in name or name == "Containerfile":
        return 1
    return 2 if "compose" in name else 3


def _is_command_file(path: str) -> bool:
    name = PurePosixPath(path).name
    return (
        name in {"Procfile", "Containerfile", "supervisord.conf"}
        or "ockerfile" in name
        or "entrypoint" in name
        or name.endswith((".sh", ".service"))
        or ("compose" in name and name.endswith((".yml", ".yaml")))
    )


def _is_config(path: str) -> bool:
    name = PurePosixPath(path).name
    return (
        name in {".env", ".flaskenv", "uwsgi.ini", "pyproject.toml"}
        or (name.startswith("gunicorn") and name.endswith(".py"))
        or "ockerfile" in name
    )


def _in_configs(texts: list[tuple[str, str]]) -> Iterator[Named]:
    for path, text in texts:
        name = PurePosixPath(path).name
        if name.startswith("gunicorn") and (tree := parse(text)):
            for statement in tree.body:
                match statement:
                    case ast.Assign(
                        targets=[ast.Name(id="wsgi_app")], value=ast.Constant(value=str(target))
                    ):
                        yield Named(target, path, "gunicorn's setting wsgi_app")
                    case _:
                        pass
        elif name == "uwsgi.ini":
            for value in _WSGI_APP.findall(text):
                yield Named(value.rpartition("=")[2].strip(), path, "the command of uwsgi")
        elif name == "pyproject.toml":
            found = re.search(
                r"(?ms)^\[tool\.fastapi\]\s*$[^\[]*?^entrypoint\s*=\s*[\"']([^\"'\n]+)", text
            )
            if found:
                yield Named(found[1], path, "the setting of FastAPI's command line")


def _commands(path: str, text: str) -> Iterator[list[str]]:
    text = re.sub(r"\\\r?\n", " ", text)
    lines = text.splitlines()
    if "ockerfile" in path:
        # the last of each counts, and CMD gives arguments to ENTRYPOINT
        final: list[str] = []
        for instruction in ("ENTRYPOINT", "CMD"):
            of = [line for line in lines if line.strip().upper().startswith(f"{instruction} ")]
            final += _words(of[-1].strip()[len(instruction) :]) if of else []
        yield final
        return
    for line in lines:
        if not line.lstrip().startswith("#") and any(server in line for server in _SERVERS):
            yield _words(line)


def _words(line: str) -> list[str]:
    """Split a line as a shell does; a list in brackets, as JSON."""
    if found := _JSON.search(line):
        try:
            listed = json.loads(found[0])
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list):
            return [inner for word in listed for inner in _split(str(word))]
    return [inner for word in _split(line) for inner in _split(word)]


def _split(text: str) -> list[str]:
    """Split what is a command itself, as ``sh -c`` has it, but no call with arguments."""
    text = text.strip()
    if _TARGET.fullmatch(text) or " " not in text:
        return [text]
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _in_command(words: list[str], path: str) -> Iterator[Named]:
    for index, word in enumerate(words):
        server = PurePosixPath(word).name
        rest = words[index + 1 :]
        if server == "flask" and "run" in rest:
            for flag, value in pairwise(rest):
                if flag in {"--app", "-A"}:
                    yield Named(value, path, "the command of flask")
        if server not in _SERVERS:
            continue
        by = f"the command of {server}"
        targets = [
            other
            for other in rest
            if _TARGET.fullmatch(other) and other.partition(":")[0] not in _PLACES
        ]
        if not targets and server == "fastapi":
            targets = [other for other in rest if other.endswith(".py")]
        if not targets and server == "gunicorn" and rest and re.fullmatch(r"[\w.]+", rest[-1]):
            # the attribute that gunicorn takes if none is named
            targets = [f"{rest[-1]}:application"]
        yield from (Named(target, path, by) for target in targets[:1])
        return


def _in_variables(texts: list[tuple[str, str]]) -> Iterator[Named]:
    """Find FLASK_APP, where flask's own command looks for it first."""
    for name in (".env", ".flaskenv", "Dockerfile"):
        for path, text in texts:
            if path == name:
                pattern = r"(?m)^\s*(?:export\s+|ENV\s+)?FLASK_APP(?:\s*=\s*|\s+)([^\s#\\]+)"
                for value in re.findall(pattern, text):
                    yield Named(value.strip("\"'"), path, "FLASK_APP")
