"""``toolkit report``."""

from pathlib import Path

import click

from toolkit.cli.options import common, wanted_rate


@click.command()
@click.argument("run", required=False)
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@click.option(
    "--history",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Show a history of checks in place of a run, see `toolkit history`; takes --html.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the history to this file, for a browser.",
)
@wanted_rate
@common
def command(
    run: str | None,
    results: Path | None,
    history: Path | None,
    html: Path | None,
    wanted: float | None,
    config_file: Path | None,
) -> None:
    """Show a stored run again: the latest, or RUN (an id, the start of one, or a path)."""
    if history is not None or html is not None:
        if history is None or html is None or run is not None:
            raise click.UsageError("--history FILE and --html FILE go together, without a run.")
        _write(history, html)
        return
    from toolkit.cli.wiring import output
    from toolkit.config import load_config
    from toolkit.report.terminal import show
    from toolkit.store import Store

    folder = results or Path(load_config(Path.cwd(), config_file).results)
    show(Store(folder).load(run), output(), wanted=wanted)


def _write(history: Path, html: Path) -> None:
    """Write all metrics of a history as a page."""
    from toolkit.checked import Metric
    from toolkit.cli.wiring import messages
    from toolkit.errors import ConfigError, EnvironmentFault
    from toolkit.record import read
    from toolkit.report.history_html import page
    from toolkit.trend import find_search, series_of

    points = read(history, lambda text: messages().print(text, style="yellow", markup=False))
    search = find_search()
    series = [item for metric in Metric for item in series_of(points, metric, search)]
    if not series:
        raise ConfigError(f"no valid check is recorded in {history}")
    try:
        html.write_text(page(series, searched=search is not None), encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(f"cannot write {html}: {error.strerror}") from error
    messages().print(f"wrote {html}", markup=False)
