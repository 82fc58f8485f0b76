"""How errors are answered."""

from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException


async def as_json(error: HTTPException) -> ResponseReturnValue:
    """Answer with what is wrong, and the headers that belong to it (``Allow``)."""
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return {"error": error.description}, error.code or 500, headers
