"""Bodies are judged by what they say, however a server spells it."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.wire import bodies
from toolkit.wire.bodies import HtmlBody, JsonBody

PAGE = """<!doctype html>
<html><head><title>A &amp; B</title></head>
<body><p class="x" id="y">Gr&uuml;n</p><p>1</p></body></html>"""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_is_compared_by_value_not_by_its_spelling(value: object) -> None:
    check = JsonBody(value)
    for _ in range(2):
        for spelt in (json.dumps(value), json.dumps(value, indent=1, sort_keys=True)):
            assert check(spelt.encode())
        assert not check(json.dumps([value, value]).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a": 2}', b'{"a": 1}x', b"null"])
def test_another_value_and_what_is_no_json_are_wrong(body: bytes) -> None:
    check = JsonBody({"a": 1})
    assert check(b'{"a": 1}')
    assert not check(body)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (1, b"true"),
        (True, b"1"),
        ({"moves": 0}, b'{"moves": false}'),
        ([{"a": [True]}], b'[{"a": [1]}]'),
        (1, b'"1"'),
        (None, b'""'),
    ],
)
def test_values_of_another_kind_are_wrong(value: object, body: bytes) -> None:
    """In Python true equals 1."""
    assert not JsonBody(value)(body)


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        PAGE.replace("\n", ""),
        PAGE.replace("><", ">\n   <"),
        PAGE.replace("&uuml;", "ü"),
        PAGE.replace("&uuml;", "&#xfc;"),
        PAGE.replace('class="x" id="y"', "id=y  class='x'"),
        PAGE.replace("<p>1</p>", "<P>\n1\t</P >"),
    ],
)
def test_a_page_is_compared_by_what_it_says_not_by_its_spelling(page: str) -> None:
    check = HtmlBody(PAGE)
    assert check(page.encode())
    assert check(page.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        PAGE.replace("<p>1</p>", "<p>2</p>").encode(),
        PAGE.replace("<p>1</p>", "").encode(),
        PAGE.replace("<p>1</p>", "<p>1</p><p>1</p>").encode(),
        PAGE.replace("<p>1</p>", "<b>1</b>").encode(),
        PAGE.replace('class="x"', 'class="z"').encode(),
        PAGE.replace(' class="x"', "").encode(),
        PAGE.replace("&uuml;", "&amp;uuml;").encode(),
        PAGE.replace("A &amp; B", "A &lt; B").encode(),
        PAGE.replace("</p></body>", "</body>").encode(),
        PAGE.replace("&uuml;", "ü").encode("latin-1"),
        PAGE.encode("utf-16"),
    ],
)
def test_another_page_is_wrong_before_and_after_a_right_one(body: bytes) -> None:
    check = HtmlBody(PAGE)
    assert not check(body)
    assert check(PAGE.encode())
    assert not check(body)


@pytest.mark.parametrize(
    ("make", "body", "parse"),
    [
        (lambda: JsonBody([1]), b"[ 1 ]", "json.loads"),
        (lambda: HtmlBody(PAGE), PAGE.encode(), "parts_of_page"),
    ],
    ids=["json", "html"],
)
def test_a_body_that_was_right_is_not_parsed_again_and_a_wrong_one_is(
    make: Callable[[], Callable[[bytes], bool]],
    body: bytes,
    parse: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = make()
    assert check(body)

    def refuse(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(f"{bodies.__name__}.{parse}", refuse)
    assert check(body)
    with pytest.raises(AssertionError, match="parsed again"):
        check(body + b" ")
