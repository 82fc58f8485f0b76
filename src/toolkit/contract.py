"""What a reference app must answer, and whether an answer is that."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from toolkit.errors import ConfigError

_UNSET = object()
_SHOWN = 120
_KEYS = {"name", "request", "headers", "body", "status", "content_type"}
_JSON_KEYS = {"json", "json_file", "json_has"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and the answer it must get, see ``apps/contract.toml``.

    Attributes:
        statuses: Any of these is right.
        json: The value of the body must equal this, unless it is unset.
        json_has: The body is an object with at least these members.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    statuses: tuple[int, ...]
    content_type: str | None = None
    json: object = _UNSET
    json_has: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; ``content_type`` without parameters, in lower case."""

    status: int
    content_type: str
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
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file}: {type(error).__name__}: {error}") from error


def _read_exchange(data: Mapping[str, Any], apps: Path) -> Exchange:
    unknown = data.keys() - _KEYS - _JSON_KEYS
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r} in {data.get('name', 'an exchange')!r}")
    method, path = data["request"].split(" ", 1)
    expected = data.get("json", _UNSET)
    if "json_file" in data:
        expected = json.loads((apps / data["json_file"]).read_text(encoding="utf-8"))
    status = data["status"]
    return Exchange(
        name=data["name"],
        method=method,
        path=path,
        headers=data.get("headers", {}),
        body=data["body"].encode() if "body" in data else None,
        statuses=tuple(status) if isinstance(status, list) else (status,),
        content_type=data.get("content_type"),
        json=expected,
        json_has=data.get("json_has", {}),
    )


def violations(exchange: Exchange, answer: Answer) -> tuple[str, ...]:
    """Say in what an answer differs from the contract; empty if it keeps it."""
    found = []
    if answer.status not in exchange.statuses:
        wanted = " or ".join(map(str, exchange.statuses))
        found.append(f"status {answer.status} {_phrase(answer.status)}instead of {wanted}")
    if exchange.content_type not in (None, answer.content_type):
        given = answer.content_type or "none"
        found.append(f"content type {given} instead of {exchange.content_type}")
    if exchange.json is not _UNSET or exchange.json_has:
        found += _json_violations(exchange, answer.body)
    return tuple(found)


def _json_violations(exchange: Exchange, body: bytes) -> list[str]:
    try:
        value = json.loads(body)
    except ValueError:
        return [f"the body is not JSON: {_shortened(body)}"]
    if exchange.json is not _UNSET and value != exchange.json:
        return [f"another JSON value: {_shortened(body)}"]
    if exchange.json_has and not isinstance(value, dict):
        return [f"not a JSON object: {_shortened(body)}"]
    return [
        f"member {key!r} is {value.get(key)!r} instead of {wanted!r}"
        for key, wanted in exchange.json_has.items()
        if value.get(key) != wanted
    ]


def _phrase(status: int) -> str:
    try:
        return f"({HTTPStatus(status).phrase}) "
    except ValueError:
        return ""


def _shortened(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(body)} bytes)"
