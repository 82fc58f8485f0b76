"""What a bench would do, in a terminal (``--dry-run``)."""

from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit.measured import RuntimeFacts
from toolkit.model import Knobs, Placement, Plan
from toolkit.progress import describe
from toolkit.runtime.settings import argv_of, environment_of


def show(
    plan: Plan, knobs: Knobs, placement: Placement, runtime: RuntimeFacts, console: Console
) -> None:
    """Print the plan: where, what, in which order, how long."""
    console.print(Text(describe(plan)))
    console.print(Text(f"Runtime: {runtime.name} ({runtime.reason}), network {runtime.network}."))
    for note in (*runtime.notes, *placement.notes):
        console.print(Text(note))
    server, client = (
        ",".join(map(str, cpus)) or "any" for cpus in (placement.server_cpus, placement.client_cpus)
    )
    there = "" if runtime.host is None else f" of {runtime.host.name}"
    servers = f"Server on CPU {server}{there}, load" if runtime.ours else "Load"
    console.print(Text(f"{servers} generator on CPU {client}."))
    needs = sorted({need for workload in plan.traffic for need in workload.needs})
    if needs:
        backing = ",".join(map(str, placement.backing_cpus)) or "any"
        console.print(Text(f"Started for the run: {' and '.join(needs)}, on CPU {backing}."))
    console.print(Text(f"Baseline: {plan.baseline}. Seed of the order: {plan.seed}."))
    if runtime.ours:
        host = "127.0.0.1" if runtime.host is None else runtime.host.address
        console.print(_commands(plan, knobs, host))
    order = Table("round", "trials in order", box=SIMPLE_HEAD, pad_edge=False)
    for (stage, number), trials in groupby(plan.trials, lambda trial: (trial.stage, trial.round)):
        cases = ", ".join(trial.case for trial in trials)
        order.add_row(f"{stage} {number}", Text(cases))
    console.print(order)


def _commands(plan: Plan, knobs: Knobs, host: str) -> Table:
    commands = Table("stack", "command", box=SIMPLE_HEAD, pad_edge=False)
    for stack in plan.stacks:
        environment = environment_of(stack.knobs(knobs), host=host, port=8000)
        commands.add_row(Text(stack.id), Text(" ".join(argv_of(stack, environment))))
    return commands
