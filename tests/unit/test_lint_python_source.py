"""What Python sources say about proxies, pools and views, read without running them."""

import sys
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Fact, Hops, Pool, Where
from toolkit.lint.python.source import Source, pools, read, routes
from toolkit.reading import ReadError

PATH = "app/main.py"


def at(line: int) -> Where:
    return Where(PATH, line)


def hops(call: str) -> Hops:
    found = read(PATH, f"from werkzeug.middleware.proxy_fix import ProxyFix\nx = {call}\n").hops
    assert len(found) == 1
    return found[0]


def pool(text: str) -> Pool | None:
    found = read(PATH, text).pools
    assert len(found) < 2
    return found[0] if found else None


def sizes(text: str) -> tuple[int, int] | None:
    found = pool(text)
    return None if found is None else (found.size.value, found.overflow.value)


def paths(files: Mapping[str, str]) -> list[str]:
    return [route.path for route in routes(*(read(path, text) for path, text in files.items()))]


# proxies that are believed


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("ProxyFix(app)", (1, 1, 0)),
        ("ProxyFix(app, x_for=2, x_proto=0, x_host=1)", (2, 0, 1)),
        ("ProxyFix(app, 3, 2, 1)", (3, 2, 1)),
        ("ProxyFix(app.wsgi_app, x_for=1, x_prefix=1)", (1, 1, 0)),
        ("ProxyFix(app, x_for=int(os.environ['N']))", (None, 1, 0)),
        ("ProxyFix(app, **settings)", (None, None, None)),
        ("ProxyFix(*arguments)", (None, None, None)),
        ("ProxyFix(app, x_for=True)", (None, 1, 0)),
    ],
)
def test_proxy_fix_believes_one_proxy_unless_it_says_otherwise(
    call: str, values: tuple[int | None, ...]
) -> None:
    found = hops(call)
    assert (found.x_for, found.x_proto, found.x_host) == values
    assert found.where == at(2)


def test_a_constant_of_the_module_is_known() -> None:
    text = "from werkzeug.middleware.proxy_fix import ProxyFix\nN = 2\nx = ProxyFix(a, x_for=N)"
    assert read(PATH, text).hops[0].x_for == 2


def test_a_name_that_is_assigned_twice_is_not() -> None:
    text = "import werkzeug.middleware.proxy_fix as p\nN = 2\nN = 3\nx = p.ProxyFix(a, x_for=N)"
    assert read(PATH, text).hops[0].x_for is None


def test_a_class_of_that_name_from_elsewhere_is_another() -> None:
    assert read(PATH, "from ours import ProxyFix\nx = ProxyFix(app)").hops == ()


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ("{}", True),
        ("def create_app():\n    {}", True),
        ("try:\n    {}\nexcept OSError: ...", True),
        ("if behind_a_proxy:\n    {}", False),
        ("def create_app():\n    if a: ...\n    elif b:\n        x = [{}]", False),
        ("class Heroku:\n    def init_app(app):\n        {}", False),
    ],
)
def test_whether_proxies_are_believed_in_any_case_shows_in_the_source(
    text: str, always: bool
) -> None:
    imported = "from werkzeug.middleware.proxy_fix import ProxyFix\n"
    (found,) = read(PATH, imported + text.format("ProxyFix(app)")).hops
    assert found.always is always


def test_hypercorns_middleware_trusts_hops() -> None:
    text = "from hypercorn.middleware import ProxyFixMiddleware as P\nx = P(app, trusted_hops=2)"
    assert [item.x_for for item in read(PATH, text).hops] == [2]


