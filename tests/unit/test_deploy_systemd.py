"""Units of systemd: what systemd says of them, and that they agree with the numbers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.made_up_deployments import (
    BY_SERVER,
    STACKS,
    evidence,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
)
from toolkit.deployment.assembling import Project
from toolkit.deployment.writing import write
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import judge
from toolkit.reading import Files

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
ANALYZE = shutil.which("systemd-analyze")
of_each_server = pytest.mark.parametrize("name", BY_SERVER)
with_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here")
MOST_EXPOSED = 2.0
"""Of ten, by systemd-analyze: "OK", where a unit without any of it has 9.6, "UNSAFE"."""


def rendered(name: str, folder: Path, *, database: bool = True) -> Path:
    """Write the units of a stack; give their folder."""
    stack = BY_SERVER[name]
    said = evidence(stack=stack.id, knobs=settings_of(stack.server))
    where = place(targets=("systemd",), database=database)
    write(files_of(stack, said, where), folder)
    return folder / "systemd"


def analyze(*arguments: "str | Path") -> str:
    assert ANALYZE is not None
    done = subprocess.run(
        [ANALYZE, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    return f"{done.stdout}{done.stderr}"


def setting(text: str, name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)
    return str(value)


@with_systemd
@of_each_server
def test_systemd_understands_every_unit(name: str, tmp_path: Path) -> None:
    folder = rendered(name, tmp_path)
    units = [*folder.glob("*.service"), *folder.glob("*.socket")]
    assert len(units) >= 2
    for unit in units:
        # where a release is on the machine that it is for there is nothing here
        text = unit.read_text().replace(f"/opt/{BY_SERVER[name].app.name}/current/venv", "/usr")
        unit.write_text(text.replace("/usr/bin/python ", f"{sys.executable} "))
    assert analyze("verify", *units) == ""


@with_systemd
def test_systemd_says_what_is_wrong(tmp_path: Path) -> None:
    """Its silence above is worth something."""
    unit = rendered("gunicorn-gthread", tmp_path) / "flask.service"
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=mixd"))
    assert "Failed to parse kill mode" in analyze("verify", unit)


@with_systemd
def test_the_service_is_confined(tmp_path: Path) -> None:
    folder = rendered("gunicorn-gthread", tmp_path)
    for unit in folder.glob("*.service"):
        said = analyze("security", "--offline=true", unit)
        found = re.search(r"Overall exposure level for \S+ ([\d.]+)", said)
        assert found is not None, said
        assert float(found[1]) <= MOST_EXPOSED


@of_each_server
def test_the_limits_are_the_numbers(name: str, tmp_path: Path) -> None:
    app = BY_SERVER[name].app.name
    text = (rendered(name, tmp_path) / f"{app}.service").read_text()
    stack = BY_SERVER[name]
    said = evidence(stack=stack.id, knobs=settings_of(stack.server))
    numbers = numbers_of(stack, said)
    assert setting(text, "MemoryMax") == f"{numbers.memory_limit // 2**20}M"
    assert setting(text, "CPUQuota") == "200%"
    assert setting(text, "TasksMax") == str(numbers.pids_limit)
    assert setting(text, "TimeoutStopSec") == str(numbers.stop_grace)
    assert f"Environment=WORKERS={numbers.workers}\n" in text


@of_each_server
def test_nobody_but_the_machine_itself_reaches_the_server(name: str, tmp_path: Path) -> None:
    """What listens on every interface in a container listens on loopback here."""
    folder = rendered(name, tmp_path)
    app = BY_SERVER[name].app.name
    assert "0.0.0.0" not in setting((folder / f"{app}.service").read_text(), "ExecStart")
    if (folder / f"{app}.socket").exists():
        socket = (folder / f"{app}.socket").read_text()
        assert setting(socket, "ListenStream") == "127.0.0.1:8000"
    # the installation changes it in files
    for file in (tmp_path / "server").iterdir():
        text = re.sub(r"0\.0\.0\.0:8000", "127.0.0.1:8000", file.read_text())
        assert "0.0.0.0" not in text.replace("0.0.0.0 -", "")


@of_each_server
def test_a_socket_is_for_those_that_take_it(name: str, tmp_path: Path) -> None:
    folder = rendered(name, tmp_path)
    app = BY_SERVER[name].app.name
    service = (folder / f"{app}.service").read_text()
    takes = name.startswith("gunicorn")
    assert (folder / f"{app}.socket").exists() == takes
    assert (f"Requires={app}.socket" in service) == takes
    assert setting(service, "Type") == ("notify" if takes else "exec")


def test_without_a_database_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    folder = rendered("gunicorn-gthread", tmp_path / "without", database=False)
    assert not (folder / "flask-migrate.service").exists()
    assert "migrate" not in (folder / "install").read_text()
    assert "DATABASE_PASSWORD" not in (folder / "flask.service").read_text()
    with_it = rendered("gunicorn-gthread", tmp_path / "with")
    migrate = (with_it / "flask-migrate.service").read_text()
    assert setting(migrate, "ExecStart").endswith("flask --app wsgi db upgrade")


def test_secrets_are_shown_as_files_and_stand_in_no_unit(tmp_path: Path) -> None:
    text = (rendered("gunicorn-gthread", tmp_path) / "flask.service").read_text()
    assert 'Environment="SECRETS=DATABASE_PASSWORD SECRET_KEY"' in text
    for name in ("DATABASE_PASSWORD", "SECRET_KEY"):
        assert f"LoadCredential={name}:/etc/flask/credentials/{name}" in text
        assert f"Environment={name}_FILE=%d/{name}" in text


@of_each_server
def test_the_installation_is_a_sound_script(name: str, tmp_path: Path) -> None:
    install = rendered(name, tmp_path) / "install"
    assert install.stat().st_mode & 0o100
    done = subprocess.run(
        [SHELLCHECK, install], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == ""


def test_the_installation_waits_for_secrets_that_nobody_can_make_up(tmp_path: Path) -> None:
    """It says which, and leaves nothing half done."""
    install = rendered("gunicorn-gthread", tmp_path / "out") / "install"
    host = tmp_path / "host"
    done = subprocess.run(
        [install],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "DESTDIR": str(host), "UV": "/nowhere/uv"},
    )
    assert done.returncode == 1
    assert done.stderr.endswith(f": {host}/etc/flask/credentials/DATABASE_PASSWORD\n")
    made = {str(file.relative_to(host)) for file in host.rglob("*") if file.is_file()}
    assert made == {"etc/flask/credentials/SECRET_KEY"}
    secret = host / "etc" / "flask" / "credentials" / "SECRET_KEY"
    assert re.fullmatch("[0-9a-f]{64}", secret.read_text())
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700


def test_the_installation_puts_everything_where_the_units_look_for_it(tmp_path: Path) -> None:
    """With a uv that makes an environment of nothing: packages are of other tests."""
    install = rendered("gunicorn-gthread", tmp_path / "out") / "install"
    host, uv = tmp_path / "host", tmp_path / "uv"
    uv.write_text('#!/bin/sh\n[ "$1" = pip ] || python3 -m venv --without-pip "$5"\n')
    uv.chmod(0o755)
    credentials = host / "etc" / "flask" / "credentials"
    credentials.mkdir(parents=True)
    (credentials / "DATABASE_PASSWORD").write_text("x")
    subprocess.run(
        [install],
        check=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "DESTDIR": str(host), "UV": str(uv)},
    )
    (release,) = (host / "opt" / "flask" / "releases").iterdir()
    current = host / "opt" / "flask" / "current"
    assert current.readlink() == Path("/opt/flask/releases") / release.name
    assert {"app", "server", "shared", "entrypoint.py", "venv", "static"} == {
        file.name for file in release.iterdir() if file.name != "__pycache__"
    }
    assert 'bind = "127.0.0.1:8000"' in (release / "server" / "gunicorn.conf.py").read_text()
    ((path, inside),) = BY_SERVER["gunicorn-gthread"].app.production.static.items()
    static = (release / "static" / path.strip("/")).readlink()
    assert static == Path("/opt/flask/current/app") / inside
    assert (release / "app" / "inventory" / "static" / "style.css").is_file()
    assert {file.name for file in (host / "etc" / "systemd" / "system").iterdir()} == {
        "flask.service",
        "flask.socket",
        "flask-migrate.service",
    }
    nginx = host / "etc" / "nginx"
    included = re.findall(
        r"include (/etc/nginx/flask/\S+);", (nginx / "conf.d/flask.conf").read_text()
    )
    included += re.findall(r"include (\S+);", (nginx / "flask" / "locations.conf").read_text())
    assert included
    assert all((host / path.lstrip("/")).is_file() for path in included)


def test_of_an_own_app_the_project_is_installed_without_what_deploys_it(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    (home / "shop").mkdir(parents=True)
    (home / "shop" / "__init__.py").touch()
    (home / ".env").write_text("SECRET=1")
    (home / ".git").mkdir()
    stack = own_app(tmp_path / "laid")
    project = Project(folder=home, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(home / "ops" / "deploy", targets=("systemd",))
    write(files_of(stack, None, where, project=project), home / "ops" / "deploy")
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\n[ "$1" = pip ] || python3 -m venv --without-pip "$5"\n')
    uv.chmod(0o755)
    subprocess.run(
        [home / "ops" / "deploy" / "systemd" / "install"],
        check=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "DESTDIR": str(tmp_path / "host"), "UV": str(uv)},
    )
    (release,) = (tmp_path / "host" / "opt" / "shop" / "releases").iterdir()
    there = {str(file.relative_to(release / "app")) for file in (release / "app").rglob("*.*")}
    assert {name for name in there if "__pycache__" not in name} == {"shop/__init__.py"}


@of_each_server
def test_lint_finds_nothing_in_units_and_nginx(name: str, tmp_path: Path) -> None:
    rendered(name, tmp_path)
    deployment = gather(Files.of(tmp_path))
    found = [
        f"{item.rule} {item.message}"
        for item in judge(deployment, Measured()).findings
        if item.rule != "connection-budget"  # of gevent, and said to be so in its configuration
    ]
    assert found == []
    if STACKS[BY_SERVER[name].id].server.template == "gunicorn.conf.py":
        assert [unit for unit in deployment.units if "service" in unit.name and unit.server]
