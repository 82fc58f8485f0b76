"""Variables are put in where they are known, and stay where they are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Fact, Where
from toolkit.lint.variables import MOST_DEPTH, MOST_GROWTH, Interpolation, read_env

KNOWN = {"A": "1", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$A-${A}", "1-1"),
        ("$X-${X}", "${X}-${X}"),
        ("${X:-4}", "4"),
        ("${X:-${Y:-5}}", "5"),
        ("${X:-$A}", "1"),
        ("${EMPTY:-4}", "4"),
        ("${EMPTY-4}", ""),
        ("${X:?must be set}", "${X}"),
        ("${A:?must be set}", "1"),
        ("${A:+yes}", "yes"),
        ("${X:+yes}", ""),
        ("$$A", "$A"),
        ("$", "$"),
        ("${", "${"),
        ("$1", "$1"),
        ("${X:-127.0.0.1:8000}:${Y:-80}", "127.0.0.1:8000:80"),
        ("{${X:-{}}}", "{{}}"),
    ],
)
def test_variables_are_replaced_as_compose_does(text: str, result: str) -> None:
    assert Interpolation(KNOWN)(text) == result


@given(st.text(st.characters(exclude_characters="$")))
def test_a_text_without_a_dollar_sign_is_as_it_was(text: str) -> None:
    assert Interpolation(KNOWN)(text) == text


@given(st.text(st.sampled_from("${}:-?+A ")))
def test_any_text_is_read_the_same_twice(text: str) -> None:
    assert Interpolation(KNOWN)(text) == Interpolation(KNOWN)(text)


def test_variables_do_not_let_a_file_grow_without_end() -> None:
    interpolate = Interpolation({"A": "x" * 10_000})
    grown = sum(len(interpolate("$A")) for _ in range(1_000))
    assert grown < 2 * MOST_GROWTH


def test_braces_that_are_not_closed_stay_however_many_there_are() -> None:
    text = "${A:-" * 100_000
    assert Interpolation(KNOWN)(text) == text


def test_defaults_in_defaults_are_followed_so_far_and_no_further() -> None:
    def nested(depth: int) -> str:
        return Interpolation(KNOWN)("${B:-" * depth + "x" + "}" * depth)

    assert nested(MOST_DEPTH) == "x"
    assert nested(1_000).count("$") == 1_000 - MOST_DEPTH


def test_a_file_of_variables_is_read_as_compose_does() -> None:
    text = "# note\nA=1\nexport B = \"x $A\\ty\" # note\nC='$A # no'\nD=z # note\nE: 5\nno line\n"
    assert {name: fact.value for name, fact in read_env(".env", text).items()} == {
        "A": "1",
        "B": "x 1\ty",
        "C": "$A # no",
        "D": "z",
        "E": "5",
    }


def test_a_variable_knows_its_line_and_a_name_alone_is_not_known() -> None:
    assert read_env("x/.env", "\nFOO\n") == {"FOO": Fact("${FOO}", Where("x/.env", 2))}
