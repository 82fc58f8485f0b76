from pathlib import Path

import pytest

from toolkit.catalog import Catalog, root
from toolkit.config import DEFAULT_STACKS, DEFAULT_WORKLOADS
from toolkit.contract import read_contract
from toolkit.errors import ConfigError
from toolkit.model import Knobs
from toolkit.runtime.settings import argv_of, environment_of

CATALOG = Catalog(root())


def test_what_is_measured_by_default_exists() -> None:
    chosen = [stack.id for stack in CATALOG.select_stacks(DEFAULT_STACKS)]
    assert chosen == list(DEFAULT_STACKS)
    names = [workload.name for workload in CATALOG.select_workloads(DEFAULT_WORKLOADS)]
    assert names == list(DEFAULT_WORKLOADS)


def test_an_app_meets_only_servers_of_its_interface() -> None:
    for stack in CATALOG.stacks:
        assert stack.app.interface in stack.server.interfaces


def test_a_glob_selects_and_keeps_the_order_of_the_patterns() -> None:
    chosen = [stack.id for stack in CATALOG.select_stacks(("fastapi/*", "flask/*"))]
    assert chosen[0] == "fastapi/uvicorn"
    assert set(chosen[1:]) == {
        "flask/gunicorn-gevent",
        "flask/gunicorn-gthread",
        "flask/gunicorn-sync",
    }


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


def test_every_knob_reaches_the_command_of_a_server_that_has_it() -> None:
    """An odd value for each knob must show up where the server knows the knob."""
    knobs = Knobs(workers=7, threads=8, connections=901, keep_alive=63, backlog=777)
    expected = {
        "gunicorn-sync": {"7", "777"},
        "gunicorn-gthread": {"7", "8", "901", "63", "777"},
        "gunicorn-gevent": {"7", "901", "63", "777"},
        "uvicorn": {"7", "63", "777"},
    }
    environment = environment_of(knobs, host="127.0.0.1", port=8000)
    for stack in CATALOG.stacks:
        assert expected[stack.server.name] <= set(argv_of(stack, environment))


def test_an_access_log_is_spelt_as_each_server_wants_it() -> None:
    for stack in CATALOG.stacks:
        on, off = (
            argv_of(stack, environment_of(Knobs(access_log=log), host="h", port=1))
            for log in (True, False)
        )
        assert on != off


def test_the_docker_folder_is_no_package() -> None:
    """It would hide the Docker SDK."""
    assert not list((CATALOG.path / "docker").rglob("__init__.py"))


def test_a_locustfile_without_a_docstring_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loadtests").mkdir()
    (tmp_path / "loadtests" / "x.py").write_text("pass\n")
    with pytest.raises(ConfigError, match="docstring"):
        _ = Catalog(tmp_path).workloads
