"""What ``toolkit tune`` decided, as it is stored with the run. Frozen, in SI units."""

from dataclasses import dataclass

from toolkit.stats import Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """What was not measured, or gave no number.

    Attributes:
        what: A server, or one in certain configurations.
        why: The reason.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A configuration of the finals; None is not known.

    Attributes:
        stack: Its id.
        server: Name of its server.
        workers: Processes that serve, None where the server has no such setting ...
        threads: ... and threads of each.
        label: Server and configuration, for people.
        users: Users of the closed loop in which its capacity was measured.
        capacity: Answers/s of that closed loop, median of the final rounds.
        rate: Requests/s that it carried within the objective in the open loop; 0: none.
        parts: What that was of its own capacity, in each round of it; 0: none.
        p99: Seconds at the rate that is the same for all.
        memory: Most bytes of all its processes.
        ratio: What it carries to what the best does, with its interval; None for the best.
        tied: Whether it is not told apart from the best.
        pareto: Whether no other is better in rate, p99 and memory at once.
        reference: Whether it is there to compare with, and by no search.
        trouble: Why it cannot be recommended; empty if it can.
    """

    stack: str
    server: str
    workers: int | None
    threads: int | None
    label: str
    users: int
    capacity: float | None = None
    rate: float | None = None
    parts: tuple[float, ...] = ()
    p99: float | None = None
    memory: int | None = None
    ratio: Ratio | None = None
    tied: bool = False
    pareto: bool = False
    reference: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The decision of a search.

    Attributes:
        slo: The objective, as ``p99<100ms, errors<0.1%``.
        wanted: Requests/s that the cheapest configuration was looked for, None: the highest rate.
        complete: Whether the search came to its end.
        note: Why it did not, or what else its reader must know; empty if nothing.
        recommended: Id of the stack to take; None: none can be recommended.
        best: Id of the stack that ratios are taken to.
        reason: Why that one, in a sentence.
        finalists: Those that were compared at the end, the best first.
        common: Requests/s at which ``Finalist.p99`` was measured, None if it was not.
        final: Number of the first round of the finals, 0 without any.
        formula: What the reference at 2 x cores + 1 workers carries to what the best does ...
        formula_stack: ... and which stack that is.
        tried: Configurations that were measured ...
        grid: ... of so many that an exhaustive search would have to measure.
        seconds: That it took.
        ruled_out: What was not measured, or gave no number.
    """

    slo: str
    wanted: float | None = None
    complete: bool = False
    note: str = ""
    recommended: str | None = None
    best: str | None = None
    reason: str = ""
    finalists: tuple[Finalist, ...] = ()
    common: float | None = None
    final: int = 0
    formula: Ratio | None = None
    formula_stack: str | None = None
    tried: int = 0
    grid: int = 0
    seconds: float = 0.0
    ruled_out: tuple[RuledOut, ...] = ()

    @property
    def pareto(self) -> tuple[str, ...]:
        """Ids of the stacks to which no other is better in rate, p99 and memory at once."""
        return tuple(item.stack for item in self.finalists if item.pareto)
