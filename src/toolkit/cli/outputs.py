"""Reads ``--output FORMAT[=FILE]``, which several commands have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import ConfigError

RUN_FORMATS = ("html", "markdown", "json", "csv", "junit", "svg", "png")
"""What a run can be written as."""

Output = tuple[str, Path | None]
"""A format, and the file to write; None is standard output."""


@dataclass(frozen=True, slots=True)
class Telling:
    """How a command tells what it measures.

    Attributes:
        outputs: What is written besides the report.
        quiet: Whether nothing is said while it goes on, and no report shown at the end.
    """

    outputs: tuple[Output, ...] = ()
    quiet: bool = False

    @property
    def taken(self) -> bool:
        """Whether standard output belongs to a format, and all else goes elsewhere."""
        return any(file is None for _, file in self.outputs)


def read_telling(texts: Sequence[str], *, as_json: bool, quiet: bool) -> Telling:
    """Read what ``options.telling`` adds.

    Raises:
        ConfigError: There is no such format, or two would go to standard output.
    """
    asked = (*texts, "json") if as_json else texts
    return Telling(tuple(read_outputs(asked, RUN_FORMATS)), quiet)


def read_outputs(texts: Sequence[str], formats: Sequence[str]) -> Iterator[Output]:
    """Read them.

    Args:
        texts: As given, such as ``junit=report.xml``.
        formats: Those that there are.

    Raises:
        ConfigError: There is no such format, or two would go to standard output.
    """
    to_here = 0
    for text in texts:
        kind, equals, name = text.partition("=")
        if kind not in formats or (equals and not name):
            raise ConfigError(
                f"--output {text!r} is no format",
                hint=f"Give {', '.join(formats)}, with a file if wanted: json=report.json.",
            )
        to_here += not equals
        if to_here > 1:
            raise ConfigError(
                "only one --output can go to standard output", hint="Give the others a file."
            )
        yield kind, Path(name) if equals else None
