"""``toolkit publish``."""

from pathlib import Path

import click

from toolkit.cli.options import common


@click.command(context_settings={"max_content_width": 100})
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@common
def command(folder: Path, results: Path | None, config_file: Path | None) -> None:
    """Write a static site of all stored runs, as for GitHub Pages, to DIR.

    An index with the answer of each run, a page for each, how ratios went from run to run, and the
    histories of checks (*.jsonl in the folder of results). It needs no server and no network.
    """
    from toolkit.cli.publishing import files_of_site, write_site
    from toolkit.config import load_config

    stored = results or Path(load_config(Path.cwd(), config_file).results)
    files = files_of_site(stored)
    write_site(files, folder)
    click.echo(f"Written: {folder / 'index.html'} and {len(files) - 1} more files.")
