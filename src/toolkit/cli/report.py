"""``toolkit report``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import common, wanted_rate
from toolkit.cli.outputs import RUN_FORMATS, read_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.cli.outputs import Output
    from toolkit.measured import Run


@click.command(context_settings={"max_content_width": 100})
@click.argument("run", required=False)
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@click.option(
    "--output",
    "texts",
    multiple=True,
    metavar="FORMAT[=FILE]",
    help=f"Write {', '.join(RUN_FORMATS)}; without a file to standard output. Repeatable.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The same as --output html=FILE: one file that needs no network.",
)
@click.option("--open", "opened", is_flag=True, help="Show the file of --html in the browser.")
@click.option("--serve", "served", is_flag=True, help="Show all stored runs on loopback.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of --serve (default: any free one).",
)
@click.option("--workload", metavar="NAME", help="What png shows (default: the first).")
@click.option(
    "--history",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Show a history of checks in place of a run, see `toolkit history`; takes --html.",
)
@wanted_rate
@common
def command(
    run: str | None,
    results: Path | None,
    texts: tuple[str, ...],
    html: Path | None,
    opened: bool,
    served: bool,
    port: int,
    workload: str | None,
    history: Path | None,
    wanted: float | None,
    config_file: Path | None,
) -> None:
    """Show a stored run again: the latest, or RUN (an id, the start of one, or a path).

    html is a page for a browser, markdown for a pull request, csv one row per number, json what the
    run means (with a schema), junit whether the measurement is sound, svg this very report, png its
    main chart.
    """
    if history is not None and (html is None or run is not None or texts):
        raise click.UsageError("--history FILE goes with --html FILE, and without a run.")
    if opened and html is None:
        raise click.UsageError("--open goes with --html FILE.")
    if served:
        if run is not None or texts or html is not None:
            raise click.UsageError("--serve shows all runs, and writes nothing.")
        _serve(results, config_file, port)
        return
    if history is not None and html is not None:
        from toolkit.cli.written import write

        write(page_of_history(history), html)
    else:
        from toolkit.config import load_config
        from toolkit.store import Store

        outputs = list(read_outputs(texts, RUN_FORMATS))
        if html is not None:
            outputs.append(("html", html))
        folder = results or Path(load_config(Path.cwd(), config_file).results)
        _show(Store(folder).load(run), outputs, wanted, workload)
    if opened and html is not None:
        click.launch(str(html))


def _serve(results: Path | None, config_file: Path | None, port: int) -> None:
    from tempfile import TemporaryDirectory

    from toolkit.cli.publishing import files_of_site, serve, write_site
    from toolkit.config import load_config

    stored = results or Path(load_config(Path.cwd(), config_file).results)
    with TemporaryDirectory(prefix="toolkit-site-") as folder:
        write_site(files_of_site(stored), Path(folder))
        serve(Path(folder), port)


def _show(
    run: "Run", outputs: "Sequence[Output]", wanted: float | None, workload: str | None
) -> None:
    if not outputs:
        from toolkit.cli.wiring import output
        from toolkit.report.tune_terminal import show_whole

        show_whole(run, output(), wanted=wanted)
        return
    from toolkit.cli.written import write_run

    write_run(outputs, run, wanted=wanted, workload=workload)


def page_of_history(history: Path) -> str:
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
