"""Work and payloads: a checksum that costs time, a file, bytes up, bytes down in pieces."""

import random

from common.shared import work
from toolkit.client import JsonBody, Request

_FILE = (work.STATIC / "blob.bin").read_bytes()

STATIC = Request(
    "GET", "/static/blob.bin", name="static", expect=200, check=lambda body: body == _FILE
)


def burn(rounds: int) -> Request:
    """Have so many rounds of work done."""
    answer = {"rounds": rounds, "checksum": work.burn(rounds)}
    return Request("GET", f"/cpu?rounds={rounds}", name="cpu", expect=200, check=JsonBody(answer))


def upload(size: int) -> Request:
    """Send so many bytes that no compression makes less, the same each time."""
    body = random.Random(size).randbytes(size)  # noqa: S311 - no secret
    return Request(
        "POST",
        "/upload",
        name="upload",
        headers={"Content-Type": "application/octet-stream"},
        body=body,
        expect=200,
        check=JsonBody({"bytes": size, "crc32": work.checksum(body)}),
    )


def stream(chunks: int) -> Request:
    """Ask for an answer that is made in so many pieces of one KiB."""
    expected = b"".join(work.chunks(chunks))
    return Request(
        "GET",
        f"/stream?chunks={chunks}",
        name="stream",
        expect=200,
        check=lambda body: body == expected,
    )
