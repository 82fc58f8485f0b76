from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from toolkit.catalog import Catalog, root
from toolkit.config import DEFAULT_STACKS, DEFAULT_WORKLOADS, SETS
from toolkit.contract import read_contract
from toolkit.errors import ConfigError
from toolkit.model import Need
from toolkit.verify import START

CATALOG = Catalog(root())


def test_what_is_measured_by_default_exists() -> None:
    chosen = [stack.id for stack in CATALOG.select_stacks(DEFAULT_STACKS)]
    assert chosen == list(DEFAULT_STACKS)
    names = [workload.name for workload in CATALOG.select_workloads(DEFAULT_WORKLOADS)]
    assert names == list(DEFAULT_WORKLOADS)


def test_an_app_meets_only_servers_of_its_interface() -> None:
    for stack in CATALOG.stacks:
        assert stack.app.interface in stack.server.interfaces


def test_every_framework_and_server_of_the_project_is_there() -> None:
    """What the docs promise; a folder that is lost would only make every list shorter."""
    assert {app.name for app in CATALOG.apps} == {
        *("flask", "flask-async", "bottle", "django"),
        *("fastapi", "litestar", "quart"),
    }
    assert {server.name for server in CATALOG.servers} == {
        *("gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "granian-wsgi", "waitress"),
        *("uwsgi", "cheroot", "gevent-pywsgi", "flask-dev"),
        *("gunicorn-asgi", "gunicorn-uvicorn", "uvicorn", "hypercorn", "granian-asgi"),
        *("uvicorn-a2wsgi", "hypercorn-a2wsgi", "gunicorn-asgi-a2wsgi"),
    }
    assert {workload.name for workload in CATALOG.workloads} == {
        *("list", "create", "template", "db-read", "db-multi", "db-write", "orm", "upstream"),
        *("cpu", "static", "large", "upload", "stream", "session", "mixed", "slow-client"),
    }


def test_the_development_server_serves_flask_only_and_warns() -> None:
    dev = [stack for stack in CATALOG.stacks if stack.server.name == "flask-dev"]
    assert {stack.app.name for stack in dev} == {"flask", "flask-async"}
    assert all("never in production" in stack.server.caution for stack in dev)
    others = [server for server in CATALOG.servers if server.name != "flask-dev"]
    assert not any(server.caution for server in others)


def test_a_glob_selects_and_keeps_the_order_of_the_patterns() -> None:
    patterns = ("fastapi/uvicorn", "flask/gunicorn-g*", "flask/gunicorn-*")
    chosen = [stack.id for stack in CATALOG.select_stacks(patterns)]
    assert chosen[0] == "fastapi/uvicorn"
    assert set(chosen[1:3]) == {"flask/gunicorn-gevent", "flask/gunicorn-gthread"}
    assert "flask/gunicorn-sync" in chosen[3:]
    assert len(chosen) == len(set(chosen))


def test_apps_and_servers_are_combined_where_they_fit() -> None:
    chosen = [item.id for item in CATALOG.combine(("flask", "quart"), ("uvicorn", "gunicorn-g*"))]
    assert chosen == ["flask/gunicorn-gevent", "flask/gunicorn-gthread", "quart/uvicorn"]


@pytest.mark.parametrize(
    ("apps", "servers", "said"),
    [
        ("flsk", "*", "no app matches 'flsk'"),
        ("flask", "uvicron", "no server matches 'uvicron'"),
        ("quart", "waitress", "quart is an ASGI app, waitress serves WSGI"),
        ("django", "flask-dev", "flask-dev serves only flask, flask-async"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_reason(
    apps: str, servers: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        CATALOG.combine((apps,), (servers,))
    assert said in str(caught.value)
    assert caught.value.hint


def test_parameters_choose_and_are_part_of_the_id() -> None:
    patterns = ("upstream", "upstream?delay=5ms", "list", "db-multi?rows=3")
    chosen = [workload.id for workload in CATALOG.select_workloads(patterns)]
    assert chosen == ["upstream?delay=20ms", "upstream?delay=5ms", "list", "db-multi?rows=3"]


def test_the_same_workload_is_chosen_once_however_it_is_spelt() -> None:
    patterns = ("upstream?delay=20ms", "upstream", "upst*")
    assert len(CATALOG.select_workloads(patterns)) == 1


@pytest.mark.parametrize("pattern", ["list?rows=3", "upstream?delay=5", "upstream?dely=5ms"])
def test_a_parameter_that_a_workload_does_not_have_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=f"^{pattern.partition('?')[0]}: ") as caught:
        CATALOG.select_workloads((pattern,))
    assert caught.value.hint


def test_workloads_say_which_service_they_need() -> None:
    needs = {workload.name: workload.needs for workload in CATALOG.workloads}
    assert needs["list"] == needs["slow-client"] == ()
    assert needs["db-read"] == needs["orm"] == (Need.DATABASE,)
    assert needs["upstream"] == (Need.UPSTREAM,)
    assert set(needs["mixed"]) == {Need.DATABASE, Need.UPSTREAM}


def test_what_is_listed_as_broken_names_stacks_exchanges_and_workloads_that_there_are() -> None:
    exchanges = {START, *(item.name for item in read_contract(CATALOG.path / "apps", "assets"))}
    for entry in CATALOG.broken:
        assert any(fnmatchcase(stack.id, entry.stack) for stack in CATALOG.stacks)
        assert any(fnmatchcase(name, entry.exchange) for name in exchanges)
        for pattern in entry.workloads:
            assert any(fnmatchcase(workload.name, pattern) for workload in CATALOG.workloads)
        assert entry.reason
        assert entry.evidence


def test_every_set_can_be_chosen() -> None:
    for values in SETS.values():
        if "stacks" in values:
            assert CATALOG.select_stacks(values["stacks"])
        if "servers" in values:
            assert CATALOG.combine(values["apps"], values["servers"])
        assert CATALOG.select_workloads(values.get("workloads", ("list",)))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("flask/gunicorn-synk", "flask/gunicorn-sync"),
        ("flask/uvicorn", "toolkit list"),
        ("zzz", "toolkit list"),
    ],
)
def test_an_unknown_stack_is_answered_with_a_hint(pattern: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CATALOG.select_stacks((pattern,))
    assert said in caught.value.hint


def test_every_app_is_bound_to_a_contract_that_can_be_read() -> None:
    for app in CATALOG.apps:
        assert app.contract is not None
        assert read_contract(CATALOG.path / "apps", app.contract)


def test_the_docker_folder_is_no_package() -> None:
    """It would hide the Docker SDK."""
    assert not list((CATALOG.path / "docker").rglob("__init__.py"))


def test_a_locustfile_without_a_docstring_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loadtests").mkdir()
    (tmp_path / "loadtests" / "x.py").write_text("pass\n")
    with pytest.raises(ConfigError, match="docstring"):
        _ = Catalog(tmp_path).workloads


def test_parameters_and_needs_are_read_without_importing_the_locustfile(tmp_path: Path) -> None:
    (tmp_path / "loadtests").mkdir()
    file = tmp_path / "loadtests" / "x.py"
    text = '"""Do x."""\nraise SystemExit\nPARAMETERS = {"n": "5"}\nNEEDS = ("upstream",)\n'
    file.write_text(text)
    (workload,) = Catalog(tmp_path).workloads
    assert (workload.id, workload.needs) == ("x?n=5", (Need.UPSTREAM,))
    for wrong in (
        "NEEDS = ('disk',)",
        "NEEDS = 5",
        "PARAMETERS = dict(n='5')",
        "PARAMETERS = {'n': 5}",
        "PARAMETERS = ['n']",
    ):
        file.write_text(f'"""Do x."""\n{wrong}\n')
        with pytest.raises(ConfigError, match=r"x\.py"):
            _ = Catalog(tmp_path).workloads


@pytest.mark.parametrize(
    "line", ["prepare = ['flask db upgrade']", "prepare = 5", "[environment]\nDEBUG = 1"]
)
def test_an_app_that_is_spelt_wrong_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "apps" / "a").mkdir(parents=True)
    text = f'summary = ""\ninterface = "wsgi"\ntarget = "a:b"\nhealth = "/"\n{line}\n'
    (tmp_path / "apps" / "a" / "app.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"app\.toml"):
        _ = Catalog(tmp_path).apps
