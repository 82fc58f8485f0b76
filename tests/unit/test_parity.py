from typing import Any

import pytest

from toolkit.measured import StackFacts
from toolkit.parity import find_disparities, parity


def facts(**changes: Any) -> StackFacts:  # noqa: ANN401 - the fields of StackFacts
    values: dict[str, Any] = {
        "id": "a/x",
        "summary": "",
        "keep_alive": True,
        "argv": ("serve",),
        "settings": {"WORKERS": "1", "THREADS": "4", "ACCESS_LOG": "0", "DATABASE_POOL": "16"},
        "python": "3.13.5",
        "packages": {"flask": "3.1.3", "gunicorn": "23.0"},
    }
    return StackFacts(**{**values, **changes})


def test_equal_stacks_and_packages_of_one_alone_are_no_disparity() -> None:
    other = facts(id="b/y", packages={"flask": "3.1.3", "uvicorn": "0.38"}, argv=("other",))
    assert find_disparities((facts(), other)) == ()
    assert find_disparities(()) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "3.12.1"}, "different versions of Python: 3.12.1, 3.13.5"),
        ({"packages": {"flask": "3.0.0"}}, "different versions of flask: 3.0.0, 3.1.3"),
        ({"settings": {"THREADS": "8"}}, "different settings of THREADS: 4, 8"),
    ],
)
def test_what_differs_is_named_with_its_values(changes: dict[str, Any], said: str) -> None:
    (text,) = find_disparities((facts(), facts(), facts(**changes)))
    assert said in text


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [("WORKERS", "2", True), ("WORKERS", "1", False), ("THREADS", "9", False)],
)
def test_a_knob_that_was_turned_and_that_a_server_lacks_is_told(
    setting: str, value: str, *, told: bool
) -> None:
    """Four workers against a server that has one process only is no comparison of servers."""
    settings = {**facts().settings, setting: value}
    one = facts(settings=settings, knobs=("workers", "threads"))
    other = facts(id="b/single", settings=settings, knobs=())
    found = find_disparities((one, other))
    assert bool(found) is told
    if told:
        assert "workers 2 does not hold for b/single" in found[0]


def test_runs_that_do_not_tell_their_knobs_are_not_accused() -> None:
    settings = {"WORKERS": "2"}
    assert find_disparities((facts(settings=settings), facts(settings=settings))) == ()


def test_each_setting_is_shown_with_those_that_really_had_it() -> None:
    found = parity(
        (
            facts(knobs=("workers", "threads", "access_log"), packages={"psycopg": "3.3.9"}),
            facts(id="b/y", knobs=("workers",), python="3.11.2"),
            facts(id="c/z", knobs=("workers",), python="3.11.2", packages={"psycopg": "3.3.9"}),
        )
    )
    everybody = ("a/x", "b/y", "c/z")
    assert [(item.name, item.values, item.absent) for item in found] == [
        ("Python", (("3.11.2", ("b/y", "c/z")), ("3.13.5", ("a/x",))), ()),
        ("workers", (("1", everybody),), ()),
        ("threads", (("4", ("a/x",)),), ("b/y", "c/z")),
        ("access log", (("off", ("a/x",)),), ("b/y", "c/z")),
        ("database pool", (("16", everybody),), ()),
        ("psycopg", (("3.3.9", ("a/x", "c/z")),), ("b/y",)),
    ]
