"""Read and write quantities as people do; inside, everything is SI."""

import re

from toolkit.errors import ConfigError

_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SECONDS = {"ms": 1e-3, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> int:
    """Read a size in bytes: ``512m``, ``1.5g``, ``64 MiB``, as Docker spells them (binary).

    Raises:
        ConfigError: The text is no size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise ConfigError(f"{text!r} is not a size", hint="Give a number with k, m or g, as 512m.")
    return int(float(match[1]) * _FACTORS[match[2]])


def parse_duration(text: str) -> float:
    """Read a duration in seconds: ``12s``, ``1.5 s``, ``800ms``, ``2m``; a number alone is seconds.

    Raises:
        ConfigError: The text is no duration.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", text.strip().lower(), re.ASCII)
    if match is None:
        raise ConfigError(f"{text!r} is not a duration", hint="Give one such as 12s or 800ms.")
    return float(match[1]) * _SECONDS[match[2]]


def format_bytes(count: float) -> str:
    """Write a size in MiB or GiB, as it is compared with limits."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def format_latency(seconds: float) -> str:
    """Write a latency in milliseconds, with three digits at most."""
    milliseconds = seconds * 1e3
    if milliseconds >= 99.95:
        return f"{milliseconds:,.0f}"
    return f"{milliseconds:.1f}" if milliseconds >= 9.995 else f"{milliseconds:.2f}"


def format_rate(per_second: float) -> str:
    """Write a rate with the digits that mean something."""
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def counted(number: float, noun: str) -> str:
    """Write a number with its noun: ``1 round``, ``6 rounds``."""
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"


def format_duration(seconds: float) -> str:
    """Write a duration as a person says it: ``4 min 05 s``, ``38 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
