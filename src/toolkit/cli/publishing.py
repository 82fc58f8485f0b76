"""Makes a site of what is stored, and shows it on loopback."""

import functools
import http.server
from collections.abc import Iterator
from pathlib import Path

import click

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.measured import Run
from toolkit.report.browser.drawing import library
from toolkit.report.browser.site import site
from toolkit.store import Store, write_whole

_MARK = ".nojekyll"
"""GitHub Pages serves files unchanged where it lies; by it a folder is known as a site of ours."""


def files_of_site(results: Path) -> dict[str, str]:
    """Give the files of a site of all runs and histories in a folder of results.

    Raises:
        ConfigError: There are none, or one cannot be read.
        EnvironmentFault: What draws charts is not installed.
    """
    runs = [*_runs(Store(results))]
    histories = dict(_histories(results))
    if not runs and not histories:
        raise ConfigError(f"nothing is stored in {results}", hint="`toolkit bench` measures.")
    return site(runs, library(), histories)


def _runs(store: Store) -> Iterator[Run]:
    for folder in sorted(store.folder.glob("*/")):
        try:
            yield store.load(str(folder))
        except ConfigError as error:
            # one run of other days must not keep all others from being seen
            click.echo(f"toolkit: left out: {error}", err=True)


def _histories(results: Path) -> Iterator[tuple[str, str]]:
    from toolkit.cli.report import page_of_history

    for file in sorted(results.glob("*.jsonl")):
        yield file.stem, page_of_history(file)


def write_site(files: dict[str, str], folder: Path) -> None:
    """Write a site; what else is in the folder stays.

    Raises:
        ConfigError: The folder holds something and no earlier site.
        EnvironmentFault: No space or no permission.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise ConfigError(
            f"{folder} holds files that are not of an earlier site", hint="Give another folder."
        )
    for name, text in files.items():
        write_whole(folder / name, text)


def serve(folder: Path, port: int) -> None:
    """Show a folder on loopback until Ctrl-C.

    Raises:
        EnvironmentFault: The port is taken.
    """
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise EnvironmentFault(
            f"port {port} cannot be used: {error.strerror}", hint="Give another with --port."
        ) from error
    with server:
        click.echo(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
        server.serve_forever()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing of what is asked for."""
