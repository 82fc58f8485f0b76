"""The assets an app keeps in memory: their list, the page made of it, many of them, a new one."""

import itertools
import json
from collections.abc import Callable

from common.shared import FOLDER, read_json, work
from toolkit.client import HtmlBody, JsonBody, Request

LIST = Request(
    "GET", "/api/assets", name="list", expect=200, check=JsonBody(read_json("assets.json"))
)

PAGE = Request(
    "GET",
    "/assets",
    name="template",
    headers={"Accept": "text/html"},
    expect=200,
    check=HtmlBody((FOLDER / "assets.html").read_text(encoding="utf-8")),
)

_numbers = itertools.count()


def export(rows: int, *, name: str = "large") -> Request:
    """Ask for so many assets in one answer, about 160 bytes each."""
    return Request(
        "GET",
        f"/api/export?rows={rows}",
        name=name,
        expect=200,
        check=JsonBody(work.export(rows)),
    )


def create(*, name: str = "create") -> Request:
    """Create another asset each time; all these requests have the same length."""
    # seven digits, as the id that it will have
    value = 1_000_000 + next(_numbers) % 1_000_000
    asset = {"name": "laptop-021", "kind": "laptop", "value_cents": value}
    return Request(
        "POST", "/api/assets", name=name, json=asset, expect=201, check=_is_created(asset)
    )


def _is_created(asset: dict[str, object]) -> Callable[[bytes], bool]:
    """Make a check for the answer: the asset sent, with a seven-digit id and its status."""

    def check(body: bytes) -> bool:
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return (
            isinstance(answer, dict)
            and isinstance(number := answer.pop("id", None), int)
            and 1_000_000 <= number < 2_000_000
            and answer == {**asset, "status": "in stock"}
        )

    return check
