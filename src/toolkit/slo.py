"""A service level objective: how late answers may be, and how many may fail. Pure.

Written ``p99<100ms, errors<0.1%``: percentiles of the latency, each with its limit, and the part of
the requests that may fail. What is left out is that of the default.
"""

import re
from dataclasses import dataclass

from toolkit.errors import ConfigError
from toolkit.spelling import did_you_mean

_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}
_ERRORS = "errors"
_KNOWN = (*_PERCENTILES, _ERRORS)
_TERM = re.compile(r"([a-z][a-z0-9.]*)\s*<=?\s*(\S.*)", re.IGNORECASE)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)")
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*%")
_LONGEST = 60.0
"""Seconds beyond which latencies are not told apart, see ``histogram``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTerm:
    """A limit of one percentile.

    Attributes:
        percentile: 0 to 100.
        seconds: That it should keep.
    """

    percentile: float
    seconds: float

    def __str__(self) -> str:
        """``p99<100ms``."""
        seconds = self.seconds
        limit = f"{seconds * 1e3:g}ms" if seconds < 1 else f"{seconds:g}s"
        return f"p{self.percentile:g}<{limit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What a stack should keep.

    Attributes:
        latencies: One at least, the lowest percentile first.
        errors: Part of the requests that may fail or stay unanswered.
    """

    latencies: tuple[LatencyTerm, ...]
    errors: float

    def __str__(self) -> str:
        """``p99<100ms, errors<0.1%``."""
        return f"{self.latency}, errors<{self.errors * 100:g}%"

    @property
    def latency(self) -> str:
        """The limits of the latency alone: ``p50<20ms, p99<100ms``."""
        return ", ".join(map(str, self.latencies))


DEFAULT = Slo(latencies=(LatencyTerm(percentile=99.0, seconds=0.1),), errors=0.001)
"""What is meant where nothing is said."""


def parse_slo(text: str) -> Slo:
    """Read ``p99<100ms, errors<0.1%``.

    Raises:
        ConfigError: A part of it is no such term, or says again what another says.
    """
    latencies: dict[float, LatencyTerm] = {}
    errors: float | None = None
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, limit = _split(part)
        if name == _ERRORS:
            if errors is not None:
                raise _twice(name)
            errors = _errors(part, limit)
            continue
        percentile = _PERCENTILES[name]
        if percentile in latencies:
            raise _twice(name)
        latencies[percentile] = LatencyTerm(percentile=percentile, seconds=_seconds(part, limit))
    if not latencies and errors is None:
        raise ConfigError(f"{text!r} is no objective", hint=f"Write it as '{DEFAULT}'.")
    return Slo(
        latencies=tuple(latencies[rank] for rank in sorted(latencies)) or DEFAULT.latencies,
        errors=DEFAULT.errors if errors is None else errors,
    )


def _split(part: str) -> tuple[str, str]:
    match = _TERM.fullmatch(part)
    if match is None:
        raise ConfigError(
            f"{part!r} is no term of an objective", hint="Write p99<100ms or errors<0.1%."
        )
    name = match[1].lower()
    if name not in _KNOWN:
        raise ConfigError(
            f"an objective has no {match[1]!r}",
            hint=did_you_mean(name, _KNOWN) or f"There are {', '.join(_KNOWN)}.",
        )
    return name, match[2].strip().lower()


def _seconds(part: str, limit: str) -> float:
    match = _SECONDS.fullmatch(limit)
    if match is None:
        raise ConfigError(
            f"{part!r}: {limit!r} is no latency", hint="Give it with its unit: 100ms or 1.5s."
        )
    seconds = float(match[1]) * (1e-3 if match[2] == "ms" else 1.0)
    if not 0 < seconds <= _LONGEST:
        raise ConfigError(f"{part!r} is out of range", hint="Give more than 0 and up to 60s.")
    return seconds


def _errors(part: str, limit: str) -> float:
    match = _PART.fullmatch(limit)
    if match is None:
        raise ConfigError(f"{part!r}: {limit!r} is no part", hint="Give a percentage: 0.1%.")
    errors = float(match[1]) / 100
    if errors >= 1:
        raise ConfigError(f"{part!r} is out of range", hint="Give less than 100%.")
    return errors


def _twice(name: str) -> ConfigError:
    return ConfigError(f"an objective limits {name} twice", hint="Say it once.")
