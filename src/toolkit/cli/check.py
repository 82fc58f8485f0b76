"""``toolkit check``."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import PART, common, grouped, patterns, running

if TYPE_CHECKING:
    from toolkit.changes import Verdict
    from toolkit.checked import Check
    from toolkit.config import CheckConfig, Config
    from toolkit.errors import ToolkitError
    from toolkit.judgement import Assessment

_REGRESSION, _INVALID, _INCONCLUSIVE = 1, 4, 5
_FORMATS = ("json", "markdown", "junit")
_HERE = ""


@click.command(context_settings={"max_content_width": 100})
@click.option("--base", "check_base", metavar="REF", help="Commit, branch or tag to compare with.")
@click.option(
    "--candidate",
    "check_candidate",
    metavar="REF",
    help="What is compared, 'worktree' (default) for what is in this folder.",
)
@click.option("--base-image", "check_base_image", metavar="IMAGE", help="An image in its place ...")
@click.option("--candidate-image", "check_candidate_image", metavar="IMAGE", help="... another.")
@click.option("--stack", "check_stack", help="Compare this stack, as flask/gunicorn-gthread.")
@click.option(
    "--base-requirements",
    "check_base_requirements",
    metavar="FILE",
    help="Requirements in the place of the stack's own ...",
)
@click.option(
    "--candidate-requirements",
    "check_candidate_requirements",
    metavar="FILE",
    help="... and others.",
)
@click.option("--aa", is_flag=True, help="The base against itself: what this machine can tell.")
@patterns("--workload", "Kinds of traffic, see `toolkit list`.", "check_workloads")
@click.option("--locustfile", "check_locustfile", metavar="FILE", help="Traffic of your own.")
@click.option(
    "--get", "check_get", multiple=True, metavar="PATH", help="A path to request; repeatable."
)
@click.option("--tolerance", "check_tolerance", type=PART, help="How much worse is fine (10%).")
@click.option("--max-pairs", "check_max_pairs", type=int, help="Most pairs (20).")
@patterns(
    "--metric",
    "What decides: cpu,throughput,memory (default), p50, p99.",
    "check_metrics",
    metavar="NAME",
)
@click.option(
    "--fail-on",
    "check_fail_on",
    multiple=True,
    type=click.Choice(["inconclusive"]),
    help="Fail for this as well, with exit code 5.",
)
@click.option(
    "--output",
    "check_outputs",
    multiple=True,
    metavar="FORMAT[=FILE]",
    help="Also write json, markdown or junit; without a file to standard output. Repeatable.",
)
@click.option("--users", "check_users", type=int, help="Users of each version (8).")
@click.option("--seconds", "check_seconds", type=float, help="Seconds of load per pair (3).")
@click.option("--seed", "check_seed", type=int, help="Repeat the order and the requests.")
@click.option(
    "--confirm/--no-confirm",
    "check_confirm",
    default=None,
    help="Measure a regression twice before it is one.",
)
@click.option(
    "--answers-may-differ/--same-answers",
    "may_differ",
    default=None,
    help="Compare also where the answers' lengths differ.",
)
@click.option(
    "--record",
    "check_record",
    is_flag=False,
    flag_value=_HERE,
    metavar="FILE",
    help="Append the ratios to a history, see `toolkit history`.",
)
@click.option("--dockerfile", "check_dockerfile", metavar="FILE", help="Recipe of the project.")
@click.option(
    "--port", "check_port", type=int, help="Where the server of its image listens (8000)."
)
@click.option("--health", "check_health", metavar="PATH", help="What answers while it serves (/).")
@click.option(
    "--command",
    "check_command",
    metavar="COMMAND",
    help="How a process of it starts, with {host} and {port}.",
)
@click.option(
    "--install", "check_install", metavar="ARGUMENTS", help="What pip installs for such a process."
)
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A variable of both servers, without a value from here; {side} in it is base or "
    "candidate. Repeatable.",
)
@click.option(
    "--from",
    "stored",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show a stored check again; nothing is measured.",
)
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder for results."
)
@running
@common
def command(
    aa: bool,
    may_differ: bool | None,
    stored: Path | None,
    results: Path | None,
    variables: tuple[str, ...],
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Say whether a change made an app slower, and be right.

    Both versions run at the same time on the same CPUs and take turns in short bursts of load, pair
    after pair, until the pairs suffice to say: regression, no regression, improved. Where they do
    not, the answer is "inconclusive".

    Exit codes: 0 no regression (or improved, or inconclusive), 1 regression, 4 invalid: nothing can
    be said, 5 inconclusive with --fail-on inconclusive.
    """
    from toolkit.cli.outputs import read_outputs
    from toolkit.cli.sides import preferring_flags
    from toolkit.cli.variables import read_variables
    from toolkit.config import load_config, with_flags

    given = {name: value for name, value in given.items() if value is not None and value != ()}
    if may_differ is not None:
        given["check_same_answers"] = not may_differ
    flags = grouped(given)
    config = load_config(Path.cwd(), config_file)
    settings = preferring_flags(config.check, flags.get("check", {}))
    settings = replace(settings, environment={**settings.environment, **read_variables(variables)})
    config = with_flags(replace(config, check=settings), flags)
    if results is not None:
        config = replace(config, results=str(results))
    outputs = tuple(read_outputs(config.check.outputs, _FORMATS))
    if stored is not None:
        from toolkit.check_store import load_check

        check = load_check(stored)
    else:
        from toolkit.cli.checking import measure
        from toolkit.record import read

        history = _history(config.check)
        if history is not None and history.exists():
            read(history)  # what cannot be read should be said now, and not after minutes
        again = _again(sys.argv[1:])
        check = measure(config, against_itself=aa, again=again, named=tuple(given))
    return _report(check, config, outputs, stored)


