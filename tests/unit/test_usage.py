import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from toolkit.measured import CpuTimes, HostReading, HostUse, Usage
from toolkit.usage import compare_readings, slope, summarize_usage

FIRST = Usage(
    at=10.0,
    cpu_user=4.0,
    cpu_system=1.0,
    memory=300,
    throttled=0.5,
    oom_kills=2,
    processes=((7, 100.0), (8, 101.0)),
    threads=5,
    open_files=0.2,
    switches=1000,
    swapped=0,
)
BETWEEN = Usage(at=11.0, cpu_user=5.0, cpu_system=1.1, memory=900, threads=9, open_files=0.6)
LAST = replace(
    FIRST,
    at=12.0,
    cpu_user=5.5,
    cpu_system=1.5,
    memory=500,
    throttled=0.7,
    oom_kills=3,
    processes=((7, 100.0), (9, 120.0)),
    threads=6,
    open_files=0.3,
    switches=1500,
    swapped=64,
)


# the server


def test_rates_are_those_between_the_first_and_the_last_reading() -> None:
    use = summarize_usage([FIRST, BETWEEN, LAST])
    assert use.cpu_user == pytest.approx(0.75)
    assert use.cpu_system == pytest.approx(0.25)
    assert use.cpu == pytest.approx(1.0)
    assert use.throttled == pytest.approx(0.1)
    assert use.switches == pytest.approx(250)
    assert use.oom_kills == 1


def test_what_can_fall_again_is_the_most_seen_and_what_is_left_is_that_at_the_end() -> None:
    use = summarize_usage([FIRST, BETWEEN, LAST])
    assert (use.memory_peak, use.threads, use.open_files) == (900, 9, 0.6)
    assert (use.processes, use.swapped) == (2, 64)


@pytest.mark.parametrize(
    ("after", "restarts"),
    [
        (((7, 100.0), (8, 101.0)), 0),
        (((8, 101.0), (7, 100.0)), 0),
        # one ended, one began, one did both; a number that was used again is another process
        (((7, 100.0),), 1),
        (((7, 100.0), (8, 101.0), (9, 1.0)), 1),
        (((7, 100.0), (9, 1.0)), 2),
        (((7, 100.0), (8, 500.0)), 2),
        (None, None),
    ],
)
def test_processes_that_came_or_went_are_counted(
    after: tuple[tuple[int, float], ...] | None, restarts: int | None
) -> None:
    assert summarize_usage([FIRST, replace(LAST, processes=after)]).restarts == restarts


def test_what_is_not_known_at_one_end_is_not_known() -> None:
    bare = Usage(at=12.0, cpu_user=6.0, cpu_system=1.0, memory=1)
    use = summarize_usage([FIRST, bare])
    assert (use.throttled, use.oom_kills, use.restarts, use.processes) == (None,) * 4
    assert (use.switches, use.swapped) == (None, None)
    assert summarize_usage([replace(bare, at=1.0), bare]).threads is None


def test_a_counter_that_fell_with_a_process_that_died_gives_no_negative_rate() -> None:
    fallen = replace(LAST, cpu_user=0.0, cpu_system=0.0, switches=0, throttled=0.0, oom_kills=0)
    use = summarize_usage([FIRST, fallen])
    assert (use.cpu, use.switches, use.throttled, use.oom_kills) == (0, 0, 0, 0)


@pytest.mark.parametrize("readings", [[FIRST], [FIRST, FIRST], [LAST, FIRST]])
def test_without_time_between_readings_nothing_was_measured(readings: list[Usage]) -> None:
    with pytest.raises(ValueError, match="between two readings"):
        summarize_usage(readings)


def test_memory_grows_as_the_slope_of_its_readings_says() -> None:
    """300 bytes/s; that one reading is far off does not matter."""
    readings = [replace(FIRST, at=float(at), memory=300 * at) for at in range(6)]
    readings[2] = replace(readings[2], memory=10**9)
    assert summarize_usage(readings).memory_growth == pytest.approx(300)
    assert summarize_usage(readings[:3]).memory_growth is None


points = st.lists(
    st.tuples(st.integers(0, 50), st.integers(-(10**6), 10**6)), min_size=4, max_size=30
)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:scipy")  # of its interval
@given(points)
def test_the_slope_is_that_of_theil_and_sen_as_scipy_has_it(values: list[tuple[int, int]]) -> None:
    ordered = sorted(values)
    xs, ys = zip(*ordered, strict=True)
    if len({*xs}) == 1:
        assert slope(ordered) is None
    else:
        assert slope(ordered) == pytest.approx(theilslopes(ys, xs).slope)


