"""Stacks in several settings: ``threads=1,4,16`` makes three of one, and only where it has threads.

Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product

from toolkit.errors import ConfigError
from toolkit.model import Knobs, Stack
from toolkit.spelling import did_you_mean

Variations = Mapping[str, Sequence[int]]
"""Values by the name of a knob; of a boolean one 0 and 1."""

_OF_APPS = "database_pool"
"""The knob that is the app's, whatever the server."""


def vary(stacks: Sequence[Stack], variations: Variations) -> tuple[Stack, ...]:
    """Make of each stack one for every combination of values, in their order.

    A knob that a server does not have makes no variants of its stacks: they would be the same.

    Args:
        stacks: What is varied.
        variations: How; nothing leaves the stacks as they are.

    Raises:
        ConfigError: No server has such a knob, or a value is none of it.
    """
    for name in variations:
        require_knob(name, variations[name])
        if not any(name in _knobs(stack) for stack in stacks):
            raise ConfigError(
                f"none of these servers has the setting {name}",
                hint="`toolkit bench --dry-run` shows their commands.",
            )
    return tuple(made for stack in stacks for made in _variants(stack, variations))


def require_knob(name: str, values: Sequence[int]) -> None:
    """See that there is such a knob, and that it can have such values.

    Raises:
        ConfigError: It cannot.
    """
    known = {item.name: item.type for item in fields(Knobs)}
    if name not in known:
        raise ConfigError(
            f"there is no setting {name!r} to vary",
            hint=did_you_mean(name, known) or f"There are {', '.join(known)}.",
        )
    if not values:
        raise ConfigError(f"{name} is varied by no value", hint=f"Give some: {name}=1,4.")
    switch = isinstance(getattr(Knobs(), name), bool)
    least = 0 if switch or name == "max_requests" else 1
    wrong = [value for value in values if value < least or (switch and value > 1)]
    if wrong:
        raise ConfigError(
            f"{name}={wrong[0]} is out of range",
            hint="Give 0 (off) and 1 (on)." if switch else f"Give {least} or more.",
        )


def _variants(stack: Stack, variations: Variations) -> Iterator[Stack]:
    own = {name: dict.fromkeys(values) for name, values in variations.items()}
    turned = [name for name in own if name in _knobs(stack)]
    for values in product(*(own[name] for name in turned)):
        yield replace(stack, variant=tuple(zip(turned, values, strict=True)))


def _knobs(stack: Stack) -> frozenset[str]:
    return stack.server.knobs | {_OF_APPS}
