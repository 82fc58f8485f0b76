"""Whether the numbers of a duel may be used, and if not, why. Pure.

What makes a duel invalid says nothing about the candidate: it is measured again, and a check with
too much of it gives no verdict. In no case is it taken for a regression.
"""

from collections.abc import Iterator

from toolkit.checked import CheckSettings, Duel, Metric, Side
from toolkit.measured import Finding, Severity

MOST_CLIENT_CPU = 0.85
"""Part of a core that the load generator may use while it bursts (measured: docs/method.md)."""

MOST_FAILED = 0.001
MOST_DIFFERENCE = 0.02
"""By which the mean lengths of an endpoint's answers may differ between the sides."""

MOST_IDLE_CPU = 0.05
MOST_FOREIGN = 0.2
LEAST_BUSY = 0.8
"""Part of its CPUs that a server uses, or somebody takes from it, when it has all it can do."""


def find_faults(duel: Duel, settings: CheckSettings, *, server_cpus: int) -> tuple[Finding, ...]:
    """Say what a reader must know of a duel.

    Args:
        duel: Without findings.
        settings: How it was made.
        server_cpus: CPUs that both servers are pinned to, 0 if they are not.
    """
    return (
        *_unanswered(duel),
        *_different_answers(duel, settings),
        *_client(duel, settings),
        *_processes(duel),
        *_waiting(duel, server_cpus),
        *_idle(duel),
        *_neighbours(duel),
    )


def _invalid(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.INVALID, message=message)


def _warned(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.WARNED, message=message)


def _unanswered(duel: Duel) -> Iterator[Finding]:
    for side in Side:
        sample = duel.of(side)
        # a task that raises has found something wrong, though its requests may look right
        failed = max(sample.failed, sum(sample.errors.values()))
        total = sample.answered + sample.failed
        if not sample.answered:
            yield _invalid("errors", f"the {side} gave no right answer{_example(duel, side)}")
        elif failed > MOST_FAILED * total:
            part = failed / total
            yield _invalid(
                "errors", f"{part:.1%} of the {side}'s answers were wrong{_example(duel, side)}"
            )


def _example(duel: Duel, side: Side) -> str:
    errors = duel.of(side).errors
    if not errors:
        return ""
    most = max(errors, key=lambda message: errors[message])
    return f": {most}"


def _different_answers(duel: Duel, settings: CheckSettings) -> Iterator[Finding]:
    if not settings.same_answers:
        return
    for name in duel.base.endpoints.keys() & duel.candidate.endpoints.keys():
        before, after = duel.base.endpoints[name], duel.candidate.endpoints[name]
        if not before.answered or not after.answered:
            continue
        longest = max(before.length, after.length)
        if longest and abs(before.length - after.length) / longest > MOST_DIFFERENCE:
            yield _invalid(
                "answers",
                f"{name}: the answers differ, {before.length:,.0f} bytes of the base on average, "
                f"{after.length:,.0f} of the candidate; --answers-may-differ compares them all the "
                "same",
            )


def _client(duel: Duel, settings: CheckSettings) -> Iterator[Finding]:
    if duel.client_cpu <= MOST_CLIENT_CPU:
        return
    # what a request costs the server does not depend on how fast the requests come
    decides = Metric.THROUGHPUT in settings.metrics or needs_rate(settings)
    yield Finding(
        rule="client-limited",
        severity=Severity.INVALID if decides else Severity.WARNED,
        message=f"the load generator was at its limit ({duel.client_cpu:.0%} of a core), so the "
        "rates are partly its own; toolkit.client.SocketUser costs the least, and --metric "
        "cpu,memory does without rates",
    )


def _processes(duel: Duel) -> Iterator[Finding]:
    for side in Side:
        sample = duel.of(side)
        if sample.oom_kills:
            yield _invalid(
                "out-of-memory",
                f"{sample.oom_kills} of the {side}'s processes were killed for want of memory; "
                "--memory gives both more",
            )
        if sample.replaced:
            yield _warned(
                "replaced",
                f"processes of the {side} ended or began while it was measured: do its workers "
                "crash, or are they replaced after some requests?",
            )


def _waiting(duel: Duel, server_cpus: int) -> Iterator[Finding]:
    """Tell that requests wait for something else than the CPU, which is no fault."""
    idle = duel.host.server_idle
    if server_cpus and idle is not None and idle > 1 - LEAST_BUSY:
        yield _warned(
            "waiting",
            f"the servers' CPUs were idle for {idle:.0%} of the time: the requests wait, or have "
            "fewer users than it takes; the throughput then tells how long they wait",
        )


def _idle(duel: Duel) -> Iterator[Finding]:
    for side in Side:
        busy = duel.of(side).idle_cpu
        if busy is not None and busy > MOST_IDLE_CPU:
            yield _warned(
                "background",
                f"the {side} uses {busy:.0%} of a CPU while nobody asks it anything, which counts "
                "as CPU of its requests",
            )


def _neighbours(duel: Duel) -> Iterator[Finding]:
    host = duel.host
    foreign, steal = host.server_foreign, host.server_steal
    if foreign is not None and foreign > MOST_FOREIGN:
        yield _warned("neighbours", f"other processes used {foreign:.0%} of the servers' CPUs")
    if steal is not None and steal > MOST_FOREIGN:
        yield _warned("steal", f"the hypervisor took {steal:.0%} of the servers' CPUs for others")


def needs_rate(settings: CheckSettings) -> bool:
    """Tell whether a latency decides, which is then measured at a fixed rate."""
    return any(metric in (Metric.P50, Metric.P99) for metric in settings.metrics)
