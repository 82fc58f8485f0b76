"""What a request says: its JSON, and the parameters of its query string."""

from typing import Any

from quart import request
from werkzeug.exceptions import BadRequest


async def json_body() -> Any:  # noqa: ANN401 - JSON is anything
    """Read the body; None if it is not called JSON.

    Raises:
        BadRequest: It is no JSON, or not in UTF-8 (for Quart an error of the server).
    """
    try:
        return await request.get_json()
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not in UTF-8") from error


def whole_number(name: str, *, least: int, most: int, default: int | None = None) -> int:
    """Read a whole number.

    Raises:
        BadRequest: There is none, and no default, or it is out of range.
    """
    text = request.args.get(name)
    if text is None and default is not None:
        return default
    try:
        number = int(text or "")
    except ValueError as error:
        raise BadRequest(f"{name}: a whole number is needed") from error
    if not least <= number <= most:
        raise BadRequest(f"{name}: a number from {least} to {most} is needed")
    return number
