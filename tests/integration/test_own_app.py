"""Apps that nobody here wrote for it, measured as processes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.measured import Measurement
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
