"""``toolkit history``."""

from pathlib import Path

import click

from toolkit.checked import Metric
from toolkit.cli.options import common


def _metrics(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[Metric, ...]:
    names = [name.strip() for text in value for name in text.split(",")]
    for name in names:
        if name not in set(Metric):
            raise click.BadParameter(f"{name!r} is not one of {', '.join(Metric)}")
    return tuple(dict.fromkeys(map(Metric, names)))


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=("cpu",),
    show_default=True,
    metavar="NAME[,NAME...]",
    callback=_metrics,
    help=f"What is shown: {', '.join(Metric)}.",
)
@click.option(
    "--last",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="Checks in the table of a series; 0: all. Change points are looked for in all.",
)
@common
def command(
    file: Path | None, metrics: tuple[Metric, ...], last: int, config_file: Path | None
) -> None:
    """Show how an app got on: the checks that `toolkit check --record` wrote, and change points.

    FILE is what the settings name as the history of checks, or toolkit-history.jsonl.
    """
    from toolkit.cli.wiring import messages, output
    from toolkit.config import load_config
    from toolkit.errors import ConfigError
    from toolkit.record import read
    from toolkit.report.history import show
    from toolkit.trend import find_search, series_of

    path = file or Path(load_config(Path.cwd(), config_file).check.history)
    points = read(path, lambda text: messages().print(text, style="yellow", markup=False))
    search = find_search()
    series = [item for metric in metrics for item in series_of(points, metric, search)]
    if not series:
        raise ConfigError(f"no valid check of {', '.join(metrics)} is recorded in {path}")
    show(series, output(), last=last, searched=search is not None)
