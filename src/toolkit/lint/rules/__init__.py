"""All rules, and their judgement of a deployment. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from toolkit.lint.facts import Deployment
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule
from toolkit.lint.rules import (
    capacity,
    connections,
    container,
    health,
    keeping,
    ports,
    proxying,
    serving,
    signals,
    stopping,
    time,
    workers,
)

RULES: tuple[tuple[Rule, Check], ...] = tuple(
    sorted(
        (
            *capacity.RULES,
            *connections.RULES,
            *container.RULES,
            *health.RULES,
            *keeping.RULES,
            *ports.RULES,
            *proxying.RULES,
            *serving.RULES,
            *signals.RULES,
            *stopping.RULES,
            *time.RULES,
            *workers.RULES,
        ),
        key=lambda item: item[0].name,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules say of a deployment.

    Attributes:
        findings: By place, each once, though several units may share the file that it is in.
        not_judged: By rule, each once.
    """

    findings: tuple[Finding, ...]
    not_judged: tuple[NotJudged, ...]


def judge(
    deployment: Deployment, measured: Measured | None = None, ignore: Collection[str] = ()
) -> Judgement:
    """Have every rule look at a deployment.

    Args:
        deployment: What the files say.
        measured: What a measurement says, None: there was none.
        ignore: Names of rules that do not look.
    """
    findings: list[Finding] = []
    not_judged: list[NotJudged] = []
    for rule, check in RULES:
        if rule.name in ignore:
            continue
        for said in check(deployment, measured or Measured()):
            if isinstance(said, Finding):
                findings.append(said)
            else:
                not_judged.append(said)
    return Judgement(
        findings=tuple(sorted(dict.fromkeys(findings), key=_place)),
        not_judged=tuple(dict.fromkeys(not_judged)),
    )


def _place(finding: Finding) -> tuple[str, int, str, str]:
    return finding.where.path, finding.where.line, finding.rule, finding.message
