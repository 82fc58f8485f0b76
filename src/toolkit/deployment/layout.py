"""What the templates of a deployment are given, and which files an app and its server bring."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.catalog import Catalog
from toolkit.deployment.evidence import Evidence
from toolkit.deployment.sizing import Numbers
from toolkit.model import App, Interface, Server
from toolkit.serve import KNOBS, render_argv

APP, SHARED, SERVER = PurePosixPath("/srv/app"), PurePosixPath("/srv/shared"), "/srv/server"
"""Where an image has the app, what the reference apps share, and the server's configuration."""

PORT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the code of the app is when the image is built.

    Attributes:
        context: The build context, relative to the folder of the deployment.
        prefix: The folder of the deployment within the build context, with a slash, or empty.
        app: The app's folder within the build context.
        copied: Whether it was copied there; otherwise it is the user's project itself.
    """

    context: str
    prefix: str
    app: str
    copied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """All that templates know, as ``d``; ``n`` are its numbers.

    Attributes:
        name: Of the app, a DNS label.
        app: The app; its ``production`` says what it needs besides.
        server: What serves it.
        target: What the server imports.
        argv: The command of the image; ``{workers}`` is filled in by the entry point.
        flags: Options of the measured command by name, ``{"--threads": "4"}``.
        search: Folders of the image that modules are imported from, the first first.
        numbers: See ``sizing``.
        evidence: What was measured, None: nothing.
        source: See ``Source``.
        hashed: Whether its packages are pinned by hashes.
        limited: Whether constraints limit what is installed.
        image: Name of the image, without a tag.
        base: Base image, with a digest where one is known.
        database: Whether it has a PostgreSQL.
        database_scheme: How DATABASE_URL begins.
        host: Name under which it is reached.
        index_url: Package index of the build, empty: PyPI.
        targets: What is rendered.
        remarks: What a reader must know, a line each.
        how: The command that made this.
        toolkit: Version of the toolkit.
        uv: Version of uv that the image is built with.
    """

    name: str
    app: App
    server: Server
    target: str
    argv: tuple[str, ...]
    flags: Mapping[str, str]
    search: tuple[str, ...]
    numbers: Numbers
    evidence: Evidence | None
    source: Source
    hashed: bool
    limited: bool
    image: str
    base: str
    database: bool
    database_scheme: str
    host: str
    index_url: str = ""
    targets: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    how: str
    toolkit: str
    uv: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the app where it is deployed."""
        return {**self.app.environment, **self.app.production.environment}

    @property
    def ready(self) -> str:
        """Path of readiness; health where the app has no other."""
        return self.app.production.ready or self.app.health

    @property
    def again(self) -> str:
        """The command that measures the stack again."""
        assert self.evidence is not None  # noqa: S101 - asked for only where there is
        stack, _, settings = self.evidence.stack.partition(":")
        server = stack.partition("/")[2]
        which = f"--stacks {stack}" if self.source.copied else f"--servers {server}"
        chosen = "".join(f" --vary {setting}" for setting in settings.split(",") if setting)
        return f"toolkit bench {which}{chosen}"

    @property
    def is_async(self) -> bool:
        """Whether it is an ASGI app."""
        return self.app.interface is Interface.ASGI


def command(
    server: Server, numbers: Numbers, target: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Give the command of the image, and the options of the measured one by name.

    A server with a template of its configuration has a command of its own; of the others it is the
    one that was measured, with ``{workers}`` left to the entry point, and a proxy in front.
    """
    target = server.deployed_target or target
    measured = _measured(server, numbers, target)
    flags = dict(_options(measured))
    if server.deployed_argv:
        values = {"target": target, "server_dir": SERVER}
        return tuple(item.format(**values) for item in server.deployed_argv), flags
    return tuple(measured), flags


def _measured(server: Server, numbers: Numbers, target: str) -> list[str]:
    knobs = {name: getattr(numbers, name, None) for name in KNOBS}
    values = {
        "host": "0.0.0.0",  # noqa: S104 - in a container, behind the engine's or the pod's network
        "port": PORT,
        **{name: KNOBS[name] if value is None else value for name, value in knobs.items()},
        "workers": "{workers}",
        "graceful_timeout": numbers.graceful_timeout,
        "proxied": True,
    }
    argv = render_argv({"argv": server.argv, "switches": server.switches}, values, target, SERVER)
    return [item.replace(f"{SERVER}/..", SERVER) for item in argv]


def _options(argv: list[str]) -> Iterator[tuple[str, str]]:
    for item, following in zip(argv, [*argv[1:], ""], strict=True):
        if item.startswith("--"):
            yield item, "" if following.startswith("--") else following


def server_files(catalog: Catalog, server: Server, words: tuple[str, ...]) -> dict[str, Path]:
    """Give what the server's folder in the image holds, by name there.

    Beside the files of its own folder those are the launchers that several servers share, as far as
    one of the words or one of the files names them.

    Args:
        catalog: Where they lie.
        server: Which.
        words: Of its command, and of the settings that stand in a file of its instead.
    """
    own = {
        file.name: file
        for file in sorted(server.path.iterdir())
        if file.suffix in (".py", ".ini", ".toml")
        and file.name not in ("server.toml", server.template)
    }
    shared = {
        file.name: file
        for file in sorted(catalog.path.glob("deploy/servers/*.py"))
        if file.name != server.template
    }
    texts = [*words, *(file.read_text(encoding="utf-8") for file in own.values())]
    named: dict[str, Path] = {}
    while found := {name: file for name, file in shared.items() if _is_named(file, texts)}:
        named.update(found)
        shared = {name: file for name, file in shared.items() if name not in found}
        # they may name others
        texts = [file.read_text(encoding="utf-8") for file in found.values()]
    return {**own, **named}


def _is_named(file: Path, texts: Iterable[str]) -> bool:
    return any(re.search(rf"\b{file.stem}\b", text) for text in texts)


def app_files(app: App, shared: Path) -> dict[str, Path]:
    """Give the files of a reference app and of what it shares with others, by their path."""
    found = {f"app/{name}": file for name, file in _tree(app.path)}
    return {**found, **{f"shared/{name}": file for name, file in _tree(shared)}}


_NOT_TO_RUN = {"app.toml", "requirements.in", "requirements.txt", "pytest.toml"}


def _tree(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if file.is_file() and not hidden and parts[0] != "tests" and parts[0] not in _NOT_TO_RUN:
            yield "/".join(parts), file
