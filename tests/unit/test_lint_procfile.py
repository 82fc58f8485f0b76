"""Of a Procfile the process that serves requests is read."""

import pytest

from toolkit.lint.facts import Fact, Platform, Where
from toolkit.lint.manifests.procfile import is_procfile, read


@pytest.mark.parametrize(
    ("path", "expected"), [("Procfile", True), ("a/Procfile", True), ("Procfile.dev", False)]
)
def test_a_procfile_has_no_ending(path: str, expected: bool) -> None:
    assert is_procfile(path) is expected


def test_the_process_called_web_is_run_by_a_shell_and_has_thirty_seconds_to_stop() -> None:
    text = "release: flask db upgrade\nweb: gunicorn -b :$PORT app:app \nworker: celery\n"
    (found,) = read("a/Procfile", text)
    where = Where("a/Procfile", 2)
    assert (found.platform, found.name, found.where) == (Platform.PROCFILE, "web", where)
    assert found.command == Fact(("/bin/sh", "-c", "gunicorn -b :$PORT app:app"), where)
    assert found.grace == Fact(30.0, where, "heroku")


def test_what_the_platform_sets_is_not_known() -> None:
    (found,) = read("Procfile", "web: x\n")
    assert {name: fact.value for name, fact in found.env.items()} == {
        "PORT": "${PORT}",
        "WEB_CONCURRENCY": "${WEB_CONCURRENCY}",
    }


@pytest.mark.parametrize("text", ["", "worker: x\n", "# web: x\n", "web:\n", "webs: x\n", "\x01\n"])
def test_without_such_a_process_there_is_none(text: str) -> None:
    assert read("Procfile", text) == ()
