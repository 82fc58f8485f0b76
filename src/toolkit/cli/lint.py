"""``toolkit lint``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import common, grouped, patterns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from toolkit.config import LintConfig
    from toolkit.lint.facts import Deployment
    from toolkit.lint.finding import Rule
    from toolkit.report.lint_wording import Lint

_FOUND = 1


@click.command(context_settings={"max_content_width": 100})
@click.argument(
    "folder",
    metavar="[DIR]",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="github: annotations of a pull request.",
)
@patterns("--ignore", "Leave rules out.", "lint_ignore", metavar="RULE")
@click.option(
    "--fail-on",
    "lint_fail_on",
    multiple=True,
    type=click.Choice(["warning"]),
    help="Fail for this as well.",
)
@click.option(
    "--worker-memory",
    "lint_worker_memory",
    metavar="SIZE",
    help="Memory of one worker at its peak, as measured: 60m.",
)
@click.option(
    "--slowest-request",
    "lint_slowest_request",
    metavar="TIME",
    help="The slowest request that is to succeed: 12s.",
)
@click.option("--rule", "explained", metavar="NAME", help="Explain a rule; nothing is read.")
@click.option("--list", "listed", is_flag=True, help="Show all rules; nothing is read.")
@common
def command(
    folder: Path,
    form: str,
    explained: str | None,
    listed: bool,
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Say where the deployment files in a folder do not agree with each other.

    Reads Dockerfiles and entry points, server settings, compose, Kubernetes, nginx, systemd and
    Procfiles, and what the Python source says of proxies, pools and health checks. Nothing of it
    is run. DIR is this folder if none is given.

    A comment `# toolkit: ignore[RULE]`, at the end of a line or above it, silences a rule there.

    Exit codes: 0 no errors, 1 errors (with --fail-on warning also warnings), 2 nothing to read.
    """
    from toolkit.config import load_config, with_flags
    from toolkit.lint.rules import RULES

    rules = [rule for rule, _ in RULES]
    if explained is not None or listed:
        _explain(rules, explained)
        return 0
    given = {name: value for name, value in given.items() if value is not None and value != ()}
    config = with_flags(load_config(Path.cwd(), config_file), grouped(given)).lint
    _refuse_unknown(config.ignore, rules)
    lint = _lint(folder, config, from_top=form == "github")
    code = _exit_code(lint, config)
    _report(lint, form, rules, code)
    return code


def _explain(rules: "Iterable[Rule]", name: str | None) -> None:
    from toolkit.cli.wiring import output
    from toolkit.report.lint_text import show_rule, show_rules

    if name is None:
        show_rules(rules, output())
        return
    _refuse_unknown((name,), rules)
    show_rule(next(rule for rule in rules if rule.name == name), output())


def _refuse_unknown(names: "Iterable[str]", rules: "Iterable[Rule]") -> None:
    from toolkit.errors import ConfigError
    from toolkit.spelling import did_you_mean

    known = [rule.name for rule in rules]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"there is no rule {name!r}",
                hint=did_you_mean(name, known) or "`toolkit lint --list` shows all of them.",
            )


def _lint(folder: Path, config: "LintConfig", *, from_top: bool) -> "Lint":
    from toolkit.errors import ConfigError
    from toolkit.lint.finding import Measured, NotJudged
    from toolkit.lint.gather import gather
    from toolkit.lint.ignoring import heed_comments
    from toolkit.lint.reading import Files
    from toolkit.lint.rules import judge
    from toolkit.report.lint_wording import Lint

    try:
        files = Files.of(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}") from error
    deployment = gather(files)
    if not _is_any(deployment):
        raise ConfigError(
            f"there is no deployment file in {folder}",
            hint="Looked for: Dockerfile, compose.yaml, Kubernetes manifests, nginx, systemd units "
            "and Procfile.",
        )
    measured = Measured(
        worker_memory=config.worker_memory_bytes, slowest_request=config.slowest_request_seconds
    )
    judgement = judge(deployment, measured, config.ignore)
    left_out = dict.fromkeys(config.ignore)
    findings, ignored = heed_comments(judgement.findings, files)
    return Lint(
        deployment=deployment,
        findings=findings,
        ignored=ignored,
        not_judged=(
            *judgement.not_judged,
            *(
                NotJudged(rule=name, reason="left out: --ignore, or the settings")
                for name in left_out
            ),
        ),
        folder=_named(folder, from_top=from_top),
    )


def _is_any(deployment: "Deployment") -> bool:
    """Tell whether there is more than the Python source that any project has."""
    read = {path for kind, paths in deployment.files.items() for path in paths if kind != "Python"}
    return bool(read) or any(not item.where.path.endswith(".py") for item in deployment.unread)


def _named(folder: Path, *, from_top: bool) -> str:
    """Name a folder for who reads the paths: as it was typed, or from the top of the repository."""
    top = os.environ.get("GITHUB_WORKSPACE")
    if from_top and top and folder.resolve().is_relative_to(Path(top).resolve()):
        folder = folder.resolve().relative_to(Path(top).resolve())
    name = folder.as_posix()
    return "" if name == "." else name


def _exit_code(lint: "Lint", config: "LintConfig") -> int:
    failing: Collection[str] = {"error", *config.fail_on}
    return _FOUND if any(item.severity in failing for item in lint.findings) else 0


def _report(lint: "Lint", form: str, rules: "Iterable[Rule]", code: int) -> None:
    match form:
        case "json":
            from toolkit.report.lint_json import document

            click.echo(document(lint, rules, exit_code=code))
        case "github":
            from toolkit.report.lint_github import annotations

            click.echo(annotations(lint), nl=False)
        case _:
            from toolkit.cli.wiring import output
            from toolkit.report.lint_text import show

            show(lint, output())
