"""``toolkit doctor``."""

from pathlib import Path

import click

from toolkit.cli.options import common


@click.command()
@common
def command(config_file: Path | None) -> None:
    """Say what will hurt the numbers on this machine, and what to do about it."""
    from rich.table import Table
    from rich.text import Text

    from toolkit.cli.wiring import output, placement
    from toolkit.config import load_config
    from toolkit.doctor import Level, examine

    config = load_config(Path.cwd(), config_file)
    console = output()
    styles = {Level.FINE: "green", Level.WARN: "yellow", Level.BAD: "bold red"}
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for check in examine(config, placement(config)):
        text = Text(check.finding)
        if check.advice:
            text.append(f"\n{check.advice}", style="italic")
        grid.add_row(Text(check.level, style=styles[check.level]), check.subject, text)
    console.print(grid)
