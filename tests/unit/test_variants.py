"""Stacks in several settings: which there are, what they are called, what each is started with."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.catalog import Catalog, root
from toolkit.config import Config, load_config
from toolkit.errors import ConfigError
from toolkit.model import Knobs, Stack, original_of, unvaried
from toolkit.parity import find_disparities
from toolkit.runtime.settings import argv_of, environment_of, facts_of
from toolkit.variants import vary

CATALOG = Catalog(root())
GTHREAD, SYNC = CATALOG.select_stacks(("flask/gunicorn-gthread", "flask/gunicorn-sync"))
MADE_OF = {"python": "3.13.0", "packages": {}}


def ids(*stacks: Stack, **variations: tuple[int, ...]) -> list[str]:
    return [stack.id for stack in vary(stacks, variations)]


def test_every_combination_is_a_stack_of_its_own() -> None:
    assert ids(GTHREAD, threads=(1, 4), workers=(1, 2)) == [
        "flask/gunicorn-gthread:threads=1,workers=1",
        "flask/gunicorn-gthread:threads=1,workers=2",
        "flask/gunicorn-gthread:threads=4,workers=1",
        "flask/gunicorn-gthread:threads=4,workers=2",
    ]


def test_a_server_without_the_setting_is_there_once() -> None:
    assert ids(SYNC, GTHREAD, threads=(1, 4)) == [
        "flask/gunicorn-sync",
        "flask/gunicorn-gthread:threads=1",
        "flask/gunicorn-gthread:threads=4",
    ]


def test_without_variations_stacks_stay_as_they_are() -> None:
    assert vary((SYNC, GTHREAD), {}) == (SYNC, GTHREAD)


@given(
    st.dictionaries(
        st.sampled_from(["workers", "threads", "backlog"]),
        st.lists(st.integers(1, 99), min_size=1, max_size=4).map(tuple),
    )
)
def test_ids_are_unique_and_name_the_stack_that_they_vary(
    variations: dict[str, tuple[int, ...]],
) -> None:
    found = vary((GTHREAD, SYNC), variations)
    names = [stack.id for stack in found]
    assert len(names) == len(set(names))
    assert {unvaried(name) for name in names} == {GTHREAD.id, SYNC.id}


def test_a_twin_of_a_variant_is_not_another_variant() -> None:
    first, second = vary((GTHREAD,), {"threads": (1, 2)})
    twin = replace(first, copy=2)
    assert (original_of(twin.id), unvaried(twin.id)) == (first.id, GTHREAD.id)
    assert original_of(twin.id) != second.id


def test_a_variant_is_started_with_its_own_settings_and_those_of_the_run() -> None:
    (found,) = vary((GTHREAD,), {"threads": (7,), "preload": (1,)})
    knobs = found.knobs(Knobs(threads=4, workers=3))
    assert (knobs.threads, knobs.workers, knobs.preload) == (7, 3, True)
    argv = argv_of(found, environment_of(knobs, host="h", port=1))
    assert argv[argv.index("--threads") + 1] == "7"
    assert argv[argv.index("--workers") + 1] == "3"
    assert "--preload" in argv


def test_what_is_varied_on_purpose_is_no_disparity_and_the_rest_is() -> None:
    stacks = vary((GTHREAD,), {"threads": (1, 2)})
    facts = [
        facts_of(stack, environment_of(stack.knobs(Knobs()), host="h", port=1), MADE_OF)
        for stack in stacks
    ]
    assert find_disparities(facts) == ()
    other = replace(facts[1], settings={**facts[1].settings, "BACKLOG": "1"})
    (said,) = find_disparities([facts[0], other])
    assert "BACKLOG" in said


@pytest.mark.parametrize(
    ("variations", "said"),
    [
        ({"thread": (1,)}, "no setting 'thread'"),
        ({"threads": ()}, "by no value"),
        ({"threads": (0,)}, "threads=0 is out of range"),
        ({"preload": (2,)}, "preload=2 is out of range"),
        ({"threads": (1, 2)}, "none of these servers has the setting threads"),
    ],
)
def test_variations_that_make_no_sense_are_refused(
    variations: dict[str, tuple[int, ...]], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        vary((SYNC,), variations)


def test_variations_are_read_from_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "toolkit.toml"
    file.write_text("[bench.vary]\nthreads = [1, 4]\n")
    assert load_config(tmp_path).bench.vary == {"threads": (1, 4)}
    assert Config().bench.vary == {}
    file.write_text("[bench.vary]\nfoo = [1]\n")
    with pytest.raises(ConfigError, match="no setting 'foo' to vary"):
        load_config(tmp_path)
    file.write_text("[bench.vary]\nthreads = ['x']\n")
    with pytest.raises(ConfigError):
        load_config(tmp_path)
