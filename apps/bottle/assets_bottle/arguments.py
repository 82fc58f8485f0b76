"""What a request asks for, checked; Bottle leaves that to the application."""

from bottle import HTTPError, request


def query_number(name: str, default: int, *, least: int, most: int) -> int:
    """Take a whole number from the query string.

    Raises:
        HTTPError: 422, it is not one or out of its bounds.
    """
    # Bottle's own ``get(type=int)`` gives the default where the text is no number
    text = request.query.get(name)
    try:
        number = default if text is None else int(text)
    except ValueError as error:
        raise HTTPError(422, f"{name}: a whole number is needed") from error
    if not least <= number <= most:
        raise HTTPError(422, f"{name}: {least} to {most} is needed")
    return number


def query_numbers(name: str, *, most: int) -> list[int]:
    """Take whole numbers, separated by commas, from the query string.

    Raises:
        HTTPError: 422, they are not that, none or too many.
    """
    try:
        numbers = [int(text) for text in request.query.get(name, "").split(",")]
    except ValueError as error:
        raise HTTPError(422, f"{name}: whole numbers separated by commas are needed") from error
    if len(numbers) > most:
        raise HTTPError(422, f"{name}: at most {most} are allowed")
    return numbers


def body_member(name: str, *, most: int) -> str:
    """Take a string of 1 to ``most`` printable characters from the JSON object in the body.

    Raises:
        HTTPError: 400, the body is no JSON; 422, there is no such string.
    """
    payload = request.json
    value = payload.get(name) if isinstance(payload, dict) else None
    # printable: neither PostgreSQL nor UTF-8 takes every character that JSON can spell
    if not isinstance(value, str) or not 1 <= len(value) <= most or not value.isprintable():
        raise HTTPError(422, f"{name}: a string of 1 to {most} printable characters is needed")
    return value
