"""``toolkit report``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import common, wanted_rate

if TYPE_CHECKING:
    from toolkit.measured import Run


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
    help="Write it to this file, for a browser: one file that needs no network.",
)
@click.option("--open", "opened", is_flag=True, help="Show that file in the browser.")
@wanted_rate
@common
def command(
    run: str | None,
    results: Path | None,
    history: Path | None,
    html: Path | None,
    opened: bool,
    wanted: float | None,
    config_file: Path | None,
) -> None:
    """Show a stored run again: the latest, or RUN (an id, the start of one, or a path)."""
    if history is not None and (html is None or run is not None):
        raise click.UsageError("--history FILE goes with --html FILE, and without a run.")
    if opened and html is None:
        raise click.UsageError("--open goes with --html FILE.")
    if history is not None and html is not None:
        _write(_page_of_history(history), html)
    else:
        from toolkit.config import load_config
        from toolkit.store import Store

        folder = results or Path(load_config(Path.cwd(), config_file).results)
        _show(Store(folder).load(run), html, wanted)
    if opened and html is not None:
        click.launch(str(html))


def _show(run: "Run", html: Path | None, wanted: float | None) -> None:
    from toolkit.cli.wiring import output

    if html is None:
        from toolkit.report.tune_terminal import show_whole

        show_whole(run, output(), wanted=wanted)
        return
    from toolkit.report.browser.drawing import library
    from toolkit.report.browser.page import page

    _write(page(run, library(), wanted=wanted), html)


def _page_of_history(history: Path) -> str:
    """Give all metrics of a history as a page."""
    from toolkit.checked import Metric
    from toolkit.cli.wiring import messages
    from toolkit.errors import ConfigError
    from toolkit.record import read
    from toolkit.report.history_html import page
    from toolkit.trend import find_search, series_of

    points = read(history, lambda text: messages().print(text, style="yellow", markup=False))
    search = find_search()
    series = [item for metric in Metric for item in series_of(points, metric, search)]
    if not series:
        raise ConfigError(f"no valid check is recorded in {history}")
    return page(series, searched=search is not None)


def _write(text: str, file: Path) -> None:
    from toolkit.cli.wiring import messages
    from toolkit.store import write_whole

    write_whole(file, text)
    messages().print(f"wrote {file}", markup=False)
