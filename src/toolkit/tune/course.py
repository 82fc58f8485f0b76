"""The course of a search: looks, rounds, finals, and what is decided after each of them."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from toolkit.loop import apart
from toolkit.measured import Run
from toolkit.model import Phase, Stack, Stage, Trial, Workload
from toolkit.plan import OWN_PARTS, own_phases
from toolkit.stages import capacity_of, per_task_of
from toolkit.store import utc_now
from toolkit.trial import World
from toolkit.tune.rig import Rig
from toolkit.tune.settings import TuneSettings, finals_seconds, reference_of
from toolkit.tuned import Tuned
from toolkit.tuning.finals import Entry, decide
from toolkit.tuning.limits import grid, learn, over_database, over_memory, ruled_out
from toolkit.tuning.look import Look
from toolkit.tuning.rounds import FINALISTS, contenders, polish, survivors
from toolkit.tuning.search import next_looks
from toolkit.tuning.space import Candidate, Space
from toolkit.units import counted

_OVER = "The time was over before the search was: this is the best of what was measured by then."
_CUT = "Interrupted: this is the best of what was measured by then."
_LOOKED = "By one ramp each, without the finals: "


def run_tune(
    settings: TuneSettings,
    space: Space,
    stacks: Mapping[str, Stack],
    workload: Workload,
    run: Run,
    world: World,
) -> Run:
    """Tune one app under one workload and give the finished run.

    Args:
        settings: What is looked for.
        space: What is searched.
        stacks: The app on each server, by the server's name.
        workload: The traffic.
        run: The document to fill, without stacks and outcomes.
        world: What to do it with.

    Raises:
        EnvironmentFault: Nothing can be built, or results cannot be written.
        KeyboardInterrupt: The user's; what was measured is stored, with the best of it.
    """
    return _Course(settings, space, workload, Rig(space, stacks, workload, run, world)).run()


class _Course:
    def __init__(self, settings: TuneSettings, space: Space, workload: Workload, rig: Rig) -> None:
        self._settings = settings
        self._space = space
        self._workload = workload
        self._rig = rig
        self._began = time.monotonic()
        self._tuned = Tuned(slo=str(settings.slo), wanted=settings.wanted)

    def run(self) -> Run:
        loop = self._rig.loop
        self._keep(self._tuned)
        try:
            self._measure()
        except KeyboardInterrupt:
            self._keep(replace(self._tuned, complete=False, note=_CUT))
            raise
        loop.keep(replace(loop.run, finished_at=utc_now()))
        return loop.run

    def _measure(self) -> None:
        settings = self._settings
        self._began = time.monotonic()
        self._rig.loop.control((self._workload,))
        over = not self._search()
        left = contenders(self._space, self._rig.looks, settings.wanted, settings.contenders)
        if not left:
            self._keep(self._nothing())
            return
        number = 0
        if settings.wanted is None:
            left, number, cut = self._rungs(left)
            over = over or cut
        entries = self._entries(left)
        self._finals(entries, number)
        self._keep(replace(self._decided(entries), complete=not over, note=_OVER if over else ""))

    def _note(self, tuned: Tuned) -> None:
        """Have what is decided so far stored with the next trial."""
        loop = self._rig.loop
        self._tuned = replace(tuned, seconds=time.monotonic() - self._began)
        loop.run = replace(loop.run, tuned=self._tuned)

    def _keep(self, tuned: Tuned) -> None:
        """Store what is decided so far."""
        self._note(tuned)
        self._rig.loop.keep(self._rig.loop.run)

    def _is_over(self) -> bool:
        """Tell whether there is no more time than the finals take."""
        finals = finals_seconds(self._settings, self._rig.loop.run.load)
        left = self._settings.time_limit - finals
        return time.monotonic() - self._began > max(left, 0.0)

    # looks

    def _search(self) -> bool:
        """Look at one batch after the other; tell whether the search came to its end."""
        step = 0
        while batch := next_looks(self._space, self._rig.looks, self._settings.wanted):
            step += 1
            for number, candidate in enumerate(self._rig.shuffled(batch, step)):
                if self._rig.looks and self._is_over():
                    return False
                if not number:
                    self._rig.say(
                        f"Search, step {step}: {counted(len(batch), 'configuration')} ..."
                    )
                self._look(candidate)
        return True

    def _look(self, candidate: Candidate) -> None:
        self._rig.look(candidate, self._settings.slo)
        found = contenders(self._space, self._rig.looks, self._settings.wanted, 1)
        best = self._rig.entry(found[0]) if found else None
        self._note(
            replace(
                self._with_counts(self._tuned),
                recommended=None if best is None else best.stack,
                reason="" if best is None else f"{_LOOKED}{best.label}.",
            )
        )

    # rounds

    def _rungs(self, left: tuple[Look, ...]) -> tuple[tuple[Look, ...], int, bool]:
        """Drop the worse half after each rung; give who is left, after how many rounds, cut short.

        Cut short, the best of the looks and rounds so far are left.
        """
        number = 0
        for count in self._settings.rungs:
            if len(left) <= FINALISTS:
                break
            for _ in range(count):
                if self._is_over():
                    return self._stay(left)[:FINALISTS], number, True
                number += 1
                self._rig.say(
                    f"Round {number}: {counted(len(left), 'configuration')} side by side ..."
                )
                self._rig.round(left, number)
            left = self._stay(left)
        return left, number, False

    def _stay(self, left: tuple[Look, ...]) -> tuple[Look, ...]:
        """Say who stays after the rounds so far, the best first; without any all do."""
        rates = self._rig.rates(left)
        if not any(rates.values()):
            return left
        stay = survivors([look.candidate for look in left], rates)
        return tuple(look for name in stay for look in left if look.candidate == name)

    # finals

    def _entries(self, left: Sequence[Look]) -> tuple[Entry, ...]:
        """Say who is in the finals: who is left, the leader's variants, and the reference."""
        leader = left[0]
        variants = polish(self._space, leader.candidate)
        looks = [*left, *(replace(leader, candidate=candidate) for candidate in variants)]
        reference = self._reference()
        if reference is not None and reference not in looks:
            looks.append(reference)
        return tuple(replace(self._rig.entry(look), reference=look == reference) for look in looks)

    def _reference(self) -> Look | None:
        """Give the look at what is compared with, None where that cannot be measured."""
        reference = reference_of(self._space)
        for attempt in range(2):
            for look in self._rig.looks:
                if look.candidate == reference:
                    return None if look.failure else look
            if attempt or not self._fits(reference):
                break
            self._look(reference)
        return None

    def _fits(self, candidate: Candidate) -> bool:
        """Tell whether the server of a candidate works, and the candidate is within the limits."""
        known = next(
            known
            for known in learn(self._space, self._rig.looks)
            if known.server.name == candidate.server
        )
        return not (
            known.hopeless
            or over_memory(self._space, known, candidate.workers)
            or over_database(self._space, candidate.workers)
        )

    def _finals(self, entries: Sequence[Entry], before: int) -> None:
        """Measure all that are in the finals side by side, and then at fixed rates.

        Args:
            entries: Who is in them.
            before: Number of the last round before them.
        """
        loop, settings = self._rig.loop, self._settings
        looks = [entry.look for entry in entries]
        reference = next((entry for entry in entries if entry.reference), entries[0])
        loop.run = replace(loop.run, baseline=reference.stack)
        self._note(replace(self._tuned, final=before + 1))
        rounds = settings.rounds if settings.wanted is None else max(settings.rounds // 2, 1)
        done = 0
        while done < rounds or self._lacks_rounds(looks, before, done, rounds):
            done += 1
            what = counted(len(entries), "configuration")
            self._rig.say(f"Finals, round {done} of {max(done, rounds)}: {what} ...")
            self._rig.round(looks, before + done)
            self._note(self._decided(entries))
        loop.calibrate(self._rates_to_come(entries))
        stacks = [entry.stack for entry in entries]
        rounds = loop.run.load.rate_rounds if settings.wanted is None else settings.rounds
        for number in range(1, rounds + 1):
            self._rig.say(f"Fixed rates, round {number} of {rounds} ...")
            for trial in self._rig.shuffle(stacks, number, Stage.LATENCY):
                loop.do(trial, self._at_wanted(trial, entries) if settings.wanted else None)
            self._note(self._decided(entries))

    def _lacks_rounds(self, looks: Iterable[Look], before: int, done: int, wanted: int) -> bool:
        """Tell whether another round can make up for some that were not valid.

        So it goes on for twice as many at most, and not where hardly any is valid.
        """
        rates = self._rig.rates(looks).values()
        valid = [sum(number > before for number in found) for found in rates]
        promising = [count for count in valid if 2 * count > done]
        spent = time.monotonic() - self._began > self._settings.time_limit
        return bool(promising) and min(promising) < wanted and done < 2 * wanted and not spent

    def _rates_to_come(self, entries: Iterable[Entry]) -> tuple[float, ...]:
        """Give the rates of the open loops, for the calibration of the client."""
        if self._settings.wanted is not None:
            return (self._settings.wanted,)
        run, workload = self._rig.loop.run, self._workload.id
        common = capacity_of(run, run.baseline, workload) or 0.0
        own = [capacity_of(run, entry.stack, workload) or 0.0 for entry in entries]
        rates = [
            *(part * common for part in run.load.rates),
            *(max(OWN_PARTS) * rate for rate in own),
        ]
        return apart(rate for rate in rates if rate)

    def _at_wanted(self, trial: Trial, entries: Iterable[Entry]) -> Iterator[Phase]:
        """Give the open loop at the rate that is wanted, the same arrivals for all of a round."""
        run, wanted = self._rig.loop.run, self._settings.wanted or 0.0
        look = next(entry.look for entry in entries if entry.stack == trial.stack)
        per_task = per_task_of(run, trial.stack, trial.workload)
        capacity = capacity_of(run, trial.stack, trial.workload) or look.rate or wanted
        tasks = wanted / per_task
        phase = next(own_phases(run.load, tasks / OWN_PARTS[0], run.seed + 1000 * trial.round))
        yield replace(
            phase,
            rate=tasks,
            per_task=per_task,
            own=min(wanted / capacity, 1.0),
            settle=run.load.warmup,
            least=max(run.load.warmup_requests, run.load.connections),
        )

    # decisions

    def _decided(self, entries: Sequence[Entry]) -> Tuned:
        return self._with_counts(decide(self._rig.loop.run, entries, self._settings.wanted))

    def _with_counts(self, tuned: Tuned) -> Tuned:
        looks = self._rig.looks
        return replace(
            tuned,
            tried=len({trial.stack for trial in self._rig.loop.run.trials}),
            grid=len(grid(self._space, looks)),
            ruled_out=ruled_out(self._space, looks),
        )

    def _nothing(self) -> Tuned:
        """Say why there is nobody for the finals."""
        tuned = self._with_counts(self._tuned)
        measured = [look for look in self._rig.looks if look.excess is not None]
        if not measured:
            return replace(tuned, recommended=None, reason="No configuration could be measured.")
        near = min(measured, key=lambda look: look.excess or 0.0)
        text = f"No configuration keeps {self._settings.slo}, not even with the fewest users. "
        where = f"{self._rig.entry(near).label}, with {counted(near.users, 'user')}"
        over = (
            f"its latency is {near.excess:.1f} times the limit"
            if near.excess is not None and near.excess > 1
            else "too many of its answers fail"
        )
        return replace(
            tuned, complete=True, recommended=None, reason=f"{text}Nearest: {where}: {over}."
        )
