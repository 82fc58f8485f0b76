"""Each rule finds what is wrong in a small deployment, and nothing in the same one put right.

tests/fixtures/lint/RULE/ holds both, `bad` with the findings that are expected of it, and where a
rule asks for a measurement, `measured.toml`.
"""

import tomllib
from pathlib import Path

import pytest

from toolkit.lint.facts import Deployment
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import RULES, Judgement, judge
from toolkit.reading import Files

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lint"
NAMES = sorted(rule.name for rule, _ in RULES)

of_each_rule = pytest.mark.parametrize("rule", NAMES)
of_each_folder = pytest.mark.parametrize("kind", ["bad", "good"])


def gathered(rule: str, kind: str) -> Deployment:
    return gather(Files.of(FIXTURES / rule / kind))


def judged(rule: str, kind: str) -> Judgement:
    path = FIXTURES / rule / "measured.toml"
    measured = Measured(**tomllib.loads(path.read_text())) if path.exists() else Measured()
    return judge(gathered(rule, kind), measured)


def lines(said: Judgement) -> list[str]:
    return [f"{found.severity} {found.where} {found.rule}" for found in said.findings]


def test_every_rule_has_its_fixtures_and_every_fixture_its_rule() -> None:
    assert sorted(folder.name for folder in FIXTURES.iterdir()) == NAMES


@of_each_rule
def test_a_bad_deployment_has_the_findings_that_are_expected_and_no_others(rule: str) -> None:
    expected = (FIXTURES / rule / "bad" / "expected.txt").read_text().splitlines()
    assert lines(judged(rule, "bad")) == expected
    assert expected


@of_each_rule
def test_what_is_found_in_a_bad_deployment_is_found_by_its_rule_alone(rule: str) -> None:
    assert {found.rule for found in judged(rule, "bad").findings} == {rule}


@of_each_rule
def test_a_good_deployment_is_clean_of_all_rules(rule: str) -> None:
    assert lines(judged(rule, "good")) == []


@of_each_rule
@of_each_folder
def test_every_fixture_is_read_as_a_whole_and_serves_an_app(rule: str, kind: str) -> None:
    deployment = gathered(rule, kind)
    assert deployment.unread == ()
    assert any(unit.server for unit in deployment.units)


@of_each_rule
def test_a_good_deployment_is_the_bad_one_put_right(rule: str) -> None:
    """It does not pass because its units are not recognised."""
    bad, good = (gathered(rule, kind).units for kind in ("bad", "good"))
    assert [unit.name for unit in good] == [unit.name for unit in bad]
    assert all(unit.server for unit in good)