# pools


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("create_engine('postgresql+psycopg://db/app')", (5, 10)),
        ("create_engine(URL)", (5, 10)),
        ("create_engine('postgresql://db', pool_size=2, max_overflow=0)", (2, 0)),
        ("create_engine(os.environ['URL'], pool_size=20)", (20, 10)),
        ("create_engine('postgresql://db', max_overflow=-1)", (5, -1)),
        ("create_async_engine('postgresql+asyncpg://db', pool_size=3)", (3, 10)),
        ("create_engine('sqlite:///app.db')", None),
        ("create_engine('sqlite+pysqlite://', pool_size=3)", None),
        ("create_engine('postgresql://db', poolclass=NullPool)", None),
        ("create_engine('postgresql://db', poolclass=QueuePool)", (5, 10)),
        ("create_engine('postgresql://db', pool_size=settings.pool)", None),
        ("create_engine('postgresql://db', pool_size=int(os.getenv('N', '5')))", None),
        ("create_engine('postgresql://db', **options)", None),
    ],
)
def test_an_engine_keeps_five_connections_and_opens_ten_more(
    call: str, expected: tuple[int, int] | None
) -> None:
    head = "from sqlalchemy import create_engine\n"
    head += "from sqlalchemy.ext.asyncio import create_async_engine\n"
    assert sizes(f"{head}engine = {call}\n") == expected


def test_a_default_says_whose_it_is_and_a_number_where_it_stands() -> None:
    found = pool("import sqlalchemy as sa\ne = sa.create_engine(\n    URL,\n    pool_size=3,\n)")
    assert found is not None
    assert found.size == Fact(3, at(4))
    assert found.overflow == Fact(10, at(2), "SQLAlchemy")


def test_a_function_of_that_name_from_elsewhere_makes_no_pool() -> None:
    assert pool("from ours import create_engine\ncreate_engine(URL)") is None


@pytest.mark.parametrize(
    "text",
    [
        "SQLALCHEMY_ENGINE_OPTIONS = {'pool_size': 7, 'max_overflow': 0}",
        "app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {'pool_size': 7, 'max_overflow': 0}",
        "class C:\n SQLALCHEMY_ENGINE_OPTIONS: dict = dict(pool_size=7, max_overflow=0)",
        "app.config.update(SQLALCHEMY_ENGINE_OPTIONS={'pool_size': 7, 'max_overflow': 0})",
        "c = {'SQLALCHEMY_ENGINE_OPTIONS': {'pool_size': 7, 'max_overflow': 0}}",
        (
            "from flask_sqlalchemy import SQLAlchemy\n"
            "db = SQLAlchemy(engine_options={'pool_size': 7, 'max_overflow': 0})"
        ),
        "O = {'pool_size': 7, 'max_overflow': 0}\nSQLALCHEMY_ENGINE_OPTIONS = O",
    ],
)
def test_options_of_flask_sqlalchemy_are_found_where_people_put_them(text: str) -> None:
    assert sizes(text) == (7, 0)


@pytest.mark.parametrize("options", ["{**base, 'pool_size': 7}", "{KEY: 7}", "make()"])
def test_options_that_are_computed_are_not_known(options: str) -> None:
    assert pool(f"SQLALCHEMY_ENGINE_OPTIONS = {options}") is None


@pytest.mark.parametrize(
    ("call", "size"),
    [
        ("psycopg_pool.ConnectionPool(url, min_size=1, max_size=8)", 8),
        ("psycopg_pool.ConnectionPool(url, min_size=6)", 6),
        ("psycopg_pool.AsyncConnectionPool(url)", 4),
        ("psycopg2.pool.ThreadedConnectionPool(1, 9, dsn)", 9),
        ("asyncpg.create_pool(url)", 10),
        ("asyncpg.create_pool(url, max_size=5)", 5),
        ("psycopg_pool.ConnectionPool(url, max_size=N_MAX)", None),
    ],
)
def test_pools_of_drivers_have_a_fixed_size(call: str, size: int | None) -> None:
    text = f"import asyncpg, psycopg_pool, psycopg2.pool\np = {call}"
    assert sizes(text) == (None if size is None else (size, 0))


FLASK = "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()"


def chosen(*texts: str, server: bool = False) -> list[tuple[int, int]]:
    found = pools([read(f"{n}.py", text) for n, text in enumerate(texts)], server=server)
    return [(item.size.value, item.overflow.value) for item in found]


def test_options_given_in_another_file_are_meant() -> None:
    assert chosen(FLASK, "SQLALCHEMY_ENGINE_OPTIONS = {'pool_size': 7}") == [(7, 10)]


