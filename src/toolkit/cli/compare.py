"""``toolkit compare``."""

from pathlib import Path

import click

from toolkit.cli.options import common


@click.command(context_settings={"max_content_width": 100})
@click.argument("names", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Compare runs that were not measured alike.")
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@common
def command(
    names: tuple[str, ...], force: bool, results: Path | None, config_file: Path | None
) -> None:
    """Show what changed between stored runs: each RUN beside the first.

    RUN is an id, the start of one, or a path; of a search its finals are compared. Runs that were
    measured on another machine, within other limits or with other settings are refused unless
    --force is given. To find out whether a change made your app slower, measure both versions side
    by side: `toolkit check`.
    """
    from toolkit.cli.wiring import output
    from toolkit.config import load_config
    from toolkit.contrast import differences
    from toolkit.errors import ConfigError
    from toolkit.report.contrast_table import show
    from toolkit.store import Store
    from toolkit.tuning.finals import finals_of

    if len(names) < 2:
        raise click.UsageError("It takes two runs to compare.")
    store = Store(results or Path(load_config(Path.cwd(), config_file).results))
    runs = [finals_of(store.load(name)) for name in names]
    for other in runs[1:]:
        unlike = differences(runs[0], other)
        if unlike and not force:
            listed = "; ".join(unlike[:3]) + ("; ..." if len(unlike) > 3 else "")
            raise ConfigError(
                f"{runs[0].id} and {other.id} were not measured alike: {listed}",
                hint="Measure again, or look all the same with --force.",
            )
    show(runs, output())
