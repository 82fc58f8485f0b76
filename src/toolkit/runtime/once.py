"""A command that is run to its end where a server would run, such as a migration."""

import contextlib
import shlex
from collections.abc import Iterator, Sequence

from toolkit.errors import StackError
from toolkit.model import Stack

ONCE_TIMEOUT = 60.0
"""Seconds that it may take."""


@contextlib.contextmanager
def naming(stack: Stack, command: Sequence[str]) -> Iterator[None]:
    """Say which command it was that failed.

    Raises:
        StackError: In the place of the one that is raised in this context.
    """
    try:
        yield
    except StackError as error:
        raise StackError(
            f"`{shlex.join(command)}` of {stack.app.name}: {error}", hint=error.hint, log=error.log
        ) from error
