"""The command as a user meets it, without Docker."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.catalog import root
from toolkit.contract import read_contract
from toolkit.measured import Measurement, Outcome
from toolkit.model import Stage
from toolkit.store import Store

BRIEF = ("--runtime", "process", "--duration", "0.6", "--warmup", "0.2", "--users", "4")
SHORT = (*BRIEF, "--rates", "none")
Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_bench_measures_stores_and_reports(toolkit: Toolkit, tmp_path: Path) -> None:
    done = toolkit(
        "bench",
        *(*BRIEF, "--rates", "50%", "--rate-rounds", "1", "--rounds", "1"),
        *("--stacks", "flask/gunicorn-gthread,flask/gunicorn-sync", "--workloads", "list"),
    )
    # on a machine that others use as well a trial may be invalid, which is no failure of this test
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    run = Store(tmp_path / "results").load()
    by_case = {(item.trial.stack, item.trial.stage): item for item in run.outcomes}
    assert len(by_case) == len(run.outcomes) == 4
    for item in by_case.values():
        assert isinstance(item, Measurement), item
        for phase in item.phases:
            assert phase.load.requests > 20
            assert phase.load.seen == phase.load.locust_seen
            assert phase.load.client == "SocketUser"
            assert phase.use.memory_peak > 5 * 2**20
            assert 0 < phase.use.cpu < 1.5
            assert phase.use.restarts == 0
        # a rate may be too much for a server whose core others use, and then answers are missing
        if item.trial.stage is Stage.CAPACITY:
            assert item.phases[0].load.errors == {}
    sync = connections(by_case["flask/gunicorn-sync", Stage.CAPACITY])
    assert sync > 0.95
    assert connections(by_case["flask/gunicorn-gthread", Stage.CAPACITY]) == 0
    assert [item.client for item in run.calibrations] == ["SocketUser"]
    assert "no interval" in done.stdout
    again = toolkit("report")
    assert again.returncode == 0
    assert again.stdout.strip() in done.stdout


def test_a_program_gets_its_format_and_nothing_else(toolkit: Toolkit, tmp_path: Path) -> None:
    done = toolkit(
        *("bench", *SHORT, "--stacks", "flask/gunicorn-sync", "--workloads", "list"),
        *("--rounds", "1", "--quiet", "--json", "--output", "csv=numbers.csv"),
    )
    assert done.returncode in (0, 4), done.stderr
    (workload,) = json.loads(done.stdout)["workloads"]
    assert [row["stack"] for row in workload["rows"]] == ["flask/gunicorn-sync"]
    assert "wrote numbers.csv" in done.stderr
    assert "[1/1]" not in done.stderr
    assert (tmp_path / "numbers.csv").read_text().startswith("run,workload,stack,")


def connections(outcome: Outcome) -> float:
    """Say how many connections were opened for each answer."""
    assert isinstance(outcome, Measurement)
    load = outcome.phases[0].load
    assert load.connections is not None
    return load.connections / load.requests


def test_a_stack_against_itself_shows_the_noise_of_the_machine(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    done = toolkit(
        *("bench", *SHORT, "--aa", "flask/gunicorn-gthread", "--workloads", "list"),
        *("--rounds", "1"),
    )
    assert done.returncode in (0, 4), done.stderr
    store = Store(tmp_path / "results")
    run = store.load()
    stacks = {outcome.trial.stack for outcome in run.outcomes}
    assert stacks == {"flask/gunicorn-gthread", "flask/gunicorn-gthread#2"}
    store.save(replace(run, outcomes=tuple(undisturbed(item) for item in run.outcomes)))
    shown = toolkit("report")
    assert "Noise floor, flask/gunicorn-gthread against itself under list" in shown.stdout
    assert "no interval" in shown.stdout


def undisturbed(outcome: Outcome) -> Measurement:
    """Take what was measured as if nobody else used this machine."""
    assert isinstance(outcome, Measurement), outcome
    return replace(outcome, phases=tuple(replace(phase, findings=()) for phase in outcome.phases))


def test_a_wish_for_precision_ends_with_the_time(toolkit: Toolkit, tmp_path: Path) -> None:
    """Two stacks in one round have no interval at all, but there is no time for another."""
    done = toolkit(
        *("bench", *SHORT, "--stacks", "bottle/gunicorn-gthread,bottle/gunicorn-sync"),
        *("--workloads", "list", "--rounds", "1", "--precision", "50%", "--time-limit", "0"),
    )
    assert done.returncode in (0, 4), done.stderr
    assert "not within 50.0% yet" in done.stderr
    run = Store(tmp_path / "results").load()
    assert run.rounds == 1
    assert len(run.outcomes) == 2


def test_locusts_own_clients_make_load_and_the_report_names_them(
    toolkit: Toolkit, tmp_path: Path, checkout_copy: Path
) -> None:
    """Locustfiles as other people have them, without a word of the toolkit."""
    for client in ("FastHttpUser", "HttpUser"):
        (checkout_copy / "loadtests" / f"{client.lower()}.py").write_text(
            f'"""With {client}."""\n'
            f"from locust import {client}, task\n"
            f"class Reader({client}):\n"
            "    @task\n"
            "    def read(self):\n"
            '        self.client.get("/api/assets")\n'
        )
    done = toolkit(
        *("bench", *SHORT, "--stacks", "bottle/gunicorn-gthread", "--rounds", "1"),
        *("--workloads", "fasthttpuser,httpuser"),
        env={"PYTHONPATH": str(checkout_copy / "src")},
    )
    assert done.returncode in (0, 4), done.stderr
    run = Store(tmp_path / "results").load()
    clients = {}
    for item in run.outcomes:
        assert isinstance(item, Measurement), item
        load = item.phases[0].load
        assert load.requests > 20
        assert load.errors == {}
        assert load.seen == load.locust_seen
        clients[item.trial.workload] = load.client
    assert clients == {"fasthttpuser": "FastHttpUser", "httpuser": "HttpUser"}
    assert "Locust FastHttpUser, HttpUser" in done.stdout


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


def test_what_is_verified_is_named_with_the_number_of_exchanges(toolkit: Toolkit) -> None:
    """All stacks are verified in test_reference.py."""
    done = toolkit("verify", "--runtime", "process", "bottle/gunicorn-sync", "fastapi/uvicorn")
    assert done.returncode == 0, done.stdout + done.stderr
    exchanges = len(read_contract(root() / "apps", "assets"))
    assert done.stdout.count(f"ok, {exchanges} exchanges") == 2
    assert "2 stacks: 2 as they should be, 0 not." in done.stdout


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_tool_ends_nothing_is_left_and_the_run_can_be_shown(
    sent: signal.Signals,
    tmp_path: Path,
    toolkit: Toolkit,
    surroundings: dict[str, str],
    running: Callable[[], list[str]],
    leftovers: Callable[[], list[str]],
) -> None:
    """Killed in the middle of a measurement, after the first stored trial."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "toolkit", "bench", *SHORT, "--rounds", "50"),
            *("--stacks", "flask/gunicorn-gthread", "--workloads", "list"),
        ],
        cwd=tmp_path,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    at_work = False
    while not at_work and time.monotonic() < deadline:
        time.sleep(0.05)
        # looked at once: a moment later the trial may be over
        at_work = bool(_trials(tmp_path)) and _at_work(running())
    assert at_work
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if sent is signal.SIGKILL else 130)
    assert "Traceback" not in errors
    assert leftovers() == []
    shown = toolkit("report")
    assert shown.returncode == 0
    assert "It did not come to its end" in shown.stdout


def _at_work(running: list[str]) -> bool:
    """Tell whether both a server and a load generator are there."""
    return all(any(word in item for item in running) for word in ("gunicorn", "load.inside"))


def _trials(folder: Path) -> int:
    files = list(folder.glob("results/runs/*/run.json"))
    return len(json.loads(files[0].read_text())["outcomes"]) if files else 0


def test_up_serves_on_loopback_until_it_is_ended(
    tmp_path: Path, surroundings: dict[str, str], leftovers: Callable[[], list[str]]
) -> None:
    command = [sys.executable, "-u", "-m", "toolkit", "up", "bottle/gunicorn-sync", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--runtime", "process"],
        cwd=tmp_path,
        env=surroundings,
        stdout=subprocess.PIPE,
        text=True,
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
    # 5 stacks under 2 workloads: a ramp, 10 rounds at capacity, 3 at fixed rates, 3 of overload
    assert "170 trials" in done.stdout


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
