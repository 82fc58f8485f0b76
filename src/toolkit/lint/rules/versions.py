"""Versions of servers, as far as what they can do depends on them."""

from toolkit.lint.facts import Server


def is_older(server: Server, than: tuple[int, int]) -> bool:
    """Tell whether a server is known to be older than a release, such as (25, 1)."""
    return server.version is not None and _numbers(server.version.value) < than


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    # what is no number, such as 1rc1, counts as the release that it leads to
    return tuple(int("".join(filter(str.isdecimal, part[:2])) or 0) for part in parts)
