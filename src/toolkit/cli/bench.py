"""``toolkit bench``."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import (
    PART,
    PARTS,
    base_image,
    beside,
    common,
    consent,
    elsewhere,
    grouped,
    own_app,
    patterns,
    running,
    telling,
    wanted_rate,
)

if TYPE_CHECKING:
    from toolkit.cli.benched import Benched
    from toolkit.cli.outputs import Telling
    from toolkit.config import Config


@click.command(context_settings={"max_content_width": 100})
@click.argument("own", metavar="[APP]", required=False)
@patterns("--stacks", "Stacks to compare, as 'flask/*' (default: five, see `toolkit list`).")
@patterns("--apps", "Apps, on every server that fits ...")
@patterns("--servers", "... or on these.")
@patterns("--workloads", "Kinds of traffic, as upstream?delay=5ms (default: list, create).")
@click.option("--set", "set_name", metavar="NAME", help="Settings by name, see `toolkit list`.")
@click.option("--all", "everything", is_flag=True, help="Every stack under every workload.")
@click.option(
    "--vary",
    "variations",
    multiple=True,
    metavar="SETTING=N,N...",
    help="Measure each stack with each of these values, as threads=1,4,16; repeatable.",
)
@click.option("--baseline", "bench_baseline", help="Stack of the ratios (default: the first).")
@click.option("--rounds", "bench_rounds", type=int, help="Trials of each case; 6 for an interval.")
@click.option(
    "--precision",
    "bench_precision",
    type=PART,
    help="Add rounds until the intervals are within so much, as 5%.",
)
@click.option(
    "--time-limit", "bench_time_limit", type=float, help="Seconds after which none is added."
)
@click.option(
    "--users", "bench_users", type=int, help="Users of the closed loop; 0 finds the best number."
)
@click.option("--most-users", "bench_most_users", type=int, help="Where that search ends.")
@click.option(
    "--rates",
    "bench_rates",
    type=PARTS,
    help="Fixed rates as parts of the baseline's capacity: 50%,70%,90%,120%; 'none' for none.",
)
@click.option(
    "--rate-rounds", "bench_rate_rounds", type=int, help="Trials of each case at these rates."
)
@click.option(
    "--shape-rounds",
    "bench_shape_rounds",
    type=int,
    help="Times that a locustfile's LoadTestShape is played on each stack, with its waits (0).",
)
@click.option(
    "--arrivals",
    "bench_arrivals",
    type=click.Choice(["poisson", "constant"]),
    help="How requests at a fixed rate are spaced.",
)
@click.option(
    "--objective", "bench_objective", type=float, help="Seconds that p99 should keep (0.05)."
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="URL",
    help="Load a server that runs already, and start none; repeatable.",
)
@consent
@elsewhere
@patterns(
    "--load-hosts",
    "Docker hosts that make the load for --target or --target-host.",
    "runtime_load_hosts",
    metavar="HOST",
)
@click.option(
    "--load-workers",
    "runtime_load_workers",
    type=click.IntRange(min=0),
    help="Load processes on each of them (as many as it has CPUs, up to four).",
)
@click.option(
    "--load-join",
    "runtime_load_join",
    type=click.IntRange(min=0),
    metavar="N",
    help="Let N load processes make it that somebody else starts (Kubernetes, Swarm) ...",
)
@click.option(
    "--load-port",
    "runtime_load_port",
    type=click.IntRange(1, 65535),
    help="... and that join this port of --load-address (5557).",
)
@click.option(
    "--load-address",
    "runtime_load_address",
    metavar="ADDRESS",
    help="Of this machine, as they see it (that of the way to the first).",
)
@click.option("--aa", metavar="STACK", help="Measure a stack against itself: the noise floor.")
@click.option("--warmup", "bench_warmup", type=float, help="Seconds of load not measured.")
@click.option("--duration", "bench_duration", type=float, help="Seconds measured in each trial.")
@click.option("--seed", "bench_seed", type=int, help="Repeat the shuffled order of a run.")
@click.option("--quick", is_flag=True, help="One short round: ratios without an interval.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, start nothing.")
@telling
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder for results."
)
@wanted_rate
@own_app
@beside
@running
@base_image
@common
def command(
    own: str | None,
    stacks: tuple[str, ...] | None,
    apps: tuple[str, ...] | None,
    servers: tuple[str, ...] | None,
    workloads: tuple[str, ...] | None,
    set_name: str | None,
    everything: bool,
    variations: tuple[str, ...],
    targets: tuple[str, ...],
    mine: bool,
    aa: str | None,
    quick: bool,
    dry_run: bool,
    texts: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    results: Path | None,
    wanted: float | None,
    images: tuple[str, ...],
    port: int,
    env_file: Path | None,
    variables: tuple[str, ...],
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Measure stacks under load and compare them.

    Every case (a stack under a workload) is measured once per round, each time on a fresh server,
    in shuffled order. The report tells which differences are real. Results are stored after
    every trial; `toolkit report` shows them again.

    APP is an app of your own: module:attribute (or module:create_app()) in this folder, or the
    folder of a project, in which it is looked for. Without APP it is the one that the settings or
    flags such as --get describe; without these the reference apps are measured. With --target
    nothing is started: a staging system is loaded as it stands.
    """
    from toolkit.cli.benched import as_they_are, place_of, reference
    from toolkit.cli.outputs import read_telling
    from toolkit.cli.settled import beside_settings, is_described, own_settings
    from toolkit.config import AGAINST_ITSELF, EVERYTHING, QUICK, load_config, with_flags
    from toolkit.errors import ConfigError

    told = read_telling(texts, as_json=as_json, quiet=quiet)
    folder, target = place_of(own or "", Path.cwd())
    config = load_config(folder, config_file)
    settled = config_file.parent if config_file else folder
    config = replace(config, app=beside_settings(config.app, settled))
    if set_name is not None:
        config = with_flags(config, {"bench": config.set_named(set_name)})
    for chosen, settings in ((everything, EVERYTHING), (aa, AGAINST_ITSELF), (quick, QUICK)):
        if chosen:
            config = with_flags(config, {"bench": settings})
    choice = _choice(stacks, apps, servers)
    # of an app nothing given is nothing said, but `--rates none` is
    given = {
        name: value for name, value in given.items() if value != () or not name.startswith("app_")
    }
    given["bench_vary"] = _variations(variations)
    config = with_flags(config, grouped({**given, "bench_workloads": workloads, **choice}))
    if results is not None:
        config = replace(config, results=str(results))
    of_own = variables or env_file or any(given[name] for name in given if name.startswith("app_"))
    config = replace(config, app=own_settings(config.app, target, servers, env_file, variables))
    of_reference = {
        "--stacks": stacks,
        "--apps": apps,
        "--workloads": workloads,
        "--set": set_name,
        "--all": everything,
    }
    chosen_there = [name for name, value in of_reference.items() if value]

    with contextlib.ExitStack() as opened:
        if targets:
            from toolkit.cli.targets import as_they_stand, refuse_with_targets

            started = {
                "APP": own,
                "--image": images,
                "--servers": servers,
                "--beside": config.app.beside,
                "--vary": variations,
                "--aa": aa,
            }
            chosen_there += [name for name, value in started.items() if value]
            refuse_with_targets(chosen_there, given)
            benched = as_they_stand(config, targets, mine=mine)
        elif not config.runtime.target_host and (
            given["runtime_load_hosts"] or given["runtime_load_join"]
        ):
            raise ConfigError(
                "--load-hosts and --load-join go with --target or --target-host",
                hint="On loopback nobody else reaches a server.",
            )
        elif images:
            _refuse_reference_choices(chosen_there)
            _refuse_with_images(own, servers)
            benched = as_they_are(config, images, port)
            config = _in_containers(config)
        elif own is not None or of_own or (is_described(config.app) and not chosen_there):
            from toolkit.cli.own import laid_out

            _refuse_reference_choices(chosen_there)
            benched = opened.enter_context(laid_out(config, folder, against_itself=aa))
        else:
            benched = reference(config, against_itself=aa)
        return _measure(config, benched, wanted, told, dry_run=dry_run)


