"""Which of the finalists to take, and what to say of the others. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median, median_low

from toolkit.stats import CONFIDENCE, Ratio, paired_ratio

ALIKE = 0.03
"""A difference below this is none that anybody should pay for."""

MOST_ALIKE = 0.05
"""A difference from here on is not called none, though the interval holds 1: it is not known."""

ALIKE_UNKNOWN = 0.1
"""The same where too few rounds give no interval."""

Rates = Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What the finals showed of a configuration.

    Attributes:
        name: Id of its stack.
        workers: Processes that serve.
        threads: Threads of each.
        settings: Settings that it has besides.
        rates: Answers/s of the closed loop by round; only what may be used.
        parts: Of its own capacity that was carried within the objective, by round of the open loop;
            0: none.
        carried: Whether a wanted rate was, in each round; empty where none is wanted.
        memories: Most bytes, by round.
        p99: Seconds at the rate that is the same for all, None if not known.
        reference: Whether it is there to compare with.
    """

    name: str
    workers: int
    threads: int
    settings: int = 0
    rates: Rates = field(default_factory=dict)
    parts: tuple[float, ...] = ()
    carried: tuple[bool, ...] = ()
    memories: Rates = field(default_factory=dict)
    p99: float | None = None
    reference: bool = False

    @property
    def size(self) -> tuple[int, int, int]:
        """Simpler ones first."""
        return (self.workers * self.threads, self.workers, self.settings)

    @property
    def memory(self) -> float:
        """Most bytes of all rounds."""
        return max(self.memories.values(), default=0.0)

    @property
    def part(self) -> float | None:
        """The part of its capacity that it carried within the objective, None if not known."""
        return median_low(self.parts) if self.parts else None

    @property
    def carries(self) -> bool:
        """Whether a wanted rate was carried in all rounds but one, at most."""
        missed = self.carried.count(False)
        return bool(self.carried) and missed <= (1 if len(self.carried) > 2 else 0)

    @property
    def rate(self) -> float:
        """Requests/s within the objective; of a closed loop alone where no other was measured."""
        if not self.rates:
            return 0.0
        return median(self.rates.values()) * (1.0 if self.part is None else self.part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to take.

    Attributes:
        best: Name of the member with the highest rate (with the least memory, where a rate is
            wanted); None: nobody keeps the objective.
        recommended: Name of the one to take.
        ratios: What each carries to what the best does; of memory where a rate is wanted.
        tied: Names of those that are not told apart from the best, the best not among them.
        nearest: Name of the one that came nearest where nobody keeps the objective.
    """

    best: str | None
    recommended: str | None
    ratios: Mapping[str, Ratio]
    tied: frozenset[str]
    nearest: str | None = None


def choose(members: Sequence[Member]) -> Choice:
    """Take the highest rate, or the simplest of those that are not told apart from it.

    Simplest: fewest processes x threads, then processes, then least memory.
    """
    able = [member for member in members if member.rate]
    if not able:
        near = max(members, key=_capacity, default=None)
        found = None if near is None or not _capacity(near) else near.name
        return Choice(best=None, recommended=None, ratios={}, tied=frozenset(), nearest=found)
    best = max(able, key=lambda member: (member.rate, [-number for number in member.size]))
    ratios = _ratios(members, best, compare_rates)
    alike = [m for m in able if m is not best and _is_alike(ratios.get(m.name))]
    chosen = min((best, *alike), key=lambda member: (*member.size, member.memory))
    return Choice(
        best=best.name,
        recommended=chosen.name,
        ratios=ratios,
        tied=frozenset(member.name for member in alike),
    )


def choose_cheapest(members: Sequence[Member]) -> Choice:
    """Of those that carry a wanted rate take the least memory, and of equals the fewest processes.

    The reference may be that one, too.
    """
    able = [member for member in members if member.carries and member.memories]
    if not able:
        tried = [member for member in members if member.carried]
        near = max(tried, key=lambda member: (sum(member.carried), _capacity(member)), default=None)
        name = None if near is None else near.name
        return Choice(best=None, recommended=None, ratios={}, tied=frozenset(), nearest=name)
    best = min(able, key=lambda member: (median(member.memories.values()), *member.size))
    ratios = _ratios(members, best, compare_memories)
    alike = [m for m in able if m is not best and _is_alike(ratios.get(m.name))]
    chosen = min(
        (best, *alike),
        key=lambda member: (member.workers, member.threads, member.settings, member.memory),
    )
    return Choice(
        best=best.name,
        recommended=chosen.name,
        ratios=ratios,
        tied=frozenset(member.name for member in alike),
    )


def compare_rates(mine: Member, other: Member) -> Ratio | None:
    """Give what a member carries within the objective to what another does.

    Capacities are paired by their rounds. What was carried of them in the open loop is known in
    steps only, so it counts where the two were apart in every round of it.
    """
    ratio = _paired(mine.rates, other.rates)
    if ratio is None or not mine.parts or not other.parts:
        return ratio
    apart = min(mine.parts) > max(other.parts) or max(mine.parts) < min(other.parts)
    own, others = mine.part, other.part
    if not apart or not own or not others:
        return ratio
    factor = own / others
    return replace(
        ratio,
        value=ratio.value * factor,
        low=None if ratio.low is None else ratio.low * factor,
        high=None if ratio.high is None else ratio.high * factor,
    )


def compare_memories(mine: Member, other: Member) -> Ratio | None:
    """Give the memory of a member to that of another, paired by rounds."""
    return _paired(mine.memories, other.memories)


def pareto(points: Mapping[str, tuple[float, float, float]]) -> frozenset[str]:
    """Name those to which no other is better in something and not worse in the rest.

    Args:
        points: Rate (more is better), p99 and memory (less is better), by name.
    """
    return frozenset(
        name
        for name, mine in points.items()
        if not any(_dominates(other, mine) for other in points.values())
    )


def _dominates(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    pairs = [(one[0], other[0]), (-one[1], -other[1]), (-one[2], -other[2])]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _ratios(
    members: Iterable[Member],
    best: Member,
    compare: Callable[[Member, Member], Ratio | None],
) -> dict[str, Ratio]:
    return {
        member.name: ratio
        for member in members
        if member is not best and (ratio := compare(member, best)) is not None
    }


def _paired(mine: Rates, other: Rates) -> Ratio | None:
    common = sorted(mine.keys() & other.keys())
    if not common:
        return None
    return paired_ratio([mine[n] for n in common], [other[n] for n in common], CONFIDENCE)


def _is_alike(ratio: Ratio | None) -> bool:
    if ratio is None:
        return False
    distance = abs(ratio.value - 1)
    if ratio.tie is None:
        return distance < ALIKE_UNKNOWN
    return distance < (MOST_ALIKE if ratio.tie else ALIKE)


def _capacity(member: Member) -> float:
    return median(member.rates.values()) if member.rates else 0.0
