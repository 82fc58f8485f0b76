"""Sizes and times as platforms spell them, each in its own way. None: it is none of them."""

import re
from math import isfinite

_GO_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
}
_GO_PART = re.compile(r"(\d{1,15}(?:\.\d{0,15})?)(ns|us|µs|μs|ms|s|m|h|d|w)", re.ASCII)
_GO_TIME = re.compile(rf"(?:{_GO_PART.pattern})+", re.ASCII)

_BINARY = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_DOCKER_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([kmgtp]?)(?:i?b)?", re.ASCII)

_QUANTITY = re.compile(
    r"\+?(\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?",
    re.ASCII,
)
_DECIMAL = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
}

_SYSTEMD_UNITS = {
    **dict.fromkeys(("us", "µs", "μs", "usec"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
    **dict.fromkeys(("M", "month", "months"), 2_629_800.0),
    **dict.fromkeys(("y", "year", "years"), 31_557_600.0),
}
_SYSTEMD_PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Zµμ]*)\s*", re.ASCII)
_SYSTEMD_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMGTPE]?)B?", re.ASCII)

_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_FRACTION = re.compile(r"\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}", re.ASCII)


def go_seconds(text: str) -> float | None:
    """Read a time as Docker and Compose take it: "10s", "1m30s", "500ms"."""
    if text.strip() == "0":
        return 0.0
    if not _GO_TIME.fullmatch(text.strip()):
        return None
    return sum(float(number) * _GO_UNITS[unit] for number, unit in _GO_PART.findall(text))


def docker_bytes(text: str) -> int | None:
    """Read a size as Docker and Compose take it: "512m", "1.5gb", "64 MiB", all binary."""
    found = _DOCKER_SIZE.fullmatch(text.strip().lower())
    return int(float(found[1]) * 1024 ** _BINARY[found[2]]) if found else None


def quantity(text: str) -> float | None:
    """Read a quantity of Kubernetes: "500m", "512Mi", "1.5", "128e6"."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        return None
    number, suffix, exponent = float(found[1]), found[2] or "", found[3]
    if exponent is not None:
        value: float = number * 10.0 ** int(exponent)
        return value if isfinite(value) else None
    if suffix.endswith("i"):
        return number * float(1024 ** _BINARY[suffix[0].lower()])
    return number * _DECIMAL.get(suffix, 1.0)


def systemd_seconds(text: str) -> float | None:
    """Read a time span of systemd: "90", "1min 30s"; "infinity" is None."""
    seconds, position, stripped = 0.0, 0, text.strip()
    while position < len(stripped):
        found = _SYSTEMD_PART.match(stripped, position)
        if found is None or found[2] not in _SYSTEMD_UNITS:
            return None
        seconds += float(found[1]) * _SYSTEMD_UNITS[found[2]]
        position = found.end()
    return seconds if stripped else None


def systemd_bytes(text: str) -> int | None:
    """Read a size of systemd: "512M", binary; "infinity" and a percentage are None."""
    found = _SYSTEMD_SIZE.fullmatch(text.strip())
    return int(float(found[1]) * 1024 ** _BINARY[found[2].lower()]) if found else None


def whole(text: str) -> int | None:
    """Read a whole number that is not negative; one of more than nine digits is none."""
    return int(text) if _WHOLE.fullmatch(text.strip()) else None


def fraction(text: str) -> float | None:
    """Read a number that is not negative, as "0.5"."""
    return float(text) if _FRACTION.fullmatch(text.strip()) else None
