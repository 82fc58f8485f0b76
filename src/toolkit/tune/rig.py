"""Measures configurations: one ramp of each, or a round of all."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from toolkit.compare import usable_rates
from toolkit.loop import Loop
from toolkit.measured import Run
from toolkit.model import Stack, Stage, Trial, Workload
from toolkit.plan import capacity_phase, one_round
from toolkit.slo import Slo
from toolkit.trial import World
from toolkit.tuning.finals import Entry
from toolkit.tuning.limits import label
from toolkit.tuning.look import Look, disturbed, look_of
from toolkit.tuning.space import Candidate, Space, stack_of


class Rig:
    """What a search measures with.

    Args:
        space: What is searched.
        stacks: The app on each server, by the server's name.
        workload: The traffic.
        run: The document to fill.
        world: What to do it with.

    Attributes:
        loop: Runs the trials and holds the document.
        looks: All ramps so far, in their order.
    """

    def __init__(
        self,
        space: Space,
        stacks: Mapping[str, Stack],
        workload: Workload,
        run: Run,
        world: World,
    ) -> None:
        self._space = space
        self._stacks = stacks
        self._workload = workload
        self._prepared: set[str] = set()
        self._note = world.observer.noted
        # a look is over when its ramp is: how a server stops is none of its business
        self.loop = Loop(run, (workload,), world, timed_stops=False)
        self.looks: list[Look] = []

    def say(self, message: str) -> None:
        """Tell a person what is done now."""
        self._note(message)

    def entry(self, look: Look) -> Entry:
        """Describe a configuration."""
        server = self._space.server(look.candidate.server)
        return Entry(
            stack=self.stack(look.candidate).id,
            look=look,
            server=server,
            label=label(server, look.candidate),
            users=look.users,
        )

    def stack(self, candidate: Candidate) -> Stack:
        """Give the stack of a configuration."""
        server = self._space.server(candidate.server)
        return stack_of(candidate, self._stacks[candidate.server], server)

    def shuffled(self, batch: Sequence[Candidate], number: int) -> list[Candidate]:
        """Put a batch into an order that the machine's drift does not know."""
        shuffler = random.Random(f"{self.loop.run.seed} search {number}")  # noqa: S311 - repeatable
        found = list(batch)
        shuffler.shuffle(found)
        return found

    def look(self, candidate: Candidate, slo: Slo) -> None:
        """Measure a ramp of a configuration; once more if others had the CPUs meanwhile.

        They only take: of two ramps the better one counts.
        """
        stack = self._prepare(candidate)
        found: list[Look] = []
        for attempt in (1, 2):
            run = self.loop.run
            trial = Trial(
                stack=stack.id,
                workload=self._workload.id,
                round=attempt,
                position=len(run.trials) + 1,
                stage=Stage.RAMP,
            )
            self.loop.run = replace(run, trials=(*run.trials, trial))
            outcome = self.loop.do(trial)
            found.append(look_of(candidate, outcome, slo, self._space.cpus))
            if not disturbed(outcome):
                break
        self.looks.append(max(found, key=lambda look: look.rate))

    def round(self, looks: Iterable[Look], number: int) -> None:
        """Measure the capacity of each once, with the users with which its look was best."""
        users = {self._prepare(look.candidate).id: look.users for look in looks}
        for trial in self.shuffle([*users], number, Stage.CAPACITY):
            self.loop.do(trial, (capacity_phase(self.loop.run.load, users[trial.stack]),))

    def shuffle(self, stacks: Sequence[str], number: int, stage: Stage) -> tuple[Trial, ...]:
        """Add a round of trials to the document and give them in their order."""
        run = self.loop.run
        trials = one_round(stacks, [self._workload.id], number=number, stage=stage, seed=run.seed)
        rounds = number if stage is Stage.CAPACITY else run.rounds
        self.loop.run = replace(run, trials=(*run.trials, *trials), rounds=rounds)
        return trials

    def rates(self, looks: Iterable[Look]) -> dict[Candidate, dict[int, float]]:
        """Give what each did in the rounds so far; only what may be used."""
        run, workload = self.loop.run, self._workload.id
        return {
            look.candidate: usable_rates(run, self.stack(look.candidate).id, workload)
            for look in looks
        }

    def _prepare(self, candidate: Candidate) -> Stack:
        """Build a stack; of each server the first is checked."""
        stack = self.stack(candidate)
        if stack.id not in self._prepared:
            known = any(look.candidate.server == candidate.server for look in self.looks)
            self.loop.prepare([stack], checked=known)
            self._prepared.add(stack.id)
        return stack
