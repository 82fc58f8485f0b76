"""May the numbers of a phase be used, and if not, why. Pure rules over what was measured.

Every limit stands here with its reason; docs/method.md gives the evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import mean

from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    BackingUse,
    Finding,
    HostUse,
    LoadResult,
    ServerUse,
    Severity,
)
from toolkit.model import Need, Phase, Placement
from toolkit.units import format_bytes, format_latency

CLIENT_SATURATED = 0.95
CLIENT_BUSY = 0.85
ERROR_LIMIT = 0.01
SPARE_LIMIT = 0.25
LATE = 0.001
"""Seconds of lag at p99 below which nobody need care: a millisecond is what a wake-up may take."""

LATE_PARTS = (0.25, 0.5)
"""The lag of the generator at p99 as a part of the p99 reported, which holds it."""

DELAY_LIMITS = (0.5, 0.9)
"""Part of what the target that answers at once shows is the kernel's, and the server's as well."""
LITTLE_LIMIT = 0.15
EVEN_LIMITS = (0.9, 0.7)
RECONNECT_LIMITS = (0.01, 0.2)
SILENCE_LIMITS = (0.2, 1.0)
STALL_FACTOR = 20
FOREIGN_LIMITS = (0.1, 0.3)
STEAL_LIMITS = (0.1, 0.3)
BACKING_LIMITS = (0.8, 0.95)
"""Used part of the CPUs of database and upstream: a queue of four before them, and of nineteen."""

CAP_REACHED = 0.9
"""Part of the rate that was not to be exceeded from which that may be what was measured."""

DRIFT_LIMIT = 0.25
_LEAST_ANSWERS = 500
_LEAST_FOR_P99 = 100
_LEAST_PER_CONNECTION = 10
_LEAST_SLICES = 6
_GROWTH_PART, _GROWTH_BYTES = 0.1, 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the rules look at.

    Attributes:
        phase: What was meant.
        load: What the generator saw.
        server: What the server used, None where it is not the toolkit's.
        host: What the machine did.
        placement: Tells how much CPU the server could have used.
        keep_alive: Whether the server keeps connections.
        delay: p50, p99 and p99.9 in seconds that the generator shows at this rate against a target
            that answers at once, None if that was not measured.
        backings: What database and upstream used.
        waits: Whether requests wait for one of them, so that a server need not be busy.
    """

    phase: Phase
    load: LoadResult
    server: ServerUse | None
    host: HostUse
    placement: Placement
    keep_alive: bool
    delay: tuple[float, float, float] | None = None
    backings: Mapping[str, BackingUse] = field(default_factory=dict)
    waits: bool = False

    @property
    def closed(self) -> bool:
        """Whether the loop is closed."""
        return self.phase.rate is None

    @property
    def spare(self) -> float | None:
        """Part of its CPU that the server left unused, None where that is not known.

        What it was not charged with need not be spare: a hypervisor, or the kernel's work for the
        network, may have had it. So idle time decides, where it is known.
        """
        if self.server is None:
            return None
        limit = min(len(self.placement.server_cpus) or self.placement.cpus, self.placement.cpus)
        uncharged = max(1 - self.server.cpu / limit, 0.0)
        idle = self.host.server_idle
        return uncharged if idle is None else min(uncharged, idle)


_Rule = Callable[[Evidence], Finding | None]


def find_faults(evidence: Evidence) -> tuple[Finding, ...]:
    """Judge a phase by all rules that are about its kind, each by itself."""
    rules = (rule for rule in _RULES if not evidence.phase.shape or rule not in _OF_STEADY_LOAD)
    return tuple(finding for rule in rules if (finding := rule(evidence)) is not None)


# the answers themselves


def _answers(e: Evidence) -> Finding | None:
    if e.load.requests:
        return None
    return _invalid("no-answers", "no verified answer in the measured window")


def _errors(e: Evidence) -> Finding | None:
    load = e.load
    if not load.failed:
        return None
    total = load.requests + load.failed
    worst = max(load.errors, key=lambda message: load.errors[message])
    text = f"{load.failed} of {total} answers failed or were wrong, most often: {worst}"
    # where a rate may be too much, errors are what is measured
    if load.failed > ERROR_LIMIT * total and not e.phase.probing:
        return _invalid("errors", text)
    return _warned("errors", text)


