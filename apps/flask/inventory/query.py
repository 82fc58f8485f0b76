"""Numbers in query strings."""

from flask import abort, request


def bounded(name: str, *, default: int, least: int = 0, most: int) -> int:
    """Read a whole number of the query string; 400 if it is none or out of bounds.

    ``request.args.get(name, type=int)`` would take the default for what is no number.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        abort(400, f"{name}: a whole number from {least} to {most} is needed")
    return int(text)