def test_a_default_counts_only_where_the_database_is_plainly_a_server() -> None:
    uri = "SQLALCHEMY_DATABASE_URI = os.environ.get('URL', 'sqlite:///app.db')"
    assert chosen(FLASK) == [(5, 10)]
    assert chosen(FLASK, uri) == []
    assert chosen(FLASK, uri, server=True) == [(5, 10)]


# views

APP = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    "decorator",
    [
        '@app.route("/healthz")',
        '@app.get("/healthz")',
        '@app.route("/healthz", methods=["GET", "POST"])',
        '@app.route(rule="/healthz")',
        '@app.api_route("/healthz")',
        "@app.get(path='/healthz')",
    ],
)
def test_views_are_found_by_their_decorators(decorator: str) -> None:
    found = read(PATH, f"{APP}{decorator}\ndef healthz():\n    return 'ok'\n").routes
    assert [(route.path, route.where, route.asks) for route in found] == [("/healthz", at(3), None)]


@pytest.mark.parametrize(
    "decorator",
    [
        '@app.post("/healthz")',
        '@app.route("/healthz", methods=["POST"])',
        '@app.get("healthz")',
        "@app.get(PREFIX + '/healthz')",
        "@app.get(**given)",
        "@cache.get",
        "@get('/healthz')",
    ],
)
def test_what_answers_no_get_at_a_plain_path_is_no_view_here(decorator: str) -> None:
    assert read(PATH, f"{APP}{decorator}\ndef healthz():\n    return 'ok'\n").routes == ()


def test_a_rule_that_is_added_is_a_view() -> None:
    text = f"{APP}def up():\n    db.session.execute(q)\napp.add_url_rule('/up', view_func=up)\n"
    (route,) = read(PATH, text).routes
    assert route.path == "/up"
    assert route.asks == Fact("db.session.execute", at(4))


@pytest.mark.parametrize(
    ("imports", "body", "asks"),
    [
        ("", "db.session.execute(text('SELECT 1'))", "db.session.execute"),
        ("", "session.scalars(q)", "session.scalars"),
        ("", "with engine.connect() as c: c.execute(q)", "engine.connect"),
        ("", "cur = get_db().cursor()", "get_db().cursor"),
        ("", "User.query.first()", "User.query.first"),
        ("", "User.query.filter_by(a=1).first()", "User.query.filter_by().first"),
        ("", "redis.ping()", "redis.ping"),
        ("", "await request.app.state.pool.acquire()", "request.app.state.pool.acquire"),
        ("import requests", "requests.get(url, timeout=1)", "requests.get"),
        ("import httpx as h", "h.get(url)", "h.get"),
        ("from psycopg import connect", "connect(url)", "connect"),
        ("import urllib.request", "urllib.request.urlopen(url)", "urllib.request.urlopen"),
    ],
)
def test_a_view_asks_if_its_body_calls_a_database_or_a_service(
    imports: str, body: str, asks: str
) -> None:
    text = f"{imports}\n@app.get('/ready')\nasync def ready():\n    {body}\n    return 'ok'\n"
    (route,) = read(PATH, text).routes
    assert route.asks == Fact(asks, at(4))


@pytest.mark.parametrize(
    "body",
    [
        "return 'ok'",
        "session.get('user')",
        "session['x'] = request.query.get('x')",
        "requests.get(url)",
        "return jsonify(status='ok', items=list(query))",
        "app.logger.info('ping')",
        "x = settings.execute",
    ],
)
def test_a_view_that_only_looks_like_it_does_not_ask(body: str) -> None:
    text = f"from flask import request, session\n@app.get('/up')\ndef up():\n    {body}\n"
    (route,) = read(PATH, text).routes
    assert route.asks is None


def test_a_view_asks_through_functions_beside_it() -> None:
    text = """\
@app.get("/ready")
def ready():
    return first()

def first():
    return second()

def second():
    first()
    db.session.execute("SELECT 1")
"""
    (route,) = read(PATH, text).routes
    assert route.asks == Fact("db.session.execute", at(10))


def test_a_blueprints_own_prefix_comes_before_its_views() -> None:
    text = """\
from flask import Blueprint
bp = Blueprint("api", __name__, url_prefix="/api/")
@bp.route("/up")
def up(): pass
"""
    assert paths({PATH: text}) == ["/api/up"]


