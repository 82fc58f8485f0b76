"""Claims about the workload of ``--get``: which answers are right, and what is said of others."""

import runpy

import pytest

from toolkit.load.duel import GET_FILE
from toolkit.parameters import VARIABLE

with pytest.MonkeyPatch.context() as patch:
    # threads and sockets of the tests stay what they are
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from toolkit.client import Answer, Request


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv(VARIABLE, "path=/items%3Fa%3D1")
    (request,) = runpy.run_path(str(GET_FILE))["GetUser"].tasks
    assert isinstance(request, Request)
    return request


def answer(status: int, location: str | None = None) -> Answer:
    headers = "" if location is None else f"Location: {location}\r\n"
    head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n"
    return Answer(status, b"", head.encode())


@pytest.mark.parametrize("status", [200, 204, 206])
def test_what_is_no_redirect_and_no_error_is_right(page: Request, status: int) -> None:
    assert page.judge(answer(status)) is None


def test_every_answer_is_looked_at(page: Request) -> None:
    """The client takes an answer with this status for right without asking."""
    assert page.plain_status is None or page.judge(answer(page.plain_status)) is None
    assert page.redirects == 0


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        (308, "/items/", "status 308, leads to /items/: request that"),
        # Werkzeug says where it is, and the port is another one for each server
        (308, "http://127.0.0.1:43121/items/?a=1", "status 308, leads to /items/: request that"),
        (302, "/login?next=%2Fitems&state=f3a9", "status 302, leads to /login: request that"),
        (302, "more/", "status 302, leads to /more/: request that"),
        (302, "/items?a=1", "status 302, leads to itself"),
        (302, "https://127.0.0.1:1/items", "https://127.0.0.1/items: no page of this server"),
        (303, "http://login.example.org/?s=1", "http://login.example.org/: no page of this server"),
        (302, "http://[oops/", "status 302, leads to no URL"),
        (304, None, "status 304, leads nowhere"),
    ],
)
def test_a_redirect_is_wrong_and_it_is_said_where_it_leads(
    page: Request, status: int, location: str | None, said: str
) -> None:
    assert (page.judge(answer(status, location)) or "").endswith(said)


def test_errors_are_wrong_as_everywhere(page: Request) -> None:
    assert page.judge(answer(404)) == "status 404"
