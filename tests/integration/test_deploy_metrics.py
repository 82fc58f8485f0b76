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
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text
