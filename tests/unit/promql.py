"""What a query of Prometheus asks for, as far as tests need it. Not a parser of PromQL."""

import re

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_GROUPED = re.compile(r"\b(?:by|without) \(([^)]*)\)")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def selectors_of(expression: str) -> dict[str, set[str]]:
    """Give the metrics that are asked for, each with the labels by which it is chosen."""
    found: dict[str, set[str]] = {}
    for name, matchers in _SELECTOR.findall(expression):
        # values may hold anything, so they go first
        bare = re.sub(r'"[^"]*"', "", matchers)
        found.setdefault(name, set()).update(_LABEL.findall(bare))
    return found


def labels_of(expression: str) -> set[str]:
    """Give the labels that are grouped by."""
    return {
        label.strip()
        for group in _GROUPED.findall(expression)
        for label in group.split(",")
        if label.strip()
    }