_ENV = "--env"
_NOT_AGAIN = ("--seed", "--output", "--record", "--results", "--debug")
"""Flags that say where things go, or that the seed of this check takes the place of."""


def _again(arguments: Sequence[str]) -> str:
    """Give the command that measures the same again, but for the seed and for secrets."""
    kept = []
    rest = list(arguments)
    while rest:
        text = rest.pop(0)
        flag, equals, value = text.partition("=")
        if flag == _ENV:
            # a value may be a secret, and this is stored
            value = value if equals or not rest else rest.pop(0)
            kept += [_ENV, value.partition("=")[0]]
        elif flag not in _NOT_AGAIN:
            kept.append(text)
        elif not equals and rest and not rest[0].startswith("-"):
            rest.pop(0)
    return f"toolkit {shlex.join(kept)}"


def _report(
    check: "Check",
    config: "Config",
    outputs: Sequence[tuple[str, Path | None]],
    stored: Path | None,
) -> int:
    from toolkit.check_store import check_path
    from toolkit.cli.wiring import messages, output
    from toolkit.judgement import assess
    from toolkit.report.check import show
    from toolkit.store import write_whole

    found = assess(check)
    code = _exit_code(found.verdict, config.check)
    taken = any(file is None for _, file in outputs)
    show(check, found, messages() if taken else output(), ci=_ci())
    faults: list[ToolkitError] = []
    for kind, file in outputs:
        text = _render(kind, check, found, code).rstrip("\n") + "\n"
        if file is None:
            click.echo(text, nl=False)
        else:
            with _collecting(faults):
                write_whole(file.absolute(), text)
    if stored is None:
        path = check_path(Path(config.results), check.id)
        click.echo(f"\nStored in {path}; `toolkit check --from {path}` shows it again.", err=True)
        with _collecting(faults):
            _record(check, found, config.check)
    for fault in faults:
        if code != _REGRESSION:
            raise fault
        # what was found must not be hidden by a full disk
        click.echo(f"toolkit: error: {fault}", err=True)
    return code


@contextlib.contextmanager
def _collecting(faults: "list[ToolkitError]") -> Iterator[None]:
    """Put off what is wrong, so that one file that cannot be written keeps no other from it."""
    from toolkit.errors import ToolkitError

    try:
        yield
    except ToolkitError as fault:
        faults.append(fault)


def _exit_code(verdict: "Verdict", config: "CheckConfig") -> int:
    from toolkit.changes import Verdict

    match verdict:
        case Verdict.REGRESSION:
            return _REGRESSION
        case Verdict.INVALID:
            return _INVALID
        case Verdict.INCONCLUSIVE:
            return _INCONCLUSIVE if "inconclusive" in config.fail_on else 0
        case _:
            return 0


def _render(kind: str, check: "Check", found: "Assessment", code: int) -> str:
    match kind:
        case "json":
            from toolkit.report.check_json import document

            return document(check, found, exit_code=code)
        case "markdown":
            from toolkit.report.markdown import markdown

            return markdown(check, found)
        case _:
            from toolkit.report.junit import junit

            return junit(check, found)


def _record(check: "Check", found: "Assessment", config: "CheckConfig") -> None:
    file = _history(config)
    if file is None:
        return
    from toolkit.changes import Verdict
    from toolkit.history import point_of
    from toolkit.record import append

    if found.verdict is Verdict.INVALID:
        click.echo(f"Not recorded in {file}: an invalid check says nothing.", err=True)
        return
    append(file, point_of(check, found))
    click.echo(f"Recorded in {file}; `toolkit history {file}` shows the trend.", err=True)


def _history(config: "CheckConfig") -> Path | None:
    """Give the file that the check is recorded in, None if it is not."""
    return None if config.record is None else Path(config.record or config.history)


def _ci() -> str:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if os.environ.get("GITLAB_CI") else ""