def _measure(
    config: "Config",
    benched: "Benched",
    wanted: float | None,
    told: "Telling",
    *,
    dry_run: bool,
) -> int:
    from toolkit.cli.benching import measure, show_plan
    from toolkit.cli.traffic import unplayed, with_shapes
    from toolkit.plan import make_plan
    from toolkit.variants import vary

    stacks = vary(benched.stacks, config.bench.vary)
    load, locustfile = config.bench.load, config.app.locustfile
    plan = make_plan(
        stacks=stacks,
        workloads=with_shapes(benched.workloads, locustfile, load),
        rounds=config.bench.rounds,
        load=load,
        baseline=config.bench.baseline,
        seed=config.bench.seed,
        precision=config.bench.precision or None,
        time_limit=config.bench.time_limit,
    )
    for remark in (*benched.remarks, *unplayed(plan.workloads, locustfile, playable=True)):
        click.echo(f"toolkit: {remark}", err=True)
    if dry_run:
        return show_plan(config, benched, plan)
    return measure(config, benched, plan, wanted, told)


def _variations(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]] | None:
    """Read ``threads=1,4``; None where nothing was given."""
    from toolkit.errors import ConfigError

    found = {}
    for text in texts:
        name, _, values = text.partition("=")
        try:
            found[name.strip().replace("-", "_")] = tuple(map(int, values.split(",")))
        except ValueError:
            raise ConfigError(
                f"--vary {text}: no list of whole numbers", hint="Write --vary threads=1,4,16."
            ) from None
    return found or None


def _choice(
    stacks: tuple[str, ...] | None,
    apps: tuple[str, ...] | None,
    servers: tuple[str, ...] | None,
) -> dict[str, Any]:
    """Make settings of the flags, which replace another way of choosing altogether."""
    from toolkit.errors import ConfigError

    if stacks and (apps or servers):
        raise ConfigError(
            "--stacks does not go with --apps and --servers",
            hint="A stack is an app on a server: --stacks 'flask/*' is --apps flask.",
        )
    if stacks:
        return {"bench_stacks": stacks, "bench_apps": (), "bench_servers": ()}
    if apps or servers:
        return {"bench_apps": apps or ("*",), "bench_servers": servers or ("*",)}
    return {}


def _in_containers(config: "Config") -> "Config":
    """See that an image is run as one."""
    from toolkit.errors import ConfigError

    if config.runtime.kind == "process":
        raise ConfigError("an image cannot run as a process", hint="Leave --runtime process out.")
    return replace(config, runtime=replace(config.runtime, kind="docker"))


def _refuse_with_images(own: str | None, servers: tuple[str, ...] | None) -> None:
    """See that of an image nothing is asked for that is made of sources."""
    from toolkit.errors import ConfigError

    if own is not None or servers:
        given = "APP" if own is not None else "--servers"
        raise ConfigError(
            f"{given} does not go with --image", hint="An image brings its app and its server."
        )


def _refuse_reference_choices(named: list[str]) -> None:
    """See that nothing is asked for that only the reference apps have."""
    from toolkit.errors import ConfigError

    if named:
        raise ConfigError(
            f"{', '.join(named)} chooses among the reference apps, and not with your own",
            hint="Name servers with --servers, traffic with --get, --post or --locustfile.",
        )
