"""From readings to what was used in a window. Pure."""

from collections.abc import Sequence
from itertools import combinations
from statistics import mean, median

from toolkit.measured import BackingUse, CpuTimes, HostReading, HostUse, ServerUse, Usage

_LEAST_FOR_SLOPE = 4


def summarize_usage(readings: Sequence[Usage]) -> ServerUse:
    """Sum up the readings of a window, the first at its beginning and the last at its end.

    Raises:
        ValueError: Fewer than two readings, or no time between them.
    """
    first, last = readings[0], readings[-1]
    seconds = last.at - first.at
    if seconds <= 0:
        raise ValueError("use is measured between two readings")
    before, after = first.processes, last.processes
    return ServerUse(
        cpu_user=max(last.cpu_user - first.cpu_user, 0.0) / seconds,
        cpu_system=max(last.cpu_system - first.cpu_system, 0.0) / seconds,
        memory_peak=max(reading.memory for reading in readings),
        memory_growth=slope([(reading.at, reading.memory) for reading in readings]),
        throttled=_rate(first.throttled, last.throttled, seconds),
        oom_kills=_difference(first.oom_kills, last.oom_kills),
        restarts=None if before is None or after is None else len({*before} ^ {*after}),
        processes=None if after is None else len(after),
        threads=max((r.threads for r in readings if r.threads is not None), default=None),
        open_files=max((r.open_files for r in readings if r.open_files is not None), default=None),
        switches=_rate(first.switches, last.switches, seconds),
        swapped=last.swapped,
    )


def summarize_backing(readings: Sequence[Usage]) -> BackingUse:
    """Sum up the readings of a backing service, the first and the last at the window's ends."""
    first, last = readings[0], readings[-1]
    used = last.cpu_user + last.cpu_system - first.cpu_user - first.cpu_system
    return BackingUse(
        cpu=max(used, 0.0) / (last.at - first.at),
        memory_peak=max(reading.memory for reading in readings),
    )


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Give the median of the slopes between all pairs of points (Theil and Sen).

    It does not mind single readings that are far off. P. K. Sen, Estimates of the Regression
    Coefficient Based on Kendall's Tau, 1968. None with fewer than four points.
    """
    if len(points) < _LEAST_FOR_SLOPE:
        return None
    slopes = [(b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2) if t > s]
    return median(slopes) if slopes else None


def compare_readings(
    readings: Sequence[HostReading],
    *,
    server_cpus: int,
    client_cpus: int,
    server_cpu: float,
    client_cpu: float,
    shared: bool,
) -> HostUse:
    """Say what the machine did in a window, from readings at both ends and between.

    Args:
        readings: In order, two at least.
        server_cpus: How many CPUs the server has to itself, 0 if it is not pinned ...
        client_cpus: ... and the load generator.
        server_cpu: CPU seconds per second of the server ...
        client_cpu: ... and of the load generator with the tool, which are not foreign.
        shared: Whether both have the same CPUs.
    """
    first, last = readings[0], readings[-1]
    seconds = last.at - first.at
    own = server_cpu + client_cpu if shared else 0.0
    server = _parts(first.server, last.server, seconds * server_cpus)
    client = _parts(first.client, last.client, seconds * client_cpus)
    frequencies = [r.frequency for r in readings if r.frequency]
    middle = mean(frequencies) if frequencies else 0.0
    return HostUse(
        server_idle=None if server is None else server.idle,
        server_steal=None if server is None else server.steal,
        server_foreign=_foreign(server, own or server_cpu, server_cpus),
        client_foreign=_foreign(client, own or client_cpu, client_cpus),
        client_steal=None if client is None else client.steal,
        swapped=_difference(first.swapped, last.swapped),
        frequency_change=(
            max(abs(value - middle) for value in frequencies) / middle if frequencies else None
        ),
        clock_step=last.wall - first.wall,
        ports=last.ports,
    )


def _parts(first: CpuTimes | None, last: CpuTimes | None, capacity: float) -> CpuTimes | None:
    if first is None or last is None or capacity <= 0:
        return None
    return CpuTimes(
        busy=_part(last.busy - first.busy, capacity),
        idle=_part(last.idle - first.idle, capacity),
        steal=_part(last.steal - first.steal, capacity),
    )


def _foreign(parts: CpuTimes | None, own: float, cpus: int) -> float | None:
    return None if parts is None else max(parts.busy - own / cpus, 0.0)


def _part(seconds: float, capacity: float) -> float:
    return min(max(seconds / capacity, 0.0), 1.0)


def _difference(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else max(last - first, 0)


def _rate(first: float | None, last: float | None, seconds: float) -> float | None:
    return None if first is None or last is None else max(last - first, 0.0) / seconds
