"""An app per test on a PostgreSQL schema that is made by the migrations and dropped at the end."""

import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import make_url

SCHEMA = f"flask_tests_{os.getpid()}"
SERVER_URL = os.environ["DATABASE_URL"]

# before anything reads it: every connection of the app works in the schema of these tests
_url = make_url(SERVER_URL).update_query_dict({"options": f"-csearch_path={SCHEMA}"})
os.environ["DATABASE_URL"] = _url.render_as_string(hide_password=False)
for name in ("APP_CONFIG", "PROXY_HOPS", "UPSTREAM_URL", "PROMETHEUS_MULTIPROC_DIR"):
    os.environ.pop(name, None)

import flask_migrate  # noqa: E402
import settings  # noqa: E402
from flask import Flask  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402
from inventory import create_app  # noqa: E402
from inventory.extensions import db  # noqa: E402
from inventory.models import User  # noqa: E402
from werkzeug.security import generate_password_hash  # noqa: E402

MakeApp = Callable[..., Flask]

PASSWORD = "a long enough password"


@pytest.fixture(scope="session", autouse=True)
def _schema() -> Iterator[None]:
    with psycopg.connect(SERVER_URL, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")  # type: ignore[call-overload]
        try:
            app = create_app("testing")
            with app.app_context():
                flask_migrate.upgrade()
                db.engine.dispose()
            yield
        finally:
            connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")  # type: ignore[call-overload]


@pytest.fixture
def make_app() -> Iterator[MakeApp]:
    """Build apps; at the end their connections are closed and the tables are empty."""
    made: list[Flask] = []

    def make(configuration: str = "testing", **overrides: object) -> Flask:
        made.append(create_app(configuration, **overrides))
        return made[-1]

    yield make
    for app in made:
        app.extensions["database_pool"].close()
        app.extensions["upstream_client"].close()
        if "sqlalchemy" in app.extensions:
            with app.app_context():
                db.engine.dispose()
    if made:
        with psycopg.connect(settings.DATABASE_URL) as connection:
            # a request that still holds its transaction is a failure, not a reason to wait for ever
            connection.execute("SET lock_timeout = '10s'")
            connection.execute("TRUNCATE asset, user_account")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Hash the password of the users once: a hash is slow, that is the point of it."""
    return generate_password_hash(PASSWORD)


@pytest.fixture
def users(app: Flask, password_hash: str) -> None:
    """Have ``grace``, who is an administrator, and ``alan``, who is not."""
    with app.app_context():
        for name, is_admin in (("grace", True), ("alan", False)):
            db.session.add(User(name=name, is_admin=is_admin, password_hash=password_hash))
        db.session.commit()


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a service that answers with what it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(settings, "UPSTREAM_URL", url)
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        body = b'{"delay_ms": %d, "token": "%s"}' % (
            int(query["delay_ms"][0]),
            query["token"][0].encode(),
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
