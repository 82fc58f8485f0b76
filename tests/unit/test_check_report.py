"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_check_report.py` writes them anew."""

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from tests.unit.made_up_checks import BASE, CANDIDATE, against_itself, made_up_check
from toolkit.changes import Verdict
from toolkit.check_store import load_check
from toolkit.checked import Check, Metric, Side, VersionFacts
from toolkit.judgement import Assessment, assess
from toolkit.measured import BackingFacts, Finding, Severity
from toolkit.report.check import GITHUB, GITLAB, show
from toolkit.report.check_json import document
from toolkit.report.check_text import change_of, plain, tolerance_of, value_of
from toolkit.report.check_wording import Wording, package_changes
from toolkit.report.junit import junit
from toolkit.report.markdown import MARKER, markdown
from toolkit.stats import Ratio

GOLDEN = Path(__file__).parent.parent / "golden"
MakeCheck = Callable[[], Check]

NEIGHBOURS = Finding(
    rule="neighbours",
    severity=Severity.WARNED,
    message="other processes used 23% of the servers' CPUs",
)
WRONG = Finding(
    rule="errors",
    severity=Severity.INVALID,
    message="100.0% of the candidate's answers were wrong: status 500",
)
THREE_WORKLOADS = {
    "list": ("GET /api/assets",),
    "detail": ("GET /api/assets/{id}", "GET /api/owners/{id}"),
    "save": ("POST /api/assets",),
}
SLOWER_DETAIL: dict[str, Any] = {
    "ratio_cpu": 1.4,
    "workloads": THREE_WORKLOADS,
    "slow": ("detail",),
}


@cache
def regression() -> Check:
    """One endpoint, told twice, on a machine that others use too."""
    return made_up_check(
        ratio_cpu=1.12,
        confirming=6,
        settings={"tolerance": 0.05},
        findings=(NEIGHBOURS,),
        found_in=4,
    )


@cache
def one_workload_of_three() -> Check:
    """A regression of one workload of three, and that one has two endpoints."""
    return made_up_check(**SLOWER_DETAIL, confirming=6, settings={"tolerance": 0.05})


@cache
def one_of_ten() -> Check:
    """A workload that takes half as much again, of ten: all together are within the tolerance."""
    return made_up_check(
        ratio_cpu=1.5,
        ratio_throughput=1.0,
        workloads={f"w{number}": (f"GET /{number}",) for number in range(10)},
        slow=("w3",),
        confirming=6,
    )


@cache
def fine() -> Check:
    return made_up_check(findings=(NEIGHBOURS,), failures=("the load generator died",))


@cache
def improved() -> Check:
    return made_up_check(ratio_cpu=0.79)


@cache
def inconclusive() -> Check:
    return made_up_check(
        ratio_cpu=1.06, pairs=20, noise=0.12, findings=(NEIGHBOURS,), found_in=9, seed=3
    )


@cache
def unconfirmed() -> Check:
    return made_up_check(ratio_cpu=1.13, ratio_confirming=1.0, confirming=6)


@cache
def invalid() -> Check:
    return made_up_check(findings=(WRONG,), found_in=4)


@cache
def broken() -> Check:
    """The candidate does not start."""
    failures = ["the candidate (working tree): exit code 3"] * 3
    return made_up_check(pairs=0, failures=failures, failed_side=Side.CANDIDATE)


@cache
def aa() -> Check:
    return against_itself(pairs=20)


CHECKS: dict[str, MakeCheck] = {
    make.__name__: make
    for make in (
        regression,
        one_workload_of_three,
        one_of_ten,
        fine,
        improved,
        inconclusive,
        unconfirmed,
        invalid,
        broken,
        aa,
    )
}


_MEANINGS: dict[int, tuple[Check, Assessment]] = {}


def meaning(check: Check) -> Assessment:
    """Assess a check, once: to read its latencies takes a while."""
    if id(check) not in _MEANINGS:
        _MEANINGS[id(check)] = (check, assess(check))  # the check too, so that its id stays its own
    return _MEANINGS[id(check)][1]


def shown(check: Check, width: int = 120, *, ci: str = "", **console: Any) -> str:  # noqa: ANN401
    out = io.StringIO()
    target = Console(file=out, width=width, highlight=False, **console)
    show(check, meaning(check), target, ci=ci)
    text = out.getvalue()
    return text if ci else "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def in_markdown(check: Check) -> str:
    return markdown(check, meaning(check))


def in_json(check: Check) -> Any:  # noqa: ANN401 - what JSON holds
    return json.loads(document(check, meaning(check)))


def in_junit(check: Check) -> ET.Element:
    return ET.fromstring(junit(check, meaning(check)))


def cases(check: Check) -> dict[str, str]:
    """Give the outcome of each test case by its name."""
    return {
        f"{case.get('classname')} {case.get('name')}": next(
            (child.tag for child in case if child.tag != "system-out"), "passed"
        )
        for case in in_junit(check).iter("testcase")
    }


def first_line(check: Check) -> str:
    return shown(check, 200).splitlines()[0]


def looks_as_it_did(text: str, name: str) -> None:
    # as bytes: line ends are part of what a log of CI is made of
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_bytes(text.encode())
    assert text == file.read_bytes().decode()


# golden files


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("name", CHECKS)
def test_a_check_looks_as_it_did(name: str, width: int) -> None:
    looks_as_it_did(shown(CHECKS[name](), width), f"check_{name}-{width}.txt")


