"""What the command line makes of a project, and what it refuses. Nothing is started."""

import os
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.cli import _run
from toolkit.cli.benched import health_of
from toolkit.cli.own import laid_out
from toolkit.cli.traffic import own_traffic, request_path
from toolkit.config import AppConfig, Config, load_config
from toolkit.errors import ConfigError
from toolkit.parameters import Parameters
from toolkit.project.apps.lookup import find_app
from toolkit.project.packages.dependencies import NothingSaid, find_requirements
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.sources import sources_of

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "web"
version = "1"
source = { editable = "." }
dependencies = []
"""
Folder = Callable[[dict[str, str]], Path]
Toolkit = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.fixture
def toolkit(capsys: pytest.CaptureFixture[str]) -> Toolkit:
    def typed(*arguments: str) -> tuple[int, str]:
        code = _run([*arguments])
        return code, "".join(capsys.readouterr())

    return typed


def dry(toolkit: Toolkit, *arguments: str) -> tuple[int, str]:
    return toolkit("bench", *arguments, "--runtime", "process", "--quick", "--dry-run")


# which app is meant


def test_traffic_without_an_app_is_that_of_the_app_of_this_folder(
    folder: Folder, toolkit: Toolkit
) -> None:
    """And never that of the reference apps, which have no such path."""
    folder({"app.py": FLASK, "requirements.txt": "flask==3.1.3\n"})
    code, out = dry(toolkit, "--get", "/")
    assert (code, "App: app:app, WSGI" in out) == (0, True)


@pytest.mark.parametrize("settings", ['get = ["/"]', 'post = ["/a=b"]'])
def test_settings_may_leave_the_app_to_be_found(
    folder: Folder, toolkit: Toolkit, settings: str
) -> None:
    folder(
        {
            "app.py": FLASK,
            "requirements.txt": "flask==3.1.3\n",
            "toolkit.toml": f"[app]\n{settings}\n",
        }
    )
    code, out = dry(toolkit)
    assert (code, "App: app:app, WSGI" in out) == (0, True)


@pytest.mark.parametrize("given", [["--get", "/"], ["--env", "A=b"], ["--before", "x"]])
def test_what_describes_an_own_app_does_not_go_with_reference_stacks(
    folder: Folder, toolkit: Toolkit, given: list[str]
) -> None:
    folder({})
    code, out = dry(toolkit, "--stacks", "flask/*", *given)
    assert (code, "--stacks chooses among the reference apps" in out) == (2, True)


@pytest.mark.parametrize(("given", "said"), [(["app:app"], "APP"), (["--servers", "a"], "--serv")])
def test_an_image_brings_its_app_and_its_server(
    folder: Folder, toolkit: Toolkit, given: list[str], said: str
) -> None:
    folder({})
    code, out = toolkit("bench", "--image", "x:1", "--get", "/", *given)
    assert (code, f"error: {said}" in out, "not go with --image" in out) == (2, True, True)


def test_a_file_of_a_package_is_found_with_what_the_project_installs(
    folder: Folder, toolkit: Toolkit
) -> None:
    folder({"shop/__init__.py": "", "shop/web.py": FLASK, "requirements.txt": "flask==3.1.3\n"})
    code, out = dry(toolkit, "shop/web.py", "--get", "/")
    assert (code, "App: shop.web:app, WSGI" in out) == (0, True)


def test_files_that_settings_name_lie_beside_the_settings(folder: Folder, toolkit: Toolkit) -> None:
    settings = '[app]\nlocustfile = "load.py"\npost = ["/a=@body.json", "/b=c"]\n'
    folder(
        {
            "shop/app.py": FLASK,
            "shop/requirements.txt": "flask==3.1.3\n",
            "shop/toolkit.toml": settings,
            "shop/load.py": "",
            "shop/body.json": "{}",
        }
    )
    code, out = dry(toolkit, "shop")
    assert (code, "3 workloads" in out) == (0, True)


def test_a_module_that_is_not_there_is_named(folder: Folder, toolkit: Toolkit) -> None:
    folder({"app.py": FLASK, "requirements.txt": "flask==3.1.3\n"})
    code, out = dry(toolkit, "ap:app", "--get", "/")
    assert (code, "There is no module ap in" in out) == (2, True)


def test_an_interface_against_the_source_is_told(folder: Folder, toolkit: Toolkit) -> None:
    folder({"app.py": FLASK, "requirements.txt": "flask==3.1.3\n"})
    code, out = dry(toolkit, "app:app", "--get", "/", "--interface", "asgi")
    assert (code, "By its source it is WSGI" in out) == (0, True)


def test_a_source_that_cannot_be_parsed_is_named_where_no_app_is_found(folder: Folder) -> None:
    place = folder({"app.py": "from flask import Flask\napp = Flask(__name__\n"})
    with pytest.raises(ConfigError, match="No app was found") as caught:
        find_app(place)
    assert "app.py cannot be read as Python" in caught.value.hint


def test_a_folder_is_named_in_full_where_no_app_is_found(folder: Folder) -> None:
    place = folder({})
    with pytest.raises(ConfigError, match=str(place)):
        find_app(Path())


# what it installs


def test_packages_are_looked_for_between_the_app_and_the_folder(folder: Folder) -> None:
    place = folder({"services/web/requirements.txt": "flask==3.1.3\n", "services/web/a/b.py": ""})
    found = find_requirements(place, beside="services/web/a/b.py")
    assert (found.source, found.text) == ("services/web/requirements.txt", "flask==3.1.3\n")


def test_what_the_folder_itself_says_comes_first(folder: Folder) -> None:
    place = folder({"web/requirements.txt": "flask==3.1.3\n", "requirements.txt": "bottle==1\n"})
    assert find_requirements(place, beside="web/app.py").source == "requirements.txt"


def test_where_nothing_says_it_the_whole_folder_is_named(folder: Folder) -> None:
    place = folder({"web/app.py": ""})
    with pytest.raises(NothingSaid, match="no file says what is installed") as caught:
        find_requirements(place, beside="web/app.py")
    assert str(caught.value).startswith(f"{place}:")


def test_a_lock_of_a_part_can_be_named_again(folder: Folder) -> None:
    """As ``toolkit init`` writes it into the settings."""
    place = folder({"web/uv.lock": LOCK, "web/pyproject.toml": '[project]\nname = "web"\n'})
    found = find_requirements(place, beside="web/app.py")
    assert found.source == "web/uv.lock"
    assert find_requirements(place, found.source).text == found.text


def test_without_a_file_packages_may_be_named_by_hand(folder: Folder, toolkit: Toolkit) -> None:
    folder({"app.py": FLASK})
    code, out = dry(toolkit, "--get", "/", "--install", "flask==3.1.3")
    assert (code, "Packages: from --install." in out) == (0, True)


def test_a_broken_lock_comes_with_a_way_out(folder: Folder) -> None:
    place = folder({"uv.lock": "<<<<<<< HEAD\n"})
    with pytest.raises(ConfigError, match="it is no TOML") as caught:
        find_requirements(place)
    assert "--requirements" in caught.value.hint


# traffic


@pytest.mark.parametrize("path", ["items", "", "http://localhost/", "?a=b"])
@pytest.mark.parametrize("flag", ["--get", "--post", "--health"])
def test_a_path_begins_with_a_slash(path: str, flag: str) -> None:
    with pytest.raises(ConfigError, match=f"{flag} .* is no path"):
        request_path(flag, path)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/items/1?x=ü y", "/items/1?x=%C3%BC%20y"),
        ("/a%20b?q=%26&r=a+b", "/a%20b?q=%26&r=a+b"),
        ("/@me/[1]:2,3;4~5", "/@me/[1]:2,3;4~5"),
        ("/a\r\nX: y", "/a%0D%0AX:%20y"),
    ],
)
def test_a_path_is_sent_as_browsers_send_it(
    path: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    (item,) = own_traffic((path,), (), "")
    query = Parameters(item.parameters, "").query()
    monkeypatch.setenv("TOOLKIT_PARAMETERS", query)
    assert runpy.run_path(str(item.path))["PATH"] == sent
    assert health_of(AppConfig(get=(path,))) == sent


def test_two_bodies_to_one_path_are_told_apart() -> None:
    found = own_traffic((), ("/items=a", "/items=b", "/items=a"), "")
    assert [item.id for item in found] == ["POST /items", "POST /items (2)"]


# files and folders


@pytest.mark.parametrize("writable", ["../x", "/data", "a/../../b"])
def test_only_folders_of_the_app_are_made_writable(folder: Folder, writable: str) -> None:
    place = folder({"app.py": FLASK, "requirements.txt": "flask==3.1.3\n"})
    app = AppConfig(get=("/",), writable=(writable,))
    with (
        pytest.raises(ConfigError, match="no folder within the app's own"),
        laid_out(Config(app=app, results="results"), place, against_itself=None),
    ):
        pass


@pytest.mark.parametrize(("environment", "told"), [({}, True), ({"SECRET": "x"}, False)])
def test_a_file_of_variables_that_is_not_read_is_named(
    folder: Folder, environment: dict[str, str], told: bool
) -> None:
    place = folder({"app.py": FLASK, "requirements.txt": "flask==3.1.3\n", ".env": "SECRET=x\n"})
    app = AppConfig(get=("/",), environment=environment)
    with laid_out(Config(app=app, results="results"), place, against_itself=None) as found:
        assert any("--env-file .env" in remark for remark in found.remarks) is told
        assert not list(found.catalog.path.rglob(".env"))


def test_secrets_that_git_does_not_ignore_are_not_copied(folder: Folder) -> None:
    place = folder({"app.py": "", ".env": "SECRET=x\n", "a/.secret/key": "", "a/b.py": ""})
    subprocess.run(["git", "init", "-q", os.fspath(place)], check=True)
    with Guardian() as guardian, sources_of(place, guardian) as copy:
        assert {file.name for file in copy.rglob("*") if file.is_file()} == {"app.py", "b.py"}


def test_of_too_much_the_largest_part_is_named_before_anything_is_copied(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder({"app.py": "x", "data/a": "x" * 2**20, "data/b": "x" * 2**20})
    monkeypatch.setattr("toolkit.runtime.sources._MOST_BYTES", 2**20)
    copied: list[object] = []
    monkeypatch.setattr("shutil.copy", lambda *given, **_: copied.append(given))
    with (
        Guardian() as guardian,
        pytest.raises(ConfigError, match="2 MiB of it in data"),
        sources_of(place, guardian),
    ):
        pass
    assert copied == []


# init


def test_init_offers_no_path_that_only_leads_elsewhere(folder: Folder, toolkit: Toolkit) -> None:
    routes = "".join(
        f"@app.get('/{path}')\ndef {path}(): ...\n" for path in ("logout", "callback", "items")
    )
    place = folder({"app.py": FLASK + routes})
    assert toolkit("init")[0] == 0
    assert load_config(place).app.get == ("/items",)


def test_init_names_the_packages_of_a_part(folder: Folder, toolkit: Toolkit) -> None:
    place = folder({"web/app.py": FLASK, "web/requirements.txt": "flask==3.1.3\n"})
    assert toolkit("init")[0] == 0
    assert load_config(place).app.requirements == "web/requirements.txt"


def test_init_says_how_to_go_on_in_words_that_a_shell_takes(
    folder: Folder, toolkit: Toolkit
) -> None:
    folder({"my shop/app.py": FLASK})
    assert "toolkit bench 'my shop' --quick" in toolkit("init", "my shop")[1]
