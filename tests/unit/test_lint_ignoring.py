"""Comments that silence a rule: where they count, and where they do not."""

from dataclasses import replace

import pytest

from tests.unit.made_up_lints import TOO_SHORT
from toolkit.lint.facts import Where
from toolkit.lint.finding import Finding
from toolkit.lint.ignoring import heed_comments
from toolkit.reading import Files

RULE = TOO_SHORT.rule
PATH = "compose.yaml"


def is_ignored(text: str, line: int, rule: str = RULE) -> bool:
    found = replace(TOO_SHORT, rule=rule, where=Where(PATH, line), others=())
    return ignored([found], {PATH: text}) == [found]


def ignored(findings: list[Finding], texts: dict[str, str]) -> list[Finding]:
    kept, put_aside = heed_comments(findings, Files.of_texts(texts))
    assert sorted([*kept, *put_aside], key=str) == sorted(findings, key=str)
    return list(put_aside)


@pytest.mark.parametrize(
    "comment",
    [
        f"# toolkit: ignore[{RULE}]",
        f"#toolkit:ignore[{RULE}]",
        f"# toolkit: ignore[other-rule, {RULE}]",
        f"# toolkit: ignore[{RULE}] the platform waits longer",
        f"# noqa # toolkit: ignore[{RULE}]",
        f"# toolkit: ignore[other-rule] # toolkit: ignore[{RULE}]",
        "# toolkit: ignore",
        "# toolkit: ignore  ",
        "# toolkit: ignore -- the platform waits longer",
        "# toolkit: ignore # noqa",
    ],
)
def test_a_comment_silences_the_rule_that_it_names_or_every_rule(comment: str) -> None:
    assert is_ignored(f"stop_grace_period: 5s  {comment}\n", 1)
    assert is_ignored(f"  {comment}\nstop_grace_period: 5s\n", 2)


@pytest.mark.parametrize(
    "comment",
    [
        "# toolkit: ignore[other-rule]",
        "# toolkit: ignore[]",
        f"# toolkit: ignore[{RULE}",
        f"# toolkit: ignore {RULE}",
        f"# toolkit: ignored[{RULE}]",
        f"# toolkit: ignore[{RULE}-too]",
        f"# mytoolkit: ignore[{RULE}]",
        f"toolkit: ignore[{RULE}]",
        f"'x'#toolkit: ignore[{RULE}]",
    ],
)
def test_what_is_not_such_a_comment_silences_nothing(comment: str) -> None:
    assert not is_ignored(f"stop_grace_period: 5s  {comment}\n", 1)


def test_a_comment_above_may_have_others_around_it() -> None:
    text = f"# why\n# toolkit: ignore[{RULE}]\n# and more\nstop_grace_period: 5s\n"
    assert is_ignored(text, 4)


def test_a_comment_at_the_end_of_a_line_does_not_count_for_the_next_one() -> None:
    assert not is_ignored(f"image: web  # toolkit: ignore[{RULE}]\nstop_grace_period: 5s\n", 2)


def test_a_comment_above_does_not_reach_beyond_an_empty_line() -> None:
    assert not is_ignored(f"# toolkit: ignore[{RULE}]\n\nstop_grace_period: 5s\n", 3)


def test_a_comment_below_does_not_count() -> None:
    assert not is_ignored(f"stop_grace_period: 5s\n# toolkit: ignore[{RULE}]\n", 1)


def test_a_comment_at_the_top_counts_for_the_file_as_a_whole() -> None:
    text = f"#!/bin/sh\n# toolkit: ignore[{RULE}]\nexec gunicorn\n"
    assert is_ignored(text, 0)
    assert not is_ignored(f"exec gunicorn\n# toolkit: ignore[{RULE}]\n", 0)


def test_a_comment_counts_at_any_place_that_takes_part() -> None:
    found = replace(TOO_SHORT, others=(Where("gunicorn.conf.py", 2),))
    texts = {PATH: "x\n" * 20, "gunicorn.conf.py": "# toolkit: ignore\ngraceful_timeout = 30\n"}
    assert ignored([found], texts) == [found]


def test_only_the_finding_at_that_place_is_silenced() -> None:
    here, there = (replace(TOO_SHORT, where=Where(PATH, line), others=()) for line in (1, 2))
    assert ignored([here, there], {PATH: "a # toolkit: ignore\nb\n"}) == [here]


@pytest.mark.parametrize("line", [5, 10_000_000])
def test_a_line_that_is_not_there_is_not_silenced_by_any(line: int) -> None:
    assert not is_ignored("# toolkit: ignore\nx\n", line)


def test_a_file_that_cannot_be_read_silences_nothing() -> None:
    found = replace(TOO_SHORT, others=())
    assert ignored([found], {}) == []