@pytest.mark.parametrize("ci", [GITHUB, GITLAB])
@pytest.mark.parametrize("name", ["regression", "inconclusive", "aa"])
def test_a_log_looks_as_it_did(name: str, ci: str) -> None:
    looks_as_it_did(shown(CHECKS[name](), ci=ci), f"check_{name}-{ci}.txt")


@pytest.mark.parametrize(
    "name", ["one_workload_of_three", "one_of_ten", "inconclusive", "invalid", "aa"]
)
def test_markdown_looks_as_it_did(name: str) -> None:
    looks_as_it_did(in_markdown(CHECKS[name]()), f"check_{name}.md")


@pytest.mark.parametrize("name", ["one_workload_of_three", "inconclusive", "broken"])
def test_junit_looks_as_it_did(name: str) -> None:
    check = CHECKS[name]()
    looks_as_it_did(junit(check, meaning(check)), f"check_{name}.xml")


# the verdict


@pytest.mark.parametrize(
    ("make", "begins"),
    [
        (regression, "REGRESSION: "),
        (fine, "NO REGRESSION: "),
        (improved, "IMPROVED: "),
        (inconclusive, "INCONCLUSIVE: "),
        (unconfirmed, "INCONCLUSIVE: "),
        (invalid, "INVALID, no verdict: "),
        (broken, "INVALID, no verdict: "),
        (aa, "NOISE FLOOR, "),
    ],
)
def test_the_verdict_comes_first_in_every_medium(make: MakeCheck, begins: str) -> None:
    check = make()
    assert shown(check).startswith(begins)
    for ci in (GITHUB, GITLAB):
        assert shown(check, ci=ci).startswith(begins)
    assert in_markdown(check).splitlines()[1].startswith(f"### {begins}")
    assert in_json(check)["summary"].startswith(begins)


def test_the_first_line_says_how_much_how_sure_against_what_and_where() -> None:
    check = regression()
    worst = meaning(check).worst
    assert worst is not None
    assert worst.ratio.low is not None
    assert worst.ratio.high is not None
    change, low, high = (
        100 * (ratio - 1) for ratio in (worst.ratio.value, worst.ratio.low, worst.ratio.high)
    )
    assert first_line(check) == (
        f"REGRESSION: CPU per request +{change:.1f} % [{low:.1f}, {high:.1f}], tolerance 5 %, on "
        "GET /api/assets (list)"
    )


def told(check: Check, metric: Metric) -> str:
    """Give what is said of a metric over all workloads."""
    (change,) = (item for item in meaning(check).changes if item.metric is metric)
    return Wording(check, meaning(check)).summary(change)


def test_of_several_endpoints_the_worst_is_named_if_it_is_significant() -> None:
    """With six pairs and eight rows none can be."""
    pattern = r", most on GET /api/\w+/\{id\} \(detail\)$"
    assert re.search(pattern, told(one_workload_of_three(), Metric.CPU))
    few = made_up_check(**SLOWER_DETAIL, settings={"tolerance": 0.05, "confirm": False})
    assert told(few, Metric.CPU).endswith(", tolerance 5 %")


def test_a_workload_that_decides_alone_is_what_the_first_line_is_about() -> None:
    """With a request of its mix, if the change shows most on one."""
    assert re.fullmatch(
        r"REGRESSION: throughput -2\S+ % \[.*?\], tolerance 5 %, on detail, most on "
        r"GET /api/\w+/\{id\}",
        first_line(one_workload_of_three()),
    )
    few = made_up_check(**SLOWER_DETAIL, settings={"tolerance": 0.05, "confirm": False})
    assert first_line(few).endswith(", tolerance 5 %, on detail")
    assert first_line(one_of_ten()).endswith(", on GET /3 (w3)")


def test_what_got_better_is_not_where_a_regression_is() -> None:
    """One workload is slower and one as much faster: the first is named, and the other not."""
    check = made_up_check(
        ratio_cpu=1.5, workloads={"slow": ("GET /slow",)}, pairs=20, settings={"tolerance": 0.05}
    )
    faster = made_up_check(ratio_cpu=0.8, workloads={"fast": ("GET /fast",)}, pairs=20)
    pairs = tuple(
        replace(one, duels={**one.duels, **other.duels})
        for one, other in zip(check.pairs, faster.pairs, strict=True)
    )
    check = replace(check, pairs=pairs, workloads=("slow", "fast"))
    mixed = replace(check, settings=replace(check.settings, confirm=False))
    assert meaning(mixed).verdict is Verdict.REGRESSION
    assert told(mixed, Metric.CPU).endswith(", most on GET /slow (slow)")
    assert first_line(mixed).endswith(", on GET /slow (slow)")


def test_a_throughput_that_falls_is_shown_as_measured() -> None:
    """To get by a tenth slower is worse, and reads as less."""
    check = made_up_check(ratio_throughput=0.8, noise=0.001, settings={"confirm": False})
    assert first_line(check).startswith("REGRESSION: throughput -2")
    (row,) = (item for item in in_json(check)["changes"] if item["metric"] == "throughput")
    assert row["worse"]
    assert row["change"] < -0.15


def test_what_is_fine_is_told_by_the_first_metric_that_decides() -> None:
    assert first_line(fine()).startswith("NO REGRESSION: CPU per request ")
    only_memory = made_up_check(settings={"metrics": (Metric.MEMORY,)})
    assert first_line(only_memory).startswith("NO REGRESSION: memory ")


