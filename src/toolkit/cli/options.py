"""Options that several commands share, and the settings they make."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

Flags = dict[str, dict[str, Any]]


class _Part(click.ParamType[Any]):
    """A part of something: ``5%`` or ``0.05``."""

    name = "percent"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{text!r} is not a part such as 5% or 0.05", param, ctx)


class _Parts(_Part):
    """Several, separated by commas; ``none`` is no part at all."""

    name = "percent,..."

    def convert(  # type: ignore[override]
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        texts = [text for text in str(value).split(",") if text.strip() not in ("", "none")]
        return tuple(super(_Parts, self).convert(text, param, ctx) for text in texts)


PART, PARTS = _Part(), _Parts()


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta["toolkit.debug"] = value or context.meta.get("toolkit.debug", False)


def _split(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...] | None:
    """Read ``--stacks a,b --stacks c``; None where nothing was given."""
    return tuple(part.strip() for text in value for part in text.split(",") if part.strip()) or None


def patterns(name: str, text: str, *names: str, metavar: str = "GLOB") -> Callable[[F], F]:
    """Make an option that takes globs or the like, separated by commas or repeated."""
    return click.option(
        name,
        *names,
        multiple=True,
        metavar=f"{metavar}[,{metavar}...]",
        callback=_split,
        help=text,
    )


def _all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


wanted_rate = click.option(
    "--wanted-rate",
    "wanted",
    type=click.FloatRange(min=0, min_open=True),
    metavar="REQ/S",
    help="Count the servers that it takes for this rate.",
)


base_image = click.option(
    "--base-image", "image_base", help="Base image (default: python:3.13-slim)."
)
"""Not for ``check``, which has a base of another kind."""


def common(function: F) -> F:
    """Add what every command takes."""
    return _all(
        click.option(
            "--config",
            "config_file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Settings file (default: toolkit.toml or pyproject.toml in this folder).",
        ),
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            callback=_remember_debug,
            help="Show a traceback with an error.",
        ),
    )(function)


def own_app(function: F) -> F:
    """Add what describes an app of the user's own."""
    return _all(
        click.option(
            "--get",
            "app_get",
            multiple=True,
            metavar="PATH",
            help="A path of your own app to request; repeatable.",
        ),
        click.option(
            "--post",
            "app_post",
            multiple=True,
            metavar="PATH=@FILE",
            help="A path to post a file to, or =TEXT; repeatable.",
        ),
        click.option("--locustfile", "app_locustfile", metavar="FILE", help="Traffic of your own."),
        click.option(
            "--health", "app_health", metavar="PATH", help="What answers 200 while it serves."
        ),
        click.option(
            "--interface",
            "app_interface",
            type=click.Choice(["auto", "wsgi", "asgi"]),
            help="How servers call it, where its source does not show that.",
        ),
        click.option(
            "--requirements",
            "app_requirements",
            metavar="FILE",
            help="What it installs (default: its lock file, or what there is).",
        ),
        click.option(
            "--install",
            "app_install",
            multiple=True,
            metavar="REQUIREMENT",
            help="A package to install besides, as name==1.0; repeatable.",
        ),
        click.option(
            "--database",
            "app_database",
            is_flag=False,
            flag_value="postgresql",
            metavar="[SCHEME]",
            help="Start a PostgreSQL for it and put the URL into DATABASE_URL; how that begins, as "
            "postgresql+psycopg.",
        ),
        click.option(
            "--prepare",
            "app_prepare",
            multiple=True,
            metavar="COMMAND",
            help="A command that makes the tables of that database, once; repeatable.",
        ),
        click.option(
            "--before",
            "app_before",
            multiple=True,
            metavar="COMMAND",
            help="A command to run before each start of a server; repeatable.",
        ),
        click.option(
            "--writable",
            "app_writable",
            multiple=True,
            metavar="FOLDER",
            help="A folder of it that it may write to (default: instance); repeatable.",
        ),
        click.option(
            "--env",
            "variables",
            multiple=True,
            metavar="NAME[=VALUE]",
            help="A variable of its servers, without a value from here; repeatable.",
        ),
        click.option(
            "--env-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file of such variables.",
        ),
        click.option(
            "--image", "images", multiple=True, help="Measure an image as it is; repeatable."
        ),
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            default=8000,
            show_default=True,
            help="Where the server of an image listens.",
        ),
    )(function)


