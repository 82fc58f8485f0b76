"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_history_report.py` writes them."""

import io
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from tests.unit.made_up_history import ELSEWHERE, made_up_history
from toolkit.changes import Verdict
from toolkit.checked import Metric
from toolkit.cli.group import toolkit
from toolkit.errors import ConfigError
from toolkit.history import Point, Reading, Version
from toolkit.record import append
from toolkit.report.elements import element
from toolkit.report.history import show
from toolkit.report.history_html import page
from toolkit.trend import Search, Series, find_search, series_of

GOLDEN = Path(__file__).parent.parent / "golden"
EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)> & [red]x[/red]"


@pytest.fixture(scope="module")
def search() -> Search | None:
    return find_search()


def eventful() -> list[Point]:
    """Everything that a report has words for.

    A step for the worse on another machine, one back, an invalid check, and a new reference.
    """
    points = list(
        made_up_history([(14, 1.0), (9, 1.1), (9, 1.02)], noise=0.008, width=0.012, seed=3)
    )
    points[14:20] = [replace(point, host=ELSEWHERE) for point in points[14:20]]
    points[5] = replace(points[5], verdict=Verdict.INVALID, metrics={})
    later = made_up_history([(3, 1.0)], noise=0.008, width=None, first=32)
    reference = Version(label="v1.1 (9bd0c11)", identity="9bd0c11")
    return [*points, *(replace(point, reference=reference) for point in later)]


def dangerous() -> list[Point]:
    """Every text that comes from a file is an attack."""
    points = made_up_history([(8, 1.0), (8, 1.3)], noise=0.01)
    evil = Version(label=EVIL, identity=EVIL)
    return [
        replace(
            point,
            check=f"{number}{EVIL}",
            candidate=evil,
            reference=evil,
            stack=EVIL,
            workloads=(EVIL,),
            runtime=EVIL,
            host=replace(
                point.host,
                cpu_model=f"{EVIL}{number // 8}",
                system=f"{EVIL}{number // 8}",
                toolkit=EVIL,
            ),
        )
        for number, point in enumerate(points)
    ]


def all_metrics(points: Sequence[Point], search: Search | None) -> list[Series]:
    return [series for metric in Metric for series in series_of(points, metric, search)]


def rendered(series: Sequence[Series], width: int, *, last: int = 30, searched: bool = True) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    show(series, console, last=last, searched=searched)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_history_looks_as_it_did(search: Search | None, width: int) -> None:
    golden(f"history-{width}.txt", rendered(all_metrics(eventful(), search), width))


def test_the_page_is_as_it_was(search: Search | None) -> None:
    golden("history.html", page(all_metrics(eventful(), search)).replace("><", ">\n<"))


@pytest.mark.parametrize("width", [40, 50, 60, 79, 80, 100, 119, 120, 200])
def test_no_line_is_wider_than_the_terminal(search: Search | None, width: int) -> None:
    text = rendered(all_metrics(eventful(), search), width)
    assert max(map(len, text.splitlines())) <= width


def test_the_change_is_named_before_the_checks_are_listed(search: Search | None) -> None:
    text = rendered(series_of(eventful(), Metric.CPU, search), 120)
    assert text.index("WORSE from main (000000f) of 2026-11-15 on: +") < text.index("interval")


def test_a_machine_that_changed_with_the_numbers_is_named_as_another_cause(
    search: Search | None,
) -> None:
    text = " ".join(rendered(series_of(eventful(), Metric.CPU, search), 120).split())
    assert "Between the two also changed: CPU: Testium 3000, now Testium 4000" in text


def test_without_the_extra_one_line_says_how_to_get_it_and_the_trend_is_there() -> None:
    text = rendered(series_of(eventful(), Metric.CPU), 120, searched=False)
    said = [line for line in text.splitlines() if "flask-production-toolkit[history]" in line]
    assert len(said) == 1
    assert "2026-11-20" in text
    assert "No change points" not in text


def test_only_the_newest_checks_are_listed_and_the_others_counted(search: Search | None) -> None:
    points = made_up_history([(40, 1.0)])
    text = rendered(series_of(points, Metric.CPU, search), 120, last=10)
    assert "main (0000028)" in text
    assert "main (0000001)" not in text
    assert "30 earlier checks not in the table" in text
    every = rendered(series_of(points, Metric.CPU, search), 120, last=0)
    assert "main (0000001)" in every


def test_a_reading_without_an_interval_is_drawn_without_one(search: Search | None) -> None:
    points = made_up_history([(8, 1.0)], width=None)
    series = series_of(points, Metric.CPU, search)
    assert "─●" not in rendered(series, 120)
    assert '<polygon points=""' in page(series)


def test_text_of_a_file_is_not_taken_for_markup_of_the_terminal(search: Search | None) -> None:
    text = rendered(series_of(dangerous(), Metric.CPU, search), 2000)
    assert "[red]x[/red]" in text


