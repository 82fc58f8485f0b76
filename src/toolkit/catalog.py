"""Find the apps, servers, workloads and recipes: folders and files, read into frozen values."""

import ast
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.errors import ConfigError
from toolkit.model import (
    App,
    Interface,
    Server,
    Stack,
    Workload,
)
from toolkit.spelling import did_you_mean

_PACKAGE = Path(__file__).parent


def root() -> Path:
    """Folder that holds apps/, deploy/, docker/ and loadtests/: a checkout's own or the wheel's."""
    checkout = _PACKAGE.parent.parent
    # first the checkout: an editable installation may hold a copy too, and that one grows old
    is_checkout = _PACKAGE.parent.name == "src" and (checkout / "apps" / "contract.toml").is_file()
    return checkout if is_checkout else _PACKAGE / "_bundled"


@dataclass(frozen=True)
class Catalog:
    """What lies under a root folder. Everything is read when it is first asked for."""

    path: Path

    @cached_property
    def apps(self) -> tuple[App, ...]:
        """Every folder under apps/ with an ``app.toml``.

        Raises:
            ConfigError: One of them cannot be read.
        """
        return tuple(_read_app(file) for file in sorted(self.path.glob("apps/*/app.toml")))

    @cached_property
    def servers(self) -> tuple[Server, ...]:
        """Every folder under deploy/servers/ with a ``server.toml``.

        Raises:
            ConfigError: One of them cannot be read.
        """
        files = sorted(self.path.glob("deploy/servers/*/server.toml"))
        return tuple(_read_server(file) for file in files)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Every locustfile under loadtests/.

        Raises:
            ConfigError: One of them is not Python or has no docstring.
        """
        return tuple(_read_workload(file) for file in sorted(self.path.glob("loadtests/*.py")))

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """Every app with every server that speaks its interface."""
        return tuple(
            Stack(app=app, server=server)
            for app in self.apps
            for server in self.servers
            if app.interface in server.interfaces
        )

    def select_stacks(self, patterns: Iterable[str]) -> tuple[Stack, ...]:
        """Stacks whose id matches a glob, in the order of the patterns.

        Raises:
            ConfigError: A pattern matches nothing.
        """
        known = {stack.id: stack for stack in self.stacks}
        apps = {app.name: app for app in self.apps}
        servers = {server.name: server for server in self.servers}
        for pattern in patterns:
            app, _, server = pattern.partition("/")
            if pattern not in known and app in apps and server in servers:
                raise ConfigError(
                    f"stack {pattern} cannot work: {app} is an {apps[app].interface.upper()} app, "
                    f"{server} serves {' and '.join(servers[server].interfaces).upper()}",
                    hint="`toolkit list` shows the stacks that fit together.",
                )
        return tuple(known[name] for name in _select("stack", patterns, known))

    def select_workloads(self, patterns: Iterable[str]) -> tuple[Workload, ...]:
        """Workloads whose name matches a glob, in the order of the patterns.

        Raises:
            ConfigError: A pattern matches nothing.
        """
        known = {workload.name: workload for workload in self.workloads}
        return tuple(known[name] for name in _select("workload", patterns, known))


def _select(kind: str, patterns: Iterable[str], known: Mapping[str, object]) -> list[str]:
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matches = [name for name in known if fnmatchcase(name, pattern)]
        if not matches:
            raise ConfigError(
                f"no {kind} matches {pattern!r}",
                hint=did_you_mean(pattern, known) or f"`toolkit list` shows every {kind}.",
            )
        chosen.update(dict.fromkeys(matches))
    return list(chosen)


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _read_app(file: Path) -> App:
    data = _load(file)
    try:
        return App(
            **{**data, "interface": Interface(data["interface"])},
            name=file.parent.name,
            path=file.parent,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _read_server(file: Path) -> Server:
    data = _load(file)
    try:
        interfaces = tuple(Interface(name) for name in data["interfaces"])
        return Server(
            **{**data, "interfaces": interfaces, "argv": tuple(data["argv"])},
            name=file.parent.name,
            path=file.parent,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _read_workload(file: Path) -> Workload:
    # parsed, not imported: importing a locustfile brings Locust's monkey-patching with it
    try:
        docstring = ast.get_docstring(ast.parse(file.read_bytes())) or ""
    except SyntaxError as error:
        raise ConfigError(f"{file}: {error}") from error
    if not docstring:
        raise ConfigError(f"{file}: a locustfile says in its docstring what one request does")
    return Workload(name=file.stem, summary=docstring.splitlines()[0], path=file)
