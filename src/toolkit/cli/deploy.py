"""``toolkit deploy``."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.options import base_image, common, consent, grouped, knobs, own_app, patterns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.deployment.rendering import Written


@click.command(context_settings={"max_content_width": 100})
@click.argument("own", metavar="[APP]", required=False)
@click.option(
    "--from", "run", metavar="RUN", help="The run that numbers come from (default: the latest)."
)
@click.option("--stack", metavar="STACK", help="What is deployed (default: the best of the run).")
@patterns("--workloads", "Workloads of the run that count (default: all).", metavar="WORKLOAD")
@click.option(
    "--component",
    type=click.Choice(["app", "load"]),
    default="app",
    help="What is deployed: the app, or what makes load for a server (with --against).",
)
@click.option("--against", metavar="URL", help="The server that --component load loads.")
@consent
@click.option(
    "--load-workers", type=click.IntRange(min=1), default=4, help="Load processes, a CPU each (4)."
)
@click.option(
    "--keep-off",
    metavar="NAME",
    default="",
    help="Make no load where pods with this app.kubernetes.io/name run.",
)
@click.option("--no-run", is_flag=True, help="Nothing was measured: take settings and rules.")
@patterns(
    "--target",
    "compose, swarm, kubernetes, systemd, observability, github, gitlab; repeatable (compose).",
    "deploy_targets",
    metavar="TARGET",
)
@click.option(
    "-o", "--output", "deploy_output", metavar="DIR", help="Folder (default: deploy-out)."
)
@click.option("--force", is_flag=True, help="Write into a folder that holds other files.")
@click.option("--dry-run", is_flag=True, help="Name the files, write nothing.")
@click.option("--cpus", type=float, help="Cores of one replica (default: as measured).")
@click.option("--memory", help="Memory limit of one replica (default: 1.3 x the measured peak).")
@click.option("--replicas", "deploy_replicas", type=int, help="How many run at least.")
@click.option(
    "--rate", "deploy_rate", type=float, metavar="REQ/S", help="... or what they are to carry."
)
@click.option("--image-name", "deploy_image", metavar="NAME", help="Name of the image.")
@click.option("--host", "deploy_host", metavar="NAME", help="Name under which it is reached.")
@click.option(
    "--ready", "deploy_ready", metavar="PATH", help="What answers 200 while it can serve."
)
@click.option("--metrics", "deploy_metrics", metavar="PATH", help="Its Prometheus metrics.")
@click.option(
    "--static",
    "static",
    multiple=True,
    metavar="PATH=DIR",
    help="A folder that the proxy serves, as /static/=shop/static; repeatable.",
)
@click.option(
    "--secret",
    "deploy_secrets",
    multiple=True,
    metavar="NAME",
    help="A variable of the app that holds a secret, as SECRET_KEY; repeatable.",
)
@click.option("--body", "deploy_body", metavar="SIZE", help="The most a request may bring (2m).")
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), help="Folder of results."
)
@click.option("--index-url", "image_index_url", help="Package index to install from.")
@click.option(
    "--ca-bundle", "image_ca_bundle", help="CA certificates for the package index, a file."
)
@knobs
@own_app
@base_image
@common
def command(
    own: str | None,
    run: str | None,
    stack: str | None,
    workloads: tuple[str, ...] | None,
    component: str,
    against: str | None,
    mine: bool,
    load_workers: int,
    keep_off: str,
    no_run: bool,
    force: bool,
    dry_run: bool,
    cpus: float | None,
    memory: str | None,
    static: tuple[str, ...],
    results: Path | None,
    images: tuple[str, ...],
    port: int,
    env_file: Path | None,
    variables: tuple[str, ...],
    config_file: Path | None,
    **given: Any,  # noqa: ANN401 - the options above, by table and key
) -> int:
    """Write the files that run in production what was measured.

    The image recipe and the server's settings are those of the run; workers, memory, timeouts and
    the number of replicas are derived from it, each number with its formula in DERIVATION.md.

    APP is an app of your own, as for `toolkit bench`; without it a reference app is meant, or the
    app that the settings describe.
    """
    from toolkit.cli.benched import place_of
    from toolkit.cli.deploying import Asked, deployed
    from toolkit.config import load_config, with_flags
    from toolkit.deployment.writing import require_place
    from toolkit.units import parse_size

    _refuse_images(images)
    folder, target = place_of(own or "", Path.cwd())
    config = load_config(folder, config_file)
    # of settings of the server only what is said here replaces what was measured
    said = {name.removeprefix("server_"): given.pop(name) for name in [*given] if "server_" in name}
    config = with_flags(config, grouped({k: v for k, v in given.items() if v != ()}))
    if static:
        config = with_flags(config, {"deploy": {"static": _static(static)}})
    if target:
        config = replace(config, app=replace(config.app, target=target))
    if results is not None:
        config = replace(config, results=str(results))
    output = Path(config.deploy.output)
    require_place(output, force=force)
    how = f"toolkit {shlex.join(sys.argv[1:])}"
    if (component == "load") != (against is not None):
        raise click.UsageError("--component load goes with --against URL.")
    if against is not None:
        from toolkit.cli.loading import AskedLoad, load_deployed

        asked_load = AskedLoad(
            against=against, workers=load_workers, mine=mine, keep_off=keep_off, how=how
        )
        files = load_deployed(config, given["deploy_targets"] or (), asked_load)
        return _finish(files, output, dry_run=dry_run)
    asked = Asked(
        run=run,
        measured=not no_run,
        stack=stack,
        workloads=workloads or (),
        cpus=cpus,
        memory=None if memory is None else parse_size(memory),
        knobs={name: int(value) for name, value in said.items() if value is not None},
        own=own is not None,
        how=how,
    )
    return _finish(deployed(config, folder, asked), output, dry_run=dry_run)


def _finish(files: "Mapping[str, Written]", output: Path, *, dry_run: bool) -> int:
    """Write files, and say which."""
    from toolkit.deployment.writing import write

    if not dry_run:
        write(files, output)
    for name in sorted(files):
        click.echo(f"{output / name}")
    click.echo(
        "\nNothing was written."
        if dry_run
        else f"\nWritten. {output / 'README.md'} says how to go on."
    )
    return 0


def _refuse_images(images: tuple[str, ...]) -> None:
    """See that there are sources: of an image nobody knows what is in it."""
    from toolkit.errors import ConfigError

    if images:
        raise ConfigError(
            "an image as it is has its server and its settings in itself",
            hint="Deploy the app that it was built from: toolkit deploy APP.",
        )


def _static(texts: tuple[str, ...]) -> dict[str, str]:
    from toolkit.errors import ConfigError

    found = {}
    for text in texts:
        path, _, folder = text.partition("=")
        if not folder:
            raise ConfigError(
                f"--static {text}: no folder", hint="Write --static /static/=shop/static."
            )
        found[f"/{path.strip('/')}/"] = folder.rstrip("/")
    return found
