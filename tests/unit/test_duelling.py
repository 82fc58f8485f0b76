"""Every rule at its limit and above it: what is invalid is measured again, the rest is told."""

import math
from dataclasses import replace

import pytest

from toolkit.checked import CheckSettings, Duel, EndpointSample, Metric, Sample, Side
from toolkit.duelling import (
    LEAST_BUSY,
    MOST_CLIENT_CPU,
    MOST_DIFFERENCE,
    MOST_FAILED,
    MOST_FOREIGN,
    MOST_IDLE_CPU,
    find_faults,
    needs_rate,
)
from toolkit.measured import Finding, HostUse, Severity

INVALID, WARNED = Severity.INVALID, Severity.WARNED
SIDES = pytest.mark.parametrize("side", list(Side))
MANY = 100_000
"""Answers of an endpoint."""


def above(limit: float) -> float:
    return math.nextafter(limit, math.inf)


def endpoint(*, answered: int = MANY, failed: int = 0, length: float = 1000.0) -> EndpointSample:
    return EndpointSample(answered=answered, failed=failed, length=length, latency="")


def sample(**changes: object) -> Sample:
    values: dict[str, object] = {
        "cpu": 3.0,
        "busy": 3.0,
        "bursts": 60,
        "memory": 2**25,
        "idle_cpu": 0.001,
        "endpoints": {"GET /": endpoint()},
    }
    return Sample(**{**values, **changes})  # type: ignore[arg-type]


def duel(side: Side = Side.CANDIDATE, of_side: Sample | None = None, **changes: object) -> Duel:
    """Give a duel in which nothing is wrong, but for one side and the changes."""
    samples = {Side.BASE: sample(), Side.CANDIDATE: sample()}
    samples[side] = of_side or sample()
    values: dict[str, object] = {
        "client_cpu": 0.4,
        "host": HostUse(server_idle=0.05, server_foreign=0.01, server_steal=0.0),
    }
    return Duel(
        base=samples[Side.BASE],
        candidate=samples[Side.CANDIDATE],
        **{**values, **changes},  # type: ignore[arg-type]
    )


def faults(found: Duel, *, server_cpus: int = 1, **of_settings: object) -> tuple[Finding, ...]:
    given = CheckSettings(**of_settings)  # type: ignore[arg-type]
    return find_faults(found, given, server_cpus=server_cpus)


def rules(found: Duel, **given: object) -> list[tuple[str, Severity]]:
    return [(item.rule, item.severity) for item in faults(found, **given)]  # type: ignore[arg-type]


def test_of_a_duel_in_which_all_is_well_there_is_nothing_to_say() -> None:
    assert faults(duel()) == ()


# answers


@SIDES
def test_more_than_one_wrong_answer_in_a_thousand_is_invalid(side: Side) -> None:
    def with_failed(failed: int) -> Duel:
        return duel(
            side, sample(endpoints={"GET /": endpoint(answered=MANY - failed, failed=failed)})
        )

    limit = round(MOST_FAILED * MANY)
    assert rules(with_failed(limit)) == []
    assert rules(with_failed(limit + 1)) == [("errors", INVALID)]


@SIDES
def test_a_side_without_a_right_answer_is_invalid_and_named(side: Side) -> None:
    nothing = sample(
        endpoints={"GET /": endpoint(answered=0, failed=9)},
        errors={"status 404": 2, "status 500": 7},
    )
    (found,) = faults(duel(side, nothing))
    assert (found.rule, found.severity) == ("errors", INVALID)
    assert found.message == f"the {side} gave no right answer: status 500"


@SIDES
def test_a_side_that_was_asked_nothing_is_invalid(side: Side) -> None:
    (found,) = faults(duel(side, sample(endpoints={})))
    assert found.message == f"the {side} gave no right answer"


def test_wrong_answers_are_quoted_by_the_most_frequent_reason() -> None:
    wrong = sample(
        endpoints={"GET /": endpoint(answered=90, failed=10)},
        errors={"status 502": 3, "another body": 7},
    )
    (found,) = faults(duel(Side.CANDIDATE, wrong))
    assert found.message == "10.0% of the candidate's answers were wrong: another body"


@SIDES
def test_tasks_that_raised_count_although_every_answer_looked_right(side: Side) -> None:
    """As an assertion in somebody's locustfile does."""
    limit = round(MOST_FAILED * MANY)
    raised = "a task raised AssertionError: no items"
    assert rules(duel(side, sample(errors={raised: limit}))) == []
    (found,) = faults(duel(side, sample(errors={raised: limit + 1})))
    assert (found.rule, found.severity) == ("errors", INVALID)
    assert found.message.endswith(f"of the {side}'s answers were wrong: {raised}")


