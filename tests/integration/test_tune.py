"""``toolkit tune`` as a user meets it, with real processes."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from toolkit.measured import Measurement
from toolkit.model import Stage
from toolkit.store import Store

Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]

BRIEF = ("--runtime", "process", "--quick", "--most-users", "8", "--servers", "gunicorn-gthread")


def test_a_search_measures_stores_and_reports(toolkit: Toolkit, tmp_path: Path) -> None:
    """Whatever this machine says: with a limit of ten seconds nearly everything keeps it."""
    wish = ("--slo", "p99<10s, errors<5%", "--time-limit", "1")
    done = toolkit("tune", *BRIEF, *wish, "--output", "json=search.json")
    # on a machine that others use as well no trial may be valid, which is no failure of this test
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    run = Store(tmp_path / "results").load()
    assert run.tuned is not None
    stages = [outcome.trial.stage for outcome in run.outcomes]
    assert set(stages) == {Stage.RAMP, Stage.CAPACITY, Stage.LATENCY}
    for outcome in run.outcomes:
        assert isinstance(outcome, Measurement), outcome
    assert run.tuned.finalists
    told = json.loads((tmp_path / "search.json").read_text())["tuned"]
    assert told["recommended"] == run.tuned.recommended
    varied = {name: value for facts in run.stacks for name, value in facts.settings.items()}
    assert varied["THREADS"]
    again = toolkit("report", env={"COLUMNS": "120"})
    assert again.returncode == 0
    assert again.stdout.startswith(f"Run {run.id}")
    assert "The finals, as `toolkit bench` shows them" in again.stdout
    if run.tuned.recommended is not None:
        assert f"toolkit deploy --from {run.id} --stack {run.tuned.recommended}" in done.stdout


def test_paths_that_take_turns_are_requested_alike(toolkit: Toolkit, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from flask import Flask, request\n"
        "app = Flask(__name__)\n"
        "@app.get('/')\n"
        "def index():\n"
        "    return 'home'\n"
        "@app.post('/items')\n"
        "def add():\n"
        "    return request.get_json(), 201\n"
    )
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\n")
    done = toolkit(
        *("tune", "shop:app", *BRIEF, "--slo", "p99<10s, errors<5%", "--time-limit", "1"),
        *("--get", "/", "--post", '/items={"a": 1}'),
    )
    assert done.returncode in (0, 4), done.stderr
    run = Store(tmp_path / "results").load()
    assert run.workloads == ("GET / + POST /items",)
    answered = [
        phase.load
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        for phase in outcome.phases
    ]
    assert answered
    assert all(not load.errors for load in answered), [load.errors for load in answered]


def test_ctrl_c_keeps_what_was_measured_and_leaves_nothing_running(
    surroundings: dict[str, str], tmp_path: Path, leftovers: Callable[[], list[str]]
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "toolkit", "tune", "--runtime", "process", "--seed", "1"),
                *("--servers", "gunicorn-gthread,gunicorn-sync", "--duration", "0.4"),
            ],
            cwd=tmp_path,
            env=surroundings,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 120
            while log.read_text().count("] ramp") < 2 and time.monotonic() < deadline:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    text = log.read_text()
    assert "Traceback" not in text
    assert "Interrupted: this is the best of what was measured by then." in text
    run = Store(tmp_path / "results").load()
    assert run.tuned is not None
    assert not run.tuned.complete
    assert len(run.outcomes) >= 2
    assert leftovers() == []
