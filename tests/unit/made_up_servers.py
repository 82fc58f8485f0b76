"""Servers that are formulas: what a ramp and a round would show of them, with noise."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.knee import NEAR
from toolkit.tuning.choice import Choice, Member, choose
from toolkit.tuning.look import Look
from toolkit.tuning.rounds import RUNGS, contenders, survivors
from toolkit.tuning.search import next_looks
from toolkit.tuning.space import (
    Candidate,
    Concurrency,
    Space,
    Tunable,
    thread_ladder,
    worker_ladder,
)

SYNC = Tunable(name="sync", workers=True, threads=False, holds=Concurrency.PROCESS)
GTHREAD = Tunable(name="gthread", workers=True, threads=True, holds=Concurrency.THREAD)
GEVENT = Tunable(name="gevent", workers=True, threads=False, holds=Concurrency.NOTHING)
WAITRESS = Tunable(name="waitress", workers=False, threads=True, holds=Concurrency.THREAD)
EVERY = (SYNC, GTHREAD, GEVENT, WAITRESS)
MIB = 2**20
FINAL_ROUNDS = 6


@dataclass(frozen=True, kw_only=True)
class World:
    """Servers of which an answer costs some CPU and waits some time.

    Attributes:
        cpu: Seconds of CPU per answer, by server.
        wait: Seconds that an answer waits.
        each: Bytes of a process; a parent has as many.
        limit: Seconds that the slowest answers may take.
        noise: Standard deviation of the logarithm of what is measured.
        lock: What each doubling of a process's threads adds to the CPU of an answer, as a part of
            it: they take the one lock of their interpreter from each other.
    """

    space: Space
    cpu: dict[str, float]
    wait: float
    each: int
    limit: float
    noise: float = 0.05
    lock: float = 0.0

    def throughput(self, candidate: Candidate, users: int) -> float:
        """Give the answers/s that so many users get, in the mean.

        Each process has the one lock of its interpreter; more threads and processes than there are
        cores get in each other's way a little.
        """
        server = self.space.server(candidate.server)
        slots = math.inf if server.holds is Concurrency.NOTHING else candidate.size
        cores = min(self.space.cpus, candidate.workers)
        crowd = max(candidate.workers / self.space.cores, 1.0)
        crowding = 0.01 * math.log2(candidate.threads * crowd)
        cost = self.cpu[server.name] * (1 + crowding + self.lock * math.log2(candidate.threads))
        waiting = min(users, slots) / (self.wait + cost)
        computing = cores / cost
        return float((waiting**-8 + computing**-8) ** (-1 / 8))

    def memory(self, candidate: Candidate) -> int:
        return (
            self.each * (candidate.workers + 1) + candidate.threads * candidate.workers * MIB // 8
        )

    def steps(self, candidate: Candidate) -> list[tuple[int, float]]:
        """Give users and answers/s of a ramp without noise, with so many that it has ended."""
        return [(2**n, self.throughput(candidate, 2**n)) for n in range(9)]

    def keeps(self, users: int, rate: float) -> bool:
        return 2.5 * users / rate <= self.limit

    def keeps_at(self, looks: Sequence[Look], candidate: Candidate) -> bool:
        """Tell whether a candidate keeps the objective just below the users of its look."""
        (users,) = (look.users for look in looks if look.candidate == candidate)
        return self.keeps(users, self.throughput(candidate, users) / 0.95)

    def rate(self, candidate: Candidate) -> float:
        """Give the true rate within the objective."""
        kept = [rate for users, rate in self.steps(candidate) if self.keeps(users, rate)]
        return max(kept, default=0.0)

    def grid(self) -> list[Candidate]:
        """Give all that somebody would measure who measures everything that fits."""
        return [
            candidate
            for server in self.space.servers
            for workers in (worker_ladder(self.space, 32) if server.workers else (1,))
            for threads in (thread_ladder(self.space, 64) if server.threads else (1,))
            if self.memory(candidate := self.space.fit(server, workers, threads)) * 1.3
            <= self.space.memory
        ]

    def look(self, candidate: Candidate, chance: random.Random) -> Look:
        """Give what a ramp shows, which ends when the rate stops growing."""
        seen: list[tuple[int, float]] = []
        for users, rate in self.steps(candidate):
            seen.append((users, rate * chance.lognormvariate(0, self.noise)))
            before = max((r for _, r in seen[:-2]), default=math.inf)
            if len(seen) > 2 and all(r <= 1.05 * before for _, r in seen[-2:]):
                break
        kept = [step for step in seen if self.keeps(*step)]
        rate = max((rate for _, rate in kept), default=seen[0][1])
        users = max((n for n, r in kept if r >= NEAR * rate), default=1)
        cost = self.cpu[candidate.server]
        return Look(
            candidate=candidate,
            rate=rate if kept else 0.0,
            users=users,
            latency=1 / seen[0][1],
            cpu_alone=cost * chance.lognormvariate(0, 0.03),
            cpu=cost * chance.lognormvariate(0, 0.03),
            busy=min(rate * cost / self.space.cpus, 1.0),
            memory=self.memory(candidate),
        )

    def rounds(
        self, looks: Sequence[Look], numbers: Sequence[int], chance: random.Random
    ) -> dict[Candidate, dict[int, float]]:
        """Give what rounds of capacity show; all of a round are as fast as the machine is then."""
        found: dict[Candidate, dict[int, float]] = {look.candidate: {} for look in looks}
        for number in numbers:
            drift = chance.lognormvariate(0, 0.1)
            for look in looks:
                rate = self.throughput(look.candidate, look.users)
                found[look.candidate][number] = rate * drift * chance.lognormvariate(0, self.noise)
        return found


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search that came to its end.

    Attributes:
        choice: What it decided, of candidates by their names.
        trials: Ramps and rounds that it took.
    """

    looks: tuple[Look, ...]
    choice: Choice
    candidates: dict[str, Candidate]
    trials: int

    @property
    def best(self) -> Candidate | None:
        return None if self.choice.best is None else self.candidates[self.choice.best]

    @property
    def recommended(self) -> Candidate | None:
        name = self.choice.recommended
        return None if name is None else self.candidates[name]


