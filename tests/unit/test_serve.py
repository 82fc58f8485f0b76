"""``serve.py`` as a process: what the command of the image makes of its environment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit.serve
from toolkit.serve import render_argv

VALUES = {"workers": 2, "max_requests": 0, "preload": False, "host": "h", "port": 1}


def render(argv: list[str], switches: object = None, **values: object) -> list[str]:
    server = {"argv": argv, "switches": switches or {}}
    return render_argv(server, {**VALUES, **values}, "m:a", "folder")  # type: ignore[dict-item]


def test_a_switch_may_name_knobs_and_is_off_for_nothing_and_none() -> None:
    switches = {
        "max_requests": {
            "on": ["--max", "{max_requests}", "--jitter", "{max_requests_jitter}"],
            "off": [],
        },
        "preload": {"on": ["--preload"], "off": ["--lazy"]},
    }
    argv = ["{max_requests}", "{preload}", "{target}", "{server_dir}/x"]
    assert render(argv, switches) == ["--lazy", "m:a", "folder/x"]
    assert render(argv, switches, max_requests=250, preload=True) == [
        *("--max", "250", "--jitter", "25", "--preload", "m:a", "folder/x"),
    ]


def test_a_name_that_nobody_defines_is_an_error() -> None:
    with pytest.raises(KeyError):
        render(["{wrokers}"])


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    app, server = tmp_path / "apps" / "a", tmp_path / "servers" / "s"
    app.mkdir(parents=True)
    server.mkdir(parents=True)
    shown = (
        "import json,os,sys; names = ('MODE', 'APP_TARGET', 'PYTHONPATH'); "
        "print(json.dumps([os.getcwd(), sys.argv[1:], [os.environ.get(n) for n in names]]))"
    )
    (app / "app.toml").write_text('target = "m:a"\nhealth = "/"\n[environment]\nMODE = "bench"\n')
    argv = json.dumps([sys.executable, "-c", shown, "{workers}"])
    (server / "server.toml").write_text(f"argv = {argv}\n")
    return {"APP_DIR": str(app), "SERVER_DIR": str(server), "PATH": "/usr/bin:/bin"}


def serve(environment: dict[str, str], *arguments: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-I", toolkit.serve.__file__, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found: list[object] = json.loads(done.stdout)
    return found


def test_the_server_starts_in_the_apps_folder_with_its_environment(
    folders: dict[str, str],
) -> None:
    app = folders["APP_DIR"]
    shared = str(Path(app).parent / "shared")
    assert serve({**folders, "WORKERS": "3"}) == [app, ["3"], ["bench", "m:a", f"{app}:{shared}"]]


def test_what_the_environment_says_goes_before_what_the_app_says(folders: dict[str, str]) -> None:
    _, _, values = serve({**folders, "MODE": "other"})
    assert isinstance(values, list)
    assert values[0] == "other"


def test_a_command_runs_as_the_app_would(folders: dict[str, str]) -> None:
    """Migrations find the app's modules and its settings."""
    shown = "import json,os; print(json.dumps([os.getcwd(), os.environ['MODE']]))"
    found = serve(folders, "--", sys.executable, "-c", shown)
    assert found == [folders["APP_DIR"], "bench"]
