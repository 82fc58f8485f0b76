"""Answers in JSON; Bottle makes them by itself, but only of a dict that a route returns."""

import json

from bottle import response


def as_json(value: object) -> str:
    """Encode a value and say so in the header."""
    response.content_type = "application/json"
    return json.dumps(value)