def _counts(e: Evidence) -> Finding | None:
    if e.load.seen == e.load.locust_seen:
        return None
    return _invalid(
        "counts-differ",
        f"the toolkit counted {e.load.seen} requests, Locust {e.load.locust_seen}",
    )


# the load generator


def _client(e: Evidence) -> Finding | None:
    """A client at its limit measures itself, unless the server is at its own limit too.

    Below 0.85 of a core it adds less than 0.2 ms, at 0.97 latency and rate are its own (shared
    research, load.md, section 2).
    """
    if e.load.use.cpu < CLIENT_BUSY:
        return None
    busy = f"the load generator{_busiest(e)} used {e.load.use.cpu:.0%} of its core"
    if not e.closed:
        return _invalid("client-limited", f"{busy}: the latencies are its own")
    if e.spare is None:
        # the benefit of the doubt is the server's
        finding = _invalid if e.load.use.cpu >= CLIENT_SATURATED else _warned
        name = "client-limited" if e.load.use.cpu >= CLIENT_SATURATED else "client-busy"
        return finding(name, f"{busy}: the rate may be the client's, the server may do more")
    if e.load.use.cpu >= CLIENT_SATURATED and e.spare > SPARE_LIMIT:
        return _invalid(
            "client-limited",
            f"{busy} while the server had {e.spare:.0%} of its CPU to spare: "
            "the rate is the client's, the server can do more",
        )
    return _warned(
        "client-busy",
        f"{busy} and left the server {e.spare:.0%} of its CPU: latencies include its own delay",
    )


def _busiest(e: Evidence) -> str:
    """Name the busiest of several load processes that have names of their own."""
    names = {worker.name for worker in e.load.workers}
    busiest = max(e.load.workers, key=lambda worker: worker.cpu, default=None)
    return f" {busiest.name}" if busiest is not None and len(names) > 1 else ""


def _schedule(e: Evidence) -> Finding | None:
    """An open loop whose generator is late, or sends another rate, is not the one asked for.

    Nor is a shape: the generator may be at its limit for a part of it, which its use of the whole
    does not tell.
    """
    if e.phase.rate is not None and e.load.offered is not None:
        meant = e.phase.rate * e.load.duration
        # four standard deviations of a Poisson count: one phase in 16,000 by chance
        if abs(e.load.offered - meant) > 0.05 * meant + 4 * meant**0.5:
            return _invalid(
                "schedule",
                f"{e.load.offered} requests were meant to be sent where {meant:.0f} belong: "
                "the generator did not keep its schedule",
            )
    elif not e.phase.shape:
        return None
    latency, lag = _latency(e), e.load.use.lag
    # of overload no latency is reported
    if lag <= LATE or latency is None or e.phase.overload:
        return None
    warned, invalid = LATE_PARTS
    part = lag / latency.percentiles(99)[0]
    if part <= warned:
        return None
    return (_invalid if part > invalid else _warned)(
        "schedule",
        f"the generator itself started 1 % of the requests {format_latency(lag)} ms late or more, "
        f"{min(part, 1):.0%} of the p99 reported",
    )


def _delay(e: Evidence) -> Finding | None:
    """What the generator adds must be small against what it reports."""
    latency = _latency(e)
    if e.closed or e.delay is None or latency is None:
        return None
    reported = latency.percentiles(50, 99)
    own, part, name = max(
        (
            (own, own / seen, name)
            for own, seen, name in zip(e.delay, reported, ("p50", "p99"), strict=False)
        ),
        key=lambda item: item[1],
    )
    warned, invalid = DELAY_LIMITS
    if part <= warned:
        return None
    finding = _invalid if part > invalid else _warned
    return finding(
        "client-delay",
        f"at this rate a target that answers at once shows {format_latency(own)} ms at {name}, "
        f"{min(part, 1):.0%} of what is reported: differences of that size are not the server's",
    )


# database and upstream


