"""Find the apps, servers, workloads and recipes: folders and files, read into frozen values."""

import ast
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.errors import ConfigError
from toolkit.model import (
    App,
    Broken,
    Interface,
    Need,
    Production,
    Server,
    Stack,
    Workload,
)
from toolkit.parameters import Parameters
from toolkit.spelling import did_you_mean

CONSTRAINTS = "toolkit_constraints.txt"
"""File of an app that limits the versions of what is installed with it; most have none."""

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
            if not _misfit(app, server)
        )

    @cached_property
    def broken(self) -> tuple[Broken, ...]:
        """What is listed in ``deploy/broken.toml`` as not working upstream.

        Raises:
            ConfigError: The list cannot be read.
        """
        file = self.path / "deploy" / "broken.toml"
        if not file.is_file():
            return ()
        try:
            return tuple(
                Broken(**{**entry, "workloads": tuple(entry.get("workloads", ()))})
                for entry in _load(file).get("broken", ())
            )
        except TypeError as error:
            raise ConfigError(f"{file}: {error}") from error

    def select_stacks(self, patterns: Iterable[str]) -> tuple[Stack, ...]:
        """Stacks whose id matches a glob, in the order of the patterns.

        Raises:
            ConfigError: A pattern matches nothing.
        """
        known = {stack.id: stack for stack in self.stacks}
        for pattern in patterns:
            app, _, server = pattern.partition("/")
            if pattern not in known:
                self._explain([app], [server])
        return tuple(known[name] for name in _select("stack", patterns, known))

    def combine(self, apps: Iterable[str], servers: Iterable[str]) -> tuple[Stack, ...]:
        """Every app with every server that fits, both chosen by globs and in their order.

        Raises:
            ConfigError: A glob matches nothing, or nothing fits together.
        """
        chosen_apps = _select("app", apps, {app.name: app for app in self.apps})
        chosen = _select("server", servers, {server.name: server for server in self.servers})
        known = {stack.id: stack for stack in self.stacks}
        ids = [f"{app}/{server}" for app in chosen_apps for server in chosen]
        found = tuple(known[name] for name in ids if name in known)
        if not found:
            self._explain(chosen_apps, chosen)
        return found

    def select_workloads(self, patterns: Iterable[str]) -> tuple[Workload, ...]:
        """Workloads whose name matches a glob, in the order of the patterns.

        A name may be followed by parameters, ``upstream?delay=5ms``; those not given have their
        defaults.

        Raises:
            ConfigError: A pattern matches nothing, or a workload has no such parameter.
        """
        known = {workload.name: workload for workload in self.workloads}
        chosen: dict[str, Workload] = {}
        for pattern in patterns:
            # a ? may also be part of a glob; parameters have a =
            name, mark, query = pattern.partition("?")
            if "=" not in query:
                name, mark, query = pattern, "", ""
            for found in _select("workload", [name], known):
                workload = known[found]
                if mark:
                    try:
                        values = Parameters(workload.parameters, query).values()
                    except ConfigError as error:
                        raise ConfigError(f"{found}: {error}", hint=error.hint) from None
                    workload = replace(workload, parameters=values)
                chosen[workload.id] = workload
        return tuple(chosen.values())

    def _explain(self, apps: Iterable[str], servers: Iterable[str]) -> None:
        """Say why apps and servers that there are do not fit together; nothing if one is unknown.

        Raises:
            ConfigError: They do not.
        """
        by_name = {app.name: app for app in self.apps}
        servers_by_name = {server.name: server for server in self.servers}
        for app in apps:
            for server in servers:
                if app in by_name and server in servers_by_name:
                    raise ConfigError(
                        f"stack {app}/{server} cannot work: "
                        f"{_misfit(by_name[app], servers_by_name[server])}",
                        hint="`toolkit list` shows the stacks that fit together.",
                    )


def _misfit(app: App, server: Server) -> str:
    """Say why a server cannot serve an app; empty if it can."""
    if app.interface not in server.interfaces:
        speaks = " and ".join(server.interfaces).upper()
        return f"{app.name} is an {app.interface.upper()} app, {server.name} serves {speaks}"
    if not any(fnmatchcase(app.name, pattern) for pattern in server.apps):
        return f"{server.name} serves only {', '.join(server.apps)}"
    return ""


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
            **{
                **data,
                "interface": Interface(data["interface"]),
                "prepare": tuple(map(_command, data.get("prepare", ()))),
                "before": tuple(map(_command, data.get("before", ()))),
                "search": tuple(data.get("search", ())),
                "writable": tuple(data.get("writable", ())),
                "environment": _texts(data.get("environment", {}), "environment"),
                "production": _read_production(data.get("production", {})),
            },
            name=file.parent.name,
            path=file.parent,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _read_production(data: dict[str, Any]) -> Production:
    return Production(
        **{
            **data,
            "static": _texts(data.get("static", {}), "static"),
            "secrets": tuple(data.get("secrets", ())),
            "environment": _texts(data.get("environment", {}), "environment"),
        }
    )


def _read_server(file: Path) -> Server:
    data = _load(file)
    try:
        interfaces = tuple(Interface(name) for name in data["interfaces"])
        return Server(
            **{
                **data,
                "interfaces": interfaces,
                "argv": tuple(data["argv"]),
                "apps": tuple(data.get("apps", ("*",))),
                "deployed_argv": tuple(data.get("deployed_argv", ())),
            },
            name=file.parent.name,
            path=file.parent,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _read_workload(file: Path) -> Workload:
    # parsed, not imported: importing a locustfile brings Locust's monkey-patching with it
    try:
        tree = ast.parse(file.read_bytes())
        literals = dict(_literals(tree, {"PARAMETERS", "NEEDS"}))
        needs = tuple(Need(need) for need in literals.get("NEEDS", ()))
        parameters = _texts(literals.get("PARAMETERS", {}), "PARAMETERS")
    except (SyntaxError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error
    docstring = ast.get_docstring(tree) or ""
    if not docstring:
        raise ConfigError(f"{file}: a locustfile says in its docstring what one request does")
    return Workload(
        name=file.stem,
        summary=docstring.splitlines()[0],
        parameters=parameters,
        needs=needs,
        path=file,
    )


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise TypeError(f"a command is a list of strings, not {value!r}")
    return tuple(value)


def _texts(value: object, name: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise TypeError(f"{name} gives strings by name, not {value!r}")
    return value


def _literals(tree: ast.Module, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Give the values of module-level names that are written out.

    Raises:
        ValueError: One of them is not a literal.
    """
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id in names:
                    yield target.id, ast.literal_eval(node.value)