def knobs(function: F) -> F:
    """Add the settings of a server."""
    return _all(
        click.option("--workers", "server_workers", type=int, help="Processes of each server."),
        click.option("--threads", "server_threads", type=int, help="Threads of each process."),
        click.option(
            "--connections",
            "server_connections",
            type=int,
            help="Most connections of each process.",
        ),
        click.option(
            "--keep-alive",
            "server_keep_alive",
            type=int,
            help="Seconds an idle connection is kept open.",
        ),
        click.option(
            "--backlog", "server_backlog", type=int, help="Connections waiting to be accepted."
        ),
        click.option(
            "--access-log/--no-access-log",
            "server_access_log",
            default=None,
            help="Whether servers log each request.",
        ),
        click.option(
            "--max-requests",
            "server_max_requests",
            type=int,
            help="Requests after which a process is replaced; 0: never.",
        ),
        click.option(
            "--preload/--no-preload",
            "server_preload",
            default=None,
            help="Whether the app is loaded before the processes are forked.",
        ),
        click.option(
            "--database-pool",
            "server_database_pool",
            type=int,
            help="Most database connections of each process.",
        ),
    )(function)


def consent(function: F) -> F:
    """Add what is said before a server is loaded that may be a stranger's."""
    return _all(
        click.option(
            "--yes-this-is-mine",
            "mine",
            is_flag=True,
            help="You may load that server, which is not on this machine.",
        ),
        click.option(
            "--most-rate",
            "bench_most_rate",
            type=click.FloatRange(min=0),
            metavar="REQ/S",
            help="Never send more than this; no overload then.",
        ),
    )(function)


def elsewhere(function: F) -> F:
    """Add where servers are started, if not on this machine."""
    return _all(
        click.option(
            "--target-host",
            "runtime_target_host",
            metavar="HOST",
            help="Docker host (ssh://user@host, or a context) that servers are started on.",
        ),
        click.option(
            "--target-address",
            "runtime_target_address",
            metavar="ADDRESS",
            help="Where they answer there (that of the host).",
        ),
        click.option(
            "--target-port",
            "runtime_target_port",
            type=click.IntRange(0, 65535),
            help="And on which port; 0: on any that is free.",
        ),
    )(function)


def telling(function: F) -> F:
    """Add how a command tells what it measures, see ``outputs.read_telling``."""
    return _all(
        click.option(
            "--output",
            "texts",
            multiple=True,
            metavar="FORMAT[=FILE]",
            help="Also write the run, as `toolkit report --output` does; repeatable.",
        ),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="The same as --output json: standard output has the document and nothing else.",
        ),
        click.option("--quiet", is_flag=True, help="Say nothing but what goes wrong."),
    )(function)


def beside(function: F) -> F:
    """Add what puts reference stacks into the tables of an app of the user's own."""
    return _all(
        patterns(
            "--beside",
            "Reference stacks to measure beside it, as 'flask/gunicorn-*' ...",
            "app_beside",
        ),
        patterns(
            "--beside-workload",
            "... and what those are asked for (default: list).",
            "app_beside_workloads",
        ),
    )(function)


def running(function: F) -> F:
    """Add what every command takes that starts servers."""
    return _all(
        click.option(
            "--runtime",
            "runtime_kind",
            type=click.Choice(["auto", "docker", "process"]),
            help="Where servers run; auto takes Docker where an engine answers.",
        ),
        click.option(
            "--network",
            "runtime_network",
            type=click.Choice(["auto", "host", "bridge"]),
            help="Network of containers, on loopback in any case.",
        ),
        click.option("--cpus", "runtime_cpus", type=float, help="CPU limit of a server, in cores."),
        click.option("--memory", "runtime_memory", help="Memory limit of a server, as 512m."),
        click.option(
            "--client-cpus",
            "runtime_client_cpus",
            type=int,
            help="Cores of the load generator; 0 takes up to four of those left over, but for one.",
        ),
        knobs,
        click.option("--index-url", "image_index_url", help="Package index to install from."),
        click.option(
            "--ca-bundle", "image_ca_bundle", help="CA certificates for the package index, a file."
        ),
        click.option(
            "--rebuild",
            "image_rebuild",
            is_flag=True,
            default=None,
            help="Build images (or environments) although nothing changed.",
        ),
    )(function)


def grouped(given: Mapping[str, Any]) -> Flags:
    """Sort ``{"bench_rounds": 5}`` into the tables of settings: ``{"bench": {"rounds": 5}}``."""
    flags: Flags = {}
    for name, value in given.items():
        table, _, key = name.partition("_")
        flags.setdefault(table, {})[key] = value
    return flags
