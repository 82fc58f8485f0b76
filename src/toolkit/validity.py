"""May a trial's number be used, and if not, why. Pure rules over one measurement."""

from toolkit.model import Finding, LoadResult, Placement, Severity

CLIENT_SATURATED = 0.95
CLIENT_BUSY = 0.85
ERROR_LIMIT = 0.01
SPARE_LIMIT = 0.25


def find_faults(
    load: LoadResult, *, server_cpu: float, server_idle: float | None, placement: Placement
) -> tuple[Finding, ...]:
    """Judge one trial.

    Limits of the client's CPU are those measured for Locust: below 0.85 of a core it adds less
    than 0.2 ms, at 0.97 latency and rate are its own (shared research, load.md, section 2).

    Args:
        load: What the client saw.
        server_cpu: Server CPU seconds per second.
        server_idle: Part of the window in which the server's CPUs were idle, None if unknown.
        placement: Tells how much CPU the server could have used.
    """
    rules = (
        _answers(load),
        _errors(load),
        _counts(load),
        _client(load, _spare(server_cpu, server_idle, placement)),
    )
    return tuple(finding for finding in rules if finding is not None)


def _answers(load: LoadResult) -> Finding | None:
    if load.requests:
        return None
    return _invalid("no-answers", "no verified answer in the measured window")


def _errors(load: LoadResult) -> Finding | None:
    total = load.requests + load.failed
    if not load.failed:
        return None
    worst = max(load.errors, key=lambda message: load.errors[message])
    text = f"{load.failed} of {total} answers failed or were wrong, most often: {worst}"
    if load.failed > ERROR_LIMIT * total:
        return _invalid("errors", text)
    return _warned("errors", text)


def _counts(load: LoadResult) -> Finding | None:
    if load.seen == load.locust_seen:
        return None
    return _invalid(
        "counts-differ",
        f"the toolkit counted {load.seen} requests, Locust {load.locust_seen}",
    )


def _spare(server_cpu: float, server_idle: float | None, placement: Placement) -> float:
    """Say which part of its CPU the server left unused.

    What it was not charged with need not be spare: a hypervisor, or the kernel's work for the
    network, may have had it. So idle time decides, where it is known.
    """
    limit = min(len(placement.server_cpus) or placement.cpus, placement.cpus)
    uncharged = max(1 - server_cpu / limit, 0.0)
    return uncharged if server_idle is None else min(uncharged, server_idle)


def _client(load: LoadResult, spare: float) -> Finding | None:
    """A client at its limit measures itself, unless the server is at its own limit too."""
    if load.client_cpu < CLIENT_BUSY:
        return None
    busy = f"the load generator used {load.client_cpu:.0%} of its core"
    if load.client_cpu >= CLIENT_SATURATED and spare > SPARE_LIMIT:
        return _invalid(
            "client-limited",
            f"{busy} while the server had {spare:.0%} of its CPU to spare: "
            "the rate is the client's, the server can do more",
        )
    return _warned(
        "client-busy",
        f"{busy} and left the server {spare:.0%} of its CPU: latencies include the client's delay",
    )


def _invalid(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.INVALID, message=message)


def _warned(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.WARNED, message=message)