VIEWS = "from . import bp\n@bp.get('/up')\ndef up(): pass\n"
BLUEPRINT = "from flask import Blueprint\nbp = Blueprint('api', __name__)\n"


@pytest.mark.parametrize(
    "register",
    [
        "from app.api import bp as api_bp\napp.register_blueprint(api_bp, url_prefix='/v1')",
        "from app import api\napp.register_blueprint(api.bp, url_prefix='/v1')",
        "from .api import bp\napp.register_blueprint(bp, url_prefix='/v1')",
    ],
)
def test_a_prefix_given_in_another_file_takes_the_place_of_its_own(register: str) -> None:
    files = {
        "src/app/__init__.py": register,
        "src/app/api/__init__.py": BLUEPRINT,
        "src/app/api/views.py": VIEWS,
    }
    assert paths(files) == ["/v1/up"]


def test_a_router_keeps_its_own_prefix_after_that_of_its_app() -> None:
    files = {
        "app/ops.py": "from fastapi import APIRouter\nrouter = APIRouter(prefix='/ops')\n"
        "@router.get('/up')\ndef up(): pass\n",
        "app/main.py": "from app import ops\napp.include_router(ops.router, prefix='/v1')",
    }
    assert paths(files) == ["/v1/ops/up"]


@pytest.mark.parametrize(
    "registered",
    [
        "from app.api import bp\napp.register_blueprint(bp, url_prefix=PREFIX + '/v1')",
        "from app.api import bp\napp.register_blueprint(bp, **options)",
        (
            "from app.api import bp\napp.register_blueprint(bp, url_prefix='/a')\n"
            "app.register_blueprint(bp, url_prefix='/b', name='b')"
        ),
        # either of the two may be it
        (
            "from app.other import bp\nfrom app.more import bp as more\n"
            "app.register_blueprint(bp)\napp.register_blueprint(more, url_prefix='/b')"
        ),
    ],
)
def test_a_view_whose_prefix_cannot_be_told_is_left_out(registered: str) -> None:
    files = {"app/main.py": registered, "app/api/__init__.py": BLUEPRINT, "app/api/v.py": VIEWS}
    assert paths(files) == []


def test_a_blueprint_that_is_passed_on_is_known_by_its_own_name() -> None:
    files = {
        "app/main.py": "from app import health_bp\n"
        "app.register_blueprint(health_bp, url_prefix='/health')",
        "app/health.py": "from flask import Blueprint\nhealth_bp = Blueprint('h', __name__)\n"
        "@health_bp.get('/live')\ndef live(): pass\n",
    }
    assert paths(files) == ["/health/live"]


# what cannot be read


def test_a_file_without_a_word_of_interest_is_not_even_parsed() -> None:
    assert read(PATH, "print 'Python 2'") == Source()


@pytest.mark.parametrize(
    "text",
    [
        "from flask_sqlalchemy import SQLAlchemy\nprint 'Python 2'",
        "SQLAlchemy\0",
        "SQLAlchemy\n" + "-" * 100_000 + "1",
        "SQLAlchemy\n" + "(" * 10_000,
        "SQLAlchemy\nx = a" + ".b" * 50_000,
    ],
)
def test_what_is_no_python_is_refused(text: str) -> None:
    with pytest.raises(ReadError):
        read(PATH, text)


def test_warnings_about_somebody_elses_code_are_not_shown(
    recwarn: pytest.WarningsRecorder,
) -> None:
    read(PATH, "from flask_sqlalchemy import SQLAlchemy\nx = '\\d'\n")
    assert list(recwarn) == []


def test_nothing_is_imported_or_run() -> None:
    read(PATH, "import antigravity\nfrom flask_sqlalchemy import SQLAlchemy\nraise SystemExit\n")
    assert "antigravity" not in sys.modules


@given(st.text(alphabet="@a.get('/')\ndef f(): SQLAlchemy=1,", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ReadError):
        assert isinstance(read(PATH, "@a.get('/')\n" + text), Source)
