"""The same cases in different runs: what changed, and may they be compared at all? Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

from toolkit.compare import tables, usable_rates
from toolkit.measured import Measurement, Run, StackFacts
from toolkit.model import Stage
from toolkit.shifts import LEAST_EACH, rank_sum_p, shift_ratio
from toolkit.stats import SIGNIFICANCE, Ratio, holm


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A case in two runs.

    Attributes:
        workload: Id of the workload ...
        stack: ... and of the stack.
        old: Median requests/s in the first run ...
        new: ... and in the other.
        change: How many times as much, the machine's drift between the runs included.
        relative: The same for the ratio to a common baseline, which was measured in both runs and
            so takes most of that drift out; None for the baseline and without one.
        cpu: The same for CPU seconds per answer, which drift hits least; None if not known.
        differs: Whether the change is more than chance, by ``relative`` where there is one, with
            all cases of the comparison taken into account; None with too few rounds to tell.
    """

    workload: str
    stack: str
    old: float
    new: float
    change: Ratio
    relative: Ratio | None
    cpu: Ratio | None
    differs: bool | None

    @property
    def decisive(self) -> Ratio:
        """The change that ``differs`` is about."""
        return self.relative or self.change


def common_baseline(old: Run, new: Run) -> str | None:
    """Name what both runs can be compared through: a stack that both have, and others besides."""
    first, other = ({stack for _, stack in _cases(run)} for run in (old, new))
    both = first & other
    wanted = (old.baseline, new.baseline, *sorted(both))
    return next((stack for stack in wanted if stack in both), None) if len(both) > 1 else None


def contrasts(old: Run, new: Run) -> tuple[Contrast, ...]:
    """Compare every case that has valid numbers in both runs, in the order of the first."""
    baseline = common_baseline(old, new)
    found = tuple(_contrasts(old, new, baseline))
    known = {
        index: _p(old, new, item, baseline)
        for index, item in enumerate(found)
        if item.decisive.pairs >= LEAST_EACH
    }
    adjusted = holm(known)
    return tuple(
        replace(item, differs=adjusted[index] <= SIGNIFICANCE if index in adjusted else None)
        for index, item in enumerate(found)
    )


def only_in(one: Run, other: Run) -> tuple[str, ...]:
    """Name the workloads that only one run has valid numbers of, and the stacks of the others."""
    mine, theirs = [*_cases(one)], {*_cases(other)}
    both = {workload for workload, _ in theirs}
    workloads = dict.fromkeys(f"workload {case[0]}" for case in mine if case[0] not in both)
    stacks = dict.fromkeys(s for w, s in mine if w in both and (w, s) not in theirs)
    return (*workloads, *stacks)


def differences(old: Run, new: Run) -> tuple[str, ...]:
    """Say in what two runs were not measured alike, so that their numbers cannot be compared."""
    return tuple(_differences(old, new))


def packages_changed(old: Run, new: Run) -> tuple[str, ...]:
    """Name the packages, Python included, whose versions differ: often what is compared."""
    before, after = _versions(old.stacks), _versions(new.stacks)
    return tuple(
        f"{name} {' / '.join(before[name])} -> {' / '.join(after[name])}"
        for name in sorted(before.keys() & after.keys(), key=str.lower)
        if before[name] != after[name]
    )


def _cases(run: Run) -> Iterator[tuple[str, str]]:
    for table in tables(run):
        for row in table.rows:
            if row.valid:
                yield table.workload, row.stack


def _contrasts(old: Run, new: Run, baseline: str | None) -> Iterator[Contrast]:
    also = set(_cases(new))
    for workload, stack in _cases(old):
        if (workload, stack) not in also:
            continue
        before, after = (usable_rates(run, stack, workload) for run in (old, new))
        relative = _relative(old, new, workload, stack, baseline)
        cpu_now, cpu_then = (_cpu(run, workload, stack) for run in (new, old))
        yield Contrast(
            workload=workload,
            stack=stack,
            old=median(before.values()),
            new=median(after.values()),
            change=shift_ratio([*after.values()], [*before.values()]),
            relative=shift_ratio(*relative) if relative else None,
            cpu=shift_ratio(cpu_now, cpu_then) if cpu_now and cpu_then else None,
            differs=None,
        )


