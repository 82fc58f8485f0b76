"""What was measured is what is deployed: the commands of servers, and their settings in files."""

import asyncio
import importlib.util
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_up_deployments import BY_SERVER, CATALOG, STACKS, files_of, numbers_of, text_of
from toolkit.deployment.layout import PORT, SERVER, command
from toolkit.model import Server
from toolkit.serve import KNOBS, render_argv

ODD = {
    "workers": 7,
    "threads": 8,
    "connections": 901,
    "keep_alive": 63,
    "backlog": 777,
    "max_requests": 5000,
    "preload": 1,
    "access_log": 1,
}
SERVERS = {server.name: server for server in CATALOG.servers}


def settings(server: Server, which: str) -> dict[str, int]:
    return {name: ODD[name] for name in server.knobs} if which == "odd" else {}


def measured(server: Server, which: str, target: str, **deployed: bool) -> list[str]:
    """Give what the toolkit starts when it measures, where the image has its files."""
    knobs = {**KNOBS, **settings(server, which)}
    values: dict[str, str | int | bool] = {"host": "0.0.0.0", "port": PORT, **knobs, **deployed}
    template = {"argv": server.argv, "switches": server.switches}
    argv = render_argv(template, values, target, SERVER)
    return [item.replace(f"{SERVER}/..", SERVER) for item in argv]


# commands


@pytest.mark.parametrize("which", ["plain", "odd"])
@pytest.mark.parametrize("name", [name for name, of in SERVERS.items() if not of.template])
def test_a_server_without_a_file_has_the_command_that_was_measured(name: str, which: str) -> None:
    """But for the number of workers, a proxy in front, and what makes it believe that."""
    server = SERVERS[name]
    numbers = numbers_of(BY_SERVER[name], knobs=settings(server, which))
    deployed, _ = command(server, numbers, "shop:app")
    expected = measured(server, which, server.deployed_target or "shop:app", proxied=True)
    workers = str({**KNOBS, **settings(server, which)}["workers"])
    assert [item.replace("{workers}", workers) for item in deployed] == expected
    assert ("{workers}" in deployed) == ("workers" in server.knobs)

    plain = measured(server, which, "shop:app")
    differing = {item for item in deployed if item not in plain} - {"{workers}"}
    assert differing <= {"--proxy-headers", "behind_proxy:app"}


def test_a_wish_for_more_patience_reaches_every_command() -> None:
    """What is derived from slow answers is what the server is told."""
    from tests.unit.made_up_deployments import evidence, settings_of, under

    for name, server in SERVERS.items():
        if name == "flask-dev":
            continue  # never in production
        said = evidence(under(slowest=50.0), knobs=settings_of(server))
        files = files_of(BY_SERVER[name], said)
        texts = text_of(files, "Dockerfile").splitlines()[-1]
        texts += text_of(files, f"server/{server.template}") if server.template else ""
        assert "60" in texts.replace('"', " ").split(), name


def test_the_dockerfile_has_the_command() -> None:
    for name, stack in BY_SERVER.items():
        numbers = numbers_of(stack)
        deployed, _ = command(stack.server, numbers, stack.app.target)
        line = text_of(files_of(stack), "Dockerfile").splitlines()[-1]
        assert json.loads(line.removeprefix("CMD ")) == list(deployed), name


# uWSGI


def options(argv: list[str]) -> dict[str, list[str]]:
    """Read uWSGI's options from its command, those of files that it names included."""
    found: dict[str, list[str]] = {}
    words = iter(argv[1:])
    for word in words:
        name = word.removeprefix("--")
        if name in ("lazy-apps", "disable-logging"):
            found.setdefault(name, []).append("true")
        elif name == "ini":
            for key, values in of_file(Path(next(words)).read_text()).items():
                found.setdefault(key, []).extend(values)
        else:
            found.setdefault(name, []).append(next(words))
    return found