def test_of_an_invalid_check_no_metric_says_anything() -> None:
    """Whatever its numbers: a broken environment must never look like a regression."""
    check = made_up_check(ratio_cpu=2, pairs=12, findings=(WRONG,), found_in=6)
    assert meaning(check).verdict is Verdict.INVALID
    assert any(item.verdict is Verdict.REGRESSION for item in meaning(check).changes)
    for text in (shown(check), shown(check, ci=GITHUB), in_markdown(check)):
        assert "regression" not in text.lower()


def test_two_identical_versions_that_differ_are_a_false_alarm() -> None:
    check = against_itself(ratio_cpu=1.2, settings={"confirm": False})
    assert "REGRESSION although both are the same, " in first_line(check)


# metrics


def line_of(check: Check, metric: str) -> str:
    return next(line for line in shown(check).splitlines() if line.startswith(f" {metric} "))


def test_metrics_that_do_not_decide_say_so() -> None:
    check = made_up_check(settings={"metrics": (Metric.CPU,)})
    assert line_of(check, "CPU per request").endswith("no regression")
    assert line_of(check, "throughput").endswith("not gated")


def test_a_latency_that_decides_is_named_as_one_at_a_fixed_rate() -> None:
    check = made_up_check(settings={"metrics": (Metric.CPU, Metric.P99)})
    assert line_of(check, "p99 at a fixed rate")
    assert line_of(check, "p50 latency").endswith("not gated")


def test_a_metric_that_should_decide_and_was_not_measured_is_named() -> None:
    check = made_up_check(settings={"metrics": (Metric.CPU, Metric.P99)})
    pairs = tuple(
        replace(
            pair,
            duels={
                name: replace(
                    duel,
                    base=replace(duel.base, at_rate=None),
                    candidate=replace(duel.candidate, at_rate=None),
                )
                for name, duel in pair.duels.items()
            },
        )
        for pair in check.pairs
    )
    check = replace(check, pairs=pairs)
    assert line_of(check, "p99 at a fixed rate").endswith("not measured")
    assert cases(check)["toolkit check p99 at a fixed rate, all endpoints"] == "skipped"


def test_too_few_pairs_have_no_interval_and_it_is_said_how_many_it_takes() -> None:
    text = shown(made_up_check(pairs=5))
    assert "No intervals: they take 6 pairs, here are 5." in text
    assert not re.search(r"% \[", text)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (Metric.CPU, 81.26e-6, "81.3 µs"),
        (Metric.CPU, 812.4e-6, "812 µs"),
        (Metric.CPU, 0.99951e-3, "1.00 ms"),
        (Metric.CPU, 12.34e-3, "12.3 ms"),
        (Metric.CPU, 1.5, "1,500 ms"),
        (Metric.THROUGHPUT, 1020.4, "1,020/s"),
        (Metric.MEMORY, 41 * 2**20, "41 MiB"),
        (Metric.P99, 0.02354, "23.5 ms"),
    ],
)
def test_values_have_units_that_people_read(metric: Metric, value: float, text: str) -> None:
    assert value_of(metric, value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ((1.121, 1.109, 1.134), "+12.1 % [10.9, 13.4]"),
        ((0.89, 0.87, 0.91), "-11.0 % [-13.0, -9.0]"),
        ((0.9999, 0.9996, 1.0004), "+0.0 % [0.0, 0.0]"),
        ((72.0, 60.5, 84.0), "+7,100.0 % [5,950.0, 8,300.0]"),
        ((1.5, None, None), "+50.0 %"),
    ],
)
def test_changes_are_relative_and_carry_their_interval(
    ratio: tuple[float, float | None, float | None], text: str
) -> None:
    value, low, high = ratio
    assert change_of(Ratio(value=value, low=low, high=high, pairs=6)) == text


@pytest.mark.parametrize(("part", "text"), [(0.1, "10 %"), (0.07, "7 %"), (0.025, "2.5 %")])
def test_a_tolerance_is_written_as_it_was_given(part: float, text: str) -> None:
    assert tolerance_of(part) == text


# endpoints


