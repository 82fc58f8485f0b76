"""A request for a page of a user's own app, whose answer must be of the page itself.

A redirect is wrong: of ``/items`` to ``/items/``, or of a page to its login, it costs next to
nothing, and the view that is meant never runs.
"""

from urllib.parse import unquote, urljoin, urlsplit

from toolkit.client import Answer, Request

_LOOPBACK = (None, "127.0.0.1", "localhost", "::1")


class Page(Request):
    """A request that says where it is led to, if it is."""

    __slots__ = ()

    def judge(self, answer: Answer) -> str | None:
        """Say what is wrong with an answer, None if nothing is."""
        if not 300 <= answer.status < 400:
            return super().judge(answer)
        return f"status {answer.status}{_led(self.path, answer.header('location') or '')}"


def _led(path: str, location: str) -> str:
    """Say where a redirect leads: without its query, which may be another one each time."""
    try:
        url = urlsplit(urljoin(path, location))
        here = url.scheme in ("", "http") and url.hostname in _LOOPBACK
    except ValueError:
        return ", leads to no URL"
    if not location:
        return ", leads nowhere"
    if here:
        whole = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        itself = unquote(whole) == unquote(path)
        return ", leads to itself" if itself else f", leads to {url.path or '/'}: request that"
    return f", leads to {url.scheme}://{url.hostname}{url.path}: no page of this server"
