"""Lines that GitHub's runner takes for orders, and those that it must not.

The escapes are those of actions/toolkit (packages/core/src/command.ts).
"""

import re


def command(name: str, message: str, **properties: str | int) -> str:
    """Write an order, such as ``::error file=app.py,line=3::message``, without empty properties."""
    given = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
    return f"::{name} {given}::{_data(message)}" if given else f"::{name}::{_data(message)}"


def harmless(line: str) -> str:
    """Make a line from outside a part of a log line that is no order.

    The runner takes a line for one that begins with ``::``, blanks aside, or has ``##[`` anywhere
    (actions/runner, ActionCommand.cs).
    """
    return re.sub(r"^(\s*):(?=:)", r"\1: ", line).replace("##[", "## [")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
