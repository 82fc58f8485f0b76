"""A run in the formats that other programs and people read: rows, JSON, Markdown, JUnit."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from toolkit.cli import main
from toolkit.compare import tables
from toolkit.measured import Failure, Run
from toolkit.model import Trial
from toolkit.report.browser.document import Library
from toolkit.report.browser.page import page
from toolkit.report.run_json import document, schema
from toolkit.report.run_junit import junit
from toolkit.report.run_markdown import markdown
from toolkit.report.run_pictures import main_chart, terminal_svg
from toolkit.report.run_rows import as_csv, numbers
from toolkit.store import Store

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
RUNS = ("two-cores", "frameworks", "servers", "io")
MakeRun = Callable[..., Run]


def stored(name: str) -> Run:
    return Store(REFERENCE).load(str(REFERENCE / name))


@pytest.fixture(scope="module")
def two_cores() -> Run:
    return stored("two-cores")


def failed(run: Run, message: str) -> Run:
    """Give the run with a stack that failed."""
    trials = [Trial(stack=name, workload="list", round=1, position=9) for name in ("=own/x",)]
    failure = Failure(trial=trials[0], stage="start", message=message)
    return replace(run, trials=(*run.trials, *trials), outcomes=(*run.outcomes, failure))


@pytest.mark.parametrize("name", RUNS)
def test_what_a_run_means_keeps_to_the_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document(stored(name))))


def test_the_schema_refuses_what_it_does_not_describe(two_cores: Run) -> None:
    wrong = json.loads(document(two_cores))
    wrong["workloads"][0]["rows"][0]["rank"] = 0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(wrong)


def test_every_number_of_the_table_is_a_row_of_its_own(two_cores: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(two_cores))))
    for table in tables(two_cores):
        for row in table.rows:
            mine = {
                (item["phase"], item["metric"], item["statistic"]): float(item["value"])
                for item in rows
                if (item["workload"], item["stack"]) == (table.workload, row.stack)
            }
            assert row.throughput is not None
            assert mine[("capacity", "throughput", "median")] == row.throughput.value
            assert mine[("capacity", "throughput", "low")] == row.throughput.low
            for rate in row.at_rates:
                assert mine[(f"{rate.part:g}", "goodput", "median")] == rate.goodput


def test_no_case_has_a_number_twice(two_cores: Run) -> None:
    keys = [number[:8] for number in numbers(two_cores)]
    assert len(keys) == len(set(keys))


def test_a_name_is_no_formula_in_a_spreadsheet(two_cores: Run) -> None:
    text = as_csv(failed(two_cores, "x"))
    assert not any(cell.startswith("=") for row in csv.reader(io.StringIO(text)) for cell in row)


def test_a_stack_without_a_number_is_an_error_of_junit(two_cores: Run) -> None:
    sound = ET.fromstring(junit(two_cores))
    broken = ET.fromstring(junit(failed(two_cores, "no \x00 port")))
    assert not sound.findall(".//error")
    (error,) = broken.findall(".//error")
    assert error.get("message") == "start: no port"
    for suite in broken.findall("testsuite"):
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        for kind in ("error", "failure", "skipped"):
            count = int(suite.get({"error": "errors", "failure": "failures"}.get(kind, kind), ""))
            assert count == len(suite.findall(f"testcase/{kind}"))


def test_markdown_begins_with_the_answers_and_shows_text_as_code(two_cores: Run) -> None:
    text = markdown(failed(two_cores, "<img src=x> | [x](http://y) `z`"))
    answers = text.split("####")[0]
    assert "- `create`: fastapi/uvicorn serves most" in answers
    assert "<img src=x> ¦ [x](http://y) 'z'`" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    width = 0
    for line, before in zip(lines, ["", *lines], strict=False):
        if before and line.startswith("| --"):
            width = before.replace("\\|", "").count("|")
            assert line.count("|") == width


def test_pictures_are_pictures(two_cores: Run) -> None:
    assert main_chart(two_cores, "list").startswith(b"\x89PNG")
    root = ET.fromstring(terminal_svg(two_cores))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("kind", ["html", "markdown", "json", "csv", "junit", "svg", "png"])
def test_the_command_writes_each(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"report.{kind}"
    with pytest.raises(SystemExit) as end:
        main(["report", str(REFERENCE / "two-cores"), "--output", f"{kind}={file}"])
    assert end.value.code == 0
    assert file.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--output", "pdf"], "'pdf' is no format"),
        (["--output", "png=x.png", "--workload", "nope"], "has no workload 'nope'"),
        (["--output", "json", "--output", "csv"], "only one --output"),
    ],
)
def test_what_cannot_be_written_is_bad_input(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["report", str(REFERENCE / "two-cores"), *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_what_a_shape_met_is_in_every_format(shaped: Run) -> None:
    found = json.loads(document(shaped))
    jsonschema.Draft202012Validator(schema()).validate(found)
    rows = {row["stack"]: row["shape"] for row in found["workloads"][0]["rows"]}
    assert (rows["a/x"]["users"], rows["a/x"]["seconds"]) == (50, 3.0)
    assert (rows["a/x"]["throughput"], rows["a/x"]["valid"]) == (102, True)
    assert rows["b/y"]["error_rate"] > 0
    assert not rows["c/z"]["valid"]
    mine = {
        (number.metric, number.statistic): number.value
        for number in numbers(shaped)
        if (number.stack, number.phase) == ("a/x", "shape")
    }
    assert mine["throughput", "median"] == 102
    usable = {n.stack: n.valid for n in numbers(shaped) if n.phase == "shape"}
    assert usable == {"a/x": True, "b/y": True, "c/z": False}
    assert all(n.valid for n in numbers(shaped) if n.phase == "capacity")
    assert "a stack that is slow is asked less" in markdown(shaped)
    assert mine["latency", "p99"] == rows["a/x"]["latency"]["p99"]
    said = "50 users at most, 3 s, with their waits"
    assert said in markdown(shaped)
    assert said in page(shaped, Library(text=""))


def test_a_run_without_a_shape_speaks_of_none(two_cores: Run) -> None:
    row = json.loads(document(two_cores))["workloads"][0]["rows"][0]
    assert row["shape"] is None
    assert "shape" not in markdown(two_cores)
    assert {number.phase for number in numbers(two_cores)} >= {"capacity"}
    assert "shape" not in {number.phase for number in numbers(two_cores)}
