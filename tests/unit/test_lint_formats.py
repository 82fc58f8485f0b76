"""Whatever starts a server or stands in front of it, the rules find the same there.

tests/fixtures/lint-formats/FORMAT/ holds a small deployment that is wrong, with the findings that
are expected of it, and the same one put right.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Deployment
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import judge
from toolkit.reading import Files

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lint-formats"
FORMATS = sorted(folder.name for folder in FIXTURES.iterdir())
MEASURED = Measured(worker_memory=60 * 2**20, slowest_request=4.0)

of_each_format = pytest.mark.parametrize("form", FORMATS)


def gathered(form: str, kind: str) -> Deployment:
    return gather(Files.of(FIXTURES / form / kind))


def findings(form: str, kind: str) -> list[str]:
    said = judge(gathered(form, kind), MEASURED)
    return sorted(f"{found.severity} {found.where} {found.rule}" for found in said.findings)


@of_each_format
def test_a_bad_deployment_has_the_findings_that_are_expected_and_no_others(form: str) -> None:
    expected = (FIXTURES / form / "bad" / "expected.txt").read_text().splitlines()
    assert findings(form, "bad") == sorted(expected)
    assert expected


@of_each_format
def test_a_good_deployment_is_clean_of_all_rules(form: str) -> None:
    assert findings(form, "good") == []


@of_each_format
def test_a_good_deployment_is_the_bad_one_put_right(form: str) -> None:
    """It does not pass because its units or proxies are not recognised."""
    bad, good = (gathered(form, kind) for kind in ("bad", "good"))
    assert bad.unread == good.unread == ()
    assert [unit.name for unit in good.units] == [unit.name for unit in bad.units]
    assert all(unit.server for unit in good.units)
    assert [len(unit.proxies) for unit in good.units] == [len(unit.proxies) for unit in bad.units]


@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.sampled_from(
                [
                    "[program:web]",
                    "[supervisord]",
                    "[include]",
                    "files = *.conf",
                    "command=gunicorn app:app",
                    "  --bind 0.0.0.0:8000 %(ENV_X)s",
                    f"numprocs={'9' * 5000}",
                    f"stopwaitsecs={'9' * 5000}",
                    "environment=A='b',C",
                    "http:",
                    "  services:",
                    "    web: {loadBalancer: {servers: [{url: 'http://web:8000'}]}}",
                    "entryPoints: {web: {forwardedHeaders: {insecure: true}}}",
                    f"serversTransport: {{maxIdleConnsPerHost: {'9' * 5000}}}",
                    "    loadBalancer: {servers: [{url: 'http://[::1'}]}",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_whatever_a_file_says_it_is_read_or_told_to_be_unreadable(lines: list[str]) -> None:
    text = "\n".join(lines)
    files = {"supervisord.conf": text, "routes.yaml": text, "etc/services.d/web/run": text}
    files["Dockerfile"] = (
        f"FROM python\nCOPY . /\nENV S6_KILL_GRACETIME={'9' * 5000}\nCMD supervisord\n"
    )
    judge(gather(Files.of_texts(files)), MEASURED)
