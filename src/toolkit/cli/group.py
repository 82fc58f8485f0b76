"""The commands, each imported when it is asked for: ``--help`` must not wait for Docker."""

from importlib import import_module

import click

import toolkit as package
from toolkit.spelling import did_you_mean

_COMMANDS = {
    "init": "Look at a project and write settings for it.",
    "bench": "Measure stacks under load and compare them.",
    "tune": "Find the server, workers and threads that meet a latency objective.",
    "check": "Say whether a change made an app slower.",
    "deploy": "Write the files that run in production what was measured.",
    "lint": "Say where deployment files do not agree with each other.",
    "verify": "Check the answers of every app on every server.",
    "up": "Start one stack and leave it running until Ctrl-C.",
    "list": "Show the apps, servers, stacks and workloads there are.",
    "report": "Show a stored run again.",
    "publish": "Write a static site of all stored runs.",
    "compare": "Show what changed between stored runs.",
    "history": "Show how an app got on, check by check, and what changed it.",
    "doctor": "Say what will hurt the numbers on this machine.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"toolkit.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            guess = did_you_mean(args[0], _COMMANDS)
            ctx.fail(f"there is no command {args[0]!r}. {guess}".rstrip())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # from the texts here: asking the commands for theirs would import them
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 regression or lint error found, 2 usage or configuration, 3 "
    "environment (no engine, port, space, permission), 4 a trial failed or was invalid, 5 "
    "inconclusive (where that was asked to fail), 70 a fault of the toolkit itself, 130 "
    "interrupted.",
)
@click.version_option(package.__version__, prog_name="toolkit")
def toolkit() -> None:
    """Choose, ship and keep a fast production set-up for Flask."""
