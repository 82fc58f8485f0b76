"""``toolkit deploy`` as a user types it: what is refused, what is written, what is said."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolkit.catalog import root
from toolkit.cli import _run
from toolkit.measured import Finding, Measurement, Run, Severity
from toolkit.store import Store

STACK = "flask/gunicorn-gthread"


@dataclass
class Typed:
    """What came of a command."""

    code: int
    out: str
    err: str


Deploy = Callable[..., Typed]
MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with a terminal of 100 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def deploy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Deploy:
    def typed(*arguments: str) -> Typed:
        monkeypatch.setattr(sys, "argv", ["toolkit", "deploy", *arguments])
        code = _run(["deploy", *arguments])
        out, err = capsys.readouterr()
        return Typed(code, out, err)

    return typed


def refused(done: Typed, *parts: str) -> None:
    """See that a mistake is one clear line with a hint at most, and that nothing was written."""
    assert done.code == 2
    assert not done.out
    said = " ".join(done.err.split())
    for part in parts:
        assert part in said
    assert len(done.err.strip().splitlines()) <= 4, done.err
    assert "Traceback" not in done.err
    assert not Path("deploy-out").exists()


def files() -> set[str]:
    return {str(file) for file in Path().rglob("*") if file.is_file()}


def make_shop() -> None:
    """Write an app of one's own."""
    Path("shop.py").write_text("from flask import Flask\n\napp = Flask(__name__)\n")
    Path("requirements.txt").write_text("flask==3.1.3\n")
    Path("pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')


# what is written


def test_it_writes_a_deployment_and_says_how_to_go_on(deploy: Deploy) -> None:
    done = deploy("--no-run", "--stack", STACK, "--workers", "3", "--cpus", "1.5")
    assert (done.code, done.err) == (0, "")
    assert "Written. deploy-out/README.md says how to go on." in done.out
    listed = {line for line in done.out.splitlines() if line.startswith("deploy-out/")}
    assert listed == files()
    readme = Path("deploy-out/README.md").read_text()
    assert (
        "`toolkit deploy --no-run --stack flask/gunicorn-gthread --workers 3 --cpus 1.5`" in readme
    )
    assert "WORKERS_PER_CPU=2 " in Path("deploy-out/Dockerfile").read_text()


def test_a_dry_run_names_the_files_and_writes_none(deploy: Deploy) -> None:
    done = deploy("--no-run", "--stack", STACK, "--dry-run")
    assert done.code == 0
    assert "deploy-out/Dockerfile" in done.out
    assert done.out.endswith("Nothing was written.\n")
    assert files() == set()


def test_the_numbers_are_those_of_the_run(deploy: Deploy) -> None:
    run = str(root() / "results" / "reference" / "servers")
    assert deploy("--from", run, "--stack", STACK).code == 0
    derivation = Path("deploy-out/DERIVATION.md").read_text()
    assert "Stack `flask/gunicorn-gthread`, run `20261125-025630-e80c`" in derivation
    assert "Nothing was measured" not in Path("deploy-out/README.md").read_text()


def test_without_a_run_it_is_the_latest(
    deploy: Deploy, make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    Store(Path("results")).save(make_run((make_measurement(STACK),)))
    assert deploy("-o", "out").code == 0
    assert "20261124-100000-abcd" in Path("out/DERIVATION.md").read_text()


def test_it_is_written_again_over_its_own_files(deploy: Deploy) -> None:
    for _ in range(2):
        assert deploy("--no-run", "--stack", STACK).code == 0


def test_settings_of_the_project_say_what_flags_do_not(deploy: Deploy) -> None:
    Path("toolkit.toml").write_text(
        '[deploy]\noutput = "ops"\nimage = "registry.example.com/shop"\nsecrets = ["A", "B"]\n'
    )
    assert deploy("--no-run", "--stack", STACK).code == 0
    assert "registry.example.com/shop:dev" in Path("ops/README.md").read_text()


# what is refused


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--no-run",), ("what is to be deployed is not said", "--stack flask/gunicorn-gthread")),
        (
            ("--no-run", "--stack", "flask/gunicorn-gthred"),
            ("no stack matches 'flask/gunicorn-gthred'", "flask/gunicorn-gthread"),
        ),
        (
            ("--no-run", "--stack", "flask/uvicorn"),
            ("flask is an WSGI app, uvicorn serves ASGI",),
        ),
        (("--no-run", "--stack", STACK, "--target", "cumpose"), ("no target 'cumpose'", "compose")),
        (("--no-run", "--stack", STACK, "--image", "shop:1"), ("an image as it is",)),
        (("--no-run", "--stack", STACK, "--memory", "much"), ("'much'",)),
        (("--no-run", "--stack", STACK, "--body", "big"), ("'big'",)),
        (("--no-run", "--stack", STACK, "--static", "/static/"), ("no folder", "/static/=")),
        (("--no-run", "--stack", STACK, "--host", "a b"), ("deploy.host", "app.example.com")),
        (("--no-run", "--stack", STACK, "--ready", "readyz"), ("deploy.ready", "/readyz")),
        (("--no-run", "--stack", STACK, "--secret", "A-B"), ("deploy.secrets", "SECRET_KEY")),
        (
            ("--no-run", "--stack", "flask/gunicorn-sync", "--threads", "4"),
            ("this server has no setting threads", "It has access_log, backlog"),
        ),
        (
            ("--no-run", "--stack", STACK, "--rate", "2000"),
            ("how many it takes for 2,000/s is not known", "--replicas"),
        ),
        (("--from", "results/nowhere", "--stack", STACK), ("results/nowhere",)),
        (("--stack", STACK), ("results",)),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else None,
)
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...], parts: tuple[str, ...], deploy: Deploy
) -> None:
    refused(deploy(*arguments), *parts)


