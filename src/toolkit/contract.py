"""What a reference app must answer, and whether an answer is that."""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from email.message import Message
from html.parser import HTMLParser
from http import HTTPStatus
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from toolkit.errors import ConfigError
from toolkit.model import Need

_UNSET = object()
_SHOWN = 120
_FILES = {"json_file": "json", "html_file": "html", "body_file": "content"}
_CHARSET = "; charset="


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and the answer it must get; ``apps/contract.toml`` explains the keys.

    Attributes:
        repeat: How often it is sent on one connection ...
        at_once: ... and on how many connections at the same time.
        may_close: Whether a server that keeps connections may close it after this answer.
        statuses: Any of these is right.
        json: The value of the body must equal this, unless it is unset.
        html: What the page must consist of, see ``parts_of_page``.
        content: The very bytes of the body.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    chunked: bool = False
    repeat: int = 1
    at_once: int = 1
    may_close: bool = False
    session: str | None = None
    needs: Need | None = None
    statuses: tuple[int, ...]
    content_type: str | None = None
    json: object = _UNSET
    json_has: Mapping[str, Any] = field(default_factory=dict)
    html: tuple[str, ...] | None = None
    content: bytes | None = None
    sha256: str | None = None
    allow: frozenset[str] = frozenset()
    has_headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes


def read_contract(apps: Path, name: str) -> tuple[Exchange, ...]:
    """Read the exchanges of a contract from ``contract.toml`` in the folder of the apps.

    Raises:
        ConfigError: There is no such contract, or it cannot be read.
    """
    file = apps / "contract.toml"
    try:
        contracts = tomllib.loads(file.read_text(encoding="utf-8"))
        if name not in contracts:
            raise ConfigError(f"{file}: there is no contract {name!r}")
        return tuple(_read_exchange(data, apps) for data in contracts[name])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file}: {type(error).__name__}: {error}") from error


def _read_exchange(data: Mapping[str, Any], apps: Path) -> Exchange:
    given = dict(data)
    method, path = given.pop("request").split(" ", 1)
    status = given.pop("status")
    given["statuses"] = tuple(status) if isinstance(status, list) else (status,)
    for key, attribute in _FILES.items():
        if key in given:
            given[attribute] = (apps / given.pop(key)).read_bytes()
    if isinstance(given.get("json"), bytes):
        given["json"] = json.loads(given["json"])
    if "html" in given:
        given["html"] = parts_of_page(given["html"].decode())
    if "text" in given:
        given["content"] = given.pop("text").encode()
    if "body_size" in given:
        given["body"] = b"x" * given.pop("body_size")
    elif "body" in given:
        given["body"] = given["body"].encode()
    if "needs" in given:
        given["needs"] = Need(given["needs"])
    given["allow"] = frozenset(given.get("allow", ()))
    unknown = given.keys() - {item.name for item in fields(Exchange)}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r} in {data.get('name', 'an exchange')!r}")
    return Exchange(**given, method=method, path=path)


def violations(exchange: Exchange, answer: Answer) -> tuple[str, ...]:
    """Say in what an answer differs from the contract; empty if it keeps it.

    Of an answer with a wrong status no more is said: the rest follows from it.
    """
    if answer.status not in exchange.statuses:
        wanted = " or ".join(map(str, exchange.statuses))
        phrase, body = _phrase(answer.status), _shortened(answer.body)
        return (f"status {answer.status} {phrase}instead of {wanted}: {body}",)
    return tuple(_violations(exchange, answer))


def _violations(exchange: Exchange, answer: Answer) -> Iterator[str]:
    yield from _wrong_type(exchange, answer)
    yield from _wrong_headers(exchange, answer.headers)
    yield from _wrong_cookie(exchange, answer.headers)
    yield from _wrong_body(exchange, answer.body)


def _wrong_type(exchange: Exchange, answer: Answer) -> Iterator[str]:
    if exchange.content_type is None:
        return
    media_type, _, charset = exchange.content_type.partition(_CHARSET)
    given = answer.headers.get_content_type() if "Content-Type" in answer.headers else "none"
    if given != media_type:
        yield f"content type {given} instead of {media_type}"
    elif charset and (answer.headers.get_content_charset() or "none") != charset:
        yield f"charset {answer.headers.get_content_charset() or 'none'} instead of {charset}"