def search(world: World, seed: int, wanted: float | None = None) -> Search:
    """Tune a world, as ``toolkit tune`` does, but for the open loops."""
    chance = random.Random(seed)
    looks: list[Look] = []
    while batch := next_looks(world.space, looks, wanted):
        looks += [world.look(candidate, chance) for candidate in batch]
    left = list(contenders(world.space, looks, wanted))
    trials = len(looks)
    rates: dict[Candidate, dict[int, float]] = {look.candidate: {} for look in left}
    number = 0
    for count in RUNGS:
        numbers = range(number + 1, number + count + 1)
        number += count
        for candidate, found in world.rounds(left, numbers, chance).items():
            rates[candidate] |= found
        trials += count * len(left)
        stay = survivors([look.candidate for look in left], rates)
        left = [look for look in left if look.candidate in stay]
    final = world.rounds(left, range(100, 100 + FINAL_ROUNDS), chance)
    trials += FINAL_ROUNDS * len(left)
    members = [
        Member(
            name=str(candidate),
            parts=(0.95 if world.keeps_at(left, candidate) else 0.0,) * 3,
            workers=candidate.workers,
            threads=candidate.threads,
            rates=found,
            memories={n: float(world.memory(candidate)) for n in found},
        )
        for candidate, found in final.items()
    ]
    return Search(
        looks=tuple(looks),
        choice=choose(members),
        candidates={str(candidate): candidate for candidate in final},
        trials=trials,
    )


def any_world(seed: int) -> World:
    """Make a world up: some cores, some waiting, servers that cost more or less."""
    chance = random.Random(seed)
    cpus = chance.choice([0.5, 1.0, 1.0, 2.0, 4.0])
    cpu = math.exp(chance.uniform(math.log(0.0003), math.log(0.01)))
    waits = chance.choice([0.0, 0.3, 1.0, 5.0, 20.0, 60.0])
    factors = {"sync": 1.1, "gthread": 1.0, "gevent": 1.15, "waitress": 0.95}
    return World(
        space=Space(servers=EVERY, cpus=cpus, memory=chance.choice([256, 512, 2048]) * MIB),
        cpu={name: cpu * factor * chance.uniform(0.7, 1.4) for name, factor in factors.items()},
        wait=cpu * waits,
        each=chance.choice([20, 40, 80]) * MIB,
        limit=chance.choice([0.5, 1.0, 3.0]),
    )
