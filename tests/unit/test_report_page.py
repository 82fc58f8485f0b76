"""The report for a browser: what is in the file, and what text from results can do there."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from toolkit.compare import tables
from toolkit.measured import Failure, Run
from toolkit.model import Trial
from toolkit.report.answers import answer
from toolkit.report.browser import charts, data
from toolkit.report.browser.document import Library
from toolkit.report.browser.drawing import library, png, svg
from toolkit.report.browser.page import page
from toolkit.store import Store

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
LIBRARY = Library(text="window.vegaEmbed = 0;")
HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(2)>"
MakeRun = Callable[..., Run]


class Page(HTMLParser):
    """The elements of a page, and the text inside its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_data(self, text: str) -> None:
        if self.inside:
            self.scripts[-1] += text

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def two_cores() -> Run:
    return Store(REFERENCE).load(str(REFERENCE / "two-cores"))


@pytest.fixture(scope="module")
def waiting() -> Run:
    return Store(REFERENCE).load(str(REFERENCE / "io"))


def with_hostile_text(run: Run) -> Run:
    """Put hostile text wherever a run has text from outside."""
    failure = Failure(
        trial=Trial(stack=run.trials[0].stack, workload=HOSTILE, round=1, position=1),
        stage="load",
        message=HOSTILE,
        log=HOSTILE,
    )
    facts = replace(run.stacks[0], id=HOSTILE, argv=(HOSTILE,), summary=HOSTILE, caution=HOSTILE)
    other = replace(failure.trial, stack=run.baseline)
    trials = (*run.trials, failure.trial, other)
    host = replace(run.host, cpu_model=HOSTILE)
    return replace(
        run,
        id=HOSTILE,
        host=host,
        stacks=(facts, *run.stacks[1:]),
        trials=trials,
        outcomes=(*run.outcomes, failure),
    )


def test_text_from_results_is_text(two_cores: Run) -> None:
    ordinary, hostile = (
        Page(page(two_cores, LIBRARY)),
        Page(page(with_hostile_text(two_cores), LIBRARY)),
    )
    assert len(hostile.scripts) == len(ordinary.scripts) == 3
    assert not hostile.all("img")
    assert all(not name.startswith("on") for _, found in hostile.elements for name in found)
    assert HOSTILE in json.dumps(json.loads(hostile.scripts[0]))


def test_only_its_own_scripts_may_run(two_cores: Run) -> None:
    found = Page(page(two_cores, LIBRARY))
    (policy,) = (
        item["content"] for item in found.all("meta") if "content" in item and "http-equiv" in item
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for script in found.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "script-src 'unsafe-inline'" not in policy


def test_nothing_is_fetched(two_cores: Run) -> None:
    found = Page(page(two_cores, LIBRARY))
    for _, attributes in found.elements:
        for name in ("src", "href", "action"):
            assert not attributes.get(name) or str(attributes[name]).startswith("#")
    assert not found.all("link")


def test_the_answers_come_first(two_cores: Run) -> None:
    text = page(two_cores, LIBRARY)
    for table in tables(two_cores):
        said = escape(answer(table, two_cores))
        assert said in text
        assert text.index(said) < text.index("<table")


def test_every_row_says_whose_it_is(two_cores: Run) -> None:
    rows = [row for row in Page(page(two_cores, LIBRARY)).all("tr") if "data-stack" in row]
    assert {row["data-stack"] for row in rows} == {trial.stack for trial in two_cores.trials}


def test_every_chart_has_its_data_and_compiles(two_cores: Run, waiting: Run) -> None:
    import vl_convert

    for run in (two_cores, waiting):
        content = json.loads(Page(page(run, LIBRARY)).scripts[0])
        specs = [(waits := content["waits"])["spec"]] if content["waits"]["stacks"] else []
        sets: list[dict[str, Any]] = [{"waits": waits["data"]}] if specs else []
        for workload in content["workloads"]:
            for spec in workload["specs"].values():
                several = [*spec.values()] if "$schema" not in spec else [spec]
                specs += several
                sets += [workload["data"]] * len(several)
        assert specs
        for spec, columns in zip(specs, sets, strict=True):
            named = set(re.findall(r'"data": {"name": "(\w+)"}', json.dumps(spec)))
            assert named <= columns.keys()
            datasets = {name: data.rows(columns[name]) for name in named}
            whole = {**spec, "width": 400, "datasets": datasets}
            assert vl_convert.vegalite_to_vega(whole, "6.4")["marks"]


def test_what_waiting_does_is_shown_where_two_delays_were_measured(
    two_cores: Run, waiting: Run
) -> None:
    assert not data.waits(tables(two_cores))["stack"]
    assert set(data.waits(tables(waiting))["delay"]) == {0, 5, 20, 100}


def test_of_two_stacks_each_is_the_inverse_of_the_other(two_cores: Run) -> None:
    for table in tables(two_cores):
        duels = data.duels(two_cores, table)
        for (a, b), (ratio, sure) in duels.items():
            back, also = duels[(b, a)]
            assert ratio * back == pytest.approx(1)
            assert sure == also


def test_a_percentile_has_an_answer_beyond_it(two_cores: Run) -> None:
    for table in tables(two_cores):
        curves = data.rows(data.curves(two_cores, table))
        assert curves
        for key in {(row["stack"], row["part"]) for row in curves}:
            mine = [row for row in curves if (row["stack"], row["part"]) == key]
            assert [row["ms"] for row in mine] == sorted(row["ms"] for row in mine)


def test_a_chart_can_be_drawn_without_a_browser(two_cores: Run) -> None:
    table = tables(two_cores)[0]
    stacks = [row.stack for row in table.rows]
    spec = charts.throughput(stacks, stacks, intervals=True)
    datasets = {
        "trials": data.rows(data.trials(two_cores, table)),
        "capacity": data.rows(data.capacity(table)),
    }
    assert png(spec, datasets).startswith(b"\x89PNG")
    drawn = svg(spec, datasets)
    assert all(stack in drawn for stack in stacks)


def test_the_library_cannot_end_its_element() -> None:
    assert "</script" not in library().lower()


def test_an_answer_names_a_tie_a_tie(two_cores: Run) -> None:
    list_table = next(table for table in tables(two_cores) if table.workload == "list")
    said = answer(list_table, two_cores)
    assert said.startswith("fastapi/uvicorn serves most: ")
    assert said.endswith(
        "bottle/gunicorn-sync, flask/gunicorn-gevent and flask/gunicorn-gthread tie behind."
    )
    first = [replace(row, rank=1, shared=True) for row in list_table.rows[:2]]
    tied = answer(replace(list_table, rows=(*first, *list_table.rows[2:])), two_cores)
    assert tied.startswith("fastapi/uvicorn and bottle/gunicorn-sync cannot be told apart")


def test_one_round_is_no_reason_to_choose(two_cores: Run) -> None:
    kept = tuple(item for item in two_cores.outcomes if item.trial.round == 1)
    once = replace(two_cores, rounds=1, outcomes=kept)
    for table in tables(once):
        assert answer(table, once).endswith("do not choose by this run.")


def test_without_a_valid_number_nothing_is_recommended(two_cores: Run) -> None:
    table = tables(two_cores)[0]
    none = replace(table, rows=tuple(replace(row, valid=0, rank=None) for row in table.rows))
    assert answer(none, two_cores).startswith("No stack has a number")
