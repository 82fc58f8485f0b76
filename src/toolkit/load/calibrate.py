"""Measure what a client adds by itself: the same load on a target that answers at once."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import toolkit.load.null
import toolkit.runtime.confine
from toolkit.errors import StackError
from toolkit.histogram import LatencyHistogram
from toolkit.load.engine import LocustEngine
from toolkit.measured import Calibration
from toolkit.model import Phase, Placement, Workload
from toolkit.ports import Tick
from toolkit.runtime.guardian import Guardian, kill_group
from toolkit.runtime.ready import free_port

_CLIENTS = {
    "SocketUser": "null_socket.py",
    "FastHttpUser": "null_fast.py",
    "HttpUser": "null_http.py",
}
_USERS = 64
_SECONDS = 1.0
_SETTLE = 0.3
_LOOKS, _LOOK_SECONDS = 3, 0.6
"""Each rate is measured so often, with the others in between."""


def calibrate(
    client: str, rates: Sequence[float], *, placement: Placement, guardian: Guardian
) -> Calibration | None:
    """Let a client load a target that answers at once, on the CPUs that the servers have.

    Args:
        client: A class of users, see ``measured.LoadResult``.
        rates: Requests/s of the open loops.
        placement: Whose CPUs are whose.
        guardian: Told what to end should this process be killed.

    Returns:
        None for a client that this is not known of.

    Raises:
        StackError: The target or the client does not start.
    """
    name = _CLIENTS.get(client)
    if name is None:
        return None
    file = Path(__file__).with_name(name)
    workload = Workload(name="null", summary="", path=file)
    engine = LocustEngine(_USERS, placement, guardian)
    with engine.open(workload) as session, null_target(placement, guardian) as url:
        session.aim(url)
        watch = _Nobody()
        full = session.run(
            Phase(users=_USERS, duration=_SECONDS, settle=_SETTLE, least=1000), watch
        )
        seen: dict[float, list[tuple[float, ...]]] = {rate: [] for rate in rates}
        for rate in [*seen] * _LOOKS:
            phase = Phase(users=_USERS, duration=_LOOK_SECONDS, settle=_SETTLE, rate=rate, part=0.5)
            histogram = LatencyHistogram.decode(session.run(phase, watch).latency)
            if histogram.count:
                seen[rate].append(histogram.percentiles(50, 99, 99.9))
    return Calibration(
        client=client,
        throughput=full.throughput,
        cpu_per_request=full.use.cpu_of_all / full.throughput if full.requests else 0.0,
        delays=tuple((rate, _median(looks)) for rate, looks in seen.items() if looks),
    )


def _median(looks: Sequence[tuple[float, ...]]) -> tuple[float, float, float]:
    """Give the median of each percentile, so that one disturbed look does no harm."""
    p50, p99, p999 = (median(values) for values in zip(*looks, strict=True))
    return p50, p99, p999


@contextlib.contextmanager
def null_target(placement: Placement, guardian: Guardian) -> Iterator[str]:
    """Serve a target that answers at once, on the CPUs of the servers; give its URL.

    Raises:
        StackError: It does not start.
    """
    port = free_port(0)
    python = str(Path(sys.executable).absolute())
    cpus = ",".join(map(str, placement.server_cpus)) or "-"
    process = subprocess.Popen(
        [
            *(python, "-I", toolkit.runtime.confine.__file__, cpus, "-"),
            *(python, "-I", toolkit.load.null.__file__, str(port)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        with guardian.watching_group(process.pid):
            assert process.stdout is not None  # noqa: S101 - for the type checker: a pipe was asked for
            if process.stdout.readline().strip() != b"ready":
                raise StackError("the target of the calibration does not start")
            yield f"http://127.0.0.1:{port}"
    finally:
        kill_group(process.pid, grace=0, reap=process.poll)
        process.communicate()


class _Nobody:
    """Watches nothing: there is no server whose use would matter."""

    def window_opened(self) -> None:
        """See ``ports.LoadWatch``."""

    def window_closed(self) -> None:
        """See ``ports.LoadWatch``."""

    def ticked(self, tick: Tick) -> None:
        """See ``ports.LoadWatch``."""
