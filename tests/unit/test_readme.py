from pathlib import Path

from toolkit.compare import tables
from toolkit.report.answers import answer
from toolkit.store import Store

CHECKOUT = Path(__file__).parents[2]


def test_the_answers_in_the_readme_are_those_of_the_committed_run() -> None:
    run = Store(CHECKOUT / "results").load(str(CHECKOUT / "results/reference/two-cores"))
    lines = (CHECKOUT / "README.md").read_text().splitlines()
    quoted = " ".join(line.removeprefix(">").strip() for line in lines if line.startswith(">"))
    for table in tables(run):
        assert f"**{table.workload}**: {answer(table, run)}" in quoted
