"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_lint_report.py` writes them."""

import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.unit.made_up_lints import (
    FORGEABLE,
    OTHER_RULE,
    RULE,
    TOO_REGULAR,
    TOO_SHORT,
    UNKNOWN,
    made_up_deployment,
    made_up_lint,
)
from toolkit.lint.facts import Deployment, Unread, Where
from toolkit.report.lint_github import annotations
from toolkit.report.lint_json import document
from toolkit.report.lint_text import show, show_rule, show_rules
from toolkit.report.lint_wording import Lint, message_of
from toolkit.report.workflow_commands import command, harmless

GOLDEN = Path(__file__).parent.parent / "golden"
RULES = (RULE, OTHER_RULE)
STEERING = "\x1b[2J\x07\r\x9b31m\u202e\u2028"
EVIL = f"::error::x{STEERING}%0A ##[error]y, z: [red]x[/red]\n::warning::w"


def rendered(lint: Lint, width: int = 120) -> str:
    out = io.StringIO()
    show(lint, Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def hostile_lint() -> Lint:
    """Every text that comes from a file is an attack."""
    where = Where(EVIL, 3)
    finding = replace(TOO_SHORT, where=where, message=EVIL, fix=EVIL, others=(Where(EVIL, 4),))
    deployment = made_up_deployment()
    units = tuple(replace(unit, name=EVIL) for unit in deployment.units)
    return Lint(
        deployment=Deployment(
            units=units,
            files={"compose": (EVIL,), EVIL: ("x",)},
            unread=(Unread(where=where, reason=EVIL),),
        ),
        findings=(finding,),
        not_judged=(replace(UNKNOWN, reason=EVIL),),
        folder=EVIL,
    )


# text


@pytest.mark.parametrize("width", [80, 120])
def test_a_lint_looks_as_it_did(width: int) -> None:
    golden(f"lint-{width}.txt", rendered(made_up_lint(), width))


@pytest.mark.parametrize("width", [30, 40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = rendered(made_up_lint(folder="a/folder/whose/name/has/many/parts"), width)
    assert max(map(len, text.splitlines())) <= width


def test_findings_are_grouped_by_file_and_sorted_by_line() -> None:
    text = rendered(made_up_lint(TOO_REGULAR, TOO_SHORT, FORGEABLE))
    places = re.findall(r"^(?:error|warning) +(\S+)", text, re.MULTILINE)
    assert places == ["compose.yaml:9", "compose.yaml:14", "config/gunicorn.conf.py:9"]


def test_a_finding_is_placed_as_it_is_found_from_where_the_reader_stands() -> None:
    text = rendered(made_up_lint(TOO_SHORT, folder="deploy/prod"))
    assert text.startswith("error    deploy/prod/compose.yaml:14  ")


def test_a_place_that_the_message_does_not_name_is_added() -> None:
    shown = message_of(FORGEABLE)
    assert shown.endswith("reaches (see config/gunicorn.conf.py:3, nginx/default.conf)")


def test_a_place_within_another_is_not_taken_for_it() -> None:
    message = "neither my/app.py:1 nor app.py:12 nor app.py:1-2"
    found = replace(TOO_SHORT, message=message, others=(Where("app.py", 1),))
    assert message_of(found) == f"{message} (see app.py:1)"


def test_a_place_that_the_message_names_is_not_said_twice() -> None:
    assert message_of(TOO_SHORT).count("gunicorn.conf.py:7") == 1


def test_what_was_not_judged_is_shown_with_the_reason() -> None:
    assert UNKNOWN.reason in rendered(made_up_lint())


def test_a_file_that_could_not_be_read_is_shown_with_the_reason() -> None:
    assert "chart/templates/deployment.yaml:3: a Helm template" in rendered(made_up_lint())


def test_few_of_many_files_are_named_and_the_others_counted() -> None:
    text = in_one_line(rendered(made_up_lint()))
    assert "part_7.py and 12 more" in text
    assert "part_8.py" not in text


def test_a_unit_whose_server_is_not_known_is_told_from_one_whose_command_is_not() -> None:
    text = rendered(made_up_lint())
    assert "service batch: java, no server that is known (compose.yaml:20)" in text
    assert "it is not known what it starts (compose.yaml:30)" in text


def test_text_of_a_file_is_not_taken_for_markup() -> None:
    assert rendered(hostile_lint(), 2000).count("[red]x[/red]") >= 5


def test_nothing_from_a_file_steers_the_terminal() -> None:
    out = io.StringIO()
    show(hostile_lint(), Console(file=out, width=120, highlight=False))
    show_rule(RULE, Console(file=out, width=120, highlight=False))
    assert not set(STEERING) - set("[2J31m") & set(out.getvalue())


def test_without_a_terminal_there_are_no_colours_and_with_one_there_are() -> None:
    assert "\x1b" not in rendered(made_up_lint())
    out = io.StringIO()
    show(made_up_lint(), Console(file=out, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[" in out.getvalue()


def test_the_last_line_says_where_to_read_more_only_if_there_is_something_to_read() -> None:
    assert "--rule NAME" in rendered(made_up_lint())
    assert "--rule NAME" not in rendered(replace(made_up_lint(), findings=()))


# the summary


def test_the_summary_counts_what_was_found_ignored_and_not_read() -> None:
    expected = "2 errors and 1 warning in 23 files, 1 ignored by a comment, 1 file not read."
    assert made_up_lint().summary() == expected


def test_a_file_of_two_kinds_counts_once() -> None:
    files = {"compose": ("a.yaml",), "kubernetes": ("a.yaml",)}
    deployment = replace(made_up_deployment(), files=files, unread=())
    assert Lint(deployment=deployment).summary() == "No findings in 1 file."


def test_where_no_server_is_known_no_findings_is_no_praise() -> None:
    units = made_up_deployment().units[1:]
    lint = Lint(deployment=replace(made_up_deployment(), units=units))
    assert "most rules had nothing to say" in lint.summary()


# rules


def test_a_rule_is_explained_with_reason_fix_and_source() -> None:
    out = io.StringIO()
    show_rule(RULE, Console(file=out, width=80, highlight=False))
    text = in_one_line(out.getvalue())
    for part in (RULE.name, RULE.summary, RULE.reason, RULE.fix, RULE.source):
        assert part in text


def test_all_rules_are_listed_with_what_must_hold() -> None:
    out = io.StringIO()
    show_rules(RULES, Console(file=out, width=120, highlight=False))
    lines = out.getvalue().splitlines()
    assert len(lines) == len(RULES)
    for rule, line in zip(RULES, lines, strict=True):
        assert line.split("  ")[0] == rule.name
        assert rule.summary in line


# JSON


def test_the_json_is_as_it_was() -> None:
    golden("lint.json", document(made_up_lint(folder="deploy"), RULES, exit_code=1) + "\n")


def test_the_json_counts_and_places_every_finding() -> None:
    found = json.loads(document(made_up_lint(TOO_SHORT, TOO_REGULAR), RULES, exit_code=1))
    assert (found["format"], found["exit_code"]) == (1, 1)
    assert (found["errors"], found["warnings"]) == (1, 1)
    first = found["findings"][0]
    assert (first["rule"], first["path"], first["line"]) == (RULE.name, "compose.yaml", 14)
    assert first["others"] == [{"path": "config/gunicorn.conf.py", "line": 7}]


def test_the_json_explains_the_rules_that_found_something_and_no_others() -> None:
    found = json.loads(document(made_up_lint(TOO_SHORT), RULES))
    assert found["rules"].keys() == {RULE.name}
    assert found["rules"][RULE.name]["source"] == RULE.source


def test_the_json_has_no_exit_code_that_nobody_told() -> None:
    assert json.loads(document(made_up_lint(), RULES))["exit_code"] is None


def test_the_json_of_hostile_files_is_one_document_of_printable_characters() -> None:
    text = document(hostile_lint(), RULES)
    assert re.fullmatch(r"[\n\x20-\x7e]*", text)
    assert json.loads(text)["findings"][0]["message"] == EVIL


# GitHub


def test_the_annotations_are_as_they_were() -> None:
    golden("lint-github.txt", annotations(made_up_lint(folder="deploy")))


def test_errors_are_annotated_before_warnings() -> None:
    text = annotations(made_up_lint(TOO_REGULAR, TOO_SHORT))
    assert text.index("::error ") < text.index("::warning ")


def test_an_annotation_names_the_file_from_the_top_of_the_repository() -> None:
    text = annotations(made_up_lint(TOO_SHORT, folder="services/shop"))
    assert "::error file=services/shop/compose.yaml,line=14," in text


def test_a_finding_of_a_whole_file_is_annotated_without_a_line() -> None:
    finding = replace(TOO_SHORT, where=Where("compose.yaml"))
    assert "::error file=compose.yaml,title=" in annotations(made_up_lint(finding))


def test_no_text_from_a_file_is_an_order_to_the_runner_or_steers_a_terminal() -> None:
    text = annotations(hostile_lint())
    ours = r"::(?:error|notice) file=[^:,]+,line=3,title=toolkit lint(?:%3A [a-z-]+)?::"
    orders = [line for line in text.splitlines() if line.startswith("::")]
    assert len(orders) == 2
    for line in orders:
        assert re.match(ours, line)
    others = [line for line in text.splitlines() if not line.startswith("::")]
    assert len(others) == 2
    assert not any("##[" in line for line in others)
    assert not set(STEERING) - set("[2J31m") & set(text)


@given(st.text(), st.text())
def test_what_an_order_says_is_what_the_runner_reads(name: str, message: str) -> None:
    line = command("error", message, title=f"x{name}")
    assert not {"\r", "\n"} & set(line)
    properties, said = line.removeprefix("::error ").split("::", maxsplit=1)
    assert unescaped(said) == message
    assert unescaped(properties.removeprefix("title=")) == f"x{name}"


def unescaped(text: str) -> str:
    """Read as actions/runner does (ActionCommand.cs): the per cent sign last."""
    pairs = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    for escaped, character in pairs.items():
        text = text.replace(escaped, character)
    return text


def test_an_order_without_properties_is_one() -> None:
    assert command("notice", "50 %", file="", line=0) == "::notice::50 %25"


@pytest.mark.parametrize("line", ["::error::x", "  ::error::x", "a ##[error]x", ":::error::x"])
def test_a_line_from_outside_is_no_order(line: str) -> None:
    shown = harmless(line)
    assert not shown.lstrip().startswith("::")
    assert "##[" not in shown
