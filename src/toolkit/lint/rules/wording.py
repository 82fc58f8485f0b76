"""How findings write times and name places."""

from typing import Protocol

from toolkit.lint.facts import Where


class Placed(Protocol):
    """What stands somewhere: a fact, a proxy."""

    @property
    def where(self) -> Where:
        """Where."""


def seconds(value: float) -> str:
    """Write a time: ``30 s``."""
    return f"{value:g} s"


def besides(where: Where, *others: Placed | None) -> tuple[Where, ...]:
    """Give the places of those others that there are, each once, without the finding's own."""
    places = dict.fromkeys(other.where for other in others if other is not None)
    return tuple(place for place in places if place != where)
