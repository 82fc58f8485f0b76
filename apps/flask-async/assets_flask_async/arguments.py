"""What a request asks for, checked."""

from flask import request
from werkzeug.exceptions import UnprocessableEntity


def query_number(name: str, default: int, *, least: int, most: int) -> int:
    """Take a whole number from the query string.

    Raises:
        UnprocessableEntity: It is not one or out of its bounds.
    """
    # ``get(type=int)`` gives the default where the text is no number
    text = request.args.get(name)
    try:
        number = default if text is None else int(text)
    except ValueError as error:
        raise UnprocessableEntity(f"{name}: a whole number is needed") from error
    if not least <= number <= most:
        raise UnprocessableEntity(f"{name}: {least} to {most} is needed")
    return number


def query_numbers(name: str, *, most: int) -> list[int]:
    """Take whole numbers, separated by commas, from the query string.

    Raises:
        UnprocessableEntity: They are not that, none or too many.
    """
    try:
        numbers = [int(text) for text in request.args.get(name, "").split(",")]
    except ValueError as error:
        raise UnprocessableEntity(
            f"{name}: whole numbers separated by commas are needed"
        ) from error
    if len(numbers) > most:
        raise UnprocessableEntity(f"{name}: at most {most} are allowed")
    return numbers


def body_member(name: str, *, most: int) -> str:
    """Take a string of 1 to ``most`` printable characters from the JSON object in the body.

    Raises:
        BadRequest: The body is no JSON (or, 415, does not say that it is).
        UnprocessableEntity: There is no such string.
    """
    payload = request.get_json()
    value = payload.get(name) if isinstance(payload, dict) else None
    # printable: neither PostgreSQL nor UTF-8 takes every character that JSON can spell
    if not isinstance(value, str) or not 1 <= len(value) <= most or not value.isprintable():
        raise UnprocessableEntity(f"{name}: a string of 1 to {most} printable characters is needed")
    return value
