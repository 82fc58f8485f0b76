"""Everything that can go wrong in a way the user should read about.

ToolkitError
├── ConfigError            2   usage, configuration, unknown names
├── EnvironmentFault       3   no engine, no base image, busy port, no space, no permission
└── StackError             4   one stack cannot be built, started or kept running
    └── LoadError          4   the load generator failed

Each message says what happened; the hint says what to do next. ``cli`` is the only place that
turns one into an exit code.
"""

from typing import ClassVar


class ToolkitError(Exception):
    """Base of the errors that reach the user as one line and a hint.

    Attributes:
        hint: What to do next, a sentence; may be empty.
        log: Last lines of a log that shows the cause; may be empty.
        exit_code: What the command ends with if nobody handles the error.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str = "", log: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.log = log


class ConfigError(ToolkitError):
    """The user asked for something that does not exist or does not fit together."""

    exit_code = 2


class EnvironmentFault(ToolkitError):
    """The machine lacks something that every trial needs."""

    exit_code = 3


class StackError(ToolkitError):
    """One stack cannot be built, started or kept running; others may well."""


class LoadError(StackError):
    """The load generator failed; the trial says nothing about the server."""
