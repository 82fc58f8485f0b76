"""An app of the user's own: how it is described, laid out and refused. Nothing is started."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.catalog import Catalog, root
from toolkit.cli import _run
from toolkit.cli.benched import as_they_are, named, place_of
from toolkit.cli.own import laid_out
from toolkit.cli.traffic import own_traffic
from toolkit.cli.variables import read_file, read_variables
from toolkit.config import AppConfig, Config, load_config
from toolkit.errors import ConfigError, StackError
from toolkit.measured import StackFacts
from toolkit.model import Interface, Project, Stack
from toolkit.parameters import Parameters
from toolkit.project.packages.dependencies import Requirements
from toolkit.project.staging import MODULE, OwnApp, stage
from toolkit.runtime import recipe
from toolkit.runtime.given import GivenImages
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.sources import sources_of

FLASKR = Path(__file__).parents[1] / "fixtures" / "apps" / "flaskr"
HASH = "--hash=sha256:" + "0" * 64
UNPINNED = Requirements(text="flask\n", source="pyproject.toml", pinned=False, hashed=False)


def own(**changes: object) -> OwnApp:
    values: dict[str, object] = {
        "name": "shop",
        "summary": 'the "shop"',
        "target": "shop:create_app()",
        "interface": "wsgi",
        "search": ("src",),
        "health": "/",
        "before": (("flask", "init-db"),),
        "writable": ("instance",),
        "requirements": UNPINNED,
    }
    return OwnApp(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    (folder / "src" / "shop").mkdir(parents=True)
    (folder / "src" / "shop" / "__init__.py").write_text("def create_app(): return 'the app'\n")
    return folder


def staged(folder: Path, app: OwnApp, sources: Path | None) -> Catalog:
    return stage(app, sources, Catalog(root()), folder / "staged")


# laying it out


def test_an_app_that_is_laid_out_is_one_of_a_catalog_with_every_server_that_fits(
    tmp_path: Path, sources: Path
) -> None:
    found = staged(tmp_path, own(), sources)
    (app,) = found.apps
    assert (app.name, app.interface, app.summary) == ("shop", Interface.WSGI, 'the "shop"')
    assert (app.before, app.writable) == ((("flask", "init-db"),), ("instance",))
    # bottle is any WSGI app: flask-dev serves Flask's only
    known = {stack.server.name for stack in Catalog(root()).stacks if stack.app.name == "bottle"}
    assert {stack.server.name for stack in found.stacks} == known
    assert found.broken == ()


def test_servers_import_an_app_by_one_name_whatever_makes_it(tmp_path: Path, sources: Path) -> None:
    found = staged(tmp_path, own(), sources)
    shown = f"import {MODULE}; print({MODULE}.app)"
    folder = found.apps[0].path
    done = subprocess.run(
        [sys.executable, "-c", shown],
        env={"PYTHONPATH": f"{folder}:{folder / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, found.apps[0].target) == ("the app\n", f"{MODULE}:app")


@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("shop:app", "from shop import app\n\napp = app\n"),
        ("shop.web:site.app", "from shop.web import site\n\napp = site.app\n"),
        ('shop:make("a", b=1)', 'from shop import make\n\napp = make("a", b=1)\n'),
    ],
)
def test_every_spelling_of_a_target_becomes_an_import(
    tmp_path: Path, sources: Path, target: str, module: str
) -> None:
    found = staged(tmp_path, own(target=target), sources)
    assert (found.apps[0].path / f"{MODULE}.py").read_text().endswith(module)


def test_what_an_app_pins_itself_is_not_pinned_by_the_server(tmp_path: Path) -> None:
    pinned = Requirements(
        text=f"Gunicorn==23.0.0 {HASH}\n", source="uv.lock", pinned=True, hashed=True
    )
    found = staged(tmp_path, own(requirements=pinned), None)
    (stack,) = found.select_stacks(("shop/gunicorn-gevent",))
    app, server = (file.read_text() for file in recipe.locks(stack))
    assert app == pinned.text
    assert "gunicorn==" not in server
    assert "gevent==" in server
    assert recipe.have_hashes(recipe.locks(stack))


def test_without_hashes_of_the_app_the_server_has_none_either(tmp_path: Path) -> None:
    """Installers want them of all packages or of none."""
    found = staged(tmp_path, own(), None)
    for stack in found.stacks:
        assert not recipe.have_hashes(recipe.locks(stack))
        assert "==" in recipe.locks(stack)[1].read_text()


def test_an_app_of_ones_own_may_have_packages_without_wheels(tmp_path: Path) -> None:
    found = staged(tmp_path, own(), None)
    assert not found.apps[0].wheels_only
    assert all(app.wheels_only for app in Catalog(root()).apps)


def test_the_build_context_has_all_that_the_recipe_copies(tmp_path: Path, sources: Path) -> None:
    found = staged(tmp_path, own(), sources)
    (stack,) = found.select_stacks(("shop/gunicorn-sync",))
    names = set(recipe.files_of(stack))
    assert {"apps/shop/src/shop/__init__.py", "apps/shop/app.toml", "docker/Dockerfile"} <= names
    assert any(name.startswith("apps/shared/") for name in names)
    assert not any(name.startswith("apps/flask/") for name in names)


# its files


@pytest.mark.parametrize("repository", [True, False])
def test_files_are_copied_without_what_is_not_the_projects_own(
    tmp_path: Path, repository: bool
) -> None:
    folder = tmp_path / "project"
    (folder / "venv").mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").touch()
    (folder / "app.py").write_text("app = 1\n")
    (folder / "results").mkdir()
    (folder / "results" / "run.json").touch()
    if repository:
        (folder / ".gitignore").write_text("venv\n")
        git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.invalid")
        for command in (["init", "-q"], ["add", "app.py"], ["commit", "-qm", "first"]):
            subprocess.run([*git, *command], check=True)
    (folder / "new.py").touch()
    with Guardian() as guardian, sources_of(folder, guardian, without="results") as copy:
        found = {file.name for file in copy.rglob("*") if file.name != ".gitignore"}
    assert found == {"app.py", "new.py"}
    assert not copy.exists()


def test_a_copy_within_the_project_does_not_hold_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    for name in ("app.py", "tmp/own.txt"):
        (tmp_path / name).touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with Guardian() as guardian, sources_of(tmp_path, guardian) as copy:
        found = {file.relative_to(copy).as_posix() for file in copy.rglob("*") if file.is_file()}
    assert found == {"app.py", "tmp/own.txt"}


def test_a_folder_with_too_much_in_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.runtime.sources._MOST_BYTES", 10)
    (tmp_path / "data.bin").write_bytes(b"x" * 11)
    with (
        Guardian() as guardian,
        pytest.raises(ConfigError, match="holds more than"),
        sources_of(tmp_path, guardian),
    ):
        pass


# what it is asked


def test_each_path_and_each_body_is_a_workload_of_its_own(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"name": "é & x=1"}')
    found = list(own_traffic(("/a?x=1", "/a?x=1"), (f"/items=@{body}", "/form=a=1&b=2"), ""))
    assert [item.id for item in found] == ["GET /a?x=1", "POST /items", "POST /form"]
    assert [item.parameters.get("type", "") for item in found] == [
        "",
        "application/json",
        "application/x-www-form-urlencoded",
    ]


def test_a_body_survives_the_way_to_the_load_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import runpy

    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    text = 'é & x=1; "quoted"\n%20+'
    body = tmp_path / "body.txt"
    body.write_text(text)
    (item,) = own_traffic((), (f"/items?a=1&b=2=@{body}",), "")
    query = Parameters(item.parameters, "").query()
    monkeypatch.setenv("TOOLKIT_PARAMETERS", query)
    values = runpy.run_path(str(item.path))["_VALUES"]
    assert values == {
        "path": "/items?a=1&b=2",
        "body": text,
        "type": "text/plain; charset=utf-8",
    }


@pytest.mark.parametrize(
    ("post", "said"),
    [
        ("/items", "has no body"),
        ("/items=@nothing.json", "cannot be read"),
        ("/items=" + "x" * 70_000, "larger than 64 KiB"),
    ],
)
def test_a_body_that_cannot_be_sent_is_refused(post: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        list(own_traffic((), (post,), ""))


# its variables


def test_variables_come_from_the_command_line_and_from_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    assert read_variables(("A=b=c", "TOKEN", "EMPTY=")) == {
        "A": "b=c",
        "TOKEN": "secret",
        "EMPTY": "",
    }
    with pytest.raises(ConfigError, match="no such variable"):
        read_variables(("NOT_SET_ANYWHERE",))


def test_a_file_of_variables_is_read_as_docker_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# remark\n\nA=b # c\nexport B='x y'\nC=\"\"\n")
    assert read_file(file) == {"A": "b # c", "B": "x y", "C": ""}
    file.write_text("A=b\nnonsense\n")
    with pytest.raises(ConfigError, match=r"env:2: 'nonsense' is no variable"):
        read_file(file)


# what the command line means


def test_a_folder_a_file_and_a_target_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "wsgi.py").touch()
    (tmp_path / "shop" / "web.py").touch()
    assert place_of("shop", tmp_path) == (tmp_path / "shop", "")
    assert place_of("wsgi.py", tmp_path) == (tmp_path, "wsgi.py")
    assert place_of("shop/web.py:app", tmp_path) == (tmp_path, "shop/web.py:app")
    assert place_of(str(tmp_path / "wsgi.py"), tmp_path) == (tmp_path, "wsgi.py")
    assert place_of("../wsgi.py:app", tmp_path / "shop") == (tmp_path, "wsgi.py:app")
    assert place_of("wsgi:app", tmp_path) == (tmp_path, "wsgi:app")


@pytest.mark.parametrize(
    ("text", "name"),
    [("My_Shop", "my-shop"), ("registry/app:1.2", "registry-app-1-2"), ("///", "app")],
)
def test_a_name_may_be_that_of_an_image(text: str, name: str) -> None:
    assert named(text) == name


def test_the_tutorials_app_is_found_with_its_packages_and_laid_out(tmp_path: Path) -> None:
    app = AppConfig(get=("/",), before=("flask --app flaskr init-db",), servers=("gunicorn-*",))
    config = Config(app=app, results=str(tmp_path))
    with laid_out(config, FLASKR, against_itself=None) as found:
        place = found.catalog.path
        assert {stack.id for stack in found.stacks} >= {"flaskr/gunicorn-sync"}
        assert [item.id for item in found.workloads] == ["GET /"]
        assert any("flaskr:create_app()" in remark for remark in found.remarks)
        assert any("requirements.txt" in remark for remark in found.remarks)
        assert "flask==3.1.3" in (place / "apps" / "flaskr" / "requirements.txt").read_text()
    assert not place.exists()


def test_an_app_can_be_measured_against_itself(tmp_path: Path) -> None:
    config = Config(app=AppConfig(get=("/",)), results=str(tmp_path))
    with laid_out(config, FLASKR, against_itself="flaskr/waitress") as found:
        assert [stack.id for stack in found.stacks] == ["flaskr/waitress", "flaskr/waitress#2"]


@pytest.fixture
def bench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> tuple[int, str]:
        code = _run(["bench", *arguments])
        return code, capsys.readouterr().err

    return typed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wsgi:app"], "what is requested is not said"),
        (["wsgi:app", "--get", "/", "--stacks", "flask/*"], "--stacks chooses among the reference"),
        (["package:app", "--get", "/", "--install", "a==1"], "WSGI or an ASGI app"),
        (
            ["--image", "a", "--get", "/", "--runtime", "process"],
            "an image cannot run as a process",
        ),
        (["--image", "a"], "what is requested is not said"),
        (["wsgi:app", "--get", "/", "--locustfile", "none.py"], "none.py does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    bench: Callable[..., tuple[int, str]], arguments: list[str], said: str
) -> None:
    code, err = bench(*arguments)
    assert code == 2
    assert said in err
    assert "hint: " in err or "does not exist" in err


def test_flags_add_to_the_settings_of_an_app_and_do_not_empty_them(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.toolkit.app]\ntarget = "a:b"\nget = ["/"]\nbefore = ["x y"]\n')
    app = load_config(tmp_path).app
    assert (app.target, app.get, app.before) == ("a:b", ("/",), ("x y",))


# images


class FakePlatform:
    facts = None

    def __init__(self) -> None:
        self.served: list[Project] = []

    def prepare_project(self, project: Project, observer: object) -> StackFacts:
        return StackFacts(
            id=project.name,
            summary="",
            keep_alive=True,
            argv=(),
            settings={},
            python="",
            packages={},
            image="sha256:1",
        )

    def serve_project(self, project: Project) -> str:
        self.served.append(project)
        return "a service"


def test_an_image_takes_the_place_of_a_stack_with_the_variables_of_the_run() -> None:
    found = as_they_are(Config(app=AppConfig(get=("/",))), ("shop:1", "shop:2"), 80)
    assert [stack.id for stack in found.stacks] == ["shop-1/as-it-is", "shop-2/as-it-is"]
    platform = FakePlatform()
    runtime = GivenImages(platform, found.projects)  # type: ignore[arg-type]
    facts = runtime.prepare(found.stacks[0], None)  # type: ignore[arg-type]
    assert (facts.id, facts.image) == ("shop-1/as-it-is", "sha256:1")
    assert runtime.serve(found.stacks[1], {"A": "run", "B": "run"}) == "a service"  # type: ignore[comparison-overlap]
    (served,) = platform.served
    assert (served.image, served.port) == ("shop:2", 80)
    assert served.environment == {"A": "run", "B": "run"}
    with pytest.raises(StackError):
        runtime.run_once(found.stacks[0], ("migrate",), {})


def test_two_images_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="would both be"):
        as_they_are(Config(app=AppConfig(get=("/",))), ("a/b", "a-b"), 80)


# init


@pytest.fixture
def init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def typed(*arguments: str) -> tuple[int, str, str]:
        code = _run(["init", str(tmp_path), *arguments])
        return (code, *capsys.readouterr())

    return typed


Init = Callable[..., tuple[int, str, str]]


def test_init_writes_settings_that_bench_reads(init: Init, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["flask"]\n')
    (tmp_path / "wsgi.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/items')\ndef items(): ...\n"
    )
    code, out, _ = init()
    assert code == 0
    assert "toolkit bench" in out
    config = load_config(tmp_path)
    assert (config.app.target, config.app.get) == ("wsgi:app", ("/items",))
    assert config.app.requirements == "pyproject.toml"
    data = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert data["project"]["name"] == "x"


def test_init_overwrites_no_settings(init: Init, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "toolkit.toml").write_text('[app]\ntarget = "other:app"\n')
    code, _, err = init()
    assert (code, "has settings of an app already" in err) == (2, True)
    assert load_config(tmp_path).app.target == "other:app"
    code, out, _ = init("--print")
    assert (code, 'target = "app:app"' in out) == (0, True)


def test_init_without_known_packages_says_why_and_goes_on(init: Init, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    code, out, _ = init()
    assert code == 0
    assert "no file says what is installed" in out
    assert load_config(tmp_path).app.target == "app:app"


def test_a_name_in_a_remark_does_not_end_its_line(init: Init, tmp_path: Path) -> None:
    folder = tmp_path / "a\nb = 1"
    folder.mkdir()
    (folder / "__init__.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    code, out, _ = init("--print")
    assert code == 0
    assert set(tomllib.loads(out)) == {"app"}


# serve.py


def test_commands_before_a_start_run_in_the_apps_place_and_must_succeed(tmp_path: Path) -> None:
    import toolkit.serve

    app, server = tmp_path / "apps" / "a", tmp_path / "servers" / "s"
    (app / "src").mkdir(parents=True)
    server.mkdir(parents=True)
    shown = "import json, os; print(json.dumps([os.listdir(), os.environ['PYTHONPATH']]))"
    (server / "server.toml").write_text(f"argv = {json.dumps([sys.executable, '-c', shown])}\n")

    def start(*code: str) -> "subprocess.CompletedProcess[str]":
        before = [[sys.executable, "-c", text] for text in code]
        (app / "app.toml").write_text(
            f'target = "m:a"\nhealth = "/"\nsearch = ["src"]\nbefore = {json.dumps(before)}\n'
        )
        return subprocess.run(
            [sys.executable, "-I", toolkit.serve.__file__],
            env={"APP_DIR": str(app), "SERVER_DIR": str(server), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    files, path = json.loads(start("open('made', 'w').close()").stdout)
    assert "made" in files
    assert path.split(":")[:2] == [str(app), str(app / "src")]
    failed = start("raise SystemExit(3)", "open('later', 'w').close()")
    assert failed.returncode == 1
    assert "ended with 3" in failed.stderr
    assert not (app / "later").exists()


def test_what_is_writable_of_an_app_is_in_memory_in_its_container() -> None:
    from toolkit.runtime.docker import DockerRuntime
    from toolkit.runtime.engine import ContainerSpec
    from toolkit.runtime.reach import Reach

    made = as_they_are(Config(app=AppConfig(get=("/",))), ("shop",), 80).stacks[0]
    runtime = object.__new__(DockerRuntime)
    runtime._tags = {made.id: "tag"}
    runtime._run, runtime._reach = "run", Reach(host_network=True, direct=True)
    runtime._new_name = lambda: "name"  # type: ignore[method-assign]
    from dataclasses import replace

    from toolkit.model import Placement

    runtime._placement = Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=1)
    stack = Stack(app=replace(made.app, writable=("instance",)), server=made.server)
    spec = runtime._server(stack, {})
    assert isinstance(spec, ContainerSpec)
    assert set(spec.tmpfs) == {"/tmp", "/srv/apps/shop/instance"}
