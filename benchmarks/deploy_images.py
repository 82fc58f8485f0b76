"""How large is the image, how long is a build, how soon does it serve, beside common recipes?

``.venv/bin/python benchmarks/deploy_images.py [--rounds 3] [--write FILE]``

All build the same: the Flask reference app on gunicorn with its locks, on the same base. The
recipes in ``image_recipes/`` have the shape of well-known ones, and are none of them: their bases
come from a registry, which is not reached here. Where a recipe begins with ``python:3.13-slim`` it
gets the Debian base of the toolkit with pip, and where it begins with the full ``python:3.13`` that
with a compiler and the headers of common libraries, which is less than the official one has.

Per recipe and round, in shuffled order: a build without any cache but the base, one after a change
of the app's code, and seconds from ``docker run`` to the first 200 of /healthz with one CPU and
with a quarter of one. Packages are downloaded each time, so cold builds say something of the
network, too.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

import docker
from toolkit.cli.deploying import Asked, deployed
from toolkit.config import Config, with_flags
from toolkit.deployment.writing import write
from toolkit.host import read_host
from toolkit.runtime.images import DEBIAN_BASE
from toolkit.runtime.recipe import find_ca_bundle
from toolkit.store import utc_now

STACK = "flask/gunicorn-gthread"
PATIENCE = 120.0
OURS = "toolkit deploy"
SLIM, FULL = "toolkit-images-slim:bench", "toolkit-images-full:bench"

RECIPES = Path(__file__).parent / "image_recipes"
"""A Dockerfile for each, whose first comment says what it stands for, and the bases of those."""
NAMES = (
    OURS,
    *sorted(file.stem for file in RECIPES.iterdir() if not file.stem.startswith("base-")),
)


@dataclass(slots=True, kw_only=True)
class Measured:
    """What came of a recipe; seconds and bytes, a value for each round.

    Attributes:
        size: Of the image, its base included ...
        added: ... and without that base of the toolkit's, which all have.
        cold: Of a build without a cache ...
        changed: ... and after a change of the app's code.
        ready: From `docker run` to the first good answer with a CPU ...
        ready_quarter: ... and with a quarter of one.
    """

    stands_for: str
    size: int = 0
    added: int = 0
    cold: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    ready_quarter: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, show, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--recipes", nargs="+", choices=NAMES, default=NAMES)
    arguments = parser.parse_args()
    console = Console()
    client = docker.from_env()
    with tempfile.TemporaryDirectory(prefix="toolkit-images-") as scratch:
        folders = contexts(Path(scratch), arguments.recipes)
        with stand_ins(Path(scratch)):
            found = measure(client, folders, arguments.rounds, console)
    show(found, console)
    if arguments.write:
        arguments.write.write_text(
            json.dumps(document(client, found, arguments.rounds), indent=1) + "\n"
        )


def contexts(scratch: Path, names: Sequence[str]) -> dict[str, Path]:
    """Lay out the build context of each recipe."""
    config = Config()
    bundle = find_ca_bundle("")
    image: dict[str, Any] = {"base": DEBIAN_BASE, "ca_bundle": str(bundle or "")}
    config = with_flags(
        config, {"image": image, "deploy": {"output": str(scratch / OURS), "targets": ("compose",)}}
    )
    files = deployed(config, scratch, Asked(measured=False, stack=STACK, how="a benchmark"))
    write(files, scratch / OURS)
    for name in names:
        if name == OURS:
            continue
        folder = scratch / name
        for part in ("app", "shared"):
            shutil.copytree(scratch / OURS / part, folder / part)
        locks = [scratch / OURS / "requirements" / f"{lock}.txt" for lock in ("app", "server")]
        (folder / "requirements.txt").write_text("".join(lock.read_text() for lock in locks))
        shutil.copy(RECIPES / f"{name}.Dockerfile", folder / "Dockerfile")
    return {name: scratch / name for name in names}


@contextmanager
def stand_ins(scratch: Path) -> Iterator[None]:
    """Make the bases that recipes begin with, for a while."""
    folder = scratch / "bases"
    folder.mkdir()
    bundle = find_ca_bundle("")
    (folder / "bundle.crt").write_bytes(bundle.read_bytes() if bundle else b"")
    try:
        for tag, name in ((SLIM, "base-slim"), (FULL, "base-full")):
            shutil.copy(RECIPES / f"{name}.Dockerfile", folder / "Dockerfile")
            build(folder, tag)
        yield
    finally:
        remove(SLIM, FULL)


def stands_for(name: str) -> str:
    """Say whose shape a recipe has."""
    if name == OURS:
        return "what `toolkit deploy` writes"
    lines = (RECIPES / f"{name}.Dockerfile").read_text().splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return " ".join(line.removeprefix("#").strip() for line in comment)


def measure(
    client: docker.DockerClient, folders: Mapping[str, Path], rounds: int, console: Console
) -> dict[str, Measured]:
    """Build and start everything in every round, in another order each time."""
    found = {name: Measured(stands_for=stands_for(name)) for name in folders}
    base = client.images.get(DEBIAN_BASE).attrs["Size"]
    order = random.Random(1)
    tags = {name: f"toolkit-images-{at}:bench" for at, name in enumerate(folders)}
    try:
        for number in range(1, rounds + 1):
            for name in order.sample([*folders], len(folders)):
                console.print(f"round {number} of {rounds}: {name}")
                one = found[name]
                one.cold.append(build(folders[name], tags[name], "--no-cache"))
                with (folders[name] / "app" / "wsgi.py").open("a") as code:
                    code.write(f"# edited in round {number}\n")
                one.changed.append(build(folders[name], tags[name]))
                one.size = client.images.get(tags[name]).attrs["Size"]
                one.added = one.size - base
                one.ready.append(ready(client, tags[name], cpus=1.0))
                one.ready_quarter.append(ready(client, tags[name], cpus=0.25))
    finally:
        remove(*tags.values())
    return found


def build(folder: Path, tag: str, *more: str) -> float:
    """Build an image by Docker's classic builder; give the seconds."""
    began = time.monotonic()
    done = subprocess.run(
        ["docker", "build", "--force-rm", "--tag", tag, *more, str(folder)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    if done.returncode:
        raise SystemExit(f"{tag} cannot be built:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return time.monotonic() - began


def remove(*tags: str) -> None:
    """Remove images, as far as they are there."""
    subprocess.run(["docker", "image", "rm", "--force", *tags], check=False, capture_output=True)


def ready(client: docker.DockerClient, tag: str, *, cpus: float) -> float:
    """Start a container; give the seconds until it answers."""
    began = time.monotonic()
    container = client.containers.run(
        tag,
        detach=True,
        environment={"SECRET_KEY": "of a benchmark, long enough to be taken"},
        nano_cpus=int(cpus * 1e9),
        mem_limit="512m",
    )
    try:
        address = ""
        while time.monotonic() - began < PATIENCE:
            if not address:
                container.reload()
                networks = container.attrs["NetworkSettings"]["Networks"].values()
                address = next((item["IPAddress"] for item in networks), "")
            elif answers(address):
                return time.monotonic() - began
            time.sleep(0.01)
        raise SystemExit(f"{tag} does not answer:\n{container.logs()[-3000:]!r}")
    finally:
        container.remove(force=True)


def answers(address: str) -> bool:
    """Tell whether the app is well."""
    connection = http.client.HTTPConnection(address, 8000, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def show(found: Mapping[str, Measured], console: Console) -> None:
    """Print a table, medians with the least and the most."""

    def seconds(values: Sequence[float]) -> str:
        return f"{median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"

    table = Table()
    for title in ("recipe", "MB", "beyond the base", "cold, s", "code changed, s", "ready, s"):
        table.add_column(title)
    table.add_column("ready at 0.25 CPU, s")
    for name, one in found.items():
        table.add_row(
            name,
            f"{one.size / 1e6:.0f}",
            f"{one.added / 1e6:.0f}",
            *(seconds(part) for part in (one.cold, one.changed, one.ready, one.ready_quarter)),
        )
    console.print(table)


def document(
    client: docker.DockerClient, found: Mapping[str, Measured], rounds: int
) -> dict[str, Any]:
    """Give what is stored."""
    host, version = read_host(), client.version()
    return {
        "what": "benchmarks/deploy_images.py",
        "date": utc_now(),
        "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}",
        "engine": f"{version['Version']}, classic builder",
        "base": f"{DEBIAN_BASE}, {client.images.get(DEBIAN_BASE).attrs['Size']} bytes",
        "load_average": list(host.load_average),
        "rounds": rounds,
        "recipes": {name: asdict(one) for name, one in found.items()},
    }


if __name__ == "__main__":
    main()
