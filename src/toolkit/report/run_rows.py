"""A run as one row per number, for spreadsheets and data frames: tidy data (Wickham). Pure."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from toolkit.compare import AtRate, Row, Shaped, tables
from toolkit.measured import Run
from toolkit.stats import Interval
from toolkit.tuning.finals import finals_of


class Number(NamedTuple):
    """A number of a case.

    Attributes:
        run: Id of the run.
        workload: Id of the workload.
        stack: Id of the stack ...
        app: ... its app ...
        server: ... and its server.
        phase: ``capacity``, the part of the baseline's capacity that was offered, as ``0.7``, or
            ``shape``.
        metric: What it is.
        statistic: Which number of it: ``median``, ``low`` and ``high`` of the interval, ``p99``.
        value: In SI units.
        unit: Of the value: ``1/s``, ``s``, ``B``, ``1`` for what has none.
        valid: Whether it may be used.
    """

    run: str
    workload: str
    stack: str
    app: str
    server: str
    phase: str
    metric: str
    statistic: str
    value: float
    unit: str
    valid: bool


_Found = tuple[str, str, str, float | None, str]


def numbers(run: Run) -> Iterator[Number]:
    """Give every number of a run; what was not measured has no row. Of a search: its finals'."""
    for table in tables(finals_of(run)):
        for row in table.rows:
            app, _, rest = row.stack.partition("/")
            server = rest.partition(":")[0].partition("#")[0]
            for (phase, metric, statistic, value, unit), valid in _of(row):
                if value is not None:
                    yield Number(
                        run.id,
                        table.workload,
                        row.stack,
                        app,
                        server,
                        phase,
                        metric,
                        statistic,
                        value,
                        unit,
                        valid,
                    )


def as_csv(run: Run) -> str:
    """Write the numbers of a run as CSV with a head (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(Number._fields)
    for number in numbers(run):
        writer.writerow(int(cell) if isinstance(cell, bool) else _safe(cell) for cell in number)
    return out.getvalue()


def _safe(cell: object) -> object:
    """Keep a spreadsheet from taking a name for a formula.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell


def _of(row: Row) -> Iterator[tuple[_Found, bool]]:
    """Give the numbers of a row, each with whether it may be used."""
    yield from ((found, bool(row.valid)) for found in _of_capacity(row))
    for rate in row.at_rates:
        yield from ((found, bool(rate.valid)) for found in _of_rate(rate))
    if row.shaped is not None:
        yield from ((found, bool(row.shaped.valid)) for found in _of_shape(row.shaped))


def _of_capacity(row: Row) -> Iterator[_Found]:
    at = "capacity"
    yield from _interval(at, "throughput", row.throughput, "1/s")
    if row.ratio is not None:
        yield at, "ratio to baseline", "estimate", row.ratio.value, "1"
        yield at, "ratio to baseline", "low", row.ratio.low, "1"
        yield at, "ratio to baseline", "high", row.ratio.high, "1"
    yield at, "rank", "rank", row.rank, "1"
    for name, seconds in zip(("p50", "p95", "p99"), row.latencies or (), strict=False):
        yield at, "latency", name, seconds, "s"
    yield at, "error rate", "total", row.error_rate, "1"
    yield at, "cpu per request", "median", row.cpu_per_request, "s"
    yield at, "memory", "peak", row.memory_peak, "B"
    yield at, "memory", "peak per worker", row.memory_per_worker, "B"
    yield at, "threads", "most", row.threads, "1"
    yield at, "users", "used", row.users, "1"
    yield at, "start", "median", row.start_seconds, "s"
    yield at, "stop", "once", row.stop_seconds, "s"
    yield "own rates", "rate within objective", "median", row.under_objective, "1/s"


def _of_rate(rate: AtRate) -> Iterator[_Found]:
    at = f"{rate.part:g}"
    yield at, "offered", "median", rate.rate, "1/s"
    yield at, "goodput", "median", rate.goodput, "1/s"
    for name, seconds in zip(("p50", "p99", "p99.9"), rate.latencies or (), strict=False):
        yield at, "latency", name, seconds, "s"
    yield at, "error rate", "total", rate.error_rate, "1"
    yield at, "unanswered", "total", rate.unanswered, "1"
    yield at, "carried", "yes", float(rate.carried), "1"
    yield at, "recovery", "median", rate.recovery, "s"


def _of_shape(shaped: Shaped) -> Iterator[_Found]:
    at = "shape"
    yield at, "throughput", "median", shaped.throughput, "1/s"
    for name, seconds in zip(("p50", "p99", "p99.9"), shaped.latencies or (), strict=False):
        yield at, "latency", name, seconds, "s"
    yield at, "error rate", "total", shaped.error_rate, "1"
    yield at, "users", "most", shaped.users, "1"
    yield at, "cpu", "median", shaped.cpu, "1"
    yield at, "memory", "peak", shaped.memory_peak, "B"


def _interval(phase: str, metric: str, interval: Interval | None, unit: str) -> Iterator[_Found]:
    if interval is not None:
        yield phase, metric, "median", interval.value, unit
        yield phase, metric, "low", interval.low, unit
        yield phase, metric, "high", interval.high, unit