def _wrong_headers(exchange: Exchange, headers: Message) -> Iterator[str]:
    if exchange.allow:
        allowed = {method.strip().upper() for method in headers.get("Allow", "").split(",")}
        missing = sorted(exchange.allow - allowed)
        if missing:
            yield f"the Allow header {headers.get('Allow', '')!r} lacks {', '.join(missing)}"
    for name, pattern in exchange.has_headers.items():
        value = headers.get(name)
        if value is None:
            yield f"the header {name} is missing"
        elif re.fullmatch(pattern, value) is None:
            yield f"the header {name} is {value!r}"


def _wrong_cookie(exchange: Exchange, headers: Message) -> Iterator[str]:
    if exchange.cookie is None:
        return
    jar = SimpleCookie()
    for line in headers.get_all("Set-Cookie", ()):
        jar.load(line)
    morsel = jar.get(exchange.cookie)
    if morsel is None:
        yield f"the cookie {exchange.cookie} is not set"
        return
    wanted = {"httponly": True, "samesite": "lax", "path": "/"}
    for name, value in wanted.items():
        given = morsel[name]
        if (given.lower() if isinstance(given, str) else given) != value:
            yield f"the cookie {exchange.cookie} has {name} {given!r} instead of {value!r}"


def _wrong_body(exchange: Exchange, body: bytes) -> Iterator[str]:
    if exchange.json is not _UNSET or exchange.json_has:
        yield from _wrong_json(exchange, body)
    if exchange.html is not None:
        yield from _wrong_page(exchange.html, body)
    if exchange.content is not None and body != exchange.content:
        yield f"another body of {len(body)} bytes: {_shortened(body)}"
    if exchange.sha256 is not None and hashlib.sha256(body).hexdigest() != exchange.sha256:
        yield f"another body of {len(body)} bytes: {_shortened(body)}"


def _wrong_json(exchange: Exchange, body: bytes) -> Iterator[str]:
    try:
        value = json.loads(body)
    except ValueError:
        yield f"the body is not JSON: {_shortened(body)}"
        return
    if exchange.json is not _UNSET and not _same(value, exchange.json):
        yield f"another JSON value: {_shortened(body)}"
    elif exchange.json_has and not isinstance(value, dict):
        yield f"not a JSON object: {_shortened(body)}"
    else:
        for key, wanted in exchange.json_has.items():
            if not _same(value.get(key), wanted):
                yield f"member {key!r} is {value.get(key)!r} instead of {wanted!r}"


def _same(one: object, other: object) -> bool:
    """Compare JSON values; unlike in Python, 1 is not true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _wrong_page(wanted: tuple[str, ...], body: bytes) -> Iterator[str]:
    given = parts_of_page(body.decode("utf-8", "replace"))
    for place, (mine, theirs) in enumerate(zip(given, wanted, strict=False)):
        if mine != theirs:
            yield f"part {place} of the page is {mine!r} instead of {theirs!r}"
            return
    if len(given) != len(wanted):
        yield f"the page has {len(given)} parts instead of {len(wanted)}"


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = "".join(f" {name}={value or ''!r}" for name, value in sorted(attrs))
        self.found.append(f"<{tag}{written}>")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.found.append(text)


def parts_of_page(page: str) -> tuple[str, ...]:
    """Give the elements, attributes and texts of a page in order, whatever its white space."""
    parser = _Parts()
    parser.feed(page)
    parser.close()
    return tuple(parser.found)


def _phrase(status: int) -> str:
    try:
        return f"({HTTPStatus(status).phrase}) "
    except ValueError:
        return ""


def _shortened(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())  # in one line
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(body)} bytes)"


def with_what_there_is(
    exchanges: Iterable[Exchange], there: Callable[[Need], bool]
) -> tuple[Exchange, ...]:
    """Give the exchanges that can be sent: those that need nothing, or what is there."""
    return tuple(item for item in exchanges if item.needs is None or there(item.needs))
