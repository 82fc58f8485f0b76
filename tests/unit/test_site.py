"""A site of stored runs: what is in it, what it refuses, and that it is served on loopback only."""

import shutil
import threading
import urllib.request
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from toolkit.cli import main, publishing
from toolkit.measured import Run
from toolkit.report.browser.site import LIBRARY, site
from toolkit.store import Store

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture(scope="module")
def two_cores() -> Run:
    return Store(REFERENCE).load(str(REFERENCE / "two-cores"))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name in ("two-cores", "io"):
        folder = tmp_path / "results" / "runs" / name
        folder.mkdir(parents=True)
        shutil.copy(REFERENCE / name / "run.json", folder)
    return tmp_path / "results"


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


def test_every_run_has_a_page_and_the_newest_comes_first(two_cores: Run) -> None:
    later = replace(two_cores, id="later", started_at="2026-12-01T00:00:00+00:00")
    files = site([two_cores, later], "", {})
    index = files["index.html"]
    for run in (two_cores, later):
        assert f"runs/{run.id}/index.html" in files
        assert f'href="runs/{run.id}/index.html"' in index
    assert index.index("runs/later/") < index.index(f"runs/{two_cores.id}/")


def test_pages_share_what_draws(two_cores: Run) -> None:
    files = site([two_cores], "library", {})
    assert files[LIBRARY] == "library"
    assert f'src="../../{LIBRARY}"' in files[f"runs/{two_cores.id}/index.html"]


def test_only_runs_that_compare_are_joined(two_cores: Run) -> None:
    again = replace(two_cores, id="again", started_at="2026-12-01T00:00:00+00:00")
    elsewhere = replace(again, host=replace(again.host, cpu_model="another"))
    assert 'id="trends"' in site([two_cores, again], "", {})["index.html"]
    assert 'id="trends"' not in site([two_cores, elsewhere], "", {})["index.html"]


def test_what_is_stored_is_published(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert command("publish", str(folder), "--results", str(results)) == 0
    assert (folder / "index.html").is_file()
    assert len([*folder.glob("runs/*/index.html")]) == 2
    assert command("publish", str(folder), "--results", str(results)) == 0


def test_a_run_that_cannot_be_read_is_left_out_by_name(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = results / "runs" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    assert command("publish", str(tmp_path / "site"), "--results", str(results)) == 0
    assert "left out: " in capsys.readouterr().err


def test_files_of_somebody_else_are_left_alone(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    assert command("publish", str(tmp_path / "mine"), "--results", str(results)) == 2
    assert "not of an earlier site" in capsys.readouterr().err
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"


def test_nothing_stored_is_nothing_to_publish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("publish", str(tmp_path / "site"), "--results", str(tmp_path)) == 2
    assert "nothing is stored" in capsys.readouterr().err


def test_it_is_shown_on_loopback_until_it_is_stopped(
    two_cores: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("here")
    started = threading.Event()
    found: list[ThreadingHTTPServer] = []

    class Noted(ThreadingHTTPServer):
        def service_actions(self) -> None:
            if not found:
                found.append(self)
                started.set()

    monkeypatch.setattr("http.server.ThreadingHTTPServer", Noted)
    thread = threading.Thread(target=publishing.serve, args=(tmp_path, 0))
    thread.start()
    assert started.wait(20)
    host, port = found[0].server_address[:2]
    assert host == "127.0.0.1"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        assert answer.read() == b"here"
    found[0].shutdown()
    thread.join(20)
    assert not thread.is_alive()
