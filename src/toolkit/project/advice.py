"""What a user can do about an app of theirs that does not start, by what it said last."""

import re
from collections.abc import Iterable, Iterator

_KNOWN = (
    (
        r"os\.environ|<frozen os>|in getenv",
        r"KeyError: '(?P<name>\w{1,60})'",
        "It wants the variable {name}: give it with --env {name}=VALUE or --env-file FILE.",
    ),
    (
        "",
        r"No module named 'pkg_resources'",
        "A package is older than today's setuptools: add --install 'setuptools<81'.",
    ),
    (
        "",
        r"ModuleNotFoundError: No module named '(?P<name>[\w.]{1,60})'",
        "{name} is not among what is installed: add its package with --install.",
    ),
    (
        "",
        r"PackageNotFoundError: No package metadata was found for (?P<name>[\w.-]{1,60})",
        "{name} is not among what is installed: add it with --install.",
    ),
    (
        "",
        r"Read-only file system: '(?P<name>[^'\n]{1,200})'",
        "It writes to {name}: name a folder of it with --writable.",
    ),
    (
        "",
        r"no such table|relation \"[^\"\n]{1,100}\" does not exist",
        "Its database has no tables: --before makes them, or --prepare where --database is given.",
    ),
    (
        "",
        r"does not serve as it should: health: status [34]\d\d",
        "It serves, and the path that shows that does not answer 200: name another with --health.",
    ),
)
"""What must be there besides, what tells the cause, and what to do."""


def advice_on(texts: Iterable[str]) -> Iterator[str]:
    """Give what to do about failures, each advice once.

    Args:
        texts: Message and last lines of each.
    """
    given = (_advice(text) for text in texts)
    yield from dict.fromkeys(advice for advice in given if advice)


def _advice(text: str) -> str:
    for besides, cause, advice in _KNOWN:
        found = re.search(cause, text)
        if found and re.search(besides, text):
            return advice.format(**found.groupdict())
    return ""