def rows_of(text: str) -> list[str]:
    """Give the lines of the table of endpoints, by what they begin with."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(" endpoint"))
    return [line.strip() for line in lines[start + 2 :] if line.startswith(" ")]


def test_significant_rows_come_first_and_are_marked() -> None:
    rows = rows_of(shown(one_workload_of_three()))
    assert [" * " in row for row in rows] == [True] * 4 + [False] * 4
    assert all("detail" in row for row in rows[:4])
    assert "Holm's correction for 8 rows" in shown(one_workload_of_three())


def test_if_no_row_can_be_significant_it_is_said_how_many_pairs_it_takes() -> None:
    """Eight rows: 2/2**n must not exceed 0.05/8."""
    text = shown(made_up_check(workloads=THREE_WORKLOADS), 200)
    assert "With 6 pairs none can be: it takes 9." in text
    assert "none can be" not in shown(one_workload_of_three(), 200)


def test_of_many_endpoints_the_first_are_shown_and_the_others_counted() -> None:
    workloads = {f"w{number}": (f"GET /{number}",) for number in range(8)}
    text = shown(made_up_check(workloads=workloads))
    assert len(rows_of(text)) == 12
    assert "4 rows more not shown, 0 of them significant." in text.replace("\n", " ")
    assert len(in_json(made_up_check(workloads=workloads))["rows"]) == 16


@pytest.mark.parametrize("ci", ["", GITHUB])
def test_rows_that_decide_come_first_marked_and_announced_above(ci: str) -> None:
    text = shown(one_of_ten(), 200, ci=ci)
    (marked,) = (line for line in text.splitlines() if re.search(r"\] (\* )?!", line))
    assert marked.split()[:3] == ["GET", "/3", "(w3)"]
    assert text.count("1 row by endpoint decides, too: see ! there.") == 1
    assert "no row decides" not in text
    assert "decides, too" not in shown(fine(), ci=ci)


def test_in_an_invalid_check_no_row_decides() -> None:
    check = made_up_check(**SLOWER_DETAIL, findings=(WRONG,), found_in=4, pairs=10)
    assert any(row.gated for row in meaning(check).rows)
    assert "no row decides" in shown(check)
    assert "decide, too" not in shown(check)


def test_one_endpoint_alone_has_no_table() -> None:
    assert "By endpoint" not in shown(fine())


# why, and what to do


def advice(check: Check) -> str:
    text = shown(check, 300)
    title = "What to do" if "\nWhat to do\n" in text else "What would help"
    return text.partition(f"\n{title}\n")[2].partition("\n\n")[0]


def test_noise_asks_for_pairs_a_quieter_machine_and_a_tolerance_that_can_be_kept() -> None:
    check = inconclusive()
    widest = max(
        item.half_width or 0
        for item in meaning(check).changes
        if item.verdict is Verdict.INCONCLUSIVE and item.gated
    )
    text = advice(check)
    assert "--max-pairs 40 (it was 20)" in text
    assert "a quieter machine: others took part in 9 pairs" in text
    assert f"--tolerance {2 * widest:.0%} is twice" in text


def test_a_change_as_great_as_the_tolerance_is_not_blamed_on_the_machine() -> None:
    check = made_up_check(ratio_cpu=1.1, ratio_throughput=1.0, pairs=20, noise=0.01)
    assert meaning(check).verdict is Verdict.INCONCLUSIVE
    assert "the change itself is close to 10 %" in advice(check)


def test_what_was_not_confirmed_is_to_be_run_again() -> None:
    text = shown(unconfirmed())
    assert "Not confirmed: 6 pairs of fresh servers show a regression, 6 more do not." in text
    assert advice(unconfirmed()).startswith("- run it again")


def test_a_check_that_was_interrupted_says_so() -> None:
    check = made_up_check(pairs=3, finished_at=None)
    assert "The check did not come to its end." in shown(check)
    assert advice(check) == "- let it come to its end"


def test_a_side_that_fails_alone_is_named() -> None:
    assert "the candidate failed in 3 of 3 pairs, the base in none" in advice(broken())
    both = made_up_check(pairs=0, failures=("no space left",) * 3)
    assert "failed in" not in advice(both)


def test_what_makes_a_check_invalid_comes_with_what_to_do_about_it() -> None:
    different = Finding(rule="answers", severity=Severity.INVALID, message="the answers differ")
    check = made_up_check(findings=(different,), found_in=6)
    assert "--answers-may-differ" in advice(check)
    assert "--answers-may-differ" not in advice(invalid())


def test_a_regression_has_nothing_that_would_help() -> None:
    for text in (shown(regression()), in_markdown(regression())):
        assert "What would help" not in text
        assert "What to do" not in text


def test_pairs_that_do_not_count_are_counted() -> None:
    assert "1 of 7 pairs does not count." in shown(fine())


@pytest.mark.parametrize(
    "write", [shown, in_markdown, lambda check: shown(check, ci=GITHUB)], ids=["", "md", "ci"]
)
def test_why_pairs_do_not_count_is_told_whatever_the_verdict(write: Callable[[Check], str]) -> None:
    text = write(fine())
    title, _, rest = text.partition("Pairs that do not count")
    assert title.count("\n") < text.count("\n") / 2
    assert "the load generator died" in rest
    assert "Pairs that do not count" not in write(improved())


def test_findings_say_how_often() -> None:
    text = "warning in 4 of 12 pairs: for instance, other processes used 23%"
    assert text in shown(regression())
    assert text.replace("'", "`") in in_markdown(regression()).replace("`", "")


# what was compared


def test_changed_packages_are_named_and_others_are_not() -> None:
    changes = ["flask 3.0.3 -> 3.1.3", "jinja2 3.1.6 removed", "orjson 3.11.0 added"]
    assert package_changes(BASE, CANDIDATE) == changes
    assert f"changed    {', '.join(changes)}\n" in shown(fine())
    assert "gunicorn" not in shown(fine())


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        (replace(BASE, identity="other"), "no package"),
        (replace(BASE, label="HEAD"), "nothing, both are the same version"),
        (replace(CANDIDATE, packages={}), "the packages are not known"),
        (
            replace(
                BASE,
                identity="other",
                packages={**BASE.packages, **dict.fromkeys("abcdefghijklmn", "1")},
            ),
            "k 1 added, l 1 added and 2 more",
        ),
    ],
)
def test_what_changed_is_told_as_far_as_it_is_known(candidate: VersionFacts, text: str) -> None:
    line = next(
        line
        for line in shown(made_up_check(candidate=candidate), 300).splitlines()
        if line.startswith("changed ")
    )
    assert line.endswith(text)


@pytest.mark.parametrize("ci", [GITHUB, GITLAB])
def test_where_the_versions_are_folded_in_a_line_says_that_packages_differ(ci: str) -> None:
    """Requirements that are not pinned change between two builds of one file."""
    remark = "Packages differ: flask 3.0.3 -> 3.1.3, and 2 more."
    log = shown(fine(), ci=ci)
    assert remark in log.partition("What was compared")[0].splitlines()
    quoted = "Packages differ: `flask 3.0.3 -> 3.1.3`, and 2 more."
    assert quoted in in_markdown(fine()).partition("<details>")[0].splitlines()
    one = replace(BASE, identity="other", packages={**BASE.packages, "flask": "3.1.0"})
    line = "Packages differ: flask 3.0.3 -> 3.1.0."
    assert line in shown(made_up_check(candidate=one), ci=ci).splitlines()


@pytest.mark.parametrize(
    "candidate",
    [replace(BASE, identity="other"), BASE, replace(CANDIDATE, packages={})],
)
def test_packages_that_are_the_same_or_not_known_get_no_remark(candidate: VersionFacts) -> None:
    check = made_up_check(candidate=candidate)
    assert "Packages differ" not in shown(check, ci=GITHUB) + in_markdown(check)


@pytest.mark.parametrize("write", [shown, in_markdown], ids=["", "md"])
def test_what_could_not_be_had_is_said_whole_among_the_circumstances(
    write: Callable[[Check], str],
) -> None:
    notes = ("This engine cannot pin containers to CPUs.", f"No limit of memory: {'x ' * 120}end.")
    check = fine()
    check = replace(
        check,
        placement=replace(check.placement, notes=notes[:1]),
        runtime=replace(check.runtime, notes=notes[1:]),
    )
    text = " ".join(write(check).replace("`", "").split())
    assert notes[0] in text
    assert f"{' x' * 120} end" in text


@pytest.mark.parametrize(
    "write", [shown, in_markdown, lambda check: shown(check, ci=GITHUB)], ids=["", "md", "ci"]
)
def test_where_nothing_is_pinned_the_head_of_the_report_warns_of_it(
    write: Callable[[Check], str],
) -> None:
    check = replace(fine(), placement=replace(fine().placement, server_cpus=(), client_cpus=()))
    head = write(check).partition("metric ")[0]
    assert "servers and load share all cores" in " ".join(head.split())
    assert "share all cores" not in write(fine())


def test_an_identity_is_shown_short_and_only_if_the_label_does_not_hold_it() -> None:
    text = shown(made_up_check(candidate=replace(CANDIDATE, identity="sha256:0123456789abcdef")))
    assert "working tree, 0123456789ab, Python" in text
    assert "main (3f2a1c9), Python" in text


@pytest.mark.parametrize("ci", ["", GITHUB, GITLAB])
def test_the_command_to_see_it_again_is_whole_and_on_one_line(ci: str) -> None:
    again = f"toolkit check --base main --workload {'x' * 900}"
    check = made_up_check(again=again)
    assert f"Again: {again}" in shown(check, 60, ci=ci).splitlines()
    assert again in in_markdown(check).splitlines()


# the terminal


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", CHECKS)
def test_nothing_but_the_command_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = shown(CHECKS[name](), width).splitlines()
    assert max(len(line) for line in lines if not line.startswith("Again: ")) <= width


@pytest.mark.parametrize("name", CHECKS)
def test_columns_without_room_are_named_and_no_cell_is_cut(name: str) -> None:
    """The numbers of a narrow table are those of a wide one."""
    wide, narrow = (shown(CHECKS[name](), width) for width in (200, 60))
    assert "for lack of width" not in wide
    numbers = re.compile(r"[-+]?[\d,.]+ %(?: \[.*?\])?|no regression|regression|inconclusive")
    rows = [line for line in narrow.splitlines() if line.startswith((" CPU", " throughput", " p"))]
    for row in rows:
        for number in numbers.findall(row):
            assert number in wide
    if rows:
        assert "Not shown for lack of width: " in narrow.replace("\n", " ") or name == "invalid"


def test_colours_follow_the_verdict() -> None:
    def colour(check: Check) -> str:
        return shown(check, force_terminal=True, color_system="standard").split("m", 1)[0]

    red, green, yellow = "\x1b[1;31", "\x1b[1;32", "\x1b[1;33"
    assert colour(regression()) == red
    assert {colour(fine()), colour(improved()), colour(aa())} == {green}
    assert {colour(inconclusive()), colour(invalid())} == {yellow}


@pytest.mark.parametrize("height", [10, 24, 200])
def test_a_report_that_leaves_the_screen_says_the_verdict_again_at_its_end(height: int) -> None:
    text = shown(regression(), force_terminal=True, color_system=None, height=height)
    again = text.splitlines()[-1] == first_line(regression())
    assert again is (text.count("\n") > height)


def test_in_a_file_the_verdict_stands_once() -> None:
    assert shown(regression(), height=10).count("REGRESSION: ") == 1


# the logs of CI


@pytest.mark.parametrize("ci", [GITHUB, GITLAB])
@pytest.mark.parametrize("name", CHECKS)
def test_a_log_has_no_lines_drawn_no_colours_and_no_line_broken(name: str, ci: str) -> None:
    text = shown(CHECKS[name](), 60, ci=ci, force_terminal=True, color_system="standard")
    assert not re.search("[\u2500-\u257f]", text)
    assert not re.search("\x1b(?!\\[0K)", text)
    assert first_line(CHECKS[name]()) == text.splitlines()[0]


@pytest.mark.parametrize("name", CHECKS)
def test_groups_of_a_log_are_closed_before_the_next_one_opens(name: str) -> None:
    github = re.findall(r"^::(group|endgroup)::", shown(CHECKS[name](), ci=GITHUB), re.MULTILINE)
    gitlab = re.findall("section_(start|end):\\d+:([a-z_]+)", shown(CHECKS[name](), ci=GITLAB))
    assert len(github) >= 2
    assert github == ["group", "endgroup"] * (len(github) // 2)
    for start, end in zip(gitlab[::2], gitlab[1::2], strict=True):
        assert (start[0], end[0]) == ("start", "end")
        assert start[1] == end[1]


def test_gitlab_gets_the_markers_that_it_documents() -> None:
    """https://docs.gitlab.com/ci/jobs/job_logs/: time and name, CR, erase to the end of line."""
    text = shown(fine(), ci=GITLAB)
    at = 1795514551  # 2026-11-24 10:02:31 UTC, when the check came to its end
    assert f"\x1b[0Ksection_start:{at}:toolkit_check_compared[collapsed=true]\r\x1b[0KWhat" in text
    assert f"\x1b[0Ksection_end:{at}:toolkit_check_compared\r\x1b[0K\n" in text
    assert "::" not in text


