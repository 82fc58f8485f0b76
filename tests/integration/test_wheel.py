"""What `pip install` gives, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import toolkit
from toolkit.catalog import root

CHECKOUT = Path(toolkit.__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        cwd=CHECKOUT,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_apps_servers_recipe_and_locustfiles(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for top in ("apps", "deploy", "docker", "loadtests"):
        tracked = subprocess.run(
            ["git", "ls-files", top], cwd=root(), check=True, capture_output=True, text=True
        )
        for name in tracked.stdout.splitlines():
            file = root() / name
            if "tests" not in file.parts:
                assert f"toolkit/_bundled/{file.relative_to(root())}" in names
    assert not any("__pycache__" in name or "bundle.crt" in name for name in names)


def test_the_installed_command_benches_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked rather than installed: the dependencies are those of this environment."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "toolkit", "bench", "--runtime", "process", "--quick"),
            *("--stacks", "bottle/gunicorn-gthread", "--workloads", "create", "--duration", "1"),
        ],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    # 4 is an invalid trial, on a machine that others use as well
    assert done.returncode in (0, 4), done.stdout + done.stderr
    assert "[1/1] capacity 1: bottle/gunicorn-gthread create" in done.stderr
    assert "FAILED" not in done.stderr
    assert "bottle/gunicorn-gthread" in done.stdout
    told = subprocess.run(
        [sys.executable, "-c", "import toolkit.catalog as c; print(c.root())"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(site / "toolkit" / "_bundled")
