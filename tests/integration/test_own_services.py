"""An app of the user's own with a database that the toolkit starts, as processes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit.errors import EnvironmentFault
from toolkit.measured import Measurement
from toolkit.runtime import cluster
from toolkit.store import Store

if TYPE_CHECKING:
    import subprocess

Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]

GUESTBOOK = """
import os, psycopg
from flask import Flask

app = Flask(__name__)


@app.cli.command("make-tables")
def make_tables():
    with psycopg.connect(os.environ["BOOK_URL"]) as connection:
        connection.execute("CREATE TABLE guest (id serial PRIMARY KEY)")


@app.post("/guests")
def sign():
    with psycopg.connect(os.environ["BOOK_URL"]) as connection:
        connection.execute("INSERT INTO guest DEFAULT VALUES")
    return {}


@app.get("/first")
def first():
    with psycopg.connect(os.environ["BOOK_URL"]) as connection:
        found = connection.execute("SELECT count(*), max(id) FROM guest").fetchone()
    return {}, 200 if found == (0, None) else 500
"""
SETTINGS = """
[app]
target = "guestbook:app"
get = ["/first"]
post = ["/guests=a=b"]
database = "postgresql"
database_variable = "BOOK_URL"
prepare = ["flask --app guestbook make-tables"]
servers = ["gunicorn-gthread"]

[bench]
rounds = 2
rates = []
duration = 0.4
warmup = 0.1
users = 2

[runtime]
kind = "process"
"""


def has_postgres() -> bool:
    try:
        cluster.find_binaries()
    except EnvironmentFault:
        return False
    return True


@pytest.mark.skipif(not has_postgres(), reason="PostgreSQL is not installed")
def test_every_server_finds_the_database_as_it_was_prepared(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    """What another trial has written into it would make the GET fail."""
    (tmp_path / "guestbook.py").write_text(GUESTBOOK)
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\npsycopg[binary]==3.3.9\n")
    (tmp_path / "toolkit.toml").write_text(SETTINGS)
    done = toolkit("bench")
    # on a machine that others use as well a trial may be invalid, which is no failure of this test
    assert done.returncode in (0, 4), done.stderr
    run = Store(tmp_path / "results").load()
    assert len(run.outcomes) == 4
    for item in run.outcomes:
        assert isinstance(item, Measurement), item
        assert item.phases[0].load.errors == {}
        assert item.phases[0].load.requests > 5
        assert item.phases[0].backings["database"].memory_peak > 5 * 2**20
    assert [backing.need for backing in run.backings] == ["database"]


def test_a_service_that_is_an_image_is_refused_where_servers_are_processes(
    toolkit: Toolkit, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("flask==3.1.3\n")
    (tmp_path / "toolkit.toml").write_text('[services.redis]\nimage = "redis:8"\nport = 6379\n')
    done = toolkit("bench", "app:app", "--get", "/", "--runtime", "process")
    assert done.returncode == 2
    assert "the service redis is an image, and servers run as processes" in done.stderr
    assert "hint: Take --runtime docker" in done.stderr
