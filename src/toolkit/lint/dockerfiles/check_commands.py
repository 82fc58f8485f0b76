"""The HTTP request that the command of a health check plainly makes."""

import re
from collections.abc import Sequence

_URL = re.compile(
    r"\b(https?)://(?:[\w.-]+|\[[0-9a-fA-F:]+\]|\$\{?\w+\}?)(?::([\w${}:-]*\w\}?))?"
    r"(/[^\s\"'`)|;&?#>]*)?"
)
_CONNECTION = re.compile(r"HTTPS?Connection\(\s*['\"][^'\"]*['\"]\s*,\s*(?:port\s*=\s*)?(\d{1,5})")
_REQUEST = re.compile(r"\.request\(\s*['\"](?:GET|HEAD)['\"]\s*,\s*['\"](/[^'\"?#]*)")


def asked_by(words: Sequence[str]) -> tuple[str | None, str | None]:
    """Give the path and the port of the first URL in a command.

    Args:
        words: The command; of a shell form with its text as the last word.

    Returns:
        Both None if there is no URL; the port as it is written, None of a socket file's.
    """
    text = " ".join(words)[:10_000]
    found = _URL.search(text)
    if found is not None:
        if "--unix-socket" in text or "--abstract-unix-socket" in text:
            return found[3] or "/", None
        port = found[2] or ("443" if found[1] == "https" else "80")
        return found[3] or "/", port
    connection, request = _CONNECTION.search(text), _REQUEST.search(text)
    if connection is not None and request is not None:
        return request[1], connection[1]
    return None, None
