"""Under what circumstances a run was measured, as lines of label and text."""

from collections.abc import Iterator

from toolkit.measured import BackingFacts, Failure, Host, Measurement, Run, ServerHost
from toolkit.model import Need, Stage
from toolkit.plan import RATE_STRETCH
from toolkit.units import counted, format_bytes, format_latency, format_rate


def circumstances(run: Run) -> Iterator[tuple[str, str]]:
    """Give all that somebody needs who wants to measure the same again."""
    if run.runtime.host is not None:
        yield "Server host", f"{run.runtime.host.name}: {_machine(run.runtime.host)}"
    yield "Host", _host(run)
    yield "Runtime", _runtime(run)
    yield "Placement", _placement(run)
    for backing in run.backings:
        yield backing.need.capitalize(), _backing(backing, run)
    yield "Load", _load(run)
    for host in run.load_hosts:
        processes = "1 load process" if host.workers == 1 else f"{host.workers} load processes"
        on = f" on {counted(host.cpus, 'CPU')}" if host.cpus else ""
        yield f"  {host.name}", f"{processes}{on}; {host.engine}"
    if run.runtime.ours:
        yield "Server settings", _settings(run)
    for stack in run.stacks:
        yield f"  {stack.id}", " ".join(stack.argv) if run.runtime.ours else stack.summary
    yield "Versions", _versions(run)


def limits(run: Run) -> str:
    """Say what each server may use."""
    if not run.runtime.ours:
        return "servers as they stand, whose limits are not known"
    where = run.placement
    return f"{counted(where.cpus, 'CPU')} and {format_bytes(where.memory)} for each server"


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
    return _machine(host, quota)


def _machine(host: Host | ServerHost, quota: str = "") -> str:
    load = " ".join(f"{value:.2f}" for value in host.load_average)
    return (
        f"{host.cpus} CPUs{quota}, {host.cpu_model}; {format_bytes(host.memory)}; {host.system}; "
        f"cgroup {host.cgroup}; governor {host.governor}; load average at the start {load}"
    )


def _runtime(run: Run) -> str:
    facts = run.runtime
    engine = f" {facts.engine}" if facts.engine else ""
    text = f"{facts.name}{engine} ({facts.reason}); network {facts.network}"
    if not facts.ours:
        return f"{text}. The toolkit did not start the servers: what they use is not known"
    return ". ".join((f"{text}; memory is {facts.memory_kind}", *facts.notes))


def _placement(run: Run) -> str:
    where = run.placement
    load = (
        f"load made on {', '.join(host.name for host in run.load_hosts)}"
        if run.load_hosts
        else f"load generator on CPU {_cpus(where.client_cpus)}"
    )
    if not run.runtime.ours:
        text = f"{load}; {limits(run)}"
        return ". ".join((text, *where.notes))
    there = f" of {run.runtime.host.name}" if run.runtime.host is not None else ""
    text = (
        f"server on CPU {_cpus(where.server_cpus)}{there}, {load}; a server may use "
        f"{counted(where.cpus, 'CPU')} and {format_bytes(where.memory)}"
    )
    return ". ".join((text, *where.notes))


def _backing(backing: BackingFacts, run: Run) -> str:
    where = run.placement
    shares = ", which it shares with the load generator" * where.backings_share
    there = f" of {run.runtime.host.name}" if run.runtime.host is not None else ""
    text = f"{backing.summary}; on CPU {_cpus(where.backing_cpus)}{there}{shares}"
    used = [
        phase.backings[backing.need].cpu
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        for phase in outcome.phases
        if backing.need in phase.backings
    ]
    if used:
        text += f"; used {max(used):.0%} of a CPU at most"
    for control in run.controls if backing.need == Need.UPSTREAM else ():
        p50, p99 = map(format_latency, control.latencies)
        text += (
            f"; by itself under {control.workload} with {counted(control.users, 'user')}: "
            f"{format_rate(control.throughput)} req/s, p50 {p50} ms, p99 {p99} ms"
        )
    return text


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
    if any(trial.stage is Stage.SHAPE for trial in run.trials):
        text += f". Shape of the locustfile: {counted(load.shape_rounds, 'round')}"
    if load.most_rate is not None:
        text += f". Never more than {load.most_rate:,.10g} requests/s"
    server = "a fresh server for each trial" if run.runtime.ours else "the same server all the time"
    return (
        f"{text}. Warm-up {load.warmup:g} s and at least {load.warmup_requests} requests; "
        f"{server}; shuffled order, seed {run.seed}"
    )


def _settings(run: Run) -> str:
    knobs = run.knobs
    return (
        f"{counted(knobs.workers, 'worker')}, {counted(knobs.threads, 'thread')}, "
        f"{counted(knobs.connections, 'connection')}, "
        f"keep-alive {knobs.keep_alive} s, backlog {knobs.backlog}, access log "
        f"{'on' if knobs.access_log else 'off'}{_seldom(run)} (where a server has the knob)"
        f"{_varied(run)}"
    )


def _varied(run: Run) -> str:
    names = dict.fromkeys(name for stack in run.stacks for name in stack.varied)
    said = ", ".join(name.replace("_", " ") for name in names)
    return f"; {said}: those of each stack" if names else ""


def _seldom(run: Run) -> str:
    """Name the settings that most runs leave alone."""
    knobs = run.knobs
    text = f", replaced after {knobs.max_requests} requests" if knobs.max_requests else ""
    text += ", app loaded before the fork" if knobs.preload else ""
    return f"{text}, up to {knobs.database_pool} database connections" if run.backings else text


def _versions(run: Run) -> str:
    pythons = sorted({stack.python for stack in run.stacks})
    packages = sorted(
        {f"{name} {version}" for stack in run.stacks for name, version in stack.packages.items()},
        key=str.lower,
    )
    host = run.host
    tools = f"toolkit {host.toolkit} on Python {host.python}, Locust {host.locust}"
    if not run.runtime.ours:
        return f"{tools}. Of the servers none is known"
    return f"{tools}. Servers: Python {', '.join(pythons) or '-'}; {', '.join(packages) or '-'}"
