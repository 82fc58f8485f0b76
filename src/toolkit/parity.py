"""Were the rows of a run set up alike, but for what is compared? Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from toolkit.measured import StackFacts
from toolkit.model import Knobs

DRIVERS = ("psycopg", "psycopg-pool", "SQLAlchemy", "urllib3", "aiohttp")
"""What apps of different frameworks must use alike."""

_NEUTRAL = {"workers": "1", "max_requests": "0", "access_log": "0", "preload": "0"}
"""Where a knob that is missing makes no difference; elsewhere it does."""

_SWITCHES = {name for name, value in asdict(Knobs()).items() if isinstance(value, bool)}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, and which stacks of a run really had it.

    Attributes:
        values: Each value with the stacks that had it, the most common first.
        absent: Stacks whose server or app has no such thing.
    """

    name: str
    values: tuple[tuple[str, tuple[str, ...]], ...]
    absent: tuple[str, ...]


def parity(stacks: Sequence[StackFacts]) -> tuple[Setting, ...]:
    """Give all settings and shared packages with the stacks that had them."""
    knobs = [name for name in asdict(Knobs()) if any(name in _knobs(s) for s in stacks)]
    drivers = [name for name in DRIVERS if any(name in stack.packages for stack in stacks)]
    return (
        _setting("Python", {stack.id: stack.python for stack in stacks}),
        *(
            _setting(name.replace("_", " "), {s.id: _value(s, name) for s in stacks})
            for name in knobs
        ),
        *(_setting(name, {s.id: s.packages.get(name) for s in stacks}) for name in drivers),
    )


def _setting(name: str, found: Mapping[str, str | None]) -> Setting:
    values: dict[str, list[str]] = {}
    for stack, value in found.items():
        if value is not None:
            values.setdefault(value, []).append(stack)
    ordered = sorted(values.items(), key=lambda item: -len(item[1]))
    return Setting(
        name=name,
        values=tuple((value, tuple(having)) for value, having in ordered),
        absent=tuple(stack for stack, value in found.items() if value is None),
    )


def find_disparities(stacks: Sequence[StackFacts], beside: Collection[str] = ()) -> tuple[str, ...]:
    """Say what differs between the rows of a run without being what is compared.

    Args:
        stacks: What was measured.
        beside: Ids of those that stand beside the others: apps with other packages, too.
    """
    return tuple(_disparities(stacks, beside))


def _disparities(stacks: Sequence[StackFacts], beside: Collection[str]) -> Iterator[str]:
    pythons = {stack.python for stack in stacks}
    if len(pythons) > 1:
        yield f"The stacks ran on different versions of Python: {', '.join(sorted(pythons))}."
    main = _versions(stack for stack in stacks if stack.id not in beside)
    other = _versions(stack for stack in stacks if stack.id in beside)
    for name in sorted(main.keys() | other.keys()):
        for found in (main.get(name, ()), other.get(name, ())):
            if len(found) > 1:
                yield f"The stacks had different versions of {name}: {', '.join(sorted(found))}."
    yield from _apart(main, other)
    varied = {name.upper() for stack in stacks for name in stack.varied}
    for name, found in _values(stack.settings for stack in stacks):
        if len(found) > 1 and name not in varied:
            yield f"The stacks had different settings of {name}: {', '.join(sorted(found))}."
    yield from _lacking(stacks)


def _versions(stacks: Iterable[StackFacts]) -> dict[str, set[str]]:
    return dict(_values(stack.packages for stack in stacks))


def _apart(main: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> Iterator[str]:
    """Name the packages of which an app has another version than what stands beside it."""
    differing = [
        f"{name} ({_one(main[name])}, beside it {_one(other[name])})"
        for name in sorted(main.keys() & other.keys(), key=str.lower)
        if main[name] != other[name]
    ]
    if differing:
        yield f"The app's packages are not those of the reference apps: {', '.join(differing)}."


def _one(versions: set[str]) -> str:
    return " or ".join(sorted(versions))


def _values(items: Iterable[Mapping[str, str]]) -> list[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for item in items:
        for name, value in item.items():
            found.setdefault(name, set()).add(value)
    return sorted(found.items())


def _lacking(stacks: Sequence[StackFacts]) -> Iterator[str]:
    """Name the servers that do not have a knob that was turned."""
    for name, neutral in _NEUTRAL.items():
        values = {s.settings[name.upper()] for s in stacks if name.upper() in s.settings}
        without = [s.id for s in stacks if s.knobs is not None and name not in s.knobs]
        if values - {neutral} and 0 < len(without) < len(stacks):
            yield (
                f"{name.replace('_', ' ')} {', '.join(sorted(values))} does not hold for "
                f"{', '.join(without)}, whose server has no such setting."
            )


def _knobs(stack: StackFacts) -> tuple[str, ...]:
    # the pool is the app's, whatever the server
    return () if stack.knobs is None else (*stack.knobs, "database_pool")


def _value(stack: StackFacts, knob: str) -> str | None:
    value = stack.settings.get(knob.upper())
    if knob not in _knobs(stack) or value is None:
        return None
    return {"0": "off", "1": "on"}.get(value, value) if knob in _SWITCHES else value