@SIDES
@pytest.mark.parametrize("longer", [True, False])
def test_mean_lengths_that_differ_by_more_than_a_fiftieth_are_invalid(
    side: Side, longer: bool
) -> None:
    def with_length(part: float) -> Duel:
        # the difference is a part of the longer of the two
        length = 1000.0 / (1 - part) if longer else 1000.0 * (1 - part)
        return duel(side, sample(endpoints={"GET /": endpoint(length=length)}))

    assert rules(with_length(MOST_DIFFERENCE - 1e-9)) == []
    assert rules(with_length(MOST_DIFFERENCE + 1e-9)) == [("answers", INVALID)]
    assert rules(with_length(0.9), same_answers=False) == []


def test_a_message_about_answers_names_the_endpoint_both_lengths_and_the_way_out() -> None:
    other = sample(endpoints={"GET /": endpoint(length=1500.0)})
    (found,) = faults(duel(Side.CANDIDATE, other))
    assert found.message.startswith("GET /: the answers differ, 1,000 bytes of the base")
    assert "1,500 of the candidate" in found.message
    assert "--answers-may-differ" in found.message


def test_answers_are_compared_endpoint_by_endpoint() -> None:
    """Two that differ are not evened out by each other."""
    base = {"GET /a": endpoint(length=100.0), "GET /b": endpoint(length=200.0)}
    candidate = {"GET /a": endpoint(length=200.0), "GET /b": endpoint(length=100.0)}
    found = replace(duel(), base=sample(endpoints=base), candidate=sample(endpoints=candidate))
    assert rules(found) == [("answers", INVALID)] * 2


def test_empty_answers_of_both_sides_are_the_same() -> None:
    empty = sample(endpoints={"GET /": endpoint(length=0.0)})
    assert faults(replace(duel(), base=empty, candidate=empty)) == ()


# the load generator


@pytest.mark.parametrize("metric", list(Metric))
def test_a_load_generator_at_its_limit_makes_rates_and_latencies_invalid(metric: Metric) -> None:
    severity = WARNED if metric in (Metric.CPU, Metric.MEMORY) else INVALID
    assert rules(duel(client_cpu=MOST_CLIENT_CPU), metrics=(metric,)) == []
    found = rules(duel(client_cpu=above(MOST_CLIENT_CPU)), metrics=(metric,))
    assert found == [("client-limited", severity)]


# what is told only


def test_idle_cpus_of_the_servers_are_told() -> None:
    limit = 1 - LEAST_BUSY
    assert rules(duel(host=HostUse(server_idle=limit))) == []
    assert rules(duel(host=HostUse(server_idle=above(limit)))) == [("waiting", WARNED)]


def test_the_cpus_of_servers_that_are_not_pinned_tell_nothing_about_them() -> None:
    assert rules(duel(host=HostUse(server_idle=0.9)), server_cpus=0) == []


@SIDES
def test_a_side_that_works_unasked_is_told(side: Side) -> None:
    assert rules(duel(side, sample(idle_cpu=MOST_IDLE_CPU))) == []
    (found,) = faults(duel(side, sample(idle_cpu=above(MOST_IDLE_CPU))))
    assert (found.rule, found.severity) == ("background", WARNED)
    assert f"the {side} uses" in found.message


def test_what_others_took_of_the_servers_cpus_is_told() -> None:
    limit = HostUse(server_foreign=MOST_FOREIGN, server_steal=MOST_FOREIGN)
    assert rules(duel(host=limit)) == []
    neighbours = replace(limit, server_foreign=above(MOST_FOREIGN))
    assert rules(duel(host=neighbours)) == [("neighbours", WARNED)]
    steal = replace(limit, server_steal=above(MOST_FOREIGN))
    assert rules(duel(host=steal)) == [("steal", WARNED)]


def test_what_is_not_known_of_the_machine_is_no_fault() -> None:
    assert faults(duel(Side.BASE, sample(idle_cpu=None), host=HostUse())) == ()


def test_several_faults_are_all_told() -> None:
    slow = sample(idle_cpu=0.5, endpoints={"GET /": endpoint(failed=MANY, length=1.0)})
    found = duel(Side.BASE, slow, client_cpu=1.0, host=HostUse(server_steal=0.5))
    assert [rule for rule, _ in rules(found)] == [
        "errors",
        "answers",
        "client-limited",
        "background",
        "steal",
    ]


# which phases it takes


@pytest.mark.parametrize("metric", list(Metric))
def test_only_a_latency_takes_a_phase_at_a_fixed_rate(metric: Metric) -> None:
    assert needs_rate(CheckSettings(metrics=(Metric.CPU, metric))) == metric.is_latency


def test_no_metric_that_decides_by_default_takes_one() -> None:
    assert not needs_rate(CheckSettings())


@pytest.mark.parametrize("side", list(Side))
def test_processes_that_were_replaced_are_told_and_those_killed_make_it_invalid(side: Side) -> None:
    assert rules(duel(side, sample(replaced=0, oom_kills=0))) == []
    assert rules(duel(side, sample(replaced=2))) == [("replaced", Severity.WARNED)]
    assert rules(duel(side, sample(oom_kills=1))) == [("out-of-memory", Severity.INVALID)]
