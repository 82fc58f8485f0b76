"""A search in every format: what to take comes first, and the numbers are those of its finals."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from tests.unit.made_up_tuning import Machine, tuned
from tests.unit.test_tune import WAITING
from tests.unit.test_tune_report import CASES
from toolkit.measured import Run
from toolkit.model import LoadSettings
from toolkit.report.browser.document import Library
from toolkit.report.browser.page import page
from toolkit.report.browser.site import site
from toolkit.report.run_json import document, schema
from toolkit.report.run_junit import junit
from toolkit.report.run_markdown import code_free, markdown
from toolkit.report.run_pictures import terminal_svg
from toolkit.report.run_rows import as_csv
from toolkit.report.tune_findings import advice
from toolkit.slo import parse_slo
from toolkit.tuned import Tuned

LIBRARY = Library(text="window.vegaEmbed = 0;")
HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(2)>"
Make = Callable[..., Any]
MakeRun = Callable[..., Run]


@pytest.fixture
def found(make_load: Make, make_run: MakeRun, tmp_path: Path) -> Run:
    return tuned(Machine(world=WAITING, make_load=make_load), make_run, tmp_path)


@pytest.fixture
def without_trials(make_run: MakeRun) -> Callable[[Tuned], Run]:
    def make(said: Tuned) -> Run:
        load = LoadSettings(rates=(0.5,), slo=parse_slo(said.slo))
        return make_run((), workloads=("list",), tuned=said, load=load)

    return make


def decided(run: Run) -> Tuned:
    assert run.tuned is not None
    assert run.tuned.final > 1  # there were rounds before the finals
    return run.tuned


def sentences(run: Run) -> str:
    return " ".join(text.plain for text in advice(decided(run)))


class Rows(HTMLParser):
    """The stacks that have a row, by the section they are in, and what could run a script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.section = ""
        self.stacks: dict[str, set[str]] = {}
        self.elements: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append(tag)
        if tag == "section":
            self.section = attributes.get("id") or ""
        if attributes.get("data-stack"):
            self.stacks.setdefault(self.section, set()).add(str(attributes["data-stack"]))


def test_a_page_says_first_what_to_take_and_then_shows_the_finals(found: Run) -> None:
    text = page(found, LIBRARY)
    said = escape(sentences(found))
    assert said in text
    assert text.index(said) < text.index("<table")
    finalists = {item.stack for item in decided(found).finalists}
    assert Rows(text).stacks == {"search": finalists, "w0": finalists}
    assert "<pre" in text
    assert "[server]  # of " in text


def test_nobody_is_said_to_have_been_killed_who_was_not_told_to_stop(found: Run) -> None:
    assert "SIGTERM" not in terminal_svg(found)
    assert "SIGTERM" not in markdown(found)


def test_text_of_a_search_is_text(found: Run) -> None:
    said = decided(found)
    finalists = tuple(replace(item, label=HOSTILE, trouble=HOSTILE) for item in said.finalists)
    hostile = replace(said, reason=HOSTILE, note=HOSTILE, finalists=finalists)
    ordinary, other = (
        Rows(page(run, LIBRARY)).elements for run in (found, replace(found, tuned=hostile))
    )
    assert other.count("script") == ordinary.count("script")
    assert "img" not in other


def test_json_has_the_decision_and_keeps_to_the_published_schema(found: Run) -> None:
    read = json.loads(document(found))
    jsonschema.Draft202012Validator(schema()).validate(read)
    said = decided(found)
    assert read["tuned"]["recommended"] == said.recommended
    assert " ".join(read["tuned"]["advice"]) == sentences(found)
    (workload,) = read["workloads"]
    capacities = {row["stack"]: row["throughput"]["value"] for row in workload["rows"]}
    assert capacities == {
        item.stack: pytest.approx(item.capacity) for item in said.finalists if item.capacity
    }


def test_a_document_of_before_searches_keeps_to_the_schema(found: Run) -> None:
    read = json.loads(document(found))
    del read["tuned"]
    jsonschema.Draft202012Validator(schema()).validate(read)


def test_rows_are_those_of_the_finals(found: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    medians = {
        row["stack"]: float(row["value"])
        for row in rows
        if (row["metric"], row["statistic"]) == ("throughput", "median")
    }
    assert medians == {
        item.stack: pytest.approx(item.capacity)
        for item in decided(found).finalists
        if item.capacity
    }


def test_markdown_begins_with_what_to_take(found: Run) -> None:
    text = markdown(found)
    before = text.split("####")[0]
    assert code_free(sentences(found)) in before
    for item in decided(found).finalists:
        assert item.label in text.split("####")[1]


def test_junit_says_what_to_take(found: Run) -> None:
    root = ET.fromstring(junit(found))
    (said,) = root.findall(".//property[@name='answer']")
    assert said.get("value") == sentences(found)
    assert len(root.findall(".//testcase")) == len(decided(found).finalists)


def test_a_site_says_what_to_take(found: Run) -> None:
    files = site([found], "", {})
    assert escape(sentences(found)) in files["index.html"]


@pytest.mark.parametrize("case", CASES)
def test_a_search_that_found_little_can_be_written_too(
    case: str, without_trials: Callable[[Tuned], Run]
) -> None:
    run = without_trials(CASES[case])
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document(run)))
    for text in (page(run, LIBRARY), markdown(run), junit(run), as_csv(run), terminal_svg(run)):
        assert text
    assert escape(CASES[case].reason) in page(run, LIBRARY)
