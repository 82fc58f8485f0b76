"""A command line in its words, for those who start it without a shell."""

import shlex

from toolkit.reading import ReadError

MOST_LENGTH = 20_000
"""A single word of many characters takes ``shlex`` time with their square."""


def split(text: str, line: int) -> tuple[str, ...]:
    """Split a command line at spaces, but for those in quotes.

    Args:
        text: The command line.
        line: Where it stands.

    Raises:
        ReadError: A quote is not closed, or the text is too long.
    """
    if len(text) > MOST_LENGTH:
        raise ReadError(f"a command of more than {MOST_LENGTH:,} characters", line)
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ReadError("a command with a quote that is not closed", line) from error
