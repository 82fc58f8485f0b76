"""Procfiles, as Heroku and those that do as it does read them."""

import re
from posixpath import basename
from types import MappingProxyType

from toolkit.lint.facts import Container, Fact, Platform, Where
from toolkit.lint.variables import unknown
from toolkit.reading import lines_of

GRACE = 30.0
"""https://devcenter.heroku.com/articles/dynos#graceful-shutdown-with-sigterm"""

_WEB = re.compile(r"web\s*:\s*(\S.*)")
_SET_BY_PLATFORM = ("PORT", "WEB_CONCURRENCY")
"""Variables that the platform sets, to what is not known here."""


def is_procfile(path: str) -> bool:
    """Tell whether a file is a Procfile; those with an ending are for development."""
    return basename(path) == "Procfile"


def read(path: str, text: str) -> tuple[Container, ...]:
    """Read the process that serves requests: the one that is called web.

    Its command is run by a shell. That does not keep the signal from the server: Heroku sends it to
    all processes.

    Args:
        path: Of the file, from the folder that is looked at.
        text: In it.
    """
    return tuple(
        Container(
            platform=Platform.PROCFILE,
            name="web",
            where=Where(path, number),
            command=Fact(("/bin/sh", "-c", found[1].rstrip()), Where(path, number)),
            grace=Fact(GRACE, Where(path, number), "heroku"),
            env=MappingProxyType(
                {
                    name: Fact(unknown(name), Where(path, number), "heroku")
                    for name in _SET_BY_PLATFORM
                }
            ),
        )
        for number, line in lines_of(text)
        if (found := _WEB.match(line))
    )
