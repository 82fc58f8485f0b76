"""Reference stacks beside an app of the user's own: asked for other work, and marked as such."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from toolkit.backing import Backings, OwnNeeds
from toolkit.cli import _run
from toolkit.cli.benched import as_they_are, beside
from toolkit.cli.own import laid_out
from toolkit.compare import tables
from toolkit.config import AppConfig, Config, load_config
from toolkit.errors import ConfigError
from toolkit.measured import Measurement, Run, StackFacts
from toolkit.model import Broken, Need, Stack, Stage, Trial, unvaried
from toolkit.parity import find_disparities
from toolkit.plan import make_plan
from toolkit.report.terminal import show
from toolkit.runtime.given import GivenImages
from toolkit.stages import phases_of, why_not
from toolkit.store import dumps, loads

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FLASKR = Path(__file__).parents[1] / "fixtures" / "apps" / "flaskr"
MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]


def settings(*workloads: str) -> Config:
    app = AppConfig(get=("/",), beside=("flask/gunicorn-sync",))
    return Config(app=replace(app, beside_workloads=workloads) if workloads else app)


def reference(workload: str = "list") -> Stack:
    (found,) = beside(settings(workload))
    return found


# what is meant


def test_a_stack_says_which_work_it_does_wherever_it_is_named() -> None:
    stack = replace(reference("upstream?delay=5ms"), variant=(("threads", 4),))
    assert stack.id == "flask/gunicorn-sync:threads=4 under upstream?delay=5ms"
    assert unvaried(stack.id) == "flask/gunicorn-sync"
    trial = Trial(stack=stack.id, workload="GET /", round=1, position=1)
    assert trial.case == f"{stack.id}, beside GET /"
    assert replace(trial, stack="shop/x").case == "shop/x GET /"


def test_there_is_one_for_each_workload_and_a_list_where_none_is_named() -> None:
    assert [stack.id for stack in beside(settings())] == ["flask/gunicorn-sync under list"]
    both = [stack.id for stack in beside(settings("list", "db-read"))]
    assert both == ["flask/gunicorn-sync under list", "flask/gunicorn-sync under db-read"]
    assert beside(Config(app=AppConfig(beside_workloads=("no such",)))) == ()


def test_a_plan_knows_of_the_traffic_beside_its_own() -> None:
    """Or the database that it needs would not be started."""
    found = as_they_are(settings("db-read"), ("shop:1",), 80)
    plan = make_plan(
        stacks=found.stacks,
        workloads=found.workloads,
        rounds=1,
        load=Config().bench.load,
        baseline="",
        seed=1,
    )
    assert [work.id for work in plan.traffic] == ["GET /", "db-read"]
    assert [work.needs for work in plan.traffic] == [(), (Need.DATABASE,)]


def test_the_plan_shows_them_by_flags_and_by_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(FLASK)
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\n")
    dry = ["bench", "--get", "/", "--quick", "--dry-run", "--runtime", "process"]
    assert _run([*dry, "--beside", "flask/waitress", "--beside-workload", "cpu"]) == 0
    assert "flask/waitress under cpu" in capsys.readouterr().out
    (tmp_path / "toolkit.toml").write_text('[app]\nbeside = ["bottle/waitress"]\n')
    assert _run(dry) == 0
    assert "bottle/waitress under list" in capsys.readouterr().out


def test_nothing_stands_beside_what_is_measured_against_itself() -> None:
    def lay_out() -> None:
        with laid_out(settings(), FLASKR, against_itself="flaskr/waitress"):
            pass

    with pytest.raises(ConfigError, match="--beside does not go with --aa"):
        lay_out()


def test_beside_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text("[app]\nbeside_workloads = []\n")
    with pytest.raises(ConfigError, match="beside_workloads"):
        load_config(tmp_path)


@pytest.mark.parametrize(("own", "name"), [("flask-async", "own-flask-async"), ("shop", "shop")])
def test_what_is_known_of_a_reference_app_does_not_hold_for_one_of_its_name(
    tmp_path: Path, own: str, name: str
) -> None:
    (tmp_path / "app.py").write_text(FLASK)
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\n")
    (tmp_path / "pyproject.toml").write_text(f"[project]\nname = '{own}'\n")
    with laid_out(settings(), tmp_path, against_itself=None) as found:
        apps = [stack.app.name for stack in found.stacks]
        assert apps == [*[name] * (len(apps) - 1), "flask"]
        listed = (
            Broken(stack="flask-async/*", exchange="x", workloads=("*",), reason="", evidence=""),
        )
        assert why_not(found.stacks[0], found.workloads[0], listed) is None


def test_their_images_and_recipes_are_the_toolkits_own(tmp_path: Path) -> None:
    with laid_out(settings(), FLASKR, against_itself=None) as found:
        own, other = found.stacks[0], found.stacks[-1]
        assert own.app.path.is_relative_to(found.catalog.path)
        assert not other.app.path.is_relative_to(found.catalog.path)
        assert not other.server.path.is_relative_to(found.catalog.path)


# what they are given


class FakeDatabases:
    def __init__(self) -> None:
        self.made: list[tuple[str, bool, bool]] = []

    def prepare(
        self, app: str, make_tables: Callable[[str], None], *, as_all: bool, filled: bool
    ) -> None:
        self.made.append((app, as_all, filled))

    def fresh(self, app: str) -> str:
        return f"postgresql://bench@127.0.0.1:1/{app}"


def test_each_is_given_its_own_database_and_variables_and_never_the_others() -> None:
    own = OwnNeeds(variables={"API_KEY": "x"}, database_variable="DB", database_scheme="postgres")
    backings = Backings(None, secret="s", own=own)  # type: ignore[arg-type]
    databases = FakeDatabases()
    backings.databases = databases  # type: ignore[assignment]
    other = reference()
    mine = replace(other, app=replace(other.app, name="shop", prepare=()), work=None)
    for stack in (mine, other):
        backings.prepare(stack)
    assert databases.made == [("shop", False, False), ("flask", True, True)]
    assert backings.environment(mine) == {
        "SECRET_KEY": "s",
        "API_KEY": "x",
        "DB": "postgres://bench@127.0.0.1:1/shop",
    }
    assert backings.environment(other) == {
        "SECRET_KEY": "s",
        "DATABASE_URL": "postgresql://bench@127.0.0.1:1/flask",
    }


def test_an_app_that_asked_for_no_database_gets_none_of_theirs() -> None:
    own = OwnNeeds(database_scheme="")
    backings = Backings(None, secret="s", own=own)  # type: ignore[arg-type]
    backings.databases = FakeDatabases()  # type: ignore[assignment]
    mine = replace(reference(), work=None)
    assert backings.environment(mine) == {"SECRET_KEY": "s"}


def test_beside_an_image_they_are_built_and_served_as_always() -> None:
    found = as_they_are(settings(), ("shop:1",), 80)
    image, other = found.stacks
    did: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def serve(stack: Stack, environment: object) -> Iterator[str]:
        did.append(("serve", stack.id))
        yield "a service"

    platform = SimpleNamespace(
        prepare=lambda stack, _: did.append(("prepare", stack.id)),
        run_once=lambda stack, *_: did.append(("run", stack.id)),
        serve=serve,
    )
    runtime = GivenImages(platform, found.projects)
    runtime.prepare(other, None)  # type: ignore[arg-type]
    runtime.run_once(other, ("migrate",), {})
    with runtime.serve(other, {}):
        pass
    assert did == [(what, other.id) for what in ("prepare", "run", "serve")]
    assert image.work is None


# what comes of it


@pytest.fixture
def compared(ten_rounds: Run) -> Run:
    """The fastest two of three stacks are twice as fast as the baseline; one does other work."""
    return replace(ten_rounds, beside={"c/z": "list"})


def test_a_row_of_other_work_has_a_ratio_and_no_rank_and_comes_after_the_others(
    compared: Run,
) -> None:
    (table,) = tables(compared)
    rows = {row.stack: row for row in table.rows}
    assert [row.stack for row in table.rows] == ["b/y", "a/x", "c/z"]
    assert (rows["c/z"].rank, rows["c/z"].shared, rows["c/z"].sound) == (None, False, True)
    ratio = rows["c/z"].ratio
    assert ratio is not None
    assert ratio.low is not None
    assert 1.9 < ratio.low < ratio.value < 2.1


def test_ranks_are_those_of_a_run_without_them(compared: Run) -> None:
    (table,) = tables(compared)
    alone = replace(
        compared,
        trials=tuple(trial for trial in compared.trials if trial.stack != "c/z"),
        beside={},
    )
    (other,) = tables(alone)
    ranks = [[(row.stack, row.rank, row.shared) for row in found.rows] for found in (table, other)]
    assert ranks[0][:2] == ranks[1]


def test_the_report_says_which_rows_are_of_other_work(compared: Run) -> None:
    console = Console(record=True, width=200)
    show(compared, console)
    text = " ".join(console.export_text().split())
    assert "Other work: the rows under list are the toolkit's reference apps" in text
    assert "Their ratios compare work as well as servers, and they have no ranks." in text


def test_ratios_to_other_work_are_said_to_be_such(compared: Run) -> None:
    console = Console(record=True, width=200)
    show(replace(compared, beside={"a/x": "list"}), console)
    assert "Ratios to the baseline compare work" in " ".join(console.export_text().split())


def test_without_them_nothing_is_said_of_other_work(ten_rounds: Run) -> None:
    console = Console(record=True, width=200)
    show(ten_rounds, console)
    assert "Other work" not in console.export_text()


def test_a_stored_run_keeps_which_rows_they_are(compared: Run) -> None:
    assert loads(dumps(compared), "x").beside == {"c/z": "list"}


@pytest.mark.parametrize(("works", "rate"), [({}, 500.0), ({"b/y": "list"}, 1000.0)])
def test_a_common_rate_counts_the_requests_of_each_ones_own_tasks(
    make_measurement: MakeMeasurement, make_run: MakeRun, works: dict[str, str], rate: float
) -> None:
    """The baseline's tasks have two requests; those of other work have one."""

    def measured(stack: str, per_task: float) -> Measurement:
        found = make_measurement(stack, "list", 1, 2000.0)
        load = replace(found.phases[0].load, tasks=round(found.phases[0].load.requests / per_task))
        return replace(found, phases=(replace(found.phases[0], load=load),))

    run = make_run((measured("a/x", 2.0), measured("b/y", 1.0)), beside=works)
    trial = Trial(stack="b/y", workload="list", round=1, position=1, stage=Stage.LATENCY)
    phases = phases_of(trial, run)
    assert phases is not None
    first = next(iter(phases))
    assert first.part == 0.5
    assert first.rate == pytest.approx(rate)


def facts(name: str, **packages: str) -> StackFacts:
    return StackFacts(
        id=name,
        summary="",
        keep_alive=True,
        argv=(),
        settings={},
        python="3.13.5",
        packages=packages,
    )


def test_packages_that_differ_only_from_those_beside_are_told_in_one_line() -> None:
    own: Sequence[StackFacts] = (facts("shop/a", flask="3.0", click="8"),)
    others = (facts("flask/a under list", flask="3.1", click="8", gunicorn="27"),)
    (said,) = find_disparities((*own, *others), {others[0].id})
    assert said == (
        "The app's packages are not those of the reference apps: flask (3.0, beside it 3.1)."
    )
    mixed = (*own, facts("shop/b", flask="2.0"), *others)
    assert find_disparities(mixed, {others[0].id})[0] == (
        "The stacks had different versions of flask: 2.0, 3.0."
    )
