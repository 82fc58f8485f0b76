"""Writes a run in the formats that ``--output`` names, for every command that has one."""

from collections.abc import Sequence
from pathlib import Path

import click

from toolkit.cli.outputs import Output
from toolkit.cli.wiring import messages
from toolkit.measured import Run
from toolkit.store import write_whole


def write_run(
    outputs: Sequence[Output], run: Run, *, wanted: float | None = None, workload: str | None = None
) -> None:
    """Write a run in each format, to its file or to standard output.

    Args:
        outputs: Of ``outputs.RUN_FORMATS``, with their files.
        run: What was measured.
        wanted: Requests/s for which replicas are counted.
        workload: Which of them a picture shows, None: the first.

    Raises:
        ConfigError: There is no such workload.
        EnvironmentFault: What draws charts is missing, or a file cannot be written.
    """
    for kind, file in outputs:
        content = _rendered(kind, run, wanted, workload)
        if file is None:
            click.echo(content, nl=False)
        else:
            write(content, file)


def write(content: str | bytes, file: Path) -> None:
    """Write a file and say so.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    write_whole(file, content)
    messages().print(f"wrote {file}", markup=False)


def _rendered(kind: str, run: Run, wanted: float | None, workload: str | None) -> str | bytes:
    if kind == "html":
        from toolkit.report.browser.document import Library
        from toolkit.report.browser.drawing import library
        from toolkit.report.browser.page import page

        return page(run, Library(text=library()), wanted=wanted)
    if kind == "markdown":
        from toolkit.report.run_markdown import markdown

        return markdown(run, wanted=wanted)
    if kind == "json":
        from toolkit.report.run_json import document

        return document(run)
    if kind == "csv":
        from toolkit.report.run_rows import as_csv

        return as_csv(run)
    if kind == "junit":
        from toolkit.report.run_junit import junit

        return junit(run)
    from toolkit.report.run_pictures import main_chart, terminal_svg

    return terminal_svg(run, wanted=wanted) if kind == "svg" else main_chart(run, workload)
