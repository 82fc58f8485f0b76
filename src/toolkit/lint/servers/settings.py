"""Settings of a server from several places, of which the later ones win."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from toolkit.lint.facts import Fact, Where
from toolkit.lint.servers.arguments import Given
from toolkit.lint.shell.values import is_known


@dataclass(frozen=True, slots=True)
class ByCpus:
    """A value that is computed from the CPUs of the machine, by this expression."""

    expression: str


class Unknown:
    """A value that only running something tells."""


UNKNOWN = Unknown()

_ASKS_CPUS = ("nproc", "_NPROCESSORS", "cpu_count", "cpuinfo", "hw.ncpu", "hw.logicalcpu")


def from_text(text: str) -> object:
    """Give what a word of a command line or a variable's value stands for."""
    if is_known(text):
        return text
    return ByCpus(text) if any(asks in text for asks in _ASKS_CPUS) else UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a server.

    Attributes:
        layers: Values by name, the later ones win; a list of several values counts as one.
        defaults: Of those that no layer has.
        where: The server's command.
        by: Whose defaults they are.
        complete: Whether the layers are all; if not, nothing has its default for sure.
    """

    layers: Sequence[Mapping[str, Fact[object]]]
    defaults: Mapping[str, object]
    where: Where
    by: str
    complete: bool = True

    def given(self, name: str) -> Fact[object] | None:
        """Give a setting as it is written, or its default; None: neither, or not known."""
        for layer in reversed(self.layers):
            if name in layer:
                return layer[name]
        if name in self.defaults and self.complete:
            return Fact(self.defaults[name], self.where, self.by)
        return None

    def integer(self, name: str) -> Fact[int] | None:
        """Give a whole number."""
        found = self.given(name)
        value = None if found is None else integer_of(last_of(found.value))
        return None if value is None or found is None else Fact(value, found.where, found.default)

    def seconds(self, name: str) -> Fact[float] | None:
        """Give a time."""
        found = self.given(name)
        value = None if found is None else number_of(last_of(found.value))
        return None if value is None or found is None else Fact(value, found.where, found.default)

    def truth(self, name: str) -> Fact[bool] | None:
        """Give whether something is switched on."""
        found = self.given(name)
        value = None if found is None else truth_of(last_of(found.value))
        return None if value is None or found is None else Fact(value, found.where, found.default)

    def text(self, name: str) -> Fact[str] | None:
        """Give a word."""
        found = self.given(name)
        value = None if found is None else last_of(found.value)
        if found is None or not isinstance(value, str) or not is_known(value):
            return None
        return Fact(value, found.where, found.default)

    def texts(self, name: str) -> tuple[Fact[str], ...]:
        """Give all values of a setting that may be given several times, if all are known."""
        found = self.given(name)
        if found is None:
            return ()
        values = found.value if isinstance(found.value, list | tuple) else [found.value]
        if not all(isinstance(value, str) and is_known(value) for value in values):
            return ()
        return tuple(Fact(str(value), found.where, found.default) for value in values)

    def by_cpus(self, name: str) -> Fact[str] | None:
        """Give the expression that computes a setting from the CPUs of the machine."""
        found = self.given(name)
        value = None if found is None else last_of(found.value)
        if isinstance(value, str):
            value = from_text(value)
        if found is None or not isinstance(value, ByCpus):
            return None
        return Fact(value.expression, found.where, found.default)


def layer_of(given: Given, where: Callable[[int], Where]) -> dict[str, Fact[object]]:
    """Make a layer of a command line's settings.

    Args:
        given: By the command line.
        where: Tells where a word of it stands.
    """
    return {name: Fact(texts, where(given.last[name])) for name, texts in given.values.items()}


def last_of(value: object) -> object:
    """Give the last of several values."""
    if isinstance(value, list | tuple):
        return value[-1] if value else None
    return value


def integer_of(value: object) -> int | None:
    """Give a whole number that is not negative, as a number or as text."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and len(value) < 12:
        try:
            value = int(value.strip(), 0)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 10**12 else None


def number_of(value: object) -> float | None:
    """Give a number that is not negative, as a number or as text."""
    if isinstance(value, str) and len(value) < 20:
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < 10**12 and isfinite(value) else None


def truth_of(value: object) -> bool | None:
    """Give what is true or false, as such, as a number or as text."""
    if isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str):
        return {"true": True, "1": True, "yes": True, "on": True, "false": False}.get(
            value.strip().lower(), False if value.strip() in ("0", "no", "off") else None
        )
    return False if value is None else None
