"""A session: log in, look at pages that are for users only, log out."""

from toolkit.client import JsonBody, Request, Scenario, SocketUser

_LOG_IN = Request(
    "POST",
    "/session",
    name="log in",
    json={"name": "ada", "password": "correct horse"},
    expect=200,
    check=JsonBody({"user": "ada"}),
)
_PAGES = [
    Request(
        "GET",
        f"/session/pages/{number}",
        name=f"page {number}",
        expect=200,
        check=JsonBody({"user": "ada", "page": number}),
    )
    for number in (1, 2, 3)
]
_LOG_OUT = Request("DELETE", "/session", name="log out", expect=204, check=lambda body: not body)


def visit(user: SocketUser) -> Scenario:
    """Do one step after the other, with the cookie that logging in has given; end at a failure."""
    for step in (_LOG_IN, *_PAGES, _LOG_OUT):
        answer = yield step
        if answer.error is not None:
            return
