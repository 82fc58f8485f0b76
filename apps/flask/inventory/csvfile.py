"""Assets as CSV: the file that is exported can be imported."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from marshmallow import ValidationError

from inventory.models import Asset
from inventory.schemas import AssetSchema

COLUMNS = ("name", "kind", "site", "value_cents")


def write(rows: Iterable[Asset]) -> Iterator[str]:
    """Give the lines of a file, one by one, as the rows come."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow([getattr(row, column) for column in COLUMNS])
    yield line.getvalue()


def read(file: BinaryIO) -> list[Asset]:
    """Read and check a file.

    Raises:
        ValueError: It is no such file; the message names the line.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        reader = csv.DictReader(text)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"line 1: the columns must be {','.join(COLUMNS)}")
        return [Asset(**_check(row, reader.line_num)) for row in reader]
    finally:
        text.detach()  # the file belongs to the request


def _check(row: dict[str, Any], number: int) -> dict[str, Any]:
    try:
        row["value_cents"] = int(row["value_cents"] or "")
        checked: dict[str, Any] = AssetSchema().load(row)
    except ValidationError as error:
        raise ValueError(f"line {number}: {error.normalized_messages()}") from error
    except ValueError as error:
        raise ValueError(f"line {number}: value_cents: a whole number is needed") from error
    return checked
