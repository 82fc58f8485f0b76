"""The command as a user meets it, without Docker."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.measured import Measurement
from toolkit.store import Store

SHORT = ("--runtime", "process", "--duration", "1", "--warmup", "0.2")
Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_bench_measures_stores_and_reports(toolkit: Toolkit, tmp_path: Path) -> None:
    done = toolkit(
        "bench",
        *SHORT,
        *("--stacks", "flask/gunicorn-gthread,flask/gunicorn-sync", "--workloads", "list"),
        *("--rounds", "1", "--users", "4"),
    )
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    run = Store(tmp_path / "results").load()
    by_stack = {item.trial.stack: item for item in run.outcomes}
    for item in by_stack.values():
        assert isinstance(item, Measurement), item
        assert item.load.requests > 20
        assert item.load.errors == {}
        assert item.load.seen == item.load.locust_seen
        assert item.memory_peak > 5 * 2**20
        assert 0 < item.server_cpu < 1.5
    sync, threads = by_stack["flask/gunicorn-sync"], by_stack["flask/gunicorn-gthread"]
    assert isinstance(sync, Measurement)
    assert isinstance(threads, Measurement)
    assert sync.load.connections is not None
    assert sync.load.connections >= 0.95 * sync.load.requests
    assert threads.load.connections == 0
    assert "no interval" in done.stdout
    again = toolkit("report")
    assert again.returncode == 0
    assert again.stdout.strip() in done.stdout


def test_every_answer_is_checked_and_wrong_ones_are_errors(
    toolkit: Toolkit, tmp_path: Path, checkout_copy: Path
) -> None:
    """An app that answers 200 with another list must not get a rate."""
    shared = checkout_copy / "apps" / "shared" / "assets.py"
    shared.write_text(shared.read_text().replace("return self._seed", "return self._seed[:-1]"))
    done = toolkit(
        *("bench", *SHORT, "--stacks", "flask/gunicorn-sync", "--workloads", "list"),
        *("--rounds", "1"),
        env={"PYTHONPATH": str(checkout_copy / "src")},
    )
    assert done.returncode == 4
    assert "breaks the contract" in done.stdout
    assert "another JSON value" in done.stdout


@pytest.fixture
def checkout_copy(tmp_path: Path) -> Path:
    import shutil

    from toolkit.catalog import root

    copy = tmp_path / "copy"
    for part in ("apps", "deploy", "docker", "loadtests", "src"):
        shutil.copytree(root() / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_all_wsgi_apps_and_the_asgi_app_keep_the_contract(toolkit: Toolkit) -> None:
    done = toolkit("verify", "--runtime", "process", "*/gunicorn-gthread", "fastapi/*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok, 11 exchanges") == 3


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_tool_ends_nothing_is_left_and_the_run_can_be_shown(
    sent: signal.Signals,
    tmp_path: Path,
    toolkit: Toolkit,
    leftovers: Callable[[], list[str]],
) -> None:
    """Killed in the middle of a measurement, after the first stored trial."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "toolkit", "bench", *SHORT, "--rounds", "50"),
            *("--stacks", "flask/gunicorn-gthread", "--workloads", "list"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not _trials(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.2)  # into the next trial: servers and load are running now
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if sent is signal.SIGKILL else 130)
    assert "Traceback" not in errors
    assert leftovers() == []
    shown = toolkit("report")
    assert shown.returncode == 0
    assert "It did not come to its end" in shown.stdout


def _trials(folder: Path) -> int:
    files = list(folder.glob("results/runs/*/run.json"))
    return len(json.loads(files[0].read_text())["outcomes"]) if files else 0


