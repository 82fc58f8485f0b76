"""How findings write times and name places."""

from toolkit.lint.facts import Fact, T, Where


def seconds(value: float) -> str:
    """Write a time: ``30 s``."""
    return f"{value:g} s"


def besides(where: Where, *facts: Fact[T] | None) -> tuple[Where, ...]:
    """Give the places of those facts that there are, each once, without the finding's own."""
    places = dict.fromkeys(fact.where for fact in facts if fact is not None)
    return tuple(place for place in places if place != where)
