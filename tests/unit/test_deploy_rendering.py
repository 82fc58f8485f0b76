"""Templates become files: all of them, for every stack, and no number that says not where from."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.unit.made_up_deployments import (
    CATALOG,
    STACKS,
    TEMPLATES,
    evidence,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
    text_of,
    under,
)
from toolkit.deployment.assembling import Project
from toolkit.deployment.rendering import Written, targets
from toolkit.deployment.sizing import Numbers
from toolkit.errors import ConfigError
from toolkit.model import Production, Stack

STACK = STACKS["flask/gunicorn-gthread"]
Folder = Callable[[dict[str, str]], Path]


def rendered(templates: Path, *chosen: str) -> dict[str, Written]:
    (templates / "common").mkdir(exist_ok=True)
    (templates / "servers").mkdir(exist_ok=True)
    (templates / "servers" / "gunicorn.conf.py.j2").touch()
    (templates / "uv").mkdir()
    (templates / "uv" / "requirements.txt").write_text("uv==9.9.9 --hash=sha256:0\n")
    return files_of(STACK, None, place(targets=chosen), templates=templates)


# a folder of templates


def test_a_target_is_a_folder_that_says_so(folder: Folder) -> None:
    templates = folder({"b/TARGET": "", "a/TARGET": "", "c/file": ""})
    assert targets(templates) == ("a", "b")


def test_files_go_where_they_lie_and_templates_lose_their_ending(folder: Folder) -> None:
    templates = folder(
        {
            "common/README.md.j2": "{{ d.name }} of {{ n.workers }}",
            "heap/TARGET": "",
            "heap/deep/plain.txt": "{{ untouched }}",
            "other/TARGET": "",
            "other/file": "",
        }
    )
    files = rendered(templates, "heap")
    assert text_of(files, "README.md") == "flask of 1"
    assert text_of(files, "deep/plain.txt") == "{{ untouched }}"
    assert not {"TARGET", "heap/TARGET", "file", "README.md.j2"} & files.keys()


def test_a_part_of_the_readme_is_in_the_readme_and_no_file(folder: Folder) -> None:
    templates = folder(
        {
            "common/README.md.j2": "{% include 'heap/README.part.j2' %}",
            "heap/TARGET": "",
            "heap/README.part.j2": "## heap for {{ d.name }}",
        }
    )
    files = rendered(templates, "heap")
    assert text_of(files, "README.md") == "## heap for flask"
    assert not [name for name in files if "part" in name]


def test_what_nobody_defines_is_an_error(folder: Folder) -> None:
    for text in ("{{ n.wokers }}", "{{ d.app.production.reday }}", "{{ x }}"):
        templates = folder({"common/file.j2": text})
        with pytest.raises(jinja2.UndefinedError):
            files_of(
                replace(STACK, server=replace(STACK.server, template="")),
                templates=_with_uv(templates),
            )


def _with_uv(templates: Path) -> Path:
    (templates / "uv").mkdir(exist_ok=True)
    (templates / "uv" / "requirements.txt").write_text("uv==9.9.9\n")
    return templates


def test_what_is_rendered_to_nothing_is_left_out(folder: Folder) -> None:
    templates = folder(
        {
            "common/if.j2": "{% if d.database %}x{% endif %}\n",
            "common/empty": "",
            "common/y.j2": "y",
        }
    )
    files = rendered(templates)
    assert "if" not in files
    # only what is rendered: an empty file may be meant
    assert {"empty", "y"} <= files.keys()


def test_a_command_stays_one(folder: Folder) -> None:
    templates = folder({"common/run.j2": "#!/bin/sh\n", "common/data": "", "common/go": ""})
    (templates / "common" / "run.j2").chmod(0o755)
    (templates / "common" / "go").chmod(0o755)
    files = rendered(templates)
    assert [files[name].executable for name in ("run", "go", "data")] == [True, True, False]


# the real ones


class _Asked:
    """Numbers that remember which were asked for."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        self.names.add(name)
        return getattr(self.numbers, name)


def _said(stack: Stack) -> dict[str, Any]:
    return {
        "nothing": None,
        "all": evidence(stack=stack.id, knobs=settings_of(stack.server)),
        "no rate": evidence(
            under(carried=None, cpu=None, lone=None, threads=None),
            stack=f"{stack.id}:threads=8",
            knobs=settings_of(stack.server),
        ),
    }


