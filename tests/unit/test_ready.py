"""When a server is taken to serve, and what is hinted at where it does not."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from toolkit.errors import StackError
from toolkit.model import App, Interface, Server, Stack
from toolkit.runtime.ready import hint_for, most_status, wait_until_ready

OWN = Stack(
    app=App(name="a", summary="", interface=Interface.WSGI, target="a:b", health="/", path=Path()),
    server=Server(
        name="s", summary="", interfaces=(Interface.WSGI,), keep_alive=True, argv=(), path=Path()
    ),
)
REFERENCE = replace(OWN, app=replace(OWN.app, contract="assets"))


class Absent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Absent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def wait(stack: Stack, port: int) -> None:
    wait_until_ready(
        port=port,
        path=stack.app.health,
        most=most_status(stack),
        hint=hint_for(stack),
        death=lambda: None,
        log_tail=lambda: "its last words",
        timeout=0.3,
    )


def test_a_404_of_an_app_of_ones_own_is_not_waited_for(port: int) -> None:
    wait(OWN, port)


def test_a_reference_app_serves_when_its_health_path_answers_200(port: int) -> None:
    with pytest.raises(StackError, match="the last try: status 404") as raised:
        wait(REFERENCE, port)
    assert "toolkit up" in raised.value.hint
    assert raised.value.log == "its last words"


def test_the_end_of_an_app_of_ones_own_comes_with_the_flags_that_may_help() -> None:
    with pytest.raises(StackError, match="ended before it answered: exit code 1") as raised:
        wait_until_ready(
            port=1,
            path="/",
            hint=hint_for(OWN),
            death=lambda: "exit code 1",
            log_tail=lambda: "",
            timeout=5,
        )
    assert "--env" in raised.value.hint