def test_a_slope_takes_four_points() -> None:
    line = [(float(x), 2.0 * x) for x in range(4)]
    assert slope(line) == 2
    assert slope(line[:3]) is None


# the machine


def reading(at: float, **changes: Any) -> HostReading:  # noqa: ANN401 - the fields of HostReading
    return HostReading(**{"at": at, "wall": 1000.0, **changes})


def times(busy: float, idle: float, steal: float = 0.0) -> CpuTimes:
    return CpuTimes(busy=busy, idle=idle, steal=steal)


def compared(first: HostReading, *more: HostReading, **changes: Any) -> HostUse:  # noqa: ANN401
    values: dict[str, Any] = {
        "server_cpus": 1,
        "client_cpus": 1,
        "server_cpu": 0.5,
        "client_cpu": 0.25,
        "shared": False,
    }
    return compare_readings([first, *more], **{**values, **changes})


def test_what_processes_of_others_used_is_what_is_busy_beside_the_own() -> None:
    use = compared(
        reading(70.0, server=times(100, 50, 7), client=times(10, 20, 0)),
        reading(72.0, server=times(101.4, 50.4, 7.2), client=times(10.7, 21.2, 0.1)),
    )
    assert use.server_idle == pytest.approx(0.2)
    assert use.server_steal == pytest.approx(0.1)
    assert use.server_foreign == pytest.approx(0.7 - 0.5)
    assert use.client_foreign == pytest.approx(0.35 - 0.25)
    assert use.client_steal == pytest.approx(0.05)


def test_parts_are_of_all_cpus_of_a_side() -> None:
    use = compared(
        reading(0.0, server=times(0, 0)),
        reading(2.0, server=times(6, 2)),
        server_cpus=4,
        server_cpu=2.0,
    )
    assert use.server_idle == pytest.approx(0.25)
    assert use.server_foreign == pytest.approx(6 / 8 - 2 / 4)


def test_on_shared_cpus_neither_side_is_foreign_to_the_other() -> None:
    same = [times(0, 0), times(1.8, 0.2)]
    use = compared(
        reading(0.0, server=same[0], client=same[0]),
        reading(2.0, server=same[1], client=same[1]),
        shared=True,
    )
    assert use.server_foreign == pytest.approx(0.9 - 0.75)
    assert use.client_foreign == pytest.approx(0.9 - 0.75)


def test_a_process_charged_with_more_than_was_busy_makes_no_negative_part() -> None:
    use = compared(reading(0.0, server=times(0, 0)), reading(2.0, server=times(0.2, 9)))
    assert use.server_foreign == 0
    assert use.server_idle == 1


@pytest.mark.parametrize("changes", [{"server_cpus": 0, "client_cpus": 0}, {}])
def test_without_pinned_cpus_or_their_times_nothing_is_known_of_them(
    changes: dict[str, Any],
) -> None:
    first, last = (times(1, 1), times(2, 2)) if changes else (times(1, 1), None)
    use = compared(
        reading(0.0, server=first, client=first),
        reading(2.0, server=last, client=last),
        **changes,
    )
    assert use.server_idle is use.server_steal is use.server_foreign is None
    assert use.client_foreign is use.client_steal is None


def test_a_step_of_the_wall_clock_is_told_with_its_sign() -> None:
    assert compared(reading(0.0), reading(2.0, wall=999.5)).clock_step == pytest.approx(-0.5)
    assert compared(reading(0.0), reading(2.0)).clock_step == 0


def test_pages_are_counted_from_the_first_reading_and_ports_are_those_of_the_last() -> None:
    use = compared(reading(0.0, swapped=10, ports=0.9), reading(2.0, swapped=15, ports=0.1))
    assert (use.swapped, use.ports) == (5, 0.1)
    assert compared(reading(0.0, swapped=10), reading(2.0)).swapped is None


def test_the_frequency_change_is_the_greatest_deviation_from_the_mean_of_all_readings() -> None:
    values = (2.0e9, 3.0e9, 2.5e9)
    use = compared(*(reading(float(at), frequency=value) for at, value in enumerate(values)))
    assert use.frequency_change == pytest.approx(0.5e9 / statistics.mean(values))
    assert compared(reading(0.0), reading(2.0)).frequency_change is None
    one = compared(reading(0.0, frequency=2e9), reading(2.0))
    assert one.frequency_change == 0
