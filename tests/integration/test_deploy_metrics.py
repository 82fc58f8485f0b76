"""What rules and dashboard ask for is what the app really says of itself."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from tests.unit.made_up_deployments import STACKS, files_of, place, text_of
from tests.unit.promql import labels_of, selectors_of
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.progress import Progress
from toolkit.variants import vary

STACK = "flask/gunicorn-gthread"
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$", re.MULTILINE)


@pytest.fixture
def parts() -> Iterator[Session]:
    with session(Config(runtime=RuntimeConfig(kind="process")), "metrics") as opened:
        yield opened


def test_the_reference_app_has_every_metric_and_label_that_is_asked_for(
    parts: Session, tmp_path: Path
) -> None:
    (stack,) = parts.catalog.select_stacks((STACK,))
    parts.runtime.prepare(stack, Progress(Console(quiet=True)))
    environment = {
        "APP_CONFIG": "production",
        "SECRET_KEY": "a key of this test only",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }
    with parts.runtime.serve(stack, environment) as service:
        assert answer(f"{service.url}/healthz")
        said = answer(f"{service.url}/metrics")
    found: dict[str, set[str]] = {}
    for name, labels in SAMPLE.findall(said):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))

    files = files_of(STACKS[STACK], where=place(targets=("observability",)))
    records, _ = yaml.safe_load(text_of(files, "observability/prometheus/rules.yml"))["groups"]
    given = {"job", "instance", "namespace"}  # by Prometheus, of each target
    asked = {
        name: labels
        for rule in records["rules"]
        for name, labels in selectors_of(rule["expr"]).items()
    }
    assert asked
    for name, labels in asked.items():
        assert name in found, name
        assert labels - given <= found[name], name
    for rule in records["rules"]:
        (name,) = selectors_of(rule["expr"])
        assert labels_of(rule["expr"]) - given <= found[name], rule["record"]


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        text: str = response.read().decode()
        return text


def test_processes_that_are_replaced_leave_their_counts_and_no_files(
    parts: Session, tmp_path: Path
) -> None:
    (stack,) = vary(parts.catalog.select_stacks(("flask/gunicorn-sync",)), {"max_requests": (20,)})
    parts.runtime.prepare(stack, Progress(Console(quiet=True)))
    folder = tmp_path / "metrics"
    environment = {
        "APP_CONFIG": "production",
        "SECRET_KEY": "a key of this test only",
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
    }
    seen: set[int] = set()
    with parts.runtime.serve(stack, environment) as service:
        before = counted(answer(f"{service.url}/metrics"))
        for _ in range(100):
            answer(f"{service.url}/healthz")
            seen.update(process for process, _ in service.usage().processes or ())
        said = answer(f"{service.url}/metrics")
    assert len(seen) > 4, "no process was replaced"
    assert counted(said) == before + 100
    # counters, histograms and live gauges of one process, and at most of one more meanwhile
    assert len([*folder.glob("*.db")]) <= 6


def counted(text: str) -> float:
    """Give the answers of /healthz that metrics tell of."""
    sample = 'http_requests_total{method="GET",route="/healthz",status="200"}'
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