def annotations(check: Check) -> list[str]:
    commands = re.findall("^::(?!group|endgroup).*", shown(check, ci=GITHUB), re.MULTILINE)
    return [str(command) for command in commands]


def test_github_gets_one_annotation_for_what_needs_a_look_and_none_for_what_is_fine() -> None:
    begins = {
        regression: "::error title=Performance regression::REGRESSION: CPU per request +",
        inconclusive: "::warning title=Performance check inconclusive::INCONCLUSIVE: ",
        invalid: "::error title=Performance check invalid%2C no verdict::INVALID, no verdict: ",
    }
    for make, start in begins.items():
        (annotation,) = annotations(make())
        assert annotation.startswith(start)
    assert annotations(fine()) + annotations(improved()) == []


def test_percent_signs_of_an_annotation_are_escaped() -> None:
    """The runner takes %0A for a line end, so a bare % is no % (actions/toolkit, command.ts)."""
    (annotation,) = annotations(regression())
    assert "tolerance 5 %25, on" in annotation
    assert not re.search("%(?!25|2C)", annotation)


# texts from outside: whoever writes a pull request has a say in labels, names and errors

NASTY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "::error::x",
            "##[error]x",
            "x ##[warning]y",
            "\n::set-output name=a::b",
            "\r\x1b[0Ksection_end:1:a\r\x1b[0K",
            "@octocat #1 octocat/repo#1 https://example.org www.example.org a@example.org",
            "<script>alert(1)</script><!-- --></details>",
            "`</code>` ``x`` ` | --- | \\| \\",
            "[a](https://example.org) ![b](c) *d* **e** ~~f~~ _g_",
            "\x00\x08\x1b]0;title\x07\ud800\ufffe\uffff\u202e\u2028",
            "]]> & \" ' <failure/>",
            "```\n# heading\n- list\n> quote",
            "[bold red]markup[/bold red] :smile:",
        ]
    ),
)
SENTINEL = "zqxj"
"""Stands in each text from outside, and nowhere else."""

