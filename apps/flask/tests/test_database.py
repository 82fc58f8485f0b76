from pathlib import Path

import flask_migrate
import psycopg
import settings
import work
from conftest import MakeApp
from flask import Flask
from inventory.extensions import db
from inventory.models import Asset
from sqlalchemy import select

COLUMNS = """
    SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = 'asset' ORDER BY ordinal_position
"""
KEYS = """
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'asset'::regclass AND contype = 'p'
"""


def test_the_migrations_make_the_table_of_the_shared_schema() -> None:
    with psycopg.connect(settings.DATABASE_URL) as connection:
        migrated = [connection.execute(query).fetchall() for query in (COLUMNS, KEYS)]
        connection.execute("CREATE SCHEMA shared_schema")
        connection.execute("SET LOCAL search_path TO shared_schema")
        connection.execute(Path(work.__file__).with_name("schema.sql").read_text())
        shared = [connection.execute(query).fetchall() for query in (COLUMNS, KEYS)]
        connection.rollback()
    assert len(shared[0]) == 6
    assert migrated == shared


def test_the_models_are_what_the_migrations_make(app: Flask) -> None:
    with app.app_context():
        flask_migrate.check()  # exits where they differ


def test_the_migrations_can_be_undone_and_done_again(app: Flask) -> None:
    tables = (
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
        " AND table_name IN ('asset', 'user_account')"
    )
    counts = []
    for migrate in (
        lambda: flask_migrate.downgrade(revision="base"),
        flask_migrate.upgrade,
    ):
        with app.app_context():
            migrate()
        with psycopg.connect(settings.DATABASE_URL) as connection:
            counts += [row[0] for row in connection.execute(tables)]
    assert counts == [0, 2]


def test_what_a_request_does_not_commit_is_gone_after_it(app: Flask) -> None:
    def forget() -> str:
        db.session.add(Asset(id=1, name="x", kind="phone", site="oslo", value_cents=1))
        db.session.flush()
        return "forgotten"

    app.add_url_rule("/forget", view_func=forget)
    assert app.test_client().get("/forget").status_code == 200
    with app.app_context():
        assert db.session.scalar(select(Asset)) is None


def test_a_request_gives_its_connection_back(make_app: MakeApp) -> None:
    app = make_app("benchmark")
    client = app.test_client()
    for _ in range(settings.DATABASE_POOL + 1):
        assert client.get("/orm/assets/1").status_code == 404
    with app.app_context():
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_the_pool_of_the_orm_has_the_size_that_is_set(app: Flask) -> None:
    with app.app_context():
        assert db.engine.pool.size() == settings.DATABASE_POOL  # type: ignore[attr-defined]


def test_one_pool_is_made_even_if_several_threads_come_first_together() -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from inventory.pools import PerProcess

    class Pool:
        def close(self) -> None:
            pass

    barrier = Barrier(8)
    pool = PerProcess(Pool)

    def get(_: int) -> Pool:
        barrier.wait(timeout=10)
        return pool.get()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(map(id, threads.map(get, range(8))))) == 1


def test_building_the_app_opens_no_connection(make_app: MakeApp) -> None:
    app = make_app("production")
    assert app.extensions["database_pool"]._made is None
    with app.app_context():
        assert db.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
