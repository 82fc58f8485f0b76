"""Databases of a run, on a real PostgreSQL that the process runtime starts."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from toolkit.catalog import root
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.database import Databases, connect
from toolkit.errors import EnvironmentFault, StackError
from toolkit.model import Need
from toolkit.ports import Backing
from toolkit.progress import Progress

SHARED = root() / "apps" / "shared"
SCHEMA, SEED = ((SHARED / name).read_text() for name in ("schema.sql", "seed.sql"))


@pytest.fixture(scope="module")
def parts() -> Iterator[Session]:
    with session(Config(runtime=RuntimeConfig(kind="process")), "databases") as opened:
        yield opened


@pytest.fixture(scope="module")
def postgres(parts: Session) -> Iterator[Backing]:
    with parts.runtime.backing(Need.DATABASE, Progress(Console(quiet=True))) as backing:
        yield backing


@pytest.fixture
def databases(postgres: Backing) -> Iterator[Databases]:
    made = Databases(url=postgres.url, url_for_servers=postgres.url, schema=SCHEMA, seed=SEED)
    yield made
    made.close()


def run(url: str, statements: str) -> None:
    with connect(url) as connection:
        connection.execute(statements.encode())


def count(url: str) -> object:
    with connect(url) as connection:
        return connection.execute("SELECT count(*), sum(moves) FROM asset").fetchone()


def test_every_server_finds_the_same_rows_whatever_the_one_before_did(
    databases: Databases,
) -> None:
    databases.prepare("a", lambda url: run(url, SCHEMA))
    url = databases.fresh("a")
    with connect(url) as open_still:
        run(url, "DELETE FROM asset WHERE id < 100; UPDATE asset SET moves = 1")
        assert databases.fresh("a") == url
        assert count(url) == (10_000, 0)
        with pytest.raises(psycopg.OperationalError):
            open_still.execute("SELECT 1")


def test_an_app_is_prepared_once_and_apps_do_not_share_their_tables(databases: Databases) -> None:
    made: list[str] = []

    def tables(url: str) -> None:
        made.append(url)
        run(url, SCHEMA)

    def more_tables(url: str) -> None:
        run(url, f"{SCHEMA}; CREATE TABLE mine (id integer)")

    databases.prepare("a", tables)
    databases.prepare("a", tables)
    databases.prepare("b", more_tables)
    assert len(made) == 1
    run(databases.fresh("b"), "SELECT * FROM mine")
    with pytest.raises(psycopg.errors.UndefinedTable):
        run(databases.fresh("a"), "SELECT * FROM mine")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ("SELECT 1", "asset"),
        (f"{SCHEMA}; ALTER TABLE asset ADD COLUMN note text", "note"),
        (f"{SCHEMA}; ALTER TABLE asset ALTER COLUMN site DROP NOT NULL", "site"),
        (f"{SCHEMA}; ALTER TABLE asset ALTER COLUMN name TYPE varchar(90)", "90"),
        (f"{SCHEMA}; ALTER TABLE asset DROP CONSTRAINT asset_pkey", "id"),
        (f"{SCHEMA}; CREATE INDEX ON asset (kind)", "kind"),
    ],
)
def test_an_app_with_another_table_than_the_rest_is_refused(
    statements: str, said: str, databases: Databases
) -> None:
    """What reads another table, or one without its key, is not the same work."""
    with pytest.raises(StackError, match="another table 'asset'") as caught:
        databases.prepare("other", lambda url: run(url, statements))
    assert said in str(caught.value)


def test_rows_that_cannot_be_put_in_are_a_fault_of_the_stack(postgres: Backing) -> None:
    made = Databases(
        url=postgres.url, url_for_servers=postgres.url, schema=SCHEMA, seed="INSERT INTO nothing"
    )
    with pytest.raises(StackError, match="the database of this run fails: syntax error"):
        made.prepare("a", lambda url: run(url, SCHEMA))
    made.close()


def test_a_database_that_is_gone_is_one_clear_line(postgres: Backing) -> None:
    made = Databases(url=postgres.url, url_for_servers=postgres.url, schema=SCHEMA, seed=SEED)
    made.prepare("a", lambda url: run(url, SCHEMA))
    made.close()  # as when PostgreSQL is
    with pytest.raises(StackError, match="the database of this run fails"):
        made.fresh("a")
    with pytest.raises(EnvironmentFault, match="the database of this run fails"):
        Databases(
            url="postgresql://bench@127.0.0.1:1/postgres",
            url_for_servers="",
            schema=SCHEMA,
            seed=SEED,
        )


def test_what_the_environment_says_of_other_databases_does_not_count(
    postgres: Backing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "PGSSLMODE": "verify-full",
        "PGGSSENCMODE": "require",
        "PGCHANNELBINDING": "require",
        "PGREQUIREAUTH": "scram-sha-256",
    }.items():
        monkeypatch.setenv(name, value)
    run(postgres.url, "SELECT 1")