PLACE = "@@"
"""Stands for a text from outside, until there is one."""


@cache
def checks_with_places() -> tuple[Check, ...]:
    """Give checks with a place wherever a text may come from outside: invalid, and a regression."""
    version = VersionFacts(label=PLACE, identity=PLACE, python=PLACE, packages={PLACE: PLACE})
    common: dict[str, Any] = {
        "workloads": {PLACE: (PLACE,), f"{PLACE}2": (f"a{PLACE}", f"b{PLACE}")},
        "findings": (replace(WRONG, message=PLACE), replace(NEIGHBOURS, message=PLACE)),
        "failures": (PLACE,),
        "base": version,
        "candidate": replace(version, identity=f"0{PLACE}", packages={f"a{PLACE}": PLACE}),
        "stack": PLACE,
        "again": PLACE,
        "id": PLACE,
        "backings": (BackingFacts(need=PLACE, summary=PLACE),),
        "host": replace(made_up_check().host, cpu_model=PLACE, system=PLACE, toolkit=PLACE),
        "runtime": replace(made_up_check().runtime, name=PLACE, engine=PLACE, notes=(PLACE,)),
        "placement": replace(made_up_check().placement, notes=(PLACE,)),
    }
    return (
        made_up_check(**common, pairs=2, found_in=1),
        made_up_check(**common, ratio_cpu=1.5, pairs=10, found_in=0, settings={"confirm": False}),
    )


