"""``toolkit verify``."""

from pathlib import Path
from typing import Any

import click

from toolkit.cli.options import common, grouped, running

_FAILED = 4


@click.command(context_settings={"max_content_width": 100})
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@running
@common
def command(
    stacks: tuple[str, ...],
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Check the answers of every app on every server against its contract; no load.

    STACK is a name or a glob such as 'flask/*'; without one all stacks are checked.
    """
    from toolkit.cli.wiring import contracts, messages, session
    from toolkit.config import load_config, with_flags
    from toolkit.errors import StackError
    from toolkit.progress import Progress
    from toolkit.store import new_run_id
    from toolkit.verify import find_violations

    config = with_flags(load_config(Path.cwd(), config_file), grouped(given))
    broken = 0
    with session(config, new_run_id()) as parts, Progress(messages()) as progress:
        exchanges_of = contracts(parts.catalog)
        facts = parts.runtime.facts
        click.echo(f"Runtime: {facts.name} ({facts.reason}).")
        for stack in parts.catalog.select_stacks(stacks or ("*",)):
            exchanges = exchanges_of(stack.app)
            try:
                parts.runtime.prepare(stack, progress)
                with parts.runtime.serve(stack) as service:
                    wrong = find_violations(service, exchanges)
            except StackError as error:
                wrong = (str(error), *error.log.splitlines())
            broken += bool(wrong)
            kept = f"ok, {len(exchanges)} exchanges"
            click.echo(f"{stack.id:30} {f'BROKEN, {wrong[0]}' if wrong else kept}")
            for line in wrong[1:]:
                click.echo(f"  | {line}")
    return _FAILED if broken else 0
