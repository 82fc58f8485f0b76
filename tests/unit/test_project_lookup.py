"""What is found in a folder, by name and without one; what cannot be known is said to be so."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.model import Interface
from toolkit.project.apps.checking import check
from toolkit.project.apps.lookup import FoundApp, find_app
from toolkit.project.apps.sources import Sources
from toolkit.project.apps.targets import parse_target
from toolkit.reading import Files

WSGI, ASGI = Interface.WSGI, Interface.ASGI
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = (
    "from flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n    return app\n"
)

Folder = Callable[[dict[str, str]], Path]


def of_source(folder: Folder, source: str, target: str = "m:app", **files: str) -> FoundApp:
    more = {f"{name}.py": text for name, text in files.items()}
    return find_app(folder({"m.py": source, **more}), target)


@pytest.mark.parametrize(
    ("source", "framework", "interface"),
    [
        (FLASK, "flask", WSGI),
        ("import flask\napp = flask.Flask('x')", "flask", WSGI),
        ("import flask as f\nmake = f.Flask\napp = make('x')", "flask", WSGI),
        ("from flask import *\napp = Flask('x')", "flask", WSGI),
        ("from apiflask import APIFlask\napp = APIFlask('x')", "flask", WSGI),
        ("from flask_openapi3 import OpenAPI\napp = OpenAPI('x')", "flask", WSGI),
        ("from quart import Quart\napp = Quart('x')", "quart", ASGI),
        ("from fastapi import FastAPI\napp: FastAPI = FastAPI()", "fastapi", ASGI),
        ("from starlette.applications import Starlette\napp = Starlette()", "starlette", ASGI),
        ("from litestar import Litestar\napp = Litestar([])", "litestar", ASGI),
        ("import bottle\napp = bottle.default_app()", "bottle", WSGI),
        ("import falcon\napp = falcon.App()", "falcon", WSGI),
        ("import falcon.asgi\napp = falcon.asgi.App()", "falcon", ASGI),
        ("from connexion import AsyncApp\napp = AsyncApp('x')", "connexion", ASGI),
        ("import connexion\napp = connexion.FlaskApp('x').app", "flask", WSGI),
        ("import dash\napp = dash.Dash('x').server", "flask", WSGI),
        (
            "import pyramid.config as p\nwith p.Configurator() as c:\n app = c.make_wsgi_app()",
            "pyramid",
            WSGI,
        ),
        (
            "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()",
            "django",
            WSGI,
        ),
        (
            "from django.core.asgi import get_asgi_application\napp = get_asgi_application()",
            "django",
            ASGI,
        ),
        (
            "class Own(object):\n def __call__(self, environ, start_response): ...\napp = Own()",
            "",
            WSGI,
        ),
        ("class Own:\n async def __call__(self, scope, receive, send): ...\napp = Own()", "", ASGI),
        ("def app(environ, start_response): ...", "", WSGI),
        ("async def app(scope, receive, send): ...", "", ASGI),
        ("from flask import Flask\nclass Mine(Flask): ...\napp = Mine('x')", "flask", WSGI),
    ],
)
def test_an_app_is_known_by_what_makes_it(
    folder: Folder, source: str, framework: str, interface: Interface
) -> None:
    found = of_source(folder, source)
    assert (found.framework, found.interface, found.file) == (framework, interface, "m.py")


@pytest.mark.parametrize(
    ("wrapping", "framework", "interface"),
    [
        ("from werkzeug.middleware.proxy_fix import ProxyFix\napp = ProxyFix(app)", "flask", WSGI),
        ("from asgiref.wsgi import WsgiToAsgi\napp = WsgiToAsgi(app)", "flask", ASGI),
        ("from a2wsgi import WSGIMiddleware\napp = WSGIMiddleware(app)", "flask", ASGI),
        ("import a2wsgi\napp = a2wsgi.ASGIMiddleware(a2wsgi.WSGIMiddleware(app))", "flask", WSGI),
        ("import socketio\napp = socketio.WSGIApp(socketio.Server(), app)", "flask", WSGI),
        ("app.wsgi_app = anything(app.wsgi_app)", "flask", WSGI),
        (
            "class W:\n def __call__(self, environ, start_response): ...\napp = W(app)",
            "flask",
            WSGI,
        ),
        ("def w(app):\n    app.debug = True\n    return app\napp = w(app)", "flask", WSGI),
        ("import lib\napp = lib.wrap(app)", "", None),
        ("import lib\nif lib.x:\n    app = lib.wrap(app)", "", None),
        ("from asgiref.wsgi import WsgiToAsgi\nif x:\n    app = WsgiToAsgi(app)", "", None),
    ],
)
def test_a_wrapper_counts_for_what_it_makes_of_the_app(
    folder: Folder, wrapping: str, framework: str, interface: Interface | None
) -> None:
    found = of_source(folder, FLASK + wrapping)
    assert (found.framework, found.interface) == (framework, interface)


@pytest.mark.parametrize("target", ["m:create_app", "m:create_app()"])
def test_a_factory_is_spelt_as_a_call(folder: Folder, target: str) -> None:
    found = of_source(folder, FACTORY, target)
    assert (found.target, found.interface, found.line) == ("m:create_app()", WSGI, 4)


def test_the_arguments_of_a_factory_are_kept(folder: Folder) -> None:
    source = "from flask import Flask\ndef create_app(name, debug=False): return Flask(name)"
    target = 'm:create_app("prod", debug=True)'
    assert of_source(folder, source, target).target == target


@pytest.mark.parametrize(
    "factory",
    [
        "def create_app() -> 'Flask': return somebody()",
        "def create_app():\n if x:\n  return Flask('a')\n return Flask('b')",
        "def create_app(app=None):\n if app is None:\n  app = Flask('a')\n return app",
        "def create_app():\n app = Flask('a')\n with app.app_context():\n  pass\n return app",
        "class S:\n def __init__(self): self.app = Flask('x')\ndef create_app(): return S().app",
        "from functools import cache\n@cache\ndef create_app(): return Flask('x')",
    ],
)
def test_what_a_factory_returns_is_followed(folder: Folder, factory: str) -> None:
    found = of_source(folder, f"from flask import Flask\n{factory}", "m:create_app")
    assert (found.framework, found.interface) == ("flask", WSGI)


@pytest.mark.parametrize(
    "factory",
    [
        "def create_app(): return somebody()",
        "async def create_app(): return Flask('x')",
        "def create_app(): yield Flask('x')",
        "def create_app(): return create_app()",
        "@anything\ndef create_app(): return Flask('x')",
    ],
)
def test_what_a_factory_does_not_show_is_not_guessed(folder: Folder, factory: str) -> None:
    found = of_source(folder, f"from flask import Flask\n{factory}", "m:create_app()")
    assert found.interface is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("create_app", "missing a required argument"),
        ("create_app()", "missing a required argument"),
        ("create_app(1, 2)", "too many positional arguments"),
        ("create_app(1, x=2)", "unexpected keyword argument"),
    ],
)
def test_a_call_that_cannot_work_is_refused(folder: Folder, call: str, said: str) -> None:
    source = "from flask import Flask\ndef create_app(name): return Flask(name)"
    with pytest.raises(ConfigError, match=said):
        of_source(folder, source, f"m:{call}")


@pytest.mark.parametrize(
    "target",
    [
        ":app",
        "m:",
        "m:a b",
        "m:f(x)",
        "m:f(*[1])",
        "m:f(**{})",
        "m:o.f()",
        "m:[0]",
        "m-n:app",
        "../m.py",
    ],
)
def test_a_target_that_servers_do_not_take_is_refused(folder: Folder, target: str) -> None:
    with pytest.raises(ConfigError):
        of_source(folder, FLASK, target)


def test_a_name_that_is_not_there_comes_with_the_one_that_was_meant(folder: Folder) -> None:
    with pytest.raises(ConfigError) as raised:
        of_source(folder, FLASK, "m:apq")
    assert (str(raised.value), raised.value.hint) == ("m.py has no 'apq'.", "Did you mean app?")


@pytest.mark.parametrize(
    "source", ["app = 'text'", "app = {}", "app = None", "if __name__ == '__main__':\n    app = 1"]
)
def test_what_is_plainly_no_app_is_refused(folder: Folder, source: str) -> None:
    with pytest.raises(ConfigError):
        of_source(folder, source)


@pytest.mark.parametrize(
    "source",
    ["from lib import *", "from lib import app", "def __getattr__(name): ...", "print 'Python 2'"],
)
def test_what_only_python_could_tell_is_no_error(folder: Folder, source: str) -> None:
    found = of_source(folder, source)
    assert (found.target, found.interface) == ("m:app", None)


def test_an_app_that_is_called_is_no_factory(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="is an app, not a factory"):
        of_source(folder, FLASK, "m:app()")


def test_an_attribute_of_an_object_is_followed(folder: Folder) -> None:
    source = "from flask import Flask\nclass S:\n    web = Flask('x')\nserver = S()"
    assert of_source(folder, source, "m:server.web").interface is WSGI


def test_a_module_elsewhere_is_no_error(folder: Folder) -> None:
    found = find_app(folder({"m.py": FLASK}), "installed.wsgi:app")
    assert (found.target, found.file, found.interface) == ("installed.wsgi:app", "", None)


def test_a_module_that_a_package_of_the_folder_lacks_is_an_error(folder: Folder) -> None:
    with pytest.raises(ConfigError) as raised:
        find_app(folder({"shop/__init__.py": "", "shop/wsgi.py": FLASK}), "shop.wsgj:app")
    assert raised.value.hint == "Did you mean shop.wsgi?"


@pytest.mark.parametrize(
    "imports",
    [
        "from shop.core import app",
        "from shop import app",
        "from shop.core import *",
        "import shop.core\napp = shop.core.app",
        "import shop.core as core\napp = core.app",
        "from shop import core\napp = core.app",
        "try:\n    from shop.core import app\nexcept ImportError:\n    app = None",
    ],
)
def test_imports_within_the_folder_are_followed(folder: Folder, imports: str) -> None:
    package = {"shop/__init__": "from . import core\nfrom .core import app", "shop/core": FLASK}
    found = of_source(folder, imports, **package)
    assert (found.file, found.interface) == ("m.py", WSGI)


def test_modules_that_import_each_other_end(folder: Folder) -> None:
    found = of_source(folder, "from n import app", n="from m import app\n")
    assert found.interface is None


def test_a_source_layout_is_searched_after_the_folder_itself(folder: Folder) -> None:
    place = folder({"src/shop/__init__.py": FACTORY})
    assert find_app(place, "shop:create_app").search == ("src",)


def test_folders_that_the_app_imports_from_are_searched_too(folder: Folder) -> None:
    place = folder({"src/shop/__init__.py": f"import settings\n{FACTORY}", "settings.py": ""})
    assert find_app(place, "shop:create_app").search == ("", "src")


def test_a_part_of_a_repository_is_found(folder: Folder) -> None:
    place = folder({"backend/shop/__init__.py": FLASK})
    found = find_app(place, "shop:app")
    assert (found.file, found.search) == ("backend/shop/__init__.py", ("backend",))


def test_a_module_may_be_named_by_its_file(folder: Folder) -> None:
    place = folder({"src/shop/__init__.py": "", "src/shop/web.py": FLASK})
    found = find_app(place, "src/shop/web.py")
    assert (found.target, found.search) == ("shop.web:app", ("src",))


@pytest.mark.parametrize(
    ("pinned", "interface"),
    [("connexion[flask]==2.14.2", WSGI), ("connexion>=3.1", ASGI), ("connexion>=2", None)],
)
def test_connexion_is_told_by_its_version(
    folder: Folder, pinned: str, interface: Interface | None
) -> None:
    place = folder(
        {"m.py": "import connexion\napp = connexion.App('x')", "requirements.txt": pinned}
    )
    assert find_app(place, "m:app").interface is interface


@given(st.from_regex(r"(m|n|m\.py|src/m|x\.y)?:?(app|f|o\.p)?(\(.{0,9}\))?.{0,3}", fullmatch=True))
def test_any_target_is_taken_or_refused_and_what_is_taken_stays(target: str) -> None:
    sources = Sources.of(Files.of_texts({"m.py": f"{FLASK}def f(x=1, *y, **z): return app\n"}))
    with suppress(ConfigError):
        found = check(parse_target(target), sources)
        assert check(parse_target(found.target), sources) == found
