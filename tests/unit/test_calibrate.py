"""What is made of the measurements of a calibration, with a generator that starts nothing."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from toolkit.load import calibrate as module
from toolkit.measured import LoadResult
from toolkit.model import Phase, Placement, Workload
from toolkit.ports import LoadWatch
from toolkit.runtime.guardian import Guardian

MakeLoad = Callable[..., LoadResult]


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch, make_load: MakeLoad) -> None:
    """Let 20,000 requests/s be made by a process that takes 0.5 CPUs and one that takes 0.4."""

    class Session:
        def aim(self, url: str) -> None: ...
        def run(self, phase: Phase, watch: LoadWatch) -> LoadResult:
            load = make_load(rate=20_000.0 if phase.rate is None else phase.rate)
            return replace(load, use=replace(load.use, total=0.9, processes=2))

    class Engine:
        def __init__(self, *_: object) -> None: ...
        @contextlib.contextmanager
        def open(self, workload: Workload) -> Iterator[Session]:
            yield Session()

    @contextlib.contextmanager
    def target(*_: Any) -> Iterator[str]:  # noqa: ANN401 - whatever it is given
        yield "http://nowhere"

    monkeypatch.setattr(module, "LocustEngine", Engine)
    monkeypatch.setattr(module, "null_target", target)


@pytest.mark.usefixtures("two_processes")
def test_a_request_costs_the_cpu_of_all_load_processes(placement: Placement) -> None:
    found = module.calibrate("SocketUser", (500.0,), placement=placement, guardian=Guardian())
    assert found is not None
    assert found.throughput == 20_000
    assert found.cpu_per_request == pytest.approx(0.9 / 20_000)
    assert [rate for rate, _ in found.delays] == [500]


@pytest.mark.usefixtures("two_processes")
def test_a_client_that_no_locustfile_is_there_for_is_not_calibrated(placement: Placement) -> None:
    assert module.calibrate("Own", (500.0,), placement=placement, guardian=Guardian()) is None