def _capped(e: Evidence) -> Finding | None:
    """A rate that was not to be exceeded and was reached says what is served at least."""
    cap = e.phase.most_rate
    if cap is None or e.load.throughput < CAP_REACHED * cap:
        return None
    return _warned(
        "rate-capped",
        f"{e.load.throughput:.0f} requests/s were served, as many as --most-rate allows: "
        "the server may do more",
    )


def _backing(e: Evidence) -> Finding | None:
    """A database or upstream at its limit is what was measured, unless the server is at its own.

    They are judged by what they use of their CPUs together, with the generator where they share
    its; and the upstream, which is one process, by itself. Where they are not pinned nobody knows.
    """
    where = e.placement
    cpus = len(where.backing_cpus)
    if not e.backings or not cpus or e.spare is None or e.spare <= SPARE_LIMIT:
        return None
    used = sum(use.cpu for use in e.backings.values())
    names = " and ".join(sorted(e.backings))
    if where.backings_share:
        used += e.load.use.cpu_of_all
        names = f"load generator and {names}"
    found = [(used / cpus, f"{names} used {used / cpus:.0%} of their CPUs")]
    if Need.UPSTREAM in e.backings:
        alone = e.backings[Need.UPSTREAM].cpu
        found.append((alone, f"the upstream, one process, used {alone:.0%} of a CPU"))
    part, text = max(found)
    warned, invalid = BACKING_LIMITS
    if part < warned:
        return None
    finding = _invalid if part >= invalid else _warned
    return finding(
        "backing-limited",
        f"{text} while the server had {e.spare:.0%} of its own to spare: the rate is not only its",
    )


# the server


def _of_server(rule: Callable[[Evidence, ServerUse], Finding | None]) -> _Rule:
    """Apply a rule where it is known what the server used."""

    def known(e: Evidence) -> Finding | None:
        return None if e.server is None else rule(e, e.server)

    return known


def _overloaded(e: Evidence) -> Finding | None:
    load = e.load
    if not load.offered or load.carried or e.phase.probing:
        return None
    return _warned(
        "overloaded",
        f"{load.kept} of {load.offered} requests were answered in time, {load.late} found all "
        "connections busy: the stack cannot carry this rate, its latency is that of a growing "
        "queue",
    )


def _unsaturated(e: Evidence) -> Finding | None:
    if not e.closed or e.waits or e.load.use.cpu >= CLIENT_BUSY:
        return None
    if e.spare is None or e.spare <= SPARE_LIMIT:
        return None
    if max(e.host.client_foreign or 0.0, e.host.client_steal or 0.0) > FOREIGN_LIMITS[0]:
        return None  # it may be the generator that waited, for its CPU
    return _warned(
        "not-saturated",
        f"the server left {e.spare:.0%} of its CPU unused at full load: it waits for something, "
        "or has too few workers or threads",
    )


def _little(e: Evidence) -> Finding | None:
    """In a closed loop users = rate x mean latency (J. Little, 1961), or answers are missing.

    An answer counts as arrived when the generator could have read it, so those that wait for it are
    not among the latencies: a queue of about u / (1 - u) at a generator that is busy for a part u
    of the time (M/M/1). One at its limit is judged by that and not by this.
    """
    latency, users, busy = _latency(e), e.phase.users, e.load.use.cpu
    if not e.closed or latency is None or e.load.requests < _LEAST_ANSWERS or not users:
        return None
    if _capped(e) is not None:
        return None  # users wait for their turn, and not for answers
    if e.load.failed > ERROR_LIMIT * e.load.requests:
        return None  # users were busy with what failed, whose latencies are not among these
    if busy >= CLIENT_BUSY:
        return None
    under_way = e.load.throughput * latency.mean
    waiting = min(e.load.use.processes * busy / (1 - busy), users / 2)
    margin = LITTLE_LIMIT * users
    if users - waiting - margin <= under_way <= users + margin:
        return None
    return _invalid(
        "littles-law",
        f"rate x latency says that {under_way:.1f} of {users} users were being served: "
        "connections starve or hang, or the latencies are not those of the answers",
    )