def test_text_of_a_file_stays_text_in_the_page(search: Search | None) -> None:
    document = page(series_of(dangerous(), Metric.CPU, search))
    assert "alert(1)" in document
    harmless = page(series_of(eventful(), Metric.CPU, search))
    assert elements_and_attributes(document) <= elements_and_attributes(harmless)


def elements_and_attributes(document: str) -> set[str]:
    found: set[str] = set()

    class _Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update({tag, *(f"{tag} {name}" for name, _ in attrs)})

    _Parser().feed(document)
    return found


def test_the_page_asks_for_nothing_from_anywhere(search: Search | None) -> None:
    document = page(all_metrics(eventful(), search))
    assert "default-src &#x27;none&#x27;" in document
    assert not re.search(r"https?:|url\(|@import|src=|<script|<link", document)


def test_each_picture_is_well_formed_and_says_in_words_what_it_shows(
    search: Search | None,
) -> None:
    document = page(series_of(eventful(), Metric.CPU, search))
    pictures = [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", document, re.DOTALL)]
    assert len(pictures) == 2
    for picture in pictures:
        named = picture.attrib["aria-labelledby"].split()
        texts = {item.attrib["id"]: item.text for item in picture if "id" in item.attrib}
        assert all(texts[name] for name in named)
    tips = [item.text or "" for item in pictures[0].iter("title")]
    assert any("WORSE from main (000000f)" in tip for tip in tips)
    assert sum("main (000000a)" in tip for tip in tips) == 1


def test_every_dot_lies_within_the_picture(search: Search | None) -> None:
    points = made_up_history([(6, 1e-4), (6, 1.0), (6, 1e4)], noise=1.0, width=2.0)
    document = page(series_of(points, Metric.CPU, search))
    (picture,) = (ET.fromstring(t) for t in re.findall(r"<svg.*?</svg>", document, re.DOTALL))
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    circles = list(picture.iter("circle"))
    assert len(circles) == 36
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= width
        assert 0 <= float(circle.attrib["cy"]) <= height


def test_a_single_check_makes_a_page_and_a_table(search: Search | None) -> None:
    series = series_of(made_up_history([(1, 1.0)]), Metric.CPU, search)
    assert "1 check so far" in rendered(series, 80)
    assert "1 check so far" in page(series)


def test_an_attribute_is_escaped_as_text_is() -> None:
    assert element("a", "<&>", title='"<') == '<a title="&quot;&lt;">&lt;&amp;&gt;</a>'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toolkit-history.jsonl"
    for point in eventful():
        append(path, point)
    return path


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(toolkit, list(arguments))


def test_the_command_shows_the_file_of_the_settings_or_the_usual_one(file: Path) -> None:
    shown = run("history")
    assert shown.exit_code == 0
    assert "WORSE from main (000000f)" in shown.output
    file.rename("other.jsonl")
    assert isinstance(run("history").exception, ConfigError)
    Path("toolkit.toml").write_text('[check]\nhistory = "other.jsonl"\n')
    assert run("history").output == shown.output
    Path("toolkit.toml").unlink()
    assert run("history", "other.jsonl").output == shown.output


def test_a_metric_that_nobody_recorded_is_an_error_that_names_it(file: Path) -> None:
    failed = run("history", "--metric", "p99")
    assert isinstance(failed.exception, ConfigError)
    assert "p99" in str(failed.exception)


def test_a_metric_that_does_not_exist_is_a_usage_error(file: Path) -> None:
    failed = run("history", "--metric", "cpu,joules")
    assert failed.exit_code == 2
    assert "joules" in failed.output


def test_several_metrics_are_shown_one_after_the_other(file: Path) -> None:
    point = replace(
        eventful()[-1],
        check="last",
        metrics={"memory": Reading(ratio=1.0), "cpu": Reading(ratio=1)},
    )
    append(file, point)
    text = run("history", "--metric", "memory,cpu").output
    assert text.index("Memory of") < text.index("CPU per request of")


def test_a_broken_last_line_is_reported_beside_the_table(file: Path) -> None:
    with file.open("a") as stream:
        stream.write('{"format": 1, "che')
    shown = run("history")
    assert shown.exit_code == 0
    assert "line 36" in " ".join(shown.stderr.split())


def test_report_writes_the_page(file: Path) -> None:
    done = run("report", "--history", str(file), "--html", "out.html")
    assert done.exit_code == 0
    assert Path("out.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--history", "toolkit-history.jsonl"),
        ("--history", "toolkit-history.jsonl", "--html", "out.html", "--output", "csv"),
        ("a-run", "--history", "toolkit-history.jsonl", "--html", "out.html"),
    ],
)
def test_report_takes_a_history_and_a_page_together_or_a_run(
    file: Path, arguments: tuple[str, ...]
) -> None:
    failed = run("report", *arguments)
    assert failed.exit_code == 2
    assert not Path("out.html").exists()
