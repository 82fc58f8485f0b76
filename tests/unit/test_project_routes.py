"""What is offered to load: routes with their whole paths, the harmless ones first."""

from pathlib import Path

import pytest

from toolkit.project.apps.lookup import find_app
from toolkit.project.apps.routes import PathParameter, Route, find_routes

FLASK = "from flask import Flask, Blueprint\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI, APIRouter\napp = FastAPI()\n"


def routes_of(tmp_path: Path, source: str, **files: str) -> tuple[Route, ...]:
    for name, text in {"app": source, **files}.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    target = "app:create_app" if "def create_app" in source else "app:app"
    return find_routes(tmp_path, find_app(tmp_path, target))


def spelt(routes: tuple[Route, ...]) -> list[str]:
    return [f"{route.method} {route.path}" for route in routes]


VIEW = "\ndef view(): ...\n"
METHOD_VIEW = (
    "from flask.views import MethodView\n"
    "class V(MethodView):\n def get(self): ...\n def put(self): ...\n"
)
BLUEPRINT = f"bp = Blueprint('b', 'b')\n@bp.route('/a'){VIEW}"
OWN_PREFIX = (
    "class B(Blueprint):\n def __init__(self, n): super().__init__(n, n, url_prefix='/x')\n"
)


@pytest.mark.parametrize(
    ("declared", "routes"),
    [
        (f"@app.route('/a'){VIEW}", ["GET /a"]),
        (f"@app.get('/a'){VIEW}", ["GET /a"]),
        (f"@app.post('/a'){VIEW}", ["POST /a"]),
        (f"@app.route('/a', methods=['GET', 'post']){VIEW}", ["GET /a", "POST /a"]),
        (f"M = ('PUT',)\n@app.route('/a', methods=M){VIEW}", ["PUT /a"]),
        (f"P = '/p'\n@app.route(P + '/a'){VIEW}", ["GET /p/a"]),
        (f"@app.route(rule='/a'){VIEW}", ["GET /a"]),
        (f"@app.route('/a')\n@app.route('/b'){VIEW}", ["GET /a", "GET /b"]),
        ("app.add_url_rule('/a', 'x', lambda: '')", ["GET /a"]),
        (f"{VIEW}app.add_url_rule('/a', view_func=view, methods=['DELETE'])", ["DELETE /a"]),
        (
            f"{METHOD_VIEW}view = V.as_view('v')\napp.add_url_rule('/a', view_func=view)",
            ["GET /a", "PUT /a"],
        ),
        ("def init(app):\n @app.route('/a')\n def view(): ...", ["GET /a"]),
        ("def init(x: Flask):\n @x.route('/a')\n def view(): ...", ["GET /a"]),
    ],
)
def test_flask_s_ways_to_declare_a_route(tmp_path: Path, declared: str, routes: list[str]) -> None:
    assert spelt(routes_of(tmp_path, FLASK + declared)) == routes


@pytest.mark.parametrize(
    "declared",
    [
        f"@app.route(somewhere()){VIEW}",
        f"@app.route('/a', methods=somewhere()){VIEW}",
        f"@app.route('/a', subdomain='x'){VIEW}",
        f"@other.route('/a'){VIEW}",
        f"o = Flask('other')\n@o.route('/a'){VIEW}",
        BLUEPRINT,
        f"bp = Blueprint('b', '', url_prefix=x())\n@bp.get('/a'){VIEW}app.register_blueprint(bp)",
        f"{BLUEPRINT}app.register_blueprint(bp, url_prefix=x())",
        f"{BLUEPRINT}app.register_blueprint(bp, **options)",
        f"{OWN_PREFIX}bp = B('b')\n@bp.route('/a'){VIEW}app.register_blueprint(bp)",
        "app.add_url_rule('/a', view_func=somebody.as_view('x'))",
        "client.get('/a')\nrequests.post('/a')",
    ],
)
def test_a_path_that_is_not_shown_is_left_out(tmp_path: Path, declared: str) -> None:
    assert routes_of(tmp_path, FLASK + declared) == ()


@pytest.mark.parametrize(
    ("made", "registered", "path"),
    [
        ("", "", "/a"),
        (", url_prefix='/own'", "", "/own/a"),
        ("", ", url_prefix='/given'", "/given/a"),
        (", url_prefix='/own'", ", url_prefix='/given/'", "/given/a"),
        (", url_prefix='/own'", ", url_prefix=None", "/own/a"),
    ],
)
def test_the_prefix_of_a_blueprint(tmp_path: Path, made: str, registered: str, path: str) -> None:
    views = f"from flask import Blueprint\nbp = Blueprint('b', __name__{made})\n@bp.get('/a'){VIEW}"
    factory = (
        "from flask import Flask\ndef create_app():\n app = Flask('x')\n from shop import views\n"
        f" app.register_blueprint(views.bp{registered})\n return app\n"
    )
    found = routes_of(tmp_path, factory, **{"shop/__init__": "", "shop/views": views})
    assert [(route.path, route.file, route.line) for route in found] == [(path, "shop/views.py", 3)]


