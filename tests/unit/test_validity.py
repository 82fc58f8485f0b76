from collections.abc import Callable

import pytest

from toolkit.measured import LoadResult, Severity
from toolkit.model import Placement
from toolkit.validity import find_faults

MakeLoad = Callable[..., LoadResult]


def judged(
    load: LoadResult, placement: Placement, server_cpu: float = 0.99, idle: float | None = None
) -> dict[str, Severity]:
    findings = find_faults(load, server_cpu=server_cpu, server_idle=idle, placement=placement)
    return {finding.rule: finding.severity for finding in findings}


def test_a_healthy_trial_has_no_findings(make_load: MakeLoad, placement: Placement) -> None:
    assert judged(make_load(), placement) == {}


@pytest.mark.parametrize(
    ("changes", "server_cpu", "expected"),
    [
        ({"requests": 0}, 0.9, {"no-answers": Severity.INVALID}),
        ({"errors": {"status 500": 1}}, 0.9, {"errors": Severity.WARNED}),
        ({"errors": {"status 500": 50}}, 0.9, {"errors": Severity.INVALID}),
        ({"locust_seen": 2499}, 0.9, {"counts-differ": Severity.INVALID}),
        ({"client_cpu": 0.99}, 0.5, {"client-limited": Severity.INVALID}),
        ({"client_cpu": 0.99}, 0.95, {"client-busy": Severity.WARNED}),
        ({"client_cpu": 0.88}, 0.5, {"client-busy": Severity.WARNED}),
        ({"client_cpu": 0.80}, 0.5, {}),
    ],
)
def test_each_fault_is_found_and_weighed(
    make_load: MakeLoad,
    placement: Placement,
    changes: dict[str, object],
    server_cpu: float,
    expected: dict[str, Severity],
) -> None:
    assert judged(make_load(**changes), placement, server_cpu) == expected


def test_cpu_time_that_a_hypervisor_took_is_not_spare(
    make_load: MakeLoad, placement: Placement
) -> None:
    """The server got 60 % of its CPU, and yet the CPU was hardly ever idle."""
    load = make_load(client_cpu=0.99)
    assert judged(load, placement, 0.6, idle=0.05) == {"client-busy": Severity.WARNED}
    assert judged(load, placement, 0.6, idle=0.35) == {"client-limited": Severity.INVALID}


def test_a_server_at_its_quota_has_nothing_to_spare_on_an_idle_core(make_load: MakeLoad) -> None:
    half = Placement(server_cpus=(0,), client_cpus=(1,), cpus=0.5, memory=2**29)
    load = make_load(client_cpu=0.99)
    assert judged(load, half, 0.49, idle=0.5) == {"client-busy": Severity.WARNED}
