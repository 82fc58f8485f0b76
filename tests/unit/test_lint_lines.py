"""Values of YAML know their lines, and no YAML is too nasty to be read or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Where
from toolkit.lint.manifests.lines import MOST_DEPTH, documents
from toolkit.lint.manifests.nodes import MOST_STEPS, Kind, Node
from toolkit.reading import ReadError


def one(text: str) -> Node:
    (node,) = documents("a.yaml", text)
    return node


def line(node: Node) -> int:
    assert node.where.path == "a.yaml"
    return node.where.line


# lines


def test_a_value_stands_where_its_key_does() -> None:
    node = one("a: 1\nb:\n  c: 2\n  d:\n    - x\n    - y\ne: >\n  long\n  text\nf:\n  three\n")
    assert [line(node.at(key)) for key in "abef"] == [1, 2, 7, 10]
    assert line(node.at("b", "d")) == 4
    assert [line(entry) for entry in node.at("b", "d").entries] == [5, 6]


def test_what_is_merged_stands_where_it_is_written() -> None:
    node = one("base: &base\n  a: 1\nmore:\n  <<: *base\n  b: 2\n")
    assert line(node.at("more", "a")) == 2


def test_an_alias_stands_where_it_is_used_and_what_is_in_it_where_it_is_written() -> None:
    node = one("base: &base\n  a: 1\nmore: *base\n")
    assert (line(node.at("more")), line(node.at("more", "a"))) == (3, 2)


def test_what_is_not_there_has_the_place_of_what_is_around_it() -> None:
    missing = one("a: 1\nb:\n  c: 1\n").at("b", "x", "y")
    assert (missing.kind, line(missing)) == (Kind.MISSING, 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.text("abc", max_size=3)), min_size=1))
def test_a_key_is_found_in_its_line_however_many_are_before_it(
    keys: list[tuple[int, str]],
) -> None:
    text, expected, number = "", {}, 1
    for index, (empty, value) in enumerate(keys):
        text += "\n" * empty + f"k{index}: '{value}'\n"
        number += empty
        expected[f"k{index}"] = (number, value)
        number += 1
    assert {name: (line(node), node.text) for name, node in one(text).items()} == expected


# values


def test_keys_of_a_map_win_over_those_that_are_merged_and_the_first_of_several_over_others() -> (
    None
):
    node = one("a: &a {x: 1, y: 1, z: 1}\nb: &b {x: 2, y: 2}\nc:\n  <<: [*b, *a]\n  x: 3\n")
    assert {name: value.text for name, value in node.at("c").items()} == {
        "x": "3",
        "y": "2",
        "z": "1",
    }


def test_a_merge_key_in_quotes_is_a_key_like_others() -> None:
    assert one("'<<': {a: 1}\n").at("<<", "a").text == "1"


@pytest.mark.parametrize("text", ["a:", "a: ~", "a: null", "a: !reset null"])
def test_null_is_not_given(text: str) -> None:
    assert not one(text).at("a").given


@pytest.mark.parametrize("text", ["a: ''", "a: 'null'", "a: []", "a: {}", "a: 0", "a: false"])
def test_what_is_empty_is_given(text: str) -> None:
    assert one(text).at("a").given


def test_a_tag_that_nobody_knows_does_no_harm() -> None:
    node = one("a: !reset null\nb: !override [1]\nc: !!python/object:os.system {x: 1}\n")
    assert [node.at(key).tag for key in "abc"] == ["!reset", "!override", ""]


@pytest.mark.parametrize(
    ("text", "truth"),
    [("true", True), ("Yes", True), ("'on'", True), ("off", False), ("1", None), ("[]", None)],
)
def test_a_truth_is_read_as_yaml_has_it(text: str, truth: bool | None) -> None:
    assert one(f"a: {text}").at("a").truth is truth


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("'12'", 12), ("-1", -1), ("1.5", None), ("x", None)]
)
def test_a_whole_number_is_read_in_quotes_or_without(text: str, number: int | None) -> None:
    assert one(f"a: {text}").at("a").integer == number


def test_a_list_that_has_other_than_scalars_has_no_words() -> None:
    assert one("a: [x, 1]").at("a").words == ("x", "1")
    assert one("a: [x, [y]]").at("a").words is None


def test_a_file_may_hold_several_documents_or_none() -> None:
    assert [node.at("a").text for node in documents("a.yaml", "a: 1\n---\na: 2\n")] == ["1", "2"]
    assert documents("a.yaml", "# nothing\n") == ()


def test_scalars_are_changed_but_no_keys() -> None:
    (node,) = documents("a.yaml", "a: [b]\nc: d\n", change=str.upper)
    assert node.at("a").words == ("B",)
    assert node.at("c").text == "D"


# what cannot be read


@pytest.mark.parametrize(
    ("text", "number"), [("a: b: c\n", 1), ("a: 1\nb: 'x\n", 3), ("a: 1\n\tb: 2\n", 2)]
)
def test_an_error_of_yaml_tells_its_line(text: str, number: int) -> None:
    with pytest.raises(ReadError, match="not YAML") as error:
        documents("a.yaml", text)
    assert error.value.line == number


def test_a_template_is_called_one() -> None:
    with pytest.raises(ReadError, match="render it first"):
        documents("a.yaml", "a:\n{% if x %}\n  b: 1\n{% endif %}\n")


@pytest.mark.parametrize("text", ["a: \0", "a: \ud800", "\ufffe"])
def test_characters_that_yaml_does_not_allow_are_refused(text: str) -> None:
    with pytest.raises(ReadError, match="characters"):
        documents("a.yaml", text)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_deeply_is_refused(opening: str) -> None:
    with pytest.raises(ReadError):
        documents("a.yaml", opening * 100_000)


def test_what_is_nested_as_deep_as_allowed_is_read() -> None:
    node = one("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    for _ in range(MOST_DEPTH - 1):
        (node,) = node.entries
    assert node.entries == ()


def test_an_alias_of_what_it_stands_in_is_refused() -> None:
    with pytest.raises(ReadError, match="&a"):
        documents("a.yaml", "a: &a [*a]\n")


def test_merge_keys_that_stand_for_too_much_are_refused() -> None:
    big = ", ".join(f"k{number}: 1" for number in range(2_000))
    users = "\n".join(f"m{number}: {{<<: *a}}" for number in range(MOST_STEPS // 2_000 + 1))
    with pytest.raises(ReadError, match="stands for too much"):
        documents("a.yaml", f"a: &a {{{big}}}\n{users}\n")


def test_aliases_that_stand_for_too_much_cannot_be_walked_through() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(
        f"a{number}: &a{number} [*a{number - 1}, *a{number - 1}]\n" for number in range(1, 60)
    )

    def walk(node: Node) -> None:
        for entry in node.entries:
            walk(entry)

    with pytest.raises(ReadError, match="stands for too much"):
        walk(one(text).at("a59"))


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#?,~<% \n\t\\\u2028\0")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = documents("a.yaml", text)
    except ReadError:
        return
    assert all(node.where == Where("a.yaml", node.where.line) for node in found)
