"""``toolkit list``."""

import click

from toolkit.cli.options import common


@click.command()
@common
def command(config_file: object) -> None:
    """Show the apps, servers, stacks and workloads there are."""
    from rich.table import Table
    from rich.text import Text

    from toolkit.cli.wiring import catalog, output
    from toolkit.config import DEFAULT_STACKS, DEFAULT_WORKLOADS

    found, console = catalog(), output()
    sections = {
        "Apps": [(app.name, app.summary) for app in found.apps],
        "Servers": [(server.name, server.summary) for server in found.servers],
        "Stacks": [
            (stack.id, f"{stack.app.interface.upper()}{_default(stack.id, DEFAULT_STACKS)}")
            for stack in found.stacks
        ],
        "Workloads": [
            (item.name, f"{item.summary}{_default(item.name, DEFAULT_WORKLOADS)}")
            for item in found.workloads
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


def _default(name: str, defaults: tuple[str, ...]) -> str:
    return "  (measured by default)" if name in defaults else ""
