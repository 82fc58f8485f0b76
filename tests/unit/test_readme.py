import io
from pathlib import Path

from rich.console import Console

from toolkit.report.terminal import show
from toolkit.store import Store

CHECKOUT = Path(__file__).parents[2]


def test_the_report_in_the_readme_is_that_of_the_committed_run() -> None:
    out = io.StringIO()
    run = Store(CHECKOUT / "results").load(str(CHECKOUT / "results/reference/two-cores"))
    show(run, Console(file=out, width=120, highlight=False))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert "\n".join(lines) in (CHECKOUT / "README.md").read_text()
