"""``toolkit tune``."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from toolkit.cli.options import (
    base_image,
    beside,
    common,
    elsewhere,
    grouped,
    own_app,
    patterns,
    running,
    telling,
)


@click.command(context_settings={"max_content_width": 100})
@click.argument("own", metavar="[APP]", required=False)
@click.option(
    "--slo",
    "tune_slo",
    metavar="TERMS",
    help="What answers should keep (default: 'p99<100ms, errors<0.1%'); p50, p90, p95, p99, p99.9.",
)
@click.option(
    "--rate",
    "tune_rate",
    type=click.FloatRange(min=0),
    metavar="REQ/S",
    help="Look for the cheapest configuration that carries this rate, and not for the highest.",
)
@click.option("--app", "tune_app", metavar="NAME", help="A reference app (default: flask) ...")
@click.option(
    "--workload", "tune_workload", metavar="NAME", help="... and its traffic (default: list)."
)
@patterns("--servers", "Servers to search (default: all for production that fit the app).")
@click.option(
    "--time-limit",
    "tune_time_limit",
    type=float,
    help="Seconds after which nothing more is looked for (900); the finals come in any case.",
)
@click.option("--rounds", "tune_rounds", type=int, help="Rounds of the finals (6).")
@click.option("--warmup", "tune_warmup", type=float, help="Seconds of load not measured.")
@click.option("--duration", "tune_duration", type=float, help="Seconds measured in each trial.")
@click.option("--most-users", "tune_most_users", type=int, help="Where each ramp ends (128).")
@click.option("--seed", "tune_seed", type=int, help="Repeat the shuffled order of a run.")
@click.option("--quick", is_flag=True, help="A first look: short trials, no intervals.")
@click.option("--dry-run", is_flag=True, help="Show what would be searched, start nothing.")
@telling
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder for results."
)
@own_app
@beside
@elsewhere
@running
@base_image
@common
def command(
    own: str | None,
    servers: tuple[str, ...] | None,
    quick: bool,
    dry_run: bool,
    texts: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    results: Path | None,
    images: tuple[str, ...],
    port: int,
    env_file: Path | None,
    variables: tuple[str, ...],
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Find the server, workers and threads that meet a latency objective.

    Searches for the highest rate within the objective, inside --cpus and --memory; with --rate for
    the least memory that carries it. Not all configurations are measured: from the usual formulas
    the search goes to where no neighbour is better, and the best are compared side by side.
    --workers or --threads fix that number.

    APP is an app of your own, as for `toolkit bench`; several --get and --post are one traffic.
    Without it, and without settings or flags that describe one, a reference app is tuned.
    """
    from toolkit.cli.benched import place_of
    from toolkit.cli.outputs import read_telling
    from toolkit.cli.settled import beside_settings, is_described, own_settings
    from toolkit.cli.tuning import Fixed, reference_app, refuse, tune
    from toolkit.config import QUICK_TUNE, load_config, with_flags

    told = read_telling(texts, as_json=as_json, quiet=quiet)
    refuse(images, beside=given["app_beside"] or ())
    folder, target = place_of(own or "", Path.cwd())
    config = load_config(folder, config_file)
    settled = config_file.parent if config_file else folder
    config = replace(config, app=beside_settings(config.app, settled))
    if quick:
        config = with_flags(config, {"tune": QUICK_TUNE})
    given = {name: value for name, value in given.items() if value != ()}
    config = with_flags(config, grouped({**given, "tune_servers": servers}))
    if results is not None:
        config = replace(config, results=str(results))
    of_own = variables or env_file or any(given[name] for name in given if name.startswith("app_"))
    config = replace(config, app=own_settings(config.app, target, servers, env_file, variables))
    of_reference = bool(given["tune_app"] or given["tune_workload"])
    fixed = Fixed(workers=given["server_workers"], threads=given["server_threads"])

    with contextlib.ExitStack() as opened:
        if own is not None or of_own or (is_described(config.app) and not of_reference):
            from toolkit.cli.own import laid_out
            from toolkit.cli.tuning import own_search

            refuse((), reference=of_reference)
            searched = own_search(
                config,
                lambda app: opened.enter_context(
                    laid_out(replace(config, app=app), folder, against_itself=None)
                ),
            )
        else:
            searched = reference_app(config)
        return tune(config, searched, fixed, told, dry_run=dry_run)
