"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_tune_report.py` writes them anew."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from toolkit.measured import Run
from toolkit.model import Knobs, LoadSettings
from toolkit.report.tune_findings import settings_of
from toolkit.report.tune_terminal import show_tuned, show_whole
from toolkit.slo import parse_slo
from toolkit.stats import Ratio
from toolkit.store import dumps, loads
from toolkit.tuned import Finalist, RuledOut, Tuned

GOLDEN = Path(__file__).parent.parent / "golden"
MIB = 2**20
MakeRun = Callable[..., Run]


def ratio(value: float, low: float | None, high: float | None) -> Ratio:
    return Ratio(value=value, low=low, high=high, pairs=6 if low is not None else 2)


GRANIAN = Finalist(
    stack="flask/granian-wsgi:workers=2,threads=4",
    server="granian-wsgi",
    workers=2,
    threads=4,
    label="granian-wsgi, 2 workers x 4 threads",
    users=16,
    capacity=6012.0,
    rate=5711.0,
    parts=(0.95, 0.95, 0.9),
    p99=0.0031,
    memory=99 * MIB,
    pareto=True,
)
SMALLER = replace(
    GRANIAN,
    stack="flask/granian-wsgi:workers=1,threads=4",
    workers=1,
    label="granian-wsgi, 1 worker x 4 threads",
    capacity=5950.0,
    rate=5652.0,
    memory=52 * MIB,
    ratio=ratio(0.99, 0.96, 1.02),
    tied=True,
)
FORMULA = replace(
    GRANIAN,
    stack="flask/gunicorn-sync:workers=3",
    server="gunicorn-sync",
    workers=3,
    threads=None,
    label="gunicorn-sync, 3 workers",
    capacity=3100.0,
    rate=2480.0,
    parts=(0.8, 0.8, 0.9),
    p99=0.0184,
    memory=96 * MIB,
    ratio=ratio(0.52, 0.49, 0.55),
    pareto=False,
    reference=True,
)
LIMITED = replace(
    FORMULA,
    stack="flask/uwsgi:workers=2,threads=4",
    server="uwsgi",
    workers=2,
    threads=4,
    label="uwsgi, 2 workers x 4 threads",
    capacity=None,
    rate=None,
    parts=(),
    p99=None,
    memory=None,
    ratio=None,
    reference=False,
    trouble="limited by the load generator: it can do more than could be measured",
)
FOUND = Tuned(
    slo="p99<100ms, errors<0.1%",
    complete=True,
    recommended=SMALLER.stack,
    best=GRANIAN.stack,
    reason="No difference to the highest rate, that of granian-wsgi, 2 workers x 4 threads: so it "
    "is the simplest of 2 finalists that cannot be told apart (fewest processes x threads, then "
    "least memory).",
    finalists=(GRANIAN, SMALLER, FORMULA, LIMITED),
    common=1550.0,
    final=6,
    formula=FORMULA.ratio,
    formula_stack=FORMULA.stack,
    tried=21,
    grid=84,
    seconds=402.0,
    ruled_out=(
        RuledOut(what="cheroot", why="start: exit code 3"),
        RuledOut(
            what="gunicorn-sync with 12 workers or more",
            why="memory: 12 workers take about 400 MiB, and with 1.3 times that they exceed "
            "512 MiB",
        ),
    ),
)
CHEAPEST = replace(
    FOUND,
    wanted=300.0,
    recommended=SMALLER.stack,
    best=SMALLER.stack,
    reason="It has the least memory of 3 finalists.",
    finalists=(
        replace(SMALLER, rate=300.0, ratio=None, tied=False, parts=(0.05,) * 6),
        replace(
            GRANIAN,
            rate=300.0,
            ratio=ratio(1.9, 1.88, 1.92),
            parts=(0.05,) * 6,
            pareto=False,
        ),
        replace(
            FORMULA,
            rate=300.0,
            ratio=ratio(1.85, 1.8, 1.9),
            parts=(0.1, 0.1, 0.0, 0.1, 0.0, 0.1),
            trouble="does not carry the rate within the objective",
        ),
    ),
    common=300.0,
    formula=ratio(1.85, 1.8, 1.9),
)
NONE = replace(
    FOUND,
    recommended=None,
    best=None,
    reason="No configuration keeps p99<5ms, errors<0.1%, not even with the fewest users. Nearest: "
    "uwsgi, 1 worker x 4 threads, with 1 user: its latency is 2.4 times the limit.",
    slo="p99<5ms, errors<0.1%",
    finalists=(),
    common=None,
    formula=None,
    formula_stack=None,
    final=0,
    ruled_out=tuple(
        RuledOut(what=f"uwsgi, {n} workers x 4 threads", why="load: the server died")
        for n in range(2, 17)
    ),
)
CUT = replace(
    NONE,
    slo="p99<100ms, errors<0.1%",
    complete=False,
    recommended=SMALLER.stack,
    reason="By one ramp each, without the finals: granian-wsgi, 1 worker x 4 threads.",
    note="Interrupted: this is the best of what was measured by then.",
    ruled_out=(),
)
CASES = {"found": FOUND, "cheapest": CHEAPEST, "none": NONE, "cut": CUT}


