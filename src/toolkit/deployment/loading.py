"""What makes load in a cluster: a master and workers, rendered for Kubernetes and Swarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.deployment.rendering import Written, render_folder
from toolkit.deployment.writing import MARK

TARGETS = ("kubernetes", "swarm")
"""Where load can be made."""

RESULTS = "/tmp/results"  # noqa: S108 - in its container, where nothing else can be written to
_FOLDER = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDeployment:
    """All that templates know, as ``d``.

    Attributes:
        name: Of everything that is made, a DNS label.
        image: Of the toolkit, with a tag.
        workers: Load processes, a CPU each.
        against: URL of the server that is loaded ...
        host: ... its host ...
        port: ... and its port.
        arguments: Of ``toolkit bench``, besides where load comes from and where results go.
        locustfile: Its text, None: there is none.
        server: Name of the server's pods (``app.kubernetes.io/name``), which workers keep away
            from; empty: it runs elsewhere.
        load_port: On which the master waits for workers.
        targets: What is rendered.
        how: The command that made this.
        toolkit: Version of the toolkit.
    """

    name: str
    image: str
    workers: int
    against: str
    host: str
    port: int
    arguments: tuple[str, ...]
    locustfile: str | None
    server: str
    load_port: int = 5557
    targets: Sequence[str]
    how: str
    toolkit: str

    @property
    def command(self) -> tuple[str, ...]:
        """Arguments of ``python -m toolkit`` in the master's container."""
        return (
            *("bench", "--target", self.against, *self.arguments),
            *(("--locustfile", "/load/locustfile.py") if self.locustfile is not None else ()),
            *("--load-join", str(self.workers), "--load-port", str(self.load_port)),
            *("--load-address", "0.0.0.0", "--results", RESULTS, "--quiet"),  # noqa: S104 - in its container
        )


def render_load(load: LoadDeployment, templates: Path) -> dict[str, Written]:
    """Render everything, by path in the folder of the deployment."""
    found: dict[str, Written] = {}
    for folder in ("common", *load.targets):
        found.update(render_folder(templates, templates / _FOLDER / folder, load.name, {"d": load}))
    # by this file it is known as a folder of ours
    derivation = (
        "# Where the numbers come from\n\n"
        f"- {load.workers} load processes: as asked for; a CPU and 512 MiB each, as on hosts.\n"
        "- The master: half a CPU, docs/scale.md of the toolkit has what a worker costs it.\n"
    )
    return {**found, MARK: Written(derivation.encode())}