def test_a_run_without_a_valid_number_is_refused(
    deploy: Deploy, make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    doubt = Finding(rule="client-limited", severity=Severity.INVALID, message="too slow a client")
    Store(Path("results")).save(make_run((make_measurement(STACK, findings=(doubt,)),)))
    refused(deploy("--stack", STACK), f"no valid number of {STACK}", "toolkit report")


def test_a_stack_that_was_not_measured_is_refused(
    deploy: Deploy, make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    Store(Path("results")).save(make_run((make_measurement(STACK),)))
    refused(deploy("--stack", "flask/gunicorn-sync"), "has no stack 'flask/gunicorn-sync'", STACK)
    refused(deploy("--workloads", "create"), "has no workload 'create'", "list")


def test_too_little_memory_for_what_was_measured_is_refused(deploy: Deploy) -> None:
    run = str(root() / "results" / "reference" / "servers")
    refused(
        deploy("--from", run, "--stack", STACK, "--memory", "64m"), "1 worker need", "Give more"
    )


def test_a_folder_with_other_files_is_refused(deploy: Deploy) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.tex").touch()
    refused(deploy("--no-run", "--stack", STACK, "-o", "mine"), "mine holds files")
    assert files() == {"mine/thesis.tex"}
    assert deploy("--no-run", "--stack", STACK, "-o", "mine", "--force").code == 0
    assert "mine/thesis.tex" in files()


def test_the_run_of_another_app_is_refused(
    deploy: Deploy, make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    make_shop()
    Store(Path("results")).save(make_run((make_measurement("blog/gunicorn-gthread"),)))
    done = deploy("shop:app")
    assert done.code == 2
    said = " ".join(done.err.split())
    assert "blog/gunicorn-gthread is of the app blog, and the app of this folder is shop" in said
    assert "--stack shop/gunicorn-gthread" in said


@pytest.mark.parametrize("where", [".", "../elsewhere"])
def test_an_own_app_is_not_deployed_outside_of_its_project(where: str, deploy: Deploy) -> None:
    make_shop()
    done = deploy(
        "shop:app", "--no-run", "--stack", "shop/gunicorn-gthread", "-o", where, "--force"
    )
    assert done.code == 2
    assert "is not a folder within the project" in " ".join(done.err.split())
    assert files() == {"shop.py", "requirements.txt", "pyproject.toml"}


def test_a_folder_that_cannot_be_written_to_is_the_machines_fault(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    done = deploy("--no-run", "--stack", STACK)
    assert done.code == 3
    assert "cannot write to deploy-out: Permission denied" in done.err
