"""Compose files: which of them belong together, and the services in them.

What is not followed: ``include`` (the files it names are read by themselves if they are called
like compose files) and profiles (a service of any profile may be started, so all are read but for
those of development and tests).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from posixpath import basename, dirname, join

from toolkit.lint.facts import Container
from toolkit.lint.manifests.compose_layers import extended, overlay
from toolkit.lint.manifests.compose_service import container_of
from toolkit.lint.manifests.lines import documents
from toolkit.lint.manifests.nodes import Node
from toolkit.lint.variables import Interpolation, read_env
from toolkit.reading import ReadError

Find = Callable[[str], str | None]
"""Gives the text of a file by its path from the folder that is looked at."""

_NAME = re.compile(r"(docker-)?compose(?:[._-](?P<variant>[\w.-]+))?\.ya?ml", re.IGNORECASE)
_STACK = re.compile(r"(docker[._-])?(stack|swarm)([._-][\w.-]+)?\.ya?ml", re.IGNORECASE)
_SERVICES = re.compile(r"^[\"']?services[\"']?\s*:", re.MULTILINE)
_BASES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In the order in which Compose looks for them; it takes the first."""
_DEVELOPMENT = re.compile(r"(^|[._-])(dev|devel|development|local|test|tests|testing|ci|debug)\b")
_PRODUCTION = re.compile(r"(^|[._-])(prod|production|deploy|release|live)\b")


def is_compose(path: str) -> bool:
    """Tell whether a file is called like a compose file."""
    return _NAME.fullmatch(basename(path)) is not None


def is_stack(path: str, text: str) -> bool:
    """Tell whether a file is called like one for ``docker stack deploy``, and describes services.

    Other tools have a stack.yaml, too.
    """
    return bool(_STACK.fullmatch(basename(path)) and _SERVICES.search(text))


def projects(texts: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Say which files are to be read together, the lowest first.

    In each folder the file that ``docker compose`` takes by itself is read with the override file
    beside it. Another one, such as docker-compose.prod.yml, is laid over that file if a service in
    it cannot stand alone, having neither image nor build; then, if it is named for production, that
    is what is deployed, and the lower file is not read by itself. What is laid over for
    development or tests is left out.

    Args:
        texts: Of the files that are called like compose files, by path.
    """
    folders: dict[str, list[str]] = {}
    for path in sorted(texts):
        folders.setdefault(dirname(path), []).append(path)
    return tuple(
        project for paths in folders.values() for project in _projects_of_folder(paths, texts)
    )


def _projects_of_folder(paths: Sequence[str], texts: Mapping[str, str]) -> list[tuple[str, ...]]:
    by_name = {basename(path): path for path in paths}
    found = [by_name[name] for name in _BASES if name in by_name]
    if not found:
        return [(path,) for path in paths]
    base = found[0]
    variants = {path: _variant(path) for path in paths if path not in found}
    overrides = [path for path, variant in variants.items() if variant == "override"]
    layers: list[str] = []
    alone: list[tuple[str, ...]] = []
    for path, variant in variants.items():
        if variant == "override":
            continue
        if not _stands_alone(path, texts[path]):
            layers.append(path)
        else:
            alone.append((path,))
    shipped = [path for path in layers if not _DEVELOPMENT.search(variants[path])]
    if not any(_PRODUCTION.search(variants[path]) for path in shipped):
        alone.insert(0, (base, *overrides[:1]))
    return [*alone, *((base, path) for path in shipped)]


def _variant(path: str) -> str:
    name = _NAME.fullmatch(basename(path))
    return (name["variant"] or "").lower() if name else ""


def _stands_alone(path: str, text: str) -> bool:
    try:
        services = _document(path, text, str).at("services")
        return all(
            any(service.at(key).given for key in ("image", "build", "extends"))
            for _, service in services.items()
        )
    except ReadError:
        return True  # to be reported when it is read


def read(
    path: str,
    text: str,
    *,
    over: Sequence[tuple[str, str]] = (),
    find: Find = lambda path: None,
) -> tuple[Container, ...]:
    """Read the services of a compose file.

    Args:
        path: Of the file, from the folder that is looked at.
        text: In it.
        over: Paths and texts of files over it, the lowest first.
        find: Finds ``.env`` beside it, ``env_file`` and files of services that are extended.

    Raises:
        ReadError: One of the files is not YAML, or a command in it has a quote that is not closed.
    """
    project = _Project(path, find)
    whole = project.document(path, text)
    for name, content in over:
        whole = overlay(whole, project.document(name, content))
    return tuple(
        container_of(name, service, whole, find)
        for name, service in whole.at("services").items()
        if service.given and not _is_for_development(service)
    )


def _is_for_development(service: Node) -> bool:
    """Tell whether a service starts only with a profile that is named for development or tests."""
    profiles = service.at("profiles").words or ()
    return bool(profiles) and all(_DEVELOPMENT.search(name.lower()) for name in profiles)


class _Project:
    """Reads the files of a project, with the variables of its ``.env``."""

    def __init__(self, path: str, find: Find) -> None:
        self._find = find
        beside = join(dirname(path), ".env")
        variables = read_env(beside, find(beside) or "")
        self._interpolate = Interpolation({name: fact.value for name, fact in variables.items()})
        self._loaded: dict[str, Node | None] = {}

    def document(self, path: str, text: str) -> Node:
        """Read a file, with what its services extend put into them."""
        document = _document(path, text, self._interpolate)
        services = document.at("services")
        whole = services.mapped(
            {name: extended(services, name, self._services) for name, _ in services.items()}
        )
        return document.mapped({**dict(document.items()), "services": whole})

    def _services(self, path: str) -> Node | None:
        if path not in self._loaded:
            text = self._find(path)
            document = None if text is None else _document(path, text, self._interpolate)
            self._loaded[path] = document and document.at("services")
        return self._loaded[path]


def _document(path: str, text: str, change: Callable[[str], str]) -> Node:
    found = documents(path, text, change=change)
    if not found:
        raise ReadError("it is empty")
    return found[0]
