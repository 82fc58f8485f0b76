"""Under what circumstances a run was measured, as lines of label and text."""

from collections.abc import Iterator

from toolkit.measured import Failure, Run
from toolkit.plan import RATE_STRETCH
from toolkit.units import counted, format_bytes


def circumstances(run: Run) -> Iterator[tuple[str, str]]:
    """Give all that somebody needs who wants to measure the same again."""
    yield "Host", _host(run)
    yield "Runtime", _runtime(run)
    yield "Placement", _placement(run)
    yield "Load", _load(run)
    yield "Server settings", _settings(run)
    for stack in run.stacks:
        yield f"  {stack.id}", " ".join(stack.argv)
    yield "Versions", _versions(run)


def clients(run: Run) -> tuple[str, ...]:
    """Name the Locust user classes that made the load."""
    found = {
        phase.load.client
        for outcome in run.outcomes
        if not isinstance(outcome, Failure)
        for phase in outcome.phases
    }
    return tuple(sorted(found))


def _host(run: Run) -> str:
    host = run.host
    quota = "" if host.cpu_quota is None else f" (quota {host.cpu_quota:g})"
    load = " ".join(f"{value:.2f}" for value in host.load_average)
    return (
        f"{host.cpus} CPUs{quota}, {host.cpu_model}; {format_bytes(host.memory)}; {host.system}; "
        f"cgroup {host.cgroup}; governor {host.governor}; load average at the start {load}"
    )


def _runtime(run: Run) -> str:
    facts = run.runtime
    engine = f" {facts.engine}" if facts.engine else ""
    text = f"{facts.name}{engine} ({facts.reason}); network {facts.network}"
    return ". ".join((f"{text}; memory is {facts.memory_kind}", *facts.notes))


def _placement(run: Run) -> str:
    where = run.placement
    text = (
        f"server on CPU {_cpus(where.server_cpus)}, load generator on CPU "
        f"{_cpus(where.client_cpus)}; a server may use "
        f"{counted(where.cpus, 'CPU')} and {format_bytes(where.memory)}"
    )
    return ". ".join((text, *where.notes))


def _cpus(cpus: tuple[int, ...]) -> str:
    return ",".join(map(str, cpus)) or "any"


def _load(run: Run) -> str:
    load = run.load
    client = f"Locust {', '.join(clients(run))}".strip()
    users = f"{load.users} users" if load.users else "as many users as serve most"
    text = (
        f"{client}. Capacity: closed loop, {users}, {load.duration:g} s measured, "
        f"{counted(run.rounds, 'round')}"
    )
    if load.rates and load.rate_rounds:
        text += (
            f". Fixed rates: open loop, {load.arrivals} arrivals, up to {load.connections} "
            f"connections, {load.duration * RATE_STRETCH:g} s measured ({load.duration:g} s and "
            f"more at parts of a stack's own capacity), {counted(load.rate_rounds, 'round')}"
        )
    return (
        f"{text}. Warm-up {load.warmup:g} s and at least {load.warmup_requests} requests; a fresh "
        f"server for each trial; shuffled order, seed {run.seed}"
    )


def _settings(run: Run) -> str:
    knobs = run.knobs
    return (
        f"{counted(knobs.workers, 'worker')}, {counted(knobs.threads, 'thread')}, "
        f"{counted(knobs.connections, 'connection')}, "
        f"keep-alive {knobs.keep_alive} s, backlog {knobs.backlog}, access log "
        f"{'on' if knobs.access_log else 'off'} (where a server has the knob)"
    )


def _versions(run: Run) -> str:
    pythons = sorted({stack.python for stack in run.stacks})
    packages = sorted(
        {f"{name} {version}" for stack in run.stacks for name, version in stack.packages.items()},
        key=str.lower,
    )
    host = run.host
    tools = f"toolkit {host.toolkit} on Python {host.python}, Locust {host.locust}"
    return f"{tools}. Servers: Python {', '.join(pythons) or '-'}; {', '.join(packages) or '-'}"