@pytest.mark.parametrize("what", ["nothing", "all", "no rate"])
@pytest.mark.parametrize("name", STACKS)
def test_every_stack_renders_for_every_target(name: str, what: str) -> None:
    """With and without a database, and what a template takes of the numbers has its derivation."""
    stack = STACKS[name]
    said = _said(stack)[what]
    for database in (True, False):
        asked = _Asked(numbers_of(stack, said))
        where = place(targets=targets(TEMPLATES), database=database)
        files = files_of(stack, said, where, numbers=asked)  # type: ignore[arg-type]
        derived = {item.name for item in asked.numbers.figures}
        unexplained = {
            item for item in asked.names - derived - {"figures"} if getattr(asked, item) is not None
        }
        # of what a server has not, that it has not
        assert unexplained <= {"preload", "access_log", "max_requests"} - stack.server.knobs
        for file, written in files.items():
            if not file.startswith(("app/", "shared/")) and not file.endswith((".py", ".json")):
                # GitHub's own expressions are none of ours
                text = written.content.decode().replace("${{", "")
                assert "{%" not in text, file


@pytest.mark.parametrize("name", STACKS)
def test_the_command_is_there_with_all_that_it_names(name: str) -> None:
    files = files_of(STACKS[name])
    line = text_of(files, "Dockerfile").splitlines()[-1]
    argv = json.loads(line.removeprefix("CMD "))
    for word in argv:
        path, _, _ = word.partition(":")
        if path.startswith("/srv/"):
            inside = path.removeprefix("/srv/")
            assert any(file == inside or file.startswith(f"{inside}/") for file in files), word
    module = argv[-1].partition(":")[0]
    folders = ("app", "server", "shared", *(f"app/{part}" for part in STACKS[name].app.search))
    found = {f"{folder}/{module.replace('.', '/')}" for folder in folders}
    ini = argv[-1].endswith(".ini")
    file = argv[-1].endswith(".py") or "/" in argv[-1]
    names = {item.removesuffix(".py").removesuffix("/__init__") for item in files}
    assert ini or file or found & names


def test_a_server_brings_only_the_launchers_that_it_uses() -> None:
    def server(name: str) -> set[str]:
        files = files_of(STACKS[name])
        return {item for item in files if item.startswith("server/")} - {"server/README.md"}

    assert server("flask/gunicorn-gthread") == {"server/gunicorn.conf.py"}
    assert server("flask/waitress") == {"server/launch.py"}
    assert server("fastapi/hypercorn") == {"server/behind_proxy.py", "server/hypercorn_draining.py"}
    assert server("flask/uwsgi") == {"server/uwsgi.ini", "server/uwsgi_app.py"}


def test_there_is_a_folder_of_the_server_even_where_it_needs_no_file() -> None:
    """The image copies it, which fails where it is not there."""
    assert "server/README.md" in files_of(STACKS["fastapi/uvicorn"])


def test_what_is_of_no_use_in_production_is_not_in_the_image() -> None:
    files = files_of(STACK)
    odd = [
        name
        for name in files
        if "test" in name or "__pycache__" in name or name.endswith((".toml", ".in"))
    ]
    assert not odd


# the image of an own app


