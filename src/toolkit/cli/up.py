"""``toolkit up``."""

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import base_image, common, grouped, running

if TYPE_CHECKING:
    from toolkit.ports import Service

_LOOK = 0.5


@click.command(context_settings={"max_content_width": 100})
@click.argument("stack")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0 takes any free one.")
@running
@base_image
@common
def command(
    stack: str,
    port: int,
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Start one stack on loopback and leave it running to look at, until Ctrl-C."""
    from toolkit.backing import open_backings
    from toolkit.cli.wiring import contracts, messages, session
    from toolkit.config import load_config, with_flags
    from toolkit.errors import ConfigError
    from toolkit.progress import Progress
    from toolkit.runtime.ready import free_port
    from toolkit.store import new_run_id

    config = with_flags(load_config(Path.cwd(), config_file), grouped(given))
    # to be looked at: on this machine
    config = replace(config, runtime=replace(config.runtime, target_host=""))
    with session(config, new_run_id(), port=port) as parts:
        chosen = parts.catalog.select_stacks((stack,))
        if len(chosen) != 1:
            names = ", ".join(item.id for item in chosen)
            raise ConfigError(f"{stack!r} fits several stacks", hint=f"Name one of {names}.")
        if port:
            free_port(port)
        shared = parts.catalog.path / "apps" / "shared"
        needs = {item.needs for item in contracts(parts.catalog)(chosen[0].app) if item.needs}
        with (
            Progress(messages()) as progress,
            open_backings(
                parts.runtime, needs, shared, progress, knobs=config.server, optional=True
            ) as backings,
        ):
            facts = parts.runtime.prepare(chosen[0], progress)
            if chosen[0].server.caution:
                click.echo(f"{chosen[0].server.name}: {chosen[0].server.caution}", err=True)
            backings.prepare(chosen[0])
            for need, fault in backings.missing.items():
                click.echo(f"Without {need}: {fault} {fault.hint}", err=True)
            environment = backings.environment(chosen[0])
            with (
                parts.runtime.serve(chosen[0], environment) as service,
                contextlib.suppress(KeyboardInterrupt),
            ):
                click.echo(f"{chosen[0].id} answers at {service.url} ({parts.runtime.facts.name})")
                click.echo(f"command: {' '.join(facts.argv)}")
                click.echo(f"try: curl -i {service.url}{chosen[0].app.health}")
                click.echo("Ctrl-C ends it.")
                _watch(service)
    return 0


def _watch(service: "Service") -> None:
    """Wait until somebody interrupts.

    Raises:
        StackError: The server ended by itself.
    """
    from toolkit.errors import StackError

    while (ended := service.death()) is None:
        time.sleep(_LOOK)
    raise StackError(f"the server ended: {ended}", log=service.log_tail())