@pytest.fixture
def make_tuned(make_run: MakeRun) -> Callable[..., Run]:
    def make(tuned: Tuned, **changes: Any) -> Run:  # noqa: ANN401
        load = LoadSettings(rates=(0.5,), slo=parse_slo(tuned.slo))
        return make_run((), workloads=("list",), tuned=tuned, load=load, **changes)

    return make


def rendered(run: Run, width: int, show: Callable[[Run, Console], None] = show_tuned) -> str:
    out = io.StringIO()
    show(run, Console(file=out, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("case", CASES)
def test_the_report_looks_as_it_did(case: str, width: int, make_tuned: Callable[..., Run]) -> None:
    golden = GOLDEN / f"tune_{case}-{width}.txt"
    text = rendered(make_tuned(CASES[case]), width)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal(
    case: str, width: int, make_tuned: Callable[..., Run]
) -> None:
    lines = rendered(make_tuned(CASES[case]), width).splitlines()
    # a command is not broken: it could not be copied
    assert all(len(line) <= width for line in lines if "toolkit deploy" not in line)


@pytest.mark.parametrize("case", CASES)
def test_what_was_decided_is_stored_with_the_run(case: str, make_tuned: Callable[..., Run]) -> None:
    run = make_tuned(CASES[case])
    assert loads(dumps(run), "here") == run


def test_a_run_of_before_tune_has_decided_nothing(make_run: MakeRun) -> None:
    text = dumps(make_run(()))
    assert '"tuned": null' in text
    old = text.replace(',\n "tuned": null', "")
    assert '"tuned"' not in old
    assert loads(old, "here").tuned is None


def test_a_bench_is_shown_as_before(make_run: MakeRun, ten_rounds: Run) -> None:
    from toolkit.report.terminal import show

    assert rendered(ten_rounds, 100, show_whole) == rendered(ten_rounds, 100, show)
    assert rendered(ten_rounds, 100) == "\n"


def test_settings_are_written_as_the_settings_file_has_them() -> None:
    stack = "flask/gunicorn-gthread:workers=2,threads=4,preload=1"
    written = "\n".join(settings_of(replace(Knobs(), connections=200), None, stack))
    assert written == (
        "[server]  # of gunicorn-gthread\n"
        "workers = 2\nthreads = 4\npreload = true\nconnections = 200"
    )


def test_what_the_settings_file_cannot_say_is_a_remark() -> None:
    written = [*settings_of(Knobs(), None, "flask/granian-wsgi:workers=2,threads=4,keep_alive=0")]
    assert written[-1] == "# keep_alive: off"
