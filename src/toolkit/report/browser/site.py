"""A site of all stored runs: an index with answers and courses, and a page for each. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toolkit.compare import Table, tables
from toolkit.measured import Run
from toolkit.report.answers import answers
from toolkit.report.browser import charts
from toolkit.report.browser.data import Columns, significant_digits
from toolkit.report.browser.document import Library, document
from toolkit.report.browser.page import page
from toolkit.report.circumstances import limits
from toolkit.report.elements import Markup, element
from toolkit.tuning.finals import finals_of

LIBRARY = "vega.js"


def site(runs: Iterable[Run], library: str, histories: Mapping[str, str]) -> dict[str, str]:
    """Give the files of a site, by path.

    Args:
        runs: What was measured; the newest is shown first.
        library: What draws charts.
        histories: Pages of histories of checks, by name.
    """
    newest_first = sorted(runs, key=lambda run: (run.started_at, run.id), reverse=True)
    files = {LIBRARY: library, ".nojekyll": ""}
    for run in newest_first:
        shared = Library(address=f"../../{LIBRARY}")
        files[f"runs/{run.id}/index.html"] = page(run, shared, up="../../index.html")
    for name, text in histories.items():
        files[f"history/{name}.html"] = text
    files["index.html"] = _index(newest_first, [*histories])
    return files


def _index(runs: Sequence[Run], histories: Sequence[str]) -> str:
    summed_up = {run.id: tables(finals_of(run)) for run in runs}
    courses = _courses(runs, summed_up)
    content = {"workloads": [], "waits": {}, "courses": courses}
    header = element(
        "header",
        element("p", "flask-production-toolkit", class_="quiet"),
        element("h1", "What was measured"),
        element("button", "Dark", type="button", id="theme", aria_pressed="false"),
    )
    parts = [_runs(runs, summed_up)]
    if courses:
        parts.append(_trends([*courses]))
    if histories:
        parts.append(_histories(histories))
    return document(
        "What was measured", Library(address=LIBRARY), content, header, element("main", *parts)
    )


def _runs(runs: Sequence[Run], found: Mapping[str, Sequence[Table]]) -> Markup:
    items = []
    for run in runs:
        when = run.started_at.replace("T", " ")[:16]
        host = run.served_on
        said = (
            element("li", element("b", workload), f": {text}")
            for workload, text in answers(run, found[run.id])
        )
        items.append(
            element(
                "li",
                element("a", f"{when} UTC", href=f"runs/{run.id}/index.html"),
                element(
                    "p",
                    f"{host.cpus} CPUs, {host.cpu_model}; {run.runtime.name}; {limits(run)}; "
                    f"run {run.id}",
                    class_="quiet",
                ),
                element("ul", *said),
            )
        )
    listed = element("ul", *items, class_="answers") if items else element("p", "Nothing yet.")
    return element("section", element("h2", "Runs"), listed)


def _trends(names: Sequence[str]) -> Markup:
    figures = (
        element(
            "figure",
            element("h3", name),
            element("div", class_="chart", data_chart="course", data_workload=name),
            element(
                "figcaption",
                "Each dot is a run, with the interval of its ratio.",
            ),
        )
        for name in names
    )
    return element("section", element("h2", "From run to run"), *figures, id="trends")


def _histories(names: Sequence[str]) -> Markup:
    items = (element("li", element("a", name, href=f"history/{name}.html")) for name in names)
    return element("section", element("h2", "Checks"), element("ul", *items))


def _courses(runs: Sequence[Run], found: Mapping[str, Sequence[Table]]) -> dict[str, Any]:
    """Give a chart for each workload that two runs at least have ratios of that compare."""
    columns: dict[str, Columns] = {}
    for run in reversed(runs):
        for table in found[run.id]:
            mine = columns.setdefault(
                _comparable(run, table),
                {"stack": [], "at": [], "ratio": [], "low": [], "high": []},
            )
            for row in table.rows:
                if row.valid and row.ratio is not None:
                    mine["stack"].append(row.stack)
                    mine["at"].append(run.started_at)
                    mine["ratio"].append(significant_digits(row.ratio.value))
                    mine["low"].append(significant_digits(row.ratio.low))
                    mine["high"].append(significant_digits(row.ratio.high))
    several = {name: found for name, found in columns.items() if len(set(found["at"])) > 1}
    return {
        name: {"spec": charts.course([*dict.fromkeys(found["stack"])]), "data": found}
        for name, found in several.items()
    }


def _comparable(run: Run, table: Table) -> str:
    """Name what runs must have in common for their ratios to compare."""
    host = run.served_on
    machine = f"{host.cpus} CPUs, {host.cpu_model}, {run.runtime.name}, {limits(run)}"
    return f"{table.workload}, to {table.baseline}, on {machine}"
