"""``toolkit list``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import common

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.model import Server, Workload


@click.command()
@common
def command(config_file: Path | None) -> None:
    """Show the apps, servers, stacks, workloads and sets there are."""
    from rich.table import Table
    from rich.text import Text

    from toolkit.cli.wiring import catalog, output
    from toolkit.config import DEFAULT_STACKS, DEFAULT_WORKLOADS, load_config

    found, console = catalog(), output()
    config = load_config(Path.cwd(), config_file)
    sections = {
        "Apps": [(app.name, app.summary) for app in found.apps],
        "Servers": [(server.name, _cautious(server)) for server in found.servers],
        "Stacks": [
            (stack.id, f"{stack.app.interface.upper()}{_default(stack.id, DEFAULT_STACKS)}")
            for stack in found.stacks
        ],
        "Workloads": [
            (item.id, f"{item.summary}{_needs(item)}{_default(item.name, DEFAULT_WORKLOADS)}")
            for item in found.workloads
        ],
        "Sets": [(name, _described(values)) for name, values in config.sets.items()],
        "Broken upstream": [
            (item.stack, f"{item.exchange}: {item.reason}") for item in found.broken
        ],
    }
    for title, lines in sections.items():
        console.print(Text(title, style="bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, min_width=22)
        grid.add_column()
        for name, text in lines:
            grid.add_row(f"  {name}", Text(text))
        console.print(grid)


def _cautious(server: "Server") -> str:
    return f"{server.summary} ({server.caution})" if server.caution else server.summary


def _needs(workload: "Workload") -> str:
    return f" (needs {' and '.join(workload.needs)})" if workload.needs else ""


def _described(values: "Mapping[str, object]") -> str:
    return "; ".join(
        f"{key} {', '.join(map(str, value)) if isinstance(value, tuple) else value}"
        for key, value in values.items()
    )


def _default(name: str, defaults: tuple[str, ...]) -> str:
    return "  (measured by default)" if name in defaults else ""
