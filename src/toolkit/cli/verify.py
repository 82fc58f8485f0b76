"""``toolkit verify``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import base_image, common, elsewhere, grouped, running

if TYPE_CHECKING:
    from toolkit.verify import Verdict

_FAILED = 4


@click.command(context_settings={"max_content_width": 100})
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Fail where a database or the upstream cannot be had, instead of leaving them out.",
)
@elsewhere
@running
@base_image
@common
def command(
    stacks: tuple[str, ...],
    everything: bool,
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Check the answers of every app on every server against its contract; no load.

    STACK is a name or a glob such as 'flask/*'; without one all stacks are checked. What
    deploy/broken.toml lists as broken upstream is shown as such, and as a failure once it works.
    """
    from toolkit.backing import open_backings
    from toolkit.cli.wiring import contracts, messages, session
    from toolkit.config import load_config, with_flags
    from toolkit.contract import with_what_there_is
    from toolkit.progress import Progress
    from toolkit.store import new_run_id
    from toolkit.verify import verify

    config = with_flags(load_config(Path.cwd(), config_file), grouped(given))
    failed = known = 0
    with (
        Progress(messages()) as progress,
        session(config, new_run_id(), observer=progress) as parts,
    ):
        exchanges_of = contracts(parts.catalog)
        chosen = parts.catalog.select_stacks(stacks or ("*",))
        facts = parts.runtime.facts
        click.echo(f"Runtime: {facts.name} ({facts.reason}).")
        needs = {item.needs for stack in chosen for item in exchanges_of(stack.app) if item.needs}
        shared = parts.catalog.path / "apps" / "shared"
        with open_backings(
            parts.runtime,
            needs,
            shared,
            progress,
            knobs=config.server,
            optional=not everything,
        ) as backings:
            for need, backing in backings.started.items():
                click.echo(f"{need.capitalize()}: {backing.facts.summary}.")
            for need, fault in backings.missing.items():
                click.echo(f"No {need}, and what needs it is NOT CHECKED: {fault}")
                for line in filter(None, (fault.hint, *fault.log.splitlines())):
                    click.echo(f"  | {line}")
            for stack in chosen:
                every = exchanges_of(stack.app)
                exchanges = with_what_there_is(every, backings.has)
                verdict = verify(
                    stack, exchanges, parts.catalog.broken, parts.runtime, backings, progress
                )
                failed += not verdict.kept
                known += len({item for _, item in verdict.known})
                _show(stack.id, verdict, len(exchanges), len(every))
    total = f"{len(chosen)} stacks: {len(chosen) - failed} as they should be, {failed} not"
    click.echo(f"{total}; {known} pairings broken upstream." if known else f"{total}.")
    return _FAILED if failed else 0


def _show(stack: str, verdict: "Verdict", checked: int, every: int) -> None:
    left_out = f", {every - checked} not checked" if checked < every else ""
    if verdict.wrong:
        click.echo(f"{stack:30} BROKEN, {verdict.wrong[0]}")
        for line in (*map(str, verdict.wrong[1:]), *verdict.log.splitlines()):
            click.echo(f"  | {line}")
    elif verdict.known:
        click.echo(f"{stack:30} ok but for what is broken upstream, {checked} exchanges{left_out}")
    else:
        click.echo(f"{stack:30} ok, {checked} exchanges{left_out}")
    for violation, broken in verdict.known:
        click.echo(f"  ~ {violation}")
        click.echo(f"    {broken.reason} [{broken.evidence}]")
    for item in verdict.healed:
        click.echo(
            f"  ! {item.exchange} works, though deploy/broken.toml lists {item.stack}: remove"
        )
