"""``toolkit lint``."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import common, grouped, patterns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from toolkit.config import LintConfig
    from toolkit.lint.facts import Deployment
    from toolkit.lint.finding import Measured, Rule, Taken
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
@click.option(
    "--from",
    "run",
    metavar="RUN",
    help="Take both from a stored run (an id, the start of one, or a path) ...",
)
@click.option("--stack", metavar="STACK", help="... of this stack (default: the best of it).")
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@click.option("--rule", "explained", metavar="NAME", help="Explain a rule; nothing is read.")
@click.option("--list", "listed", is_flag=True, help="Show all rules; nothing is read.")
@common
def command(
    folder: Path,
    form: str,
    run: str | None,
    stack: str | None,
    results: Path | None,
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
    settings = load_config(Path.cwd(), config_file)
    taken = _taken(run, stack, results or Path(settings.results))
    config = with_flags(settings, grouped(given)).lint
    _refuse_unknown(config.ignore, rules)
    measured = _measured(config, taken, given)
    lint = _lint(folder, config, measured, from_top=form == "github")
    lint = replace(lint, taken=taken)
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


def _taken(name: str | None, stack: str | None, results: Path) -> "Taken | None":
    """Read what a stored run says of the app; None where none is named."""
    from toolkit.errors import ConfigError

    if name is None:
        if stack is not None:
            raise ConfigError(
                "--stack says of which stack of a run numbers are taken, and there is no run",
                hint="Name one with --from.",
            )
        return None
    from toolkit.deployment.evidence import evidence_of
    from toolkit.lint.finding import Taken
    from toolkit.store import Store

    run = Store(results).load(name)
    if stack is None and run.tuned is not None:
        stack = run.tuned.recommended
    evidence = evidence_of(run, stack)
    if evidence.stack in run.beside:
        raise ConfigError(
            f"{evidence.stack} is none of your app's: it stands beside it in run {run.id}",
            hint="Name one of your app's with --stack.",
        )
    slowest = max(evidence.under, key=lambda under: under.slowest)
    workers = evidence.knobs.get("workers", 1)
    return Taken(
        run=run.id,
        stack=evidence.stack,
        workers=workers,
        worker_memory=max(under.memory for under in evidence.under) // workers,
        slowest_request=slowest.slowest,
        slowest_workload=slowest.workload,
    )


def _measured(config: "LintConfig", taken: "Taken | None", given: "Collection[str]") -> "Measured":
    """Say what is known of the app: what is typed, then what a run says, then the settings."""
    from toolkit.lint.finding import Measured

    known = Measured(
        worker_memory=config.worker_memory_bytes, slowest_request=config.slowest_request_seconds
    )
    if taken is not None and "lint_worker_memory" not in given:
        known = replace(known, worker_memory=taken.worker_memory)
    if taken is not None and "lint_slowest_request" not in given:
        known = replace(known, slowest_request=taken.slowest_request)
    return known


def _lint(folder: Path, config: "LintConfig", measured: "Measured", *, from_top: bool) -> "Lint":
    from toolkit.errors import ConfigError
    from toolkit.lint.finding import NotJudged
    from toolkit.lint.gather import gather
    from toolkit.lint.ignoring import heed_comments
    from toolkit.lint.rules import judge
    from toolkit.reading import Files
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
        measured=measured,
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
