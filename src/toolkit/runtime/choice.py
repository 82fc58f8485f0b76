"""Take Docker or local processes, and say why."""

import contextlib
from collections.abc import Iterator

from toolkit.catalog import Catalog
from toolkit.config import Config
from toolkit.errors import EnvironmentFault
from toolkit.model import Placement
from toolkit.ports import Platform
from toolkit.runtime.guardian import Guardian


@contextlib.contextmanager
def open_runtime(
    config: Config,
    *,
    catalog: Catalog,
    placement: Placement,
    run: str,
    guardian: Guardian,
    port: int = 0,
) -> Iterator[Platform]:
    """Open the runtime that the settings ask for; ``auto`` takes Docker where it can be used.

    Args:
        config: Settings.
        catalog: Where recipes and code lie.
        placement: CPUs and limits of every server.
        run: Label of what is created.
        guardian: Told what to remove should this process be killed.
        port: Fixed port on loopback, 0 for any.

    Raises:
        EnvironmentFault: Docker was asked for and cannot be used.
    """
    reason = "asked for"
    if config.runtime.kind != "process":
        # the SDK is heavy and not everybody's
        from toolkit.runtime.docker import DockerRuntime  # noqa: PLC0415
        from toolkit.runtime.engine import Engine  # noqa: PLC0415
        from toolkit.runtime.images import Images  # noqa: PLC0415
        from toolkit.runtime.reach import Reach  # noqa: PLC0415

        with contextlib.ExitStack() as stack:
            try:
                engine = stack.enter_context(contextlib.closing(Engine.connect()))
                docker = DockerRuntime(
                    engine,
                    images=Images(engine, catalog, config.image),
                    knobs=config.server,
                    placement=placement,
                    reach=Reach.here(engine, config.runtime.network, port),
                    run=run,
                    reason=reason if config.runtime.kind == "docker" else "a Docker engine answers",
                )
            except EnvironmentFault as fault:
                if config.runtime.kind == "docker":
                    raise
                reason = str(fault)
            else:
                with guardian.watching_containers(run):
                    yield docker
                return
    from toolkit.runtime.process import ProcessRuntime  # noqa: PLC0415 - not needed with Docker

    with contextlib.closing(
        ProcessRuntime(
            image=config.image,
            knobs=config.server,
            placement=placement,
            reason=reason,
            guardian=guardian,
            port=port,
        )
    ) as runtime:
        yield runtime
