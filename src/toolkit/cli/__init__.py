"""The command ``toolkit``: parses, wires, and is the only place that makes exit codes of errors."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from toolkit.cli.group import toolkit
from toolkit.errors import ToolkitError

INTERRUPTED = 130
OWN_FAULT = 70
"""EX_SOFTWARE of sysexits.h: the toolkit itself is at fault."""

BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its exit code, see ``toolkit --help``."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(arguments: Sequence[str]) -> int:
    context = None
    try:
        with toolkit.make_context("toolkit", list(arguments)) as context:
            code: int | None = toolkit.invoke(context)
            sys.stdout.flush()
            return code or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; everything that was started has been stopped")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has gone; Python must not complain about it when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except ToolkitError as error:
        _explain(error)
        if _debug(context):
            traceback.print_exc()
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the one place: a user never meets a traceback
        _say(f"error in the toolkit itself: {type(error).__name__}: {error}")
        _say("hint: run it again with --debug and report what it shows")
        if _debug(context):
            traceback.print_exc()
        return OWN_FAULT


def _explain(error: ToolkitError) -> None:
    if error.log:
        click.echo("\n".join(f"  | {line}" for line in error.log.splitlines()), err=True)
    _say(f"error: {error}")
    if error.hint:
        _say(f"hint: {error.hint}")


def _say(message: str) -> None:
    click.echo(f"toolkit: {message}", err=True)


def _debug(context: click.Context | None) -> bool:
    return context is not None and bool(context.meta.get("toolkit.debug"))