def put(value: Any, text: str) -> Any:  # noqa: ANN401 - whatever holds a place
    """Put a text into all places of a value."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value.replace(PLACE, text)
    if isinstance(value, dict):
        return {put(key, text): put(item, text) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(put(item, text) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {item.name: put(getattr(value, item.name), text) for item in fields(value)}
        return replace(value, **changed)
    return value


def from_outside(text: str) -> Iterator[tuple[Check, Assessment]]:
    """Give checks with a text in all these places, twice in each."""
    for check in checks_with_places():
        both = (check, meaning(check))
        yield tuple(put(item, f"{text}{SENTINEL}{text}") for item in both)


def printed(check: Check, assessment: Assessment, ci: str = "") -> str:
    out = io.StringIO()
    show(check, assessment, Console(file=out, width=80, highlight=False), ci=ci)
    return out.getvalue()


@given(NASTY)
def test_no_text_from_outside_steers_a_terminal(text: str) -> None:
    for check, assessment in from_outside(text):
        written = printed(check, assessment)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", written)
        assert written.encode()  # half of a surrogate pair has no bytes


@given(NASTY)
def test_no_text_from_outside_is_a_command_to_github(text: str) -> None:
    """Commands begin a line, after white space even, but the old kind may stand anywhere."""
    own = re.compile("::(group|endgroup|error|warning)( title=[^:]*)?::")
    for check, assessment in from_outside(text):
        lines = printed(check, assessment, GITHUB).split("\n")
        for line in lines:
            assert "##[" not in line
            assert "\r" not in line
            if line.lstrip().startswith("::"):
                assert own.match(line)
        commands = [line for line in lines if line.startswith("::")]
        kinds = [line.split(":")[2].split()[0] for line in commands]
        assert kinds[-1] in ("error", "warning")
        assert set(kinds[:-1]) <= {"group", "endgroup"}


@given(NASTY)
def test_no_text_from_outside_is_a_marker_to_gitlab(text: str) -> None:
    own = "\x1b[0Ksection_(start|end):\\d+:toolkit_check_[a-z]+(\\[collapsed=true\\])?\r\x1b[0K"
    own = own.replace("[0K", "\\[0K")
    for check, assessment in from_outside(text):
        assert not re.search("[\r\x1b]", re.sub(own, "", printed(check, assessment, GITLAB)))


def tokens_of(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


@given(NASTY)
def test_in_markdown_all_text_from_outside_is_code(text: str) -> None:
    """In code there is no mention, no link and no HTML, in GitHub's Markdown and in GitLab's."""
    for check, assessment in from_outside(text):
        for token in tokens_of(markdown(check, assessment)):
            if token.type in ("code_inline", "fence"):
                continue
            if token.type == "inline":
                continue  # its children are looked at
            assert SENTINEL not in token.content
            assert token.type not in ("link_open", "image", "html_inline", "em_open", "strong_open")
            if token.type == "html_block":
                summary = r"<details><summary>[A-Za-z0-9 ,()]+</summary>"
                assert re.fullmatch(
                    f"{re.escape(MARKER)}|{summary}|</details>", token.content.strip()
                )


@given(NASTY)
def test_in_markdown_no_text_from_outside_breaks_a_table(text: str) -> None:
    for check, assessment in from_outside(text):
        bars = 0
        # a command stands in a block of its own, which may begin with whatever it likes
        for line in markdown(replace(check, again=""), assessment).splitlines():
            if not line.startswith("|"):
                bars = 0
                continue
            bars = bars or line.count("|")
            assert line.count("|") == bars
            assert line.endswith("|")


@given(NASTY)
def test_junit_is_well_formed_and_whole_whatever_comes_from_outside(text: str) -> None:
    for check, assessment in from_outside(text):
        written = junit(check, assessment)
        suite = next(ET.fromstring(written.encode()).iter("testsuite"))
        names = [case.get("classname", "") for case in suite.iter("testcase")]
        assert sum(SENTINEL in name for name in names) == len(assessment.rows)
        assert suite.get("tests") == str(len(names))


@given(NASTY)
def test_json_gives_a_check_back_as_it_was(tmp_path_factory: Any, text: str) -> None:  # noqa: ANN401
    path = tmp_path_factory.mktemp("checks") / "check.json"
    for check, assessment in from_outside(text):
        path.write_text(document(check, assessment), encoding="utf-8")
        assert load_check(path) == check


@given(st.text())
def test_a_plain_text_is_one_line_and_no_longer_than_it_may_be(text: str) -> None:
    shown_text = plain(text, 20)
    assert len(shown_text.splitlines()) <= 1
    assert len(shown_text) <= 23


def test_what_is_plain_stays_as_it_is() -> None:
    text = "GET /api/assets/{id} müde 東京 👍 a::b"
    assert plain(text) == text


# Markdown


def test_markdown_begins_with_the_marker_of_the_sticky_comment() -> None:
    assert in_markdown(fine()).startswith("<!-- toolkit check -->\n")


def test_a_command_that_holds_a_fence_stays_within_its_own() -> None:
    check = made_up_check(again="````")
    fences = [token for token in tokens_of(in_markdown(check)) if token.type == "fence"]
    assert [token.content for token in fences] == ["````\n"]


def test_a_comment_fits_however_much_was_found() -> None:
    """GitHub takes 65,536 characters."""
    long = "x" * 1000
    many = range(300)
    workloads = {f"{number}{long}": (f"GET /{number}{long}",) for number in range(60)}
    check = made_up_check(
        pairs=1,
        workloads=workloads,
        findings=[replace(NEIGHBOURS, rule=str(at), message=f"{at}{long}") for at in many],
        failures=[f"{number}{long}" for number in many],
        candidate=replace(CANDIDATE, packages={f"{number}{long}": long for number in many}),
    )
    text = in_markdown(check)
    assert len(text) < 65_536
    assert "- and 280 more\n" in text


# JUnit


def test_in_junit_a_regression_fails_and_what_is_fine_passes() -> None:
    found = cases(regression())
    assert found == {
        "toolkit check CPU per request, all endpoints": "failure",
        "toolkit check throughput, all endpoints": "failure",
        "toolkit check memory, all endpoints": "passed",
    }
    assert set(cases(fine()).values()) == {"passed"}


def test_in_junit_inconclusive_is_skipped_and_invalid_is_an_error() -> None:
    assert cases(inconclusive())["toolkit check throughput, all endpoints"] == "skipped"
    assert set(cases(broken()).values()) == {"error"}
    assert list(cases(invalid()).values())[:3] == ["error"] * 3


def test_in_junit_nothing_fails_in_a_check_that_found_no_regression() -> None:
    """A row that is worse, and not beyond doubt by more than the tolerance."""
    check = made_up_check(
        ratio_cpu=1.12,
        noise=0.02,
        workloads={f"w{n}": (f"GET /{n}",) for n in range(6)},
        slow=("w0",),
        pairs=15,
    )
    assert meaning(check).verdict is Verdict.FINE
    found = cases(check)
    assert found["toolkit check.w0 CPU per request, all endpoints"] == "skipped"
    assert "failure" not in found.values()
    assert "failure" not in cases(unconfirmed()).values()


def test_in_junit_a_workload_that_decides_alone_fails_with_what_the_first_line_says() -> None:
    found = cases(one_of_ten())
    failed = [name for name, outcome in found.items() if outcome == "failure"]
    assert failed == ["toolkit check.w3 CPU per request, all endpoints"]
    (failure,) = in_junit(one_of_ten()).iter("failure")
    assert first_line(one_of_ten()) == f"REGRESSION: {failure.get('message', '').splitlines()[0]}"


def test_junit_says_why_pairs_do_not_count() -> None:
    properties = [
        (item.get("name"), item.get("value")) for item in in_junit(fine()).iter("property")
    ]
    assert ("lost", "1") in properties
    assert ("pairs that do not count", "the load generator died") in properties


def test_junit_counts_its_cases_and_knows_the_versions() -> None:
    root = in_junit(one_workload_of_three())
    suite = next(root.iter("testsuite"))
    outcomes = list(cases(one_workload_of_three()).values())
    assert suite.get("tests") == str(len(outcomes)) == "11"
    assert suite.get("failures") == root.get("failures") == str(outcomes.count("failure"))
    assert outcomes.count("failure") == 6
    assert suite.get("timestamp") == "2026-11-24T10:00:00"
    assert suite.get("time") == "151"
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties["base.identity"] == BASE.identity
    assert properties["seed"] == "7"
    output = next(suite.iter("system-out")).text or ""
    assert re.search(r"ratio: 1\.1\d+\npairs: 12$", output)


# JSON


def test_json_says_it_in_si_units_with_the_keys_that_are_documented() -> None:
    found = in_json(one_workload_of_three())
    assert found["format"] == 1
    assert found["verdict"] == "regression"
    assert found["exit_code"] is None
    assert found["confirmed"] is True
    assert {"changes", "rows", "reasons", "findings", "noise", "check"} < found.keys()
    cpu = found["changes"][0]
    assert (cpu["metric"], cpu["unit"], cpu["workload"], cpu["endpoint"]) == (
        "cpu",
        "s",
        None,
        None,
    )
    assert 0.0005 < cpu["base"] < cpu["candidate"] < 0.002
    assert cpu["ratio"]["confidence"] == 0.954
    assert cpu["change"] == pytest.approx(cpu["ratio"]["value"] - 1)
    assert cpu["significant"] is None
    assert [row["significant"] for row in found["rows"]].count(True) == 4


def test_the_exit_code_is_the_one_that_is_told() -> None:
    check = inconclusive()
    assert json.loads(document(check, meaning(check), exit_code=5))["exit_code"] == 5


def test_every_key_of_the_json_is_documented() -> None:
    import toolkit.report.check_json as module

    documented = module.__doc__ or ""
    top = re.findall(r"^(\w+) {2,}\S", documented, re.MULTILINE)
    found = in_json(aa())
    assert list(found) == top
    inner = {**found["changes"][0], **found["noise"][0], **in_json(regression())["findings"][0]}
    assert [key for key in inner if f'"{key}"' not in documented] == []


# a version against itself


def test_the_noise_of_a_machine_is_told_with_what_it_can_tell() -> None:
    text = shown(aa())
    assert "What this machine can tell" in text
    floor = {item["metric"]: item for item in in_json(aa())["noise"]}
    few, many = (floor["throughput"]["detectable"][pairs] for pairs in ("6", "20"))
    assert (
        f"least tolerance for a gate: {few:.1%} with 6 pairs, {many:.1%} with 20, because of "
        "throughput."
    ).replace("%", " %") in text
    assert floor["memory"]["detectable"] == {"6": None, "20": None}
    assert "candidate  " not in text.partition("What this machine can tell")[2]


def test_other_checks_tell_no_noise() -> None:
    assert "What this machine can tell" not in shown(fine())
    assert in_json(fine())["noise"] == []
