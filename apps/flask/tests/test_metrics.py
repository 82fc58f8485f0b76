import os
import re
import subprocess
import sys
from pathlib import Path

import browser
import pytest
from conftest import PASSWORD
from flask import Flask
from flask.testing import FlaskClient

WORKER = """
import sys
from inventory import create_app
client = create_app("testing").test_client()
for _ in range(int(sys.argv[1])):
    client.get("/healthz")
if sys.argv[2:]:
    print(client.get("/metrics").text)
"""


def _value(text: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _worker(folder: Path, *arguments: str) -> str:
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root), str(root.parent / "shared")])
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *arguments],
        env={**os.environ, "PYTHONPATH": path, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Have two processes answer 3 and 4 requests; what the second one shows of both."""
    folder = tmp_path_factory.mktemp("metrics")
    _worker(folder, "3")
    return _worker(folder, "4", "show")


def test_what_several_processes_counted_adds_up(two_processes: str) -> None:
    sample = 'http_requests_total{method="GET",route="/healthz",status="200"}'
    assert _value(two_processes, sample) == 7


def test_durations_of_several_processes_add_up(two_processes: str) -> None:
    sample = 'http_request_seconds_count{method="GET",route="/healthz"}'
    assert _value(two_processes, sample) == 7


def test_a_request_is_counted_by_its_rule_and_status(client: FlaskClient) -> None:
    sample = 'http_requests_total{method="GET",route="/api/assets/<int:number>",status="200"}'
    before = _value(client.get("/metrics").text, sample)
    client.get("/api/assets/1")
    client.get("/api/assets/2")
    assert _value(client.get("/metrics").text, sample) == before + 2


def test_paths_that_clients_make_up_make_one_time_series(client: FlaskClient) -> None:
    client.get("/made-up-1")
    text = client.get("/metrics").text
    assert "made-up" not in text
    assert 'route="(none)",status="404"' in text


def test_a_request_that_fails_is_counted_and_no_longer_running(app: Flask) -> None:
    app.add_url_rule("/fails", view_func=lambda: {}["missing"])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    client.get("/fails")
    text = client.get("/metrics").text
    assert 'route="/fails",status="500"' in text
    assert _value(text, 'http_requests_running{method="GET"}') == 1, "the one that asks"


def test_attempts_to_log_in_are_counted(client: FlaskClient, users: None) -> None:
    before = client.get("/metrics").text
    browser.log_in(client, "grace", "wrong")
    browser.log_in(client, "grace", PASSWORD)
    after = client.get("/metrics").text
    for sample in ('logins_total{outcome="ok"}', 'logins_total{outcome="failed"}'):
        assert _value(after, sample) == _value(before, sample) + 1
