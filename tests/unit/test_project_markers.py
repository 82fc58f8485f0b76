"""Conditions that are put together hold where their parts say, however they are shortened."""

from itertools import product
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker, default_environment

from toolkit.project.packages.markers import (
    ALWAYS,
    NEVER,
    Condition,
    all_of,
    any_of,
    condition_of,
    decide_by,
    marker_of,
)
from toolkit.project.packages.reach import reach

PLACES = [
    {
        **cast("dict[str, str]", default_environment()),
        "python_version": version.rpartition(".")[0],
        "python_full_version": version,
        "sys_platform": system,
        "platform_machine": machine,
    }
    for version, system, machine in product(
        ("3.9.1", "3.10.0", "3.11.4", "3.12.0"), ("linux", "win32", "darwin"), ("x86_64", "arm64")
    )
]
COMPARISONS = st.one_of(
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(["python_version", "python_full_version"]),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["3.9", "3.10", "3.11.4", "3.12"]),
    ),
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(["sys_platform", "platform_machine"]),
        st.sampled_from(["==", "!=", "in", "not in"]),
        st.sampled_from(["linux", "win32", "arm64", "x86_64"]),
    ),
    st.sampled_from(["'win' in sys_platform", "'arm' not in platform_machine"]),
)
MARKERS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=6,
)
CONDITIONS = st.builds(condition_of, MARKERS)


def holds(condition: Condition) -> list[bool]:
    if condition == NEVER:
        return [False] * len(PLACES)
    text = marker_of(condition)
    return [not text or Marker(text).evaluate(place) for place in PLACES]


@given(MARKERS)
def test_a_marker_holds_where_it_held_before_it_was_read(text: str) -> None:
    expected = [Marker(text).evaluate(place) for place in PLACES]
    assert holds(condition_of(text)) == expected


@given(CONDITIONS, CONDITIONS)
def test_both_hold_where_each_does(one: Condition, other: Condition) -> None:
    expected = [a and b for a, b in zip(holds(one), holds(other), strict=True)]
    assert holds(all_of(one, other)) == expected


@given(CONDITIONS, CONDITIONS)
def test_either_holds_where_one_does(one: Condition, other: Condition) -> None:
    expected = [a or b for a, b in zip(holds(one), holds(other), strict=True)]
    assert holds(any_of([one, other])) == expected


def test_with_and_without_is_always() -> None:
    one, other = condition_of("os_name == 'nt'"), condition_of("os_name != 'nt'")
    assert any_of([one, other]) == ALWAYS
    assert all_of(one, other) == NEVER


def test_the_wider_bound_is_enough_for_either_and_the_narrower_for_both() -> None:
    narrow, wide = condition_of("python_version < '3.11'"), condition_of("python_version < '3.15'")
    assert any_of([narrow, wide]) == wide
    assert all_of(narrow, wide) == narrow


def test_extras_and_groups_are_known_and_do_not_stay_in_markers() -> None:
    decide = decide_by({"cache"}, {"main"})
    text = "(extra == 'cache' and os_name == 'nt') or extra == 'mail' or 'mail' in extras"
    assert condition_of(text, decide) == condition_of("os_name == 'nt'")
    assert condition_of("'main' in dependency_groups", decide) == ALWAYS
    assert condition_of("'main' not in dependency_groups", decide) == NEVER


GRAPHS = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.builds(condition_of, COMPARISONS),
    max_size=8,
)


@given(GRAPHS)
def test_a_node_is_reached_where_a_path_leads_to_it(
    edges: dict[tuple[int, int], Condition],
) -> None:
    found = reach(
        [(0, ALWAYS)],
        lambda node: [(end, where) for (start, end), where in edges.items() if start == node],
    )
    held = {edge: holds(condition) for edge, condition in edges.items()}
    for number in range(len(PLACES)):
        reached = {0}
        for _ in edges:
            reached |= {end for (start, end), at in held.items() if start in reached and at[number]}
        assert {node for node in found if holds(found[node])[number]} == reached