def test_up_serves_on_loopback_until_it_is_ended(
    tmp_path: Path, leftovers: Callable[[], list[str]]
) -> None:
    command = [sys.executable, "-u", "-m", "toolkit", "up", "bottle/gunicorn-sync", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--runtime", "process"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().split(" answers at ")[1].split()[0]
    with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
        assert json.load(answer) == {"status": "ok"}
    assert url.startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert leftovers() == []


def test_several_load_processes_count_as_one() -> None:
    """Locust's workers each record; counts, rates and Locust's own totals add up."""
    from rich.console import Console

    from toolkit.cli.wiring import session
    from toolkit.config import Config, RuntimeConfig
    from toolkit.load.engine import LocustEngine
    from toolkit.model import LoadSettings, Placement
    from toolkit.ports import Tick
    from toolkit.progress import Progress

    class Watch:
        events: list[str]

        def __init__(self) -> None:
            self.events = []

        def window_opened(self) -> None:
            self.events.append("opened")

        def window_closed(self) -> None:
            self.events.append("closed")

        def ticked(self, tick: Tick) -> None:
            self.events.append(tick.phase)

    config = Config(runtime=RuntimeConfig(kind="process"))
    with session(config, "test") as parts:
        (stack,) = parts.catalog.select_stacks(("flask/gunicorn-gthread",))
        (workload,) = parts.catalog.select_workloads(("list",))
        parts.runtime.prepare(stack, Progress(Console(quiet=True)))
        cpus = parts.placement.client_cpus
        two = Placement(server_cpus=(), client_cpus=(cpus * 2)[:2], cpus=1, memory=2**29)
        settings = LoadSettings(users=8, warmup=0.2, duration=1.0)
        watch = Watch()
        with (
            LocustEngine(settings, two, parts.guardian).open(workload) as load,
            parts.runtime.serve(stack) as service,
        ):
            result = load.fire(service.url, watch)
    assert [e for e in watch.events if e in ("opened", "closed")] == ["opened", "closed"]
    assert result.requests > 50
    assert result.errors == {}
    assert result.seen == result.locust_seen
    assert result.seen >= result.requests


@pytest.mark.parametrize(
    ("arguments", "code", "said", "hint"),
    [
        (("bench", "--stacks", "flask/gunicorn-synk"), 2, "no stack matches", "Did you mean"),
        (("bench", "--stacks", "flask/uvicorn"), 2, "cannot work", "toolkit list"),
        (("bench", "--workloads", "lst"), 2, "no workload matches", "Did you mean list?"),
        (("bench", "--baseline", "x"), 2, "baseline", ""),
        (("bench", "--rounds", "0"), 2, "bench.rounds", "1 to 1000"),
        (("bench", "--rounds", "many"), 2, "not a valid integer", ""),
        (("bench", "--memory", "1"), 2, "starts no Python server", "32m"),
        (("bnech",), 2, "no command 'bnech'", "bench"),
        (("report",), 2, "no runs are stored", "toolkit bench"),
        (("report", "nonsense"), 2, "not a stored run", ""),
        (("up", "flask/*"), 2, "fits several stacks", "Name one of"),
    ],
)
def test_bad_input_gets_one_clear_line_and_its_exit_code(
    toolkit: Toolkit, arguments: tuple[str, ...], code: int, said: str, hint: str
) -> None:
    runtime = ("--runtime", "process") if arguments[0] in ("bench", "up") else ()
    done = toolkit(*arguments, *runtime)
    assert done.returncode == code
    assert said in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_engine_is_an_environment_error_when_docker_was_asked_for(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = toolkit("bench", "--runtime", "docker", "--quick", env=nowhere)
    assert done.returncode == 3
    assert "--runtime process" in done.stderr


def test_auto_falls_back_to_processes_and_says_why(toolkit: Toolkit, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = toolkit("bench", "--dry-run", env=nowhere)
    assert done.returncode == 0, done.stderr
    assert "Runtime: process (" in done.stdout
    assert "60 trials" in done.stdout


def test_a_taken_port_is_an_environment_error(toolkit: Toolkit) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = toolkit("up", "bottle/gunicorn-sync", "--runtime", "process", "--port", port)
    assert done.returncode == 3
    assert port in done.stderr
    assert "--port" in done.stderr


def test_results_that_cannot_be_written_are_an_environment_error(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    (tmp_path / "results").write_text("a file")
    done = toolkit("bench", *SHORT, "--stacks", "bottle/gunicorn-sync", "--workloads", "list")
    assert done.returncode == 3, done.stderr
    assert "cannot write" in done.stderr


def test_the_settings_file_is_read_and_a_misspelt_key_is_named(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    (tmp_path / "toolkit.toml").write_text("[bench]\nround = 3\n")
    done = toolkit("bench", "--dry-run")
    assert done.returncode == 2
    assert "Did you mean rounds?" in done.stderr


@pytest.mark.parametrize("command", ["list", "doctor", "--help", "--version"])
def test_commands_that_only_tell_end_well(toolkit: Toolkit, command: str) -> None:
    done = toolkit(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_reader_that_leaves_early_is_no_error(toolkit: Toolkit, tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m toolkit list | head -n 1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stderr == ""
