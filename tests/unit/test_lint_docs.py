"""docs/lint.md says what the rules say; `UPDATE_GOLDEN=1` with this file writes its reference."""

import io
import os
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from toolkit.config import LintConfig, load_config
from toolkit.lint.finding import Rule, Severity
from toolkit.lint.gather import gather
from toolkit.lint.rules import RULES, judge
from toolkit.reading import Files
from toolkit.report.lint_text import show
from toolkit.report.lint_wording import Lint

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs/lint.md"
FIXTURES = CHECKOUT / "tests/fixtures/lint"
EXAMPLE = FIXTURES / "graceful-nesting/bad"
WIDTH = 120
BEGIN = re.compile(r"<!-- rules: .* -->\n")
ALL_RULES = tuple(rule for rule, _ in RULES)
NAMES = tuple(rule.name for rule in ALL_RULES)


def page() -> str:
    return PAGE.read_text()


def sections() -> dict[str, str]:
    """Give the reference, by rule."""
    _, text = BEGIN.split(page())
    found = re.split(r"^### (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def severity_of(name: str) -> str:
    """Give what the page says of a rule's severity; that is written by hand."""
    match = re.search(r"- \*\*Severity\*\*: (.*?)\n- ", sections().get(name, ""), re.DOTALL)
    return " ".join(match[1].split()) if match else "error"


def reference() -> str:
    return "".join(f"\n### {rule.name}\n{section(rule)}" for rule in ALL_RULES)


def section(rule: Rule) -> str:
    lines = [
        "",
        filled(rule.summary),
        "",
        filled(f"- **Severity**: {severity_of(rule.name)}", marked=True),
        filled(f"- **Why**: {rule.reason}"),
        filled(f"- **Fix**: {rule.fix}"),
        filled(f"- **Source**: {rule.source}"),
    ]
    return "\n".join(lines) + "\n"


def filled(text: str, *, marked: bool = False) -> str:
    item = text.startswith("- ")
    head, _, rest = text.partition(": ") if item else ("", "", text)
    shown = rest if marked else re.sub(r"([*<\\`])", r"\\\1", rest)
    return textwrap.fill(
        f"{head}: {shown}" if item else shown,
        WIDTH,
        subsequent_indent="  " if item else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def test_the_reference_has_every_rule_with_its_words() -> None:
    expected = reference()
    if os.environ.get("UPDATE_GOLDEN"):
        match = BEGIN.search(page())
        assert match is not None
        PAGE.write_text(page()[: match.end()] + expected)
    assert BEGIN.split(page())[1] == expected


def shown_severities() -> Iterator[tuple[str, str]]:
    for file in FIXTURES.rglob("expected.txt"):
        for line in file.read_text().splitlines():
            severity, _, rule = line.split()
            yield rule, severity


@pytest.mark.parametrize("name", NAMES)
def test_the_severity_is_one_that_a_fixture_shows(name: str) -> None:
    shown = {severity for rule, severity in shown_severities() if rule == name}
    assert shown
    assert shown <= set(re.findall(r"\w+", severity_of(name))) & set(map(str, Severity))


def test_every_rule_of_which_the_page_speaks_is_one() -> None:
    named = set(re.findall(r"\]\(#([a-z]+(?:-[a-z]+)+)\)", page()))
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)", page(), re.MULTILINE)
    }
    assert named <= headings
    assert set(re.findall(r"ignore\[([a-z-]+)\]", page())) <= set(NAMES)
    assert set(re.findall(r"--rule ([a-z-]+)", page())) <= set(NAMES)


def test_the_report_on_the_page_is_that_of_a_fixture() -> None:
    files = Files.of(EXAMPLE)
    deployment = gather(files)
    judgement = judge(deployment)
    out = io.StringIO()
    console = Console(file=out, width=WIDTH - 4, highlight=False)
    lint = Lint(deployment=deployment, findings=judgement.findings, not_judged=judgement.not_judged)
    show(lint, console)
    lines = [f"    {line}".rstrip() for line in out.getvalue().splitlines()]
    assert "\n".join(lines) in page()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(), re.DOTALL)


def test_the_settings_on_the_page_are_settings(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "pyproject.toml").write_text(text)
    shown = load_config(tmp_path).lint
    assert shown == LintConfig(
        ignore=("slow-clients",),
        fail_on=("warning",),
        worker_memory="60m",
        slowest_request="12s",
    )
    assert set(shown.ignore) <= set(NAMES)
    assert len(tomllib.loads(text)["tool"]["toolkit"]["lint"]) == 4


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_on_the_page_is_yaml(text: str) -> None:
    assert isinstance(yaml.safe_load(text), dict)
