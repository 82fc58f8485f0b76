"""``toolkit report``."""

from pathlib import Path

import click

from toolkit.cli.options import common, wanted_rate


@click.command()
@click.argument("run", required=False)
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@wanted_rate
@common
def command(
    run: str | None, results: Path | None, wanted: float | None, config_file: Path | None
) -> None:
    """Show a stored run again: the latest, or RUN (an id, the start of one, or a path)."""
    from toolkit.cli.wiring import output
    from toolkit.config import load_config
    from toolkit.report.terminal import show
    from toolkit.store import Store

    folder = results or Path(load_config(Path.cwd(), config_file).results)
    show(Store(folder).load(run), output(), wanted=wanted)
