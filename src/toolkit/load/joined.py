"""Load processes that somebody else starts: they join, and stay for all trials."""

import contextlib
from collections.abc import Iterator

from toolkit.measured import LoadHost

_PATIENCE = 300
"""Seconds: a cluster may have to find machines first."""


class JoinedFleet:
    """See ``ports.Fleet``.

    Args:
        size: How many are waited for.
        address: On which the master waits for them.
        port: Of it; they have to know it.
    """

    def __init__(self, size: int, address: str, port: int) -> None:
        self.size = size
        self.address = address
        self.port = port
        self.patience = _PATIENCE

    @property
    def facts(self) -> tuple[LoadHost, ...]:
        """Say that load is made elsewhere, and by how many."""
        return (LoadHost(name="elsewhere", engine="started by others", cpus=0, workers=self.size),)

    def miss_nobody(self) -> None:
        """See ``ports.Fleet``; the master misses them."""

    @contextlib.contextmanager
    def joining(self, port: int) -> Iterator[None]:
        """See ``ports.Fleet``; they join by themselves."""
        yield