def of_file(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith((";", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name.strip(), []).append(value.strip())
    return found


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_uwsgi_has_the_options_that_were_measured(which: str) -> None:
    server = SERVERS["uwsgi"]
    numbers = numbers_of(STACKS["flask/uwsgi"], knobs=settings(server, which))
    file = text_of(files_of(STACKS["flask/uwsgi"], numbers=numbers), "server/uwsgi.ini")
    argv = [item.replace(SERVER, str(server.path)) for item in measured(server, which, "x:y")]
    expected = {
        name: [value.replace(str(server.path), SERVER) for value in values]
        for name, values in options(argv).items()
    }
    workers = {**KNOBS, **settings(server, which)}["workers"]
    found = of_file(file.replace("$(WORKERS)", str(workers)))
    assert found == expected
    assert command(server, numbers, "x:y")[0] == ("uwsgi", "--ini", f"{SERVER}/uwsgi.ini")


# behind a proxy


Asgi = Callable[[dict[str, Any], Any, Any], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def behind_proxy() -> ModuleType:
    """Give the module of deploy/servers; it imports an app, which is of no use here."""
    spec = importlib.util.spec_from_file_location(
        "behind_proxy", CATALOG.path / "deploy" / "servers" / "behind_proxy.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APP_TARGET", "builtins:print")
        spec.loader.exec_module(module)
    return module


def seen(
    module: ModuleType, proxies: str, peer: object, *headers: tuple[str, str], kind: str = "http"
) -> tuple[object, object]:
    """Give client and scheme as the app sees them."""
    scopes: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        scopes.append(scope)

    scope = {
        "type": kind,
        "client": peer,
        "scheme": "ws" if kind == "websocket" else "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    wrapped: Asgi = module.behind(app, module.Proxies(proxies))
    asyncio.run(wrapped(scope, None, None))
    (found,) = scopes
    return found["client"], found["scheme"]


PROXY, STRANGER = ("10.0.0.2", 4000), ("203.0.113.9", 5000)
HEADERS = (("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https"))


@pytest.mark.parametrize("proxies", ["10.0.0.2", "127.0.0.1, 10.0.0.0/24", "*"])
def test_a_proxy_is_believed(proxies: str, behind_proxy: ModuleType) -> None:
    assert seen(behind_proxy, proxies, PROXY, *HEADERS) == (("198.51.100.7", 0), "https")


@pytest.mark.parametrize("peer", [STRANGER, ("unix:", 0), None])
def test_a_stranger_is_not(peer: object, behind_proxy: ModuleType) -> None:
    assert seen(behind_proxy, "10.0.0.0/24", peer, *HEADERS) == (peer, "http")


def test_what_a_client_adds_in_front_is_not_believed(behind_proxy: ModuleType) -> None:
    """A proxy adds the address that it was asked from; what stands before may be made up."""
    forged = (("x-forwarded-for", "1.1.1.1, 198.51.100.7"),)
    assert seen(behind_proxy, "10.0.0.2", PROXY, *forged)[0] == ("198.51.100.7", 0)
    twice = (("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.7"))
    assert seen(behind_proxy, "10.0.0.2", PROXY, *twice)[0] == ("198.51.100.7", 0)


def test_proxies_behind_each_other_are_passed(behind_proxy: ModuleType) -> None:
    chain = (("x-forwarded-for", "198.51.100.7, 10.0.0.3"),)
    assert seen(behind_proxy, "10.0.0.0/24", PROXY, *chain)[0] == ("198.51.100.7", 0)
    only = (("x-forwarded-for", "10.0.0.3"),)
    assert seen(behind_proxy, "10.0.0.0/24", PROXY, *only)[0] == ("10.0.0.3", 0)


@pytest.mark.parametrize(
    "headers", [(), (("x-forwarded-for", ""), ("x-forwarded-proto", "gopher"))]
)
def test_what_says_nothing_changes_nothing(
    headers: tuple[tuple[str, str], ...], behind_proxy: ModuleType
) -> None:
    assert seen(behind_proxy, "*", PROXY, *headers) == (PROXY, "http")


def test_a_websocket_has_schemes_of_its_own(behind_proxy: ModuleType) -> None:
    asked = seen(behind_proxy, "10.0.0.2", PROXY, *HEADERS, kind="websocket")
    assert asked == (("198.51.100.7", 0), "wss")


def test_what_is_no_address_is_refused(behind_proxy: ModuleType) -> None:
    with pytest.raises(ValueError, match="proxy"):
        behind_proxy.Proxies("127.0.0.1,proxy")


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_makes_it_fail(behind_proxy: ModuleType, forwarded: str, scheme: str) -> None:
    headers = (("x-forwarded-for", forwarded), ("x-forwarded-proto", scheme))
    _, found = seen(behind_proxy, "10.0.0.2", PROXY, *headers)
    assert found in ("http", "https")
