"""What an app said before it ended leads to the flag that helps."""

import pytest

from toolkit.project.advice import advice_on

VARIABLE = """
    DB=os.environ['DATABASE_URL']
  File "<frozen os>", line 679, in __getitem__
KeyError: 'DATABASE_URL'
"""
PACKAGE = "importlib.metadata.PackageNotFoundError: No package metadata was found for shop"


@pytest.mark.parametrize(
    ("log", "flag"),
    [
        (VARIABLE, "--env DATABASE_URL=VALUE"),
        ("ModuleNotFoundError: No module named 'redis.client'", "redis.client is not among"),
        ("ModuleNotFoundError: No module named 'pkg_resources'", "--install 'setuptools<81'"),
        (PACKAGE, "shop is not among"),
        ("OSError: [Errno 30] Read-only file system: '/srv/apps/a/up'", "--writable"),
        ("sqlite3.OperationalError: no such table: post", "--before"),
        ("does not serve as it should: health: status 404 (Not Found) instead of 200", "--health"),
    ],
)
def test_a_known_cause_leads_to_a_flag(log: str, flag: str) -> None:
    (advice,) = advice_on([log])
    assert flag in advice


@pytest.mark.parametrize(
    "log",
    [
        "",
        # of a mapping of its own, which no variable mends
        "    return PRICES['apple']\nKeyError: 'apple'",
        "does not serve as it should: health: status 500 instead of 200",
    ],
)
def test_of_an_unknown_cause_nothing_is_said(log: str) -> None:
    assert list(advice_on([log])) == []


def test_the_same_advice_is_given_once() -> None:
    assert len(list(advice_on([VARIABLE, VARIABLE, PACKAGE]))) == 2
