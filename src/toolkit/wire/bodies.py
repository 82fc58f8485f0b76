"""Checks of bodies that are spelt differently by each server and are the same all the same.

One server hardly differs from itself: bytes that were found right once are right when they come
again, and are compared instead of parsed.
"""

import json

from toolkit.contract import parts_of_page


class JsonBody:
    """A check: the body is JSON and equal to an expected value.

    White space and the order of keys do not matter; unlike in Python, 1 is not true.
    """

    __slots__ = ("_expected", "_right")

    def __init__(self, expected: object) -> None:
        self._expected = _spelt(expected)
        self._right: bytes | None = None

    def __call__(self, body: bytes) -> bool:
        """Tell whether the body holds the value."""
        if body == self._right:
            return True
        try:
            value = json.loads(body)
        except ValueError:
            return False
        if _spelt(value) != self._expected:
            return False
        self._right = body
        return True


class HtmlBody:
    """A check: the body is a page of the same elements, attributes and texts in the same order.

    White space and the order of attributes do not matter, nor how a character is written.

    Args:
        page: Such a page.
    """

    __slots__ = ("_parts", "_right")

    def __init__(self, page: str) -> None:
        self._parts = parts_of_page(page)
        self._right: bytes | None = None

    def __call__(self, body: bytes) -> bool:
        """Tell whether the body is the page, in UTF-8."""
        if body == self._right:
            return True
        try:
            parts = parts_of_page(body.decode())
        except UnicodeDecodeError:
            return False
        if parts != self._parts:
            return False
        self._right = body
        return True


def _spelt(value: object) -> str:
    """Give the one spelling that stands for a value; ``==`` would take 1 for true."""
    return json.dumps(value, sort_keys=True)