def own(folder: Path, where: str, **changes: object) -> dict[str, Written]:
    stack = own_app(folder.parent / "laid")
    project = Project(folder=folder, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    return files_of(stack, None, place(folder / where, **changes), project=replace(project))


def test_an_own_app_is_built_of_its_own_folder(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    files = own(home, "ops/deploy")
    dockerfile = text_of(files, "Dockerfile")
    assert "COPY ./ /srv/app/" in dockerfile
    assert "COPY ops/deploy/server/ /srv/server/" in dockerfile
    assert "-f ops/deploy/Dockerfile" in dockerfile
    # what only the build needs is in no layer that is shipped
    assert "rm -rf /srv/app/ops/deploy" in dockerfile
    assert "--require-hashes \\\n        -r requirements/app.txt" not in dockerfile
    assert not [name for name in files if name.startswith(("app/", "shared/"))]
    ignored = text_of(files, "Dockerfile.dockerignore").splitlines()
    assert ignored[-5:] == [
        "ops/deploy/*",
        "!ops/deploy/ca",
        "!ops/deploy/requirements",
        "!ops/deploy/entrypoint.py",
        "!ops/deploy/server",
    ]


@pytest.mark.parametrize("where", [".", "..", "../elsewhere"])
def test_it_is_refused_where_the_build_would_not_see_it(where: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder within the project") as raised:
        own(tmp_path / "shop", where)
    assert f"-o {tmp_path / 'shop' / 'deploy'}" in (raised.value.hint or "")


def test_a_factory_is_called_by_a_module_that_the_image_has(tmp_path: Path) -> None:
    stack = own_app(tmp_path / "laid", target="toolkit_app:app")
    project = Project(
        folder=tmp_path, target="shop:create_app()", shim=stack.app.path / "toolkit_app.py"
    )
    files = files_of(stack, None, place(tmp_path / "deploy"), project=project)
    assert "create_app()" in text_of(files, "server/toolkit_app.py")
    assert 'APP_TARGET="toolkit_app:app"' in text_of(files, "Dockerfile")


def test_an_app_of_packages_alone_brings_no_code(tmp_path: Path) -> None:
    stack = own_app(tmp_path / "laid", target="httpbin:app")
    project = Project(folder=None, target="httpbin:app", shim=stack.app.path / "toolkit_app.py")
    files = files_of(stack, None, place(tmp_path / "out"), project=project)
    assert [name for name in files if name.startswith("app/")] == ["app/README.md"]
    assert "COPY app/ /srv/app/" in text_of(files, "Dockerfile")


def test_what_ran_before_each_start_where_it_was_measured_is_not_in_the_image(
    tmp_path: Path,
) -> None:
    """``flask init-db`` and its like begin by dropping the tables."""
    stack = own_app(tmp_path / "laid", before=(("flask", "init-db"),))
    project = Project(folder=None, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    files = files_of(stack, None, place(tmp_path / "out"), project=project)
    assert not [name for name, file in files.items() if b"init-db" in file.content]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", '"plain"'),
        ("two words", '"two words"'),
        ("$HOME and ${X}", r'"\$HOME and \${X}"'),
        ('say "x"', r'"say \"x\""'),
        (r"a\b", r'"a\\b"'),
    ],
)
def test_a_variable_is_quoted_as_a_dockerfile_has_it(value: str, written: str) -> None:
    app = replace(STACK.app, production=Production(environment={"GREETING": value}))
    files = files_of(replace(STACK, app=app))
    assert f"    GREETING={written} \\\n" in text_of(files, "Dockerfile")


# what is measured is what is deployed


def test_variables_of_production_stand_over_those_that_were_measured() -> None:
    dockerfile = text_of(files_of(STACK), "Dockerfile")
    assert 'APP_CONFIG="production"' in dockerfile
    assert "benchmark" not in dockerfile


def test_the_command_to_measure_again_is_that_of_the_stack() -> None:
    said = evidence(stack="flask/gunicorn-gthread:threads=8,workers=2")
    readme = text_of(files_of(STACK, said), "README.md")
    again = "toolkit bench --stacks flask/gunicorn-gthread --vary threads=8 --vary workers=2"
    assert f"`{again}`" in readme


def test_a_deployment_says_what_one_replica_carries_only_if_that_was_measured() -> None:
    said = evidence(stack=STACK.id, knobs=settings_of(STACK.server))
    measured = text_of(files_of(STACK, said), "README.md")
    assert "one replica of 2 CPUs and 160 MiB carries 800 req/s with p99<50ms" in measured
    other = numbers_of(STACK, said, cpus=1.0)
    scaled = text_of(files_of(STACK, said, numbers=other), "README.md")
    assert "carries" not in scaled
    assert "one replica of 2 CPUs served at most 1,000 [900, 1,100] req/s" in scaled


def test_every_server_is_known_to_the_templates() -> None:
    """One that brings a configuration file of its own has its template."""
    named = {server.template for server in CATALOG.servers if server.template}
    there = {file.name.removesuffix(".j2") for file in (TEMPLATES / "servers").iterdir()}
    assert named == there
    for server in CATALOG.servers:
        assert bool(server.template) == bool(server.deployed_argv)


def test_rendering_takes_no_file_of_another_target() -> None:
    written: dict[Path, str] = {}
    for name in targets(TEMPLATES):
        for file in (TEMPLATES / name).rglob("*"):
            if file.is_file() and file.name not in {"TARGET", "README.part.j2"}:
                path = file.relative_to(TEMPLATES / name)
                assert path not in written, f"{name} and {written[path]} write {path}"
                written[path] = name
