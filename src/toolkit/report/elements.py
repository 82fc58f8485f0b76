"""HTML and SVG as nested calls, in which text is text: all of it is escaped."""

from html import escape

_WITHOUT_END = ("meta",)


class Markup(str):
    """What is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """Write an element.

    Args:
        tag: Its name.
        children: Inside it: text, or elements made here.
        attributes: By name, with ``_`` for ``-``, and after a name that Python has taken.
    """
    given = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items())
    if tag in _WITHOUT_END:
        return Markup(f"<{tag}{given}>")
    inside = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"<{tag}{given}>{inside}</{tag}>")


def _name(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")


def _value(value: str | float) -> str:
    # a tenth of a unit is less than a pixel
    return escape(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
