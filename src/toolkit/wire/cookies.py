"""Cookies of one user at one origin: the standard library's jar, fed with our requests."""

from email.message import Message
from http.cookiejar import CookieJar
from urllib.request import Request as UrlRequest

from toolkit.wire.http1 import Answer


class Cookies:
    """Remembers what the server sets and gives it back, as ``http.cookiejar`` has it."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._jar = CookieJar()

    def __bool__(self) -> bool:
        return len(self._jar) > 0

    def take(self, answer: Answer, path: str) -> None:
        """Keep what an answer sets."""
        self._jar.extract_cookies(_Response(answer), UrlRequest(self._origin + path))  # type: ignore[arg-type] # noqa: S310

    def line(self, path: str) -> bytes:
        """Give the header for a request, with its end; empty if there is nothing to send."""
        request = UrlRequest(self._origin + path)  # noqa: S310 - never opened
        self._jar.add_cookie_header(request)
        value = request.get_header("Cookie")
        return b"" if value is None else f"Cookie: {value}\r\n".encode("latin-1")

    def value(self, name: str) -> str | None:
        """Give the value of a cookie, for a token that must be sent along."""
        return next(
            (
                cookie.value
                for cookie in self._jar
                if cookie.name == name and not cookie.is_expired()
            ),
            None,
        )


class _Response:
    """What the jar wants to see of an answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def info(self) -> Message:
        message = Message()
        for name, value in self._answer.headers:
            message[name] = value
        return message