def _uneven(e: Evidence) -> Finding | None:
    fairness = e.load.fairness
    warned, invalid = EVEN_LIMITS
    if fairness is None or fairness >= warned:
        return None
    if e.load.requests < _LEAST_PER_CONNECTION * e.phase.users:
        return None
    finding = _invalid if fairness < invalid else _warned
    return finding(
        "uneven",
        f"answers were unevenly spread over the connections (Jain index {fairness:.2f}): "
        "some starve, and their waiting is in no latency",
    )


def _reconnects(e: Evidence) -> Finding | None:
    opened = e.load.connections
    warned, invalid = RECONNECT_LIMITS
    if not e.keep_alive or opened is None or opened <= warned * e.load.requests:
        return None
    finding = _invalid if opened > invalid * e.load.requests else _warned
    return finding(
        "reconnects",
        f"{opened} new connections for {e.load.requests} answers, from a server that is meant to "
        "keep them",
    )


def _silence(e: Evidence) -> Finding | None:
    stall, hang = SILENCE_LIMITS
    silence, latency = e.load.silence, _latency(e)
    usual, longest = latency.percentiles(50, 99) if latency is not None else (0.0, 0.0)
    # users in step with each other are silent for as long as an answer takes
    if silence >= max(hang, 2 * longest):
        # a shape may be more than the server can do, and begins with a cold one
        finding = _warned if e.phase.shape else _invalid
        return finding("hang", f"no answer came for {silence:.1f} s while requests were under way")
    if silence < stall or silence < STALL_FACTOR * usual:
        return None
    return _warned("stall", f"no answer came for {silence:.2f} s while requests were under way")


def _unanswered(e: Evidence) -> Finding | None:
    """Tell requests that hang from those that wait in a queue, which ``overloaded`` is about."""
    load = e.load
    queued = not e.closed and (e.phase.probing or bool(load.late) or not load.carried)
    if not load.unanswered or queued:
        return None
    total = load.offered or load.requests
    # a shape may be more than the server can do
    grave = not e.phase.shape and (e.closed or load.unanswered > ERROR_LIMIT * total)
    finding = _invalid if grave else _warned
    return finding(
        "unanswered",
        f"{load.unanswered} requests that were under way at the end were never answered: they "
        "hang, and their waiting is in no latency",
    )


def _few(e: Evidence) -> Finding | None:
    """Most rules about a window need answers to go by, and so does a percentile."""
    if e.phase.probing or not e.load.requests:
        return None
    needed = _LEAST_ANSWERS if e.closed else _LEAST_FOR_P99
    if e.load.requests >= needed:
        return None
    return _warned(
        "few-answers",
        f"{e.load.requests} answers in the window are too few to see whether connections starve, "
        "or for a 99th percentile: --duration makes it longer",
    )


def _drift(e: Evidence) -> Finding | None:
    """A rate that goes one way through the window has not settled."""
    slices = e.load.slices
    if not e.closed or len(slices) < _LEAST_SLICES or e.load.requests < _LEAST_ANSWERS:
        return None
    third = len(slices) // 3
    first, last = mean(slices[:third]), mean(slices[-third:])
    if not first or abs(last / first - 1) <= DRIFT_LIMIT or abs(_trend(slices)) < 0.5:
        return None
    return _warned(
        "drift",
        f"the rate went from {first:.0f} to {last:.0f} requests/s within the window: "
        "the warm-up was not over, or the machine changed",
    )


def _trend(values: Sequence[float]) -> float:
    """Give Kendall's tau of the values with their order: 1 rises always, -1 falls always."""
    signs = [(b > a) - (b < a) for a, b in combinations(values, 2)]
    return mean(signs)


@_of_server
def _growth(e: Evidence, server: ServerUse) -> Finding | None:
    growth = server.memory_growth
    if growth is None or growth * e.load.duration < _GROWTH_PART * server.memory_peak:
        return None
    if growth < _GROWTH_BYTES:
        return None
    return _warned(
        "memory-growth",
        f"memory grew by {format_bytes(int(growth))} per second: a leak, or the warm-up was not "
        "over",
    )


@_of_server
def _restarts(e: Evidence, server: ServerUse) -> Finding | None:
    if not server.restarts:
        return None
    return _invalid(
        "restarts", f"{server.restarts} of the server's processes began or ended in the window"
    )


