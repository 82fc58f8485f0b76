"""What is said where nothing of an app can be measured."""

import pytest

from toolkit.measured import Failure
from toolkit.model import Trial
from toolkit.report.not_started import not_started, telling_line

GUNICORN = """  File "/srv/apps/shop/wsgi.py", line 2, in <module>
    import redis
ModuleNotFoundError: No module named 'redis'
[2026-11-26 18:45:41 +0000] [15906] [ERROR] Shutting down: Master
[2026-11-26 18:45:41 +0000] [15906] [ERROR] Reason: Worker failed to boot.
"""
GRANIAN = """    import redis
ModuleNotFoundError: No module named 'redis'

[ERROR] Worker crash loop detected, exiting
"""


def failure(
    stack: str, message: str = "it ended", log: str = "", hint: str = "", stage: str = "start"
) -> Failure:
    trial = Trial(stack=stack, workload="GET /", round=1, position=1)
    return Failure(trial=trial, stage=stage, message=message, log=log, hint=hint)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (GUNICORN, "ModuleNotFoundError: No module named 'redis'"),
        ("a.b.NotFound: x\nlater", "a.b.NotFound: x"),
        ("Exception\n", "Exception"),
        ("ValueError: a\nKeyError: 'b'\n", "KeyError: 'b'"),
        ("one\n  two  \n\n", "two"),
        ("Exiting now\n[ERROR] Exception in worker process", "[ERROR] Exception in worker process"),
        ("", ""),
    ],
)
def test_the_line_that_tells_is_the_last_exception_or_the_last_words(log: str, line: str) -> None:
    assert telling_line(log) == line


def test_one_reason_of_several_servers_is_one_line_with_what_to_do() -> None:
    """However each of them says it, and however many trials it cost."""
    failures = [
        failure("shop/waitress", "exit code 1", GRANIAN, "Look."),
        failure("shop/gunicorn-sync", "exit code 3", GUNICORN, "Look."),
        failure("shop/gunicorn-sync", "exit code 3", GUNICORN, "Look."),
    ]
    error, hint = not_started(failures)
    assert error == (
        "error: shop/gunicorn-sync, shop/waitress: exit code 1. "
        "Its log: ModuleNotFoundError: No module named 'redis'"
    )
    assert hint == "hint: redis is not among what is installed: add its package with --install."


def test_different_reasons_are_told_apart_each_with_its_own_hint() -> None:
    failures = [
        failure("a/x", log="KeyError: 'a'", hint="One."),
        failure("a/y", log="KeyError: 'b'"),
        failure("a/z", log="KeyError: 'b'", stage="prepare"),
    ]
    assert [*not_started(failures)] == [
        "error: a/x: it ended. Its log: KeyError: 'a'",
        "hint: One.",
        "error: a/y: it ended. Its log: KeyError: 'b'",
        "error: a/z: it ended. Its log: KeyError: 'b'",
    ]


def test_without_a_log_the_message_tells() -> None:
    failures = [failure("a/x", "no image"), failure("a/y", "no image"), failure("a/z", "no disk")]
    assert [*not_started(failures)] == ["error: a/x, a/y: no image", "error: a/z: no disk"]


def test_a_log_does_not_steer_the_terminal() -> None:
    (line,) = not_started([failure("a/x", log=f"RuntimeError: \x1b[2J{'long ' * 1000}")])
    assert line.isprintable()
    assert len(line) < 400