def _relative(
    old: Run, new: Run, workload: str, stack: str, baseline: str | None
) -> tuple[list[float], list[float]] | None:
    """Give the ratios to the baseline by round, of the new run and of the old one."""
    if baseline is None or stack == baseline:
        return None
    found = [_ratios(run, workload, stack, baseline) for run in (new, old)]
    return (found[0], found[1]) if all(found) else None


def _ratios(run: Run, workload: str, stack: str, baseline: str) -> list[float]:
    mine, base = (usable_rates(run, name, workload) for name in (stack, baseline))
    return [mine[number] / base[number] for number in sorted(mine.keys() & base.keys())]


def _p(old: Run, new: Run, item: Contrast, baseline: str | None) -> float:
    relative = _relative(old, new, item.workload, item.stack, baseline)
    if relative is not None:
        return rank_sum_p(*relative)
    rates = [usable_rates(run, item.stack, item.workload) for run in (new, old)]
    return rank_sum_p([*rates[0].values()], [*rates[1].values()])


def _cpu(run: Run, workload: str, stack: str) -> list[float]:
    return [
        phase.cpu_per_request
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        and outcome.valid
        and outcome.trial.stage is Stage.CAPACITY
        and (outcome.trial.workload, outcome.trial.stack) == (workload, stack)
        for phase in outcome.phases
        if phase.cpu_per_request
    ]


def _differences(old: Run, new: Run) -> Iterator[str]:
    for name, (before, after) in {**_machines(old, new), **_loads(old, new)}.items():
        if before != after:
            yield f"{name}: {before} and {after}"
    stacks = {stack.id: stack for stack in new.stacks}
    for stack in old.stacks:
        other = stacks.get(stack.id)
        if other is not None:
            yield from _set_differently(stack, other)


def _machines(old: Run, new: Run) -> Mapping[str, tuple[object, object]]:
    return {
        "CPU": (old.served_on.cpu_model, new.served_on.cpu_model),
        "CPUs of the machine": (old.served_on.cpus, new.served_on.cpus),
        "runtime": (old.runtime.name, new.runtime.name),
        "network": (old.runtime.network, new.runtime.network),
        "CPU limit": (old.placement.cpus, new.placement.cpus),
        "memory limit": (old.placement.memory, new.placement.memory),
        "CPUs of the load generator": (
            len(old.placement.client_cpus),
            len(new.placement.client_cpus),
        ),
    }


def _loads(old: Run, new: Run) -> Mapping[str, tuple[object, object]]:
    before, after = asdict(old.load), asdict(new.load)
    settings = ("users", "most_users", "warmup", "duration")
    return {name: (before[name], after[name]) for name in settings}


def _set_differently(old: StackFacts, new: StackFacts) -> Iterator[str]:
    # addresses differ without meaning anything
    kept = {name for name in (old.settings.keys() | new.settings.keys()) if name not in _ADDRESSES}
    own = kept if old.knobs is None else {n for n in kept if n.lower() in _with_app(old.knobs)}
    for name in sorted(own):
        # what one of them does not tell was not recorded in its days
        before, after = old.settings.get(name), new.settings.get(name)
        if None not in (before, after) and before != after:
            yield f"{old.id}: {name} {before} and {after}"
    for name in sorted(old.environment.keys() | new.environment.keys()):
        if old.environment.get(name) != new.environment.get(name):
            yield f"{old.id}: the variable {name}"


_ADDRESSES = ("HOST", "PORT")


def _with_app(knobs: Sequence[str]) -> frozenset[str]:
    return frozenset((*knobs, "database_pool"))


def _versions(stacks: Sequence[StackFacts]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for stack in stacks:
        for name, version in (*stack.packages.items(), ("Python", stack.python)):
            found.setdefault(name, set()).add(version)
    return {name: tuple(sorted(versions)) for name, versions in found.items()}