@_of_server
def _oom(e: Evidence, server: ServerUse) -> Finding | None:
    if not server.oom_kills:
        return None
    return _invalid("oom", f"{server.oom_kills} processes were killed for want of memory")


@_of_server
def _throttled(e: Evidence, server: ServerUse) -> Finding | None:
    """A fraction of a core is a quota, which is meant to stop the server; whole cores have none."""
    throttled = server.throttled
    if not throttled or throttled <= 0.01 or e.placement.cpus != int(e.placement.cpus):
        return None
    return _warned("throttled", f"a CPU quota stopped the server {throttled:.0%} of the time")


@_of_server
def _files(e: Evidence, server: ServerUse) -> Finding | None:
    files = server.open_files
    if files is None or files <= 0.9:
        return None
    return _warned("open-files", f"the server has {files:.0%} of the files open that it may have")


# the machine


def _foreign(e: Evidence) -> Finding | None:
    return _limited(
        "foreign-cpu",
        (
            (e.host.server_foreign, "other processes used {:.0%} of the server's CPUs"),
            (e.host.client_foreign, "other processes used {:.0%} of the load generator's CPUs"),
        ),
        FOREIGN_LIMITS,
    )


def _steal(e: Evidence) -> Finding | None:
    return _limited(
        "steal",
        (
            (e.host.server_steal, "the hypervisor took {:.0%} of the server's CPUs"),
            (e.host.client_steal, "the hypervisor took {:.0%} of the load generator's CPUs"),
        ),
        STEAL_LIMITS,
    )


def _limited(
    rule: str, parts: Sequence[tuple[float | None, str]], limits: tuple[float, float]
) -> Finding | None:
    part, text = max(((part or 0.0, text) for part, text in parts), key=lambda item: item[0])
    warned, invalid = limits
    if part <= warned:
        return None
    return (_invalid if part > invalid else _warned)(rule, text.format(part))


def _swapped(e: Evidence) -> Finding | None:
    if e.server is not None and e.server.swapped:
        return _warned("swap", f"{format_bytes(e.server.swapped)} of the server were swapped out")
    if e.host.swapped:
        where = "the two machines" if e.placement.apart else "the machine"
        return _warned("swap", f"{where} swapped {e.host.swapped} pages")
    return None


def _ports(e: Evidence) -> Finding | None:
    if e.host.ports is None or e.host.ports <= 0.8:
        return None
    return _warned(
        "ports",
        f"{e.host.ports:.0%} of the local ports were in use, most of them waiting: new "
        "connections fail when they run out",
    )


def _frequency(e: Evidence) -> Finding | None:
    change = e.host.frequency_change
    if change is None or change <= 0.1:
        return None
    return _warned("frequency", f"the frequency of the server's CPUs changed by {change:.0%}")


def _clock(e: Evidence) -> Finding | None:
    if abs(e.host.clock_step) <= 0.005:
        return None
    return _warned("clock", f"the wall clock was set by {e.host.clock_step * 1e3:+.0f} ms")


_RULES: tuple[_Rule, ...] = (
    _answers,
    _errors,
    _counts,
    _client,
    _schedule,
    _delay,
    _capped,
    _backing,
    _overloaded,
    _unsaturated,
    _little,
    _uneven,
    _reconnects,
    _silence,
    _unanswered,
    _few,
    _drift,
    _growth,
    _restarts,
    _oom,
    _throttled,
    _files,
    _foreign,
    _steal,
    _swapped,
    _ports,
    _frequency,
    _clock,
)


_OF_STEADY_LOAD = frozenset((_unsaturated, _little, _uneven, _reconnects, _drift, _growth))
"""Rules that hold where as many users as ever send all the time. In a shape they come and go, and
wait for longer than a server need keep a connection; and the server is new."""


def _latency(e: Evidence) -> LatencyHistogram | None:
    histogram = LatencyHistogram.decode(e.load.latency)
    return histogram if histogram.count else None


def _invalid(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.INVALID, message=message)


def _warned(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity=Severity.WARNED, message=message)
