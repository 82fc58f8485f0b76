"""The command as a user meets it, as far as nothing is started."""

from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Run it in an empty folder, or in one with settings; give exit code, output and messages."""

    def run(*arguments: str, settings: str = "") -> tuple[int, str, str]:
        if settings:
            (tmp_path / "toolkit.toml").write_text(settings)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as ended:
            main(["tune", *arguments])
        out, said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, said

    return run


DRY = ("--dry-run", "--runtime", "process")


def test_a_dry_run_shows_what_is_searched_within_which_limits(tune: Call) -> None:
    code, out, _ = tune(*DRY, "--memory", "256m")
    assert code == 0
    assert "the highest rate with p99<100ms, errors<0.1%, under list" in out
    assert "256 MiB" in out
    for server in ("gunicorn-sync", "gunicorn-gthread", "granian-wsgi", "uwsgi", "waitress"):
        assert server in out
    # never for production, and for those who ask for them
    for server in ("flask-dev", "a2wsgi"):
        assert server not in out


def test_a_server_that_is_named_is_searched_whatever_it_is_for(tune: Call) -> None:
    _, out, _ = tune(*DRY, "--servers", "uvicorn-a2wsgi,gunicorn-*")
    assert "uvicorn-a2wsgi" in out
    assert "gunicorn-asgi-a2wsgi" not in out
    code, _, said = tune(*DRY, "--servers", "*-a2wsgi")
    assert code == 2
    assert "fits only servers that are not for production" in said


def test_an_asgi_app_is_tuned_on_asgi_servers(tune: Call) -> None:
    _, out, _ = tune(*DRY, "--app", "fastapi", "--rate", "300")
    assert "the least memory for 300/s" in out
    assert "uvicorn" in out
    assert "gunicorn-sync" not in out


def test_a_database_limits_the_workers(tune: Call) -> None:
    _, out, _ = tune(*DRY, "--workload", "db-read", "--database-pool", "10")
    assert "990 database connections, of which each process may open 20" in " ".join(out.split())


def test_numbers_that_are_given_are_fixed(tune: Call) -> None:
    _, out, _ = tune(*DRY, "--servers", "gunicorn-gthread", "--threads", "8")
    assert "1 worker x 8 threads" in out
    assert "1, 4, 16" not in out


def test_settings_say_what_flags_do_not(tune: Call) -> None:
    settings = '[tune]\nslo = "p95<20ms"\nworkload = "cpu"\nservers = ["waitress"]\n'
    _, out, _ = tune(*DRY, settings=settings)
    assert "p95<20ms, errors<0.1%, under cpu" in out
    assert "waitress" in out
    _, out, _ = tune(*DRY, "--slo", "p50<5ms", settings=settings)
    assert "p50<5ms" in out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("--slo", "p98<3ms"), "tune.slo: an objective has no 'p98'", "p99"),
        (("--slo", "p99<3"), "'3' is no latency", "unit"),
        (("--image", "shop:1"), "nothing to tune from outside", "shop.wsgi:app"),
        (("--beside", "flask/*"), "--beside does not go with tune", "bench"),
        (("--app", "flsk"), "no app matches 'flsk'", "flask"),
        (("--app", "*"), "'*' fits several apps", "one"),
        (("--workload", "db-*"), "'db-*' fits several workloads", "db-read"),
        (("--servers", "gevent-pywsgi"), "nothing to tune", "toolkit bench"),
        (("--rounds", "0"), "tune.rounds = 0", "1 to 100"),
        (("--get", "/", "--workload", "list"), "--app and --workload are of the", "--get"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    arguments: tuple[str, ...], message: str, hint: str, tune: Call
) -> None:
    code, out, said = tune(*DRY, *arguments)
    assert code == 2
    assert message in said
    assert hint in said
    assert out == ""


def test_settings_that_make_no_sense_are_refused_with_their_place(tune: Call) -> None:
    code, _, said = tune(*DRY, settings='[tune]\nslo = "fast"\n')
    assert code == 2
    assert "toolkit.toml: tune.slo: 'fast' is no term" in said


APP = (
    "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef index():\n    return 'x'\n"
)


def test_an_app_of_ones_own_is_tuned_under_all_that_is_requested(
    tune: Call, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\n")
    code, out, said = tune("shop:app", *DRY, "--get", "/", "--get", "/items")
    assert code == 0, said
    assert "under GET / + GET /items" in out
    assert "uwsgi" in out
    assert "a2wsgi" not in out
    assert "App: shop:app" in said