def test_blueprints_may_be_nested_and_registered_in_a_loop(tmp_path: Path) -> None:
    source = (
        f"{FLASK}one = Blueprint('one', 'x', url_prefix='/one')\ntwo = Blueprint('two', 'x')\n"
        f"@two.get('/a'){VIEW}@one.get('/b'){VIEW}one.register_blueprint(two, url_prefix='/two')\n"
        "for each in (one,):\n    app.register_blueprint(each)\n"
    )
    assert spelt(routes_of(tmp_path, source)) == ["GET /one/b", "GET /one/two/a"]


def test_a_blueprint_that_is_registered_twice_has_its_routes_twice(tmp_path: Path) -> None:
    source = (
        f"{FLASK}bp = Blueprint('one', 'x')\n@bp.get('/a'){VIEW}"
        "app.register_blueprint(bp, url_prefix='/1')\napp.register_blueprint(bp, url_prefix='/2')\n"
    )
    assert spelt(routes_of(tmp_path, source)) == ["GET /1/a", "GET /2/a"]


RESOURCE = "class R(Resource):\n def get(self): ...\n def post(self): ...\n"
RESTFUL = f"from flask_restful import Api, Resource\n{RESOURCE}"
RESTX = "from flask_restx import Api, Namespace, Resource\n"


UNDER_A_BLUEPRINT = f"""{RESTX}
bp = Blueprint('b', 'b', url_prefix='/api')
api = Api(bp)
ns = api.namespace('todos')
@ns.route('/a')
{RESOURCE}
app.register_blueprint(bp)
"""
ADDED_LATER = f"""{RESTX}
ns = Namespace('todos')
@ns.route('/a')
{RESOURCE}
api = Api()
api.init_app(app)
api.add_namespace(ns, path='/x')
"""


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (f"{RESTFUL}api = Api(app)\napi.add_resource(R, '/a')", "/a"),
        (
            f"{RESTFUL}api = Api(prefix='/v1')\napi.add_resource(R, '/a')\napi.init_app(app)",
            "/v1/a",
        ),
        (UNDER_A_BLUEPRINT, "/api/todos/a"),
        (ADDED_LATER, "/x/a"),
    ],
)
def test_resources_are_where_their_api_is(tmp_path: Path, source: str, path: str) -> None:
    assert spelt(routes_of(tmp_path, FLASK + source)) == [f"GET {path}", f"POST {path}"]


def test_the_prefixes_of_routers_add_up(tmp_path: Path) -> None:
    source = (
        f"{FASTAPI}class Settings:\n    API: str = '/api'\nsettings = Settings()\n"
        f"router = APIRouter(prefix='/items')\n@router.get('/a'){VIEW}@router.get(''){VIEW}"
        "app.include_router(router, prefix=settings.API)\n"
    )
    assert spelt(routes_of(tmp_path, source)) == ["GET /api/items", "GET /api/items/a"]


@pytest.mark.parametrize(
    ("head", "path", "parameters"),
    [
        (FLASK, "/<name>", [("name", "")]),
        (FLASK, "/<int:id>/<path:rest>", [("id", "int"), ("rest", "path")]),
        (FLASK, "/<string(length=2):code>", [("code", "string")]),
        (FASTAPI, "/{id}/{rest:path}", [("id", ""), ("rest", "path")]),
        ("import bottle\napp = bottle.Bottle()\n", "/<id:int>", [("id", "int")]),
    ],
)
def test_parameters_have_their_converters(
    tmp_path: Path, head: str, path: str, parameters: list[tuple[str, str]]
) -> None:
    [route] = routes_of(tmp_path, f"{head}@app.get('{path}'){VIEW}")
    assert route.parameters == tuple(PathParameter(*each) for each in parameters)
    assert not route.fixed


@pytest.mark.parametrize(
    ("signature", "fixed"),
    [
        ("", True),
        ("q: str = ''", True),
        ("q: str", False),
        ("*, q: int", False),
        ("request: Request, db: Session = None", True),
        ("q", False),
    ],
)
def test_a_query_that_fastapi_asks_for_is_no_fixed_request(
    tmp_path: Path, signature: str, *, fixed: bool
) -> None:
    [route] = routes_of(tmp_path, f"{FASTAPI}@app.get('/a')\ndef view({signature}): ...")
    assert route.fixed is fixed


def test_what_is_best_to_load_comes_first(tmp_path: Path) -> None:
    declared = [
        "@app.get('/admin')",
        "@app.get('/healthz')",
        "@app.get('/logout')",
        "@app.post('/a')",
        "@app.get('/a/<id>')",
        "@app.get('/z')\n@login_required",
        "@app.get('/a/b/c')",
        "@app.get('/a')",
    ]
    source = FLASK + "".join(f"{each}{VIEW}" for each in declared)
    assert spelt(routes_of(tmp_path, source)) == [
        "GET /a",
        "GET /a/b/c",
        "GET /z",
        "GET /a/<id>",
        "POST /a",
        "GET /admin",
        "GET /healthz",
        "GET /logout",
    ]


def test_an_app_outside_of_the_folder_has_no_routes(tmp_path: Path) -> None:
    assert find_routes(tmp_path, find_app(tmp_path, "installed:app")) == ()
