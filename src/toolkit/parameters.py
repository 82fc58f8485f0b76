"""The parameters of a workload: declared in its locustfile, chosen as ``upstream?delay=5ms``.

A locustfile says ``PARAMETERS = {"delay": "20ms"}``, names and defaults. Who starts it puts other
values into the environment variable ``TOOLKIT_PARAMETERS``, spelt as a query: ``delay=5ms``.
"""

import os
import re
from collections.abc import Mapping

from toolkit.errors import ConfigError
from toolkit.spelling import did_you_mean
from toolkit.units import parse_size

VARIABLE = "TOOLKIT_PARAMETERS"

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_PART = re.compile(r"(\d+(?:\.\d+)?)%")
_COUNT = re.compile(r"\d+")
_FACTORS = {"ms": 1e-3, "s": 1.0}


class Parameters:
    """Values by name, as the locustfile needs them.

    Args:
        defaults: Names and default values.
        chosen: Values in place of the defaults, as a query; None reads ``TOOLKIT_PARAMETERS``.

    Raises:
        ConfigError: There is no such parameter, or its value is of another kind than the default.
    """

    def __init__(self, defaults: Mapping[str, str], chosen: str | None = None) -> None:
        query = os.environ.get(VARIABLE, "") if chosen is None else chosen
        self._values = {**defaults, **read_query(query)}
        for name, value in self._values.items():
            if name not in defaults:
                raise ConfigError(
                    f"there is no parameter {name!r}",
                    hint=did_you_mean(name, defaults)
                    or f"Known here: {', '.join(defaults) or 'none'}.",
                )
            wanted = _kind_of(defaults[name])
            if _kind_of(value) != wanted:
                raise ConfigError(
                    f"{name}={value} is no {wanted}", hint=f"Give one such as {defaults[name]}."
                )

    def values(self) -> dict[str, str]:
        """Give all of them as they are spelt, in the order of their declaration."""
        return dict(self._values)

    def query(self) -> str:
        """Give all of them as the environment variable holds them."""
        return "&".join(f"{name}={value}" for name, value in self._values.items())

    def count(self, name: str) -> int:
        """Give a whole number."""
        return int(self._values[name])

    def seconds(self, name: str) -> float:
        """Give a duration, spelt ``20ms`` or ``1.5s``, in seconds."""
        match = _SECONDS.fullmatch(self._values[name])
        assert match is not None  # noqa: S101 - its kind was checked
        return float(match[1]) * _FACTORS[match[2]]

    def bytes(self, name: str) -> int:
        """Give a size, spelt ``1MiB``, in bytes."""
        return parse_size(self._values[name])

    def part(self, name: str) -> float:
        """Give a part, spelt ``12%``, as 0.12."""
        return float(self._values[name].removesuffix("%")) / 100


def read_query(text: str) -> dict[str, str]:
    """Read ``rows=5&delay=5ms``.

    Raises:
        ConfigError: A part of it has no value.
    """
    values = {}
    for part in filter(None, text.split("&")):
        name, equals, value = part.partition("=")
        if not name or not equals or not value:
            raise ConfigError(
                f"{part!r} is no parameter", hint="Give name=value, joined by &: rows=5&delay=5ms."
            )
        values[name] = value
    return values


def _kind_of(value: str) -> str:
    """Tell what kind of value a text is."""
    if _COUNT.fullmatch(value):
        return "whole number"
    if _SECONDS.fullmatch(value):
        return "duration"
    if _PART.fullmatch(value):
        return "part"
    try:
        parse_size(value)
    except ConfigError:
        return "word"
    return "size"
