"""Apps that nobody here wrote for it, measured as processes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.measured import Measurement
from toolkit.model import Stage
from toolkit.store import Store

if TYPE_CHECKING:
    import subprocess

FLASKR = Path(__file__).parents[1] / "fixtures" / "apps" / "flaskr"
BRIEF = (
    *("--runtime", "process", "--rounds", "1", "--rates", "none"),
    *("--duration", "0.4", "--warmup", "0.1", "--users", "2"),
)
Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]


def measured(folder: Path) -> dict[tuple[str, str], Measurement]:
    """Give what was measured, which must be all, with right answers only."""
    found = {}
    for item in Store(folder / "results").load().outcomes:
        assert isinstance(item, Measurement), item
        assert item.phases[0].load.requests > 5
        assert item.phases[0].load.errors == {}
        found[item.trial.stack, item.trial.workload] = item
    return found


def test_the_tutorials_app_is_measured_with_a_database_made_before_each_start(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    done = toolkit(
        *("bench", str(FLASKR), *BRIEF, "--servers", "gunicorn-gthread,waitress"),
        *("--before", "flask --app flaskr init-db", "--env", "SECRET_KEY=of a test"),
        *("--get", "/", "--post", "/create=title=A&body=b"),
    )
    # on a machine that others use as well a trial may be invalid, which is no failure of this test
    assert done.returncode in (0, 4), done.stderr
    assert "flaskr:create_app()" in done.stderr
    stacks, workloads = {"flaskr/gunicorn-gthread", "flaskr/waitress"}, {"GET /", "POST /create"}
    assert set(measured(tmp_path)) == {(stack, load) for stack in stacks for load in workloads}
    stored = Store(tmp_path / "results").path(Store(tmp_path / "results").load().id).read_text()
    assert "of a test" not in stored
    assert not (FLASKR / "instance").exists()


LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, LoadTestShape, task


class Reader(HttpUser):
    @task
    def home(self):
        self.client.get("/get")


class Hurried(FastHttpUser):
    @task
    def id(self):
        self.client.get("/uuid")


class Steps(LoadTestShape):
    def tick(self):
        return None
"""


def test_a_published_package_is_measured_under_somebodys_locustfile(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    """With users of two classes and a shape, which would end the load at once."""
    (tmp_path / "load.py").write_text(LOCUSTFILE)
    done = toolkit(
        *("bench", "httpbin:app", "--interface", "wsgi", "--install", "httpbin==0.10.2", *BRIEF),
        *("--servers", "gunicorn-gthread", "--locustfile", "load.py", "--health", "/get"),
    )
    assert done.returncode in (0, 4), done.stderr
    (item,) = measured(tmp_path).values()
    assert "HttpUser" in item.phases[0].load.client


SHAPED = """
from locust import FastHttpUser, LoadTestShape, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.2)

    @task
    def home(self):
        self.client.get("/")


class Steps(LoadTestShape):
    def tick(self):
        return (3, 2) if self.get_run_time() < 3 else None
"""


def test_a_shape_is_played_where_it_is_asked_for_and_named_where_it_is_not(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\n"
        "app.add_url_rule('/', view_func=lambda: 'hello')\n"
    )
    (tmp_path / "requirements.txt").write_text((FLASKR / "requirements.txt").read_text())
    (tmp_path / "load.py").write_text(SHAPED)
    bench = (
        "bench",
        "shop:app",
        "--locustfile",
        "load.py",
        *BRIEF,
        "--servers",
        "gunicorn-gthread",
    )
    left = toolkit(*bench, "--dry-run")
    assert left.returncode == 0, left.stderr
    assert "load.py: LoadTestShape Steps and wait_time left out" in left.stderr
    done = toolkit(*bench, "--shape-rounds", "2")
    assert done.returncode in (0, 4), done.stderr
    assert "left out" not in done.stderr
    assert "The shape of the locustfile: 3 users at most, 3 s, with their waits" in done.stdout
    run = Store(tmp_path / "results").load()
    played = [item for item in run.outcomes if item.trial.stage is Stage.SHAPE]
    assert [item.trial.round for item in played] == [1, 2]
    for item in played:
        assert isinstance(item, Measurement)
        (phase,) = item.phases
        assert phase.phase.shape == (2, 3, 3)
        # at once, and then five times a second at most
        assert 8 < phase.load.requests <= 5 * 8 + 3
    refused = toolkit(*bench, "--shape-rounds", "1", "--most-rate", "50")
    assert refused.returncode == 2
    assert "--most-rate" in refused.stderr


def test_a_reference_stack_stands_beside_an_app_and_answers_what_it_has(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    """The one has no list of assets, the other no such page."""
    (tmp_path / "shop.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\n"
        "app.add_url_rule('/only/here', view_func=lambda: 'hello')\n"
    )
    (tmp_path / "requirements.txt").write_text((FLASKR / "requirements.txt").read_text())
    done = toolkit(
        *("bench", "shop:app", "--get", "/only/here", *BRIEF, "--servers", "gunicorn-sync"),
        *("--beside", "flask/gunicorn-sync", "--env", "APP_CONFIG=no such configuration"),
    )
    assert done.returncode in (0, 4), done.stderr
    other = "flask/gunicorn-sync under list"
    stacks = {stack for stack, _ in measured(tmp_path)}
    assert len(stacks) == 2
    assert other in stacks
    assert Store(tmp_path / "results").load().beside == {other: "list"}
    assert "Other work: the rows under list" in done.stdout


def test_an_app_that_starts_on_no_server_is_one_line_and_no_report(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\nraise RuntimeError('no such secret')\n"
    )
    (tmp_path / "requirements.txt").write_text((FLASKR / "requirements.txt").read_text())
    servers = ("--servers", "gunicorn-sync,waitress")
    done = toolkit("bench", "broken:app", "--get", "/", *BRIEF, *servers)
    assert done.returncode == 4
    (error,) = [line for line in done.stderr.splitlines() if "error:" in line]
    name = tmp_path.name.replace("_", "-")
    assert error.startswith(f"toolkit: error: {name}/gunicorn-sync, {name}/waitress: the server")
    assert error.endswith("Its log: RuntimeError: no such secret")
    assert "hint: Does it need a variable (--env)" in done.stderr
    assert done.stdout.strip().startswith("Stored in")
    stored = Store(tmp_path / "results").load()
    assert {item.trial for item in stored.outcomes} == set(stored.trials)
