"""May a trial's number be used, and if not, why. Pure rules over one measurement."""

from toolkit.model import Finding, LoadResult, Placement, Severity

CLIENT_SATURATED = 0.95
CLIENT_BUSY = 0.85
ERROR_LIMIT = 0.01
SERVER_IDLE = 0.8


def find_faults(
    load: LoadResult, *, server_cpu: float, placement: Placement
) -> tuple[Finding, ...]:
    """Judge one trial.

    Limits of the client's CPU are those measured for Locust: below 0.85 of a core it adds less
    than 0.2 ms, at 0.97 latency and rate are its own (shared research, load.md, section 2).

    Args:
        load: What the client saw.
        server_cpu: Server CPU seconds per second.
        placement: Tells how much CPU the server could have used.
    """
    rules = (
        _answers(load),
        _errors(load),
        _counts(load),
        _client(load, server_cpu, placement),
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


def _client(load: LoadResult, server_cpu: float, placement: Placement) -> Finding | None:
    """A client at its limit measures itself, unless the server is at its own limit too."""
    if load.client_cpu < CLIENT_BUSY:
        return None
    busy = f"the load generator used {load.client_cpu:.0%} of its core"
    cores = len(placement.server_cpus) or placement.cpus
    server_busy = server_cpu / min(cores, placement.cpus)
    if load.client_cpu >= CLIENT_SATURATED and server_busy < SERVER_IDLE:
        return _invalid(
            "client-limited",
            f"{busy}, the server {server_busy:.0%} of its CPU limit: "
            "the rate is the client's, the server can do more",
        )
    return _warned("client-busy", f"{busy}: latencies include its own delay")


def _invalid(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.INVALID, message=message)


def _warned(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.WARNED, message=message)
