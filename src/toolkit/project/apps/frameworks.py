"""What published libraries make: which of their classes and functions give an app, of what kind.

Everything is named by its top package and its own name, since most can be imported from several
modules of a library: ``flask.Flask`` is ``flask.app.Flask``.
"""

from dataclasses import dataclass

from toolkit.model import Interface

WSGI, ASGI = Interface.WSGI, Interface.ASGI


@dataclass(frozen=True, slots=True)
class Kind:
    """What an app is made with and how it is called; both may not be known."""

    framework: str = ""
    interface: Interface | None = None


_APPS = {
    "flask Flask": Kind("flask", WSGI),
    # subclasses of Flask
    "apiflask APIFlask": Kind("flask", WSGI),
    "eve Eve": Kind("flask", WSGI),
    "flask_api FlaskAPI": Kind("flask", WSGI),
    "flask_openapi OpenAPI": Kind("flask", WSGI),
    "flask_openapi3 OpenAPI": Kind("flask", WSGI),
    "quart Quart": Kind("quart", ASGI),
    "quart_trio QuartTrio": Kind("quart", ASGI),
    "fastapi FastAPI": Kind("fastapi", ASGI),
    "starlette Starlette": Kind("starlette", ASGI),
    "litestar Litestar": Kind("litestar", ASGI),
    "starlite Starlite": Kind("litestar", ASGI),
    "connexion AsyncApp": Kind("connexion", ASGI),
    # WSGI until version 2, ASGI since 3
    "connexion App": Kind("connexion"),
    "connexion FlaskApp": Kind("connexion"),
    "django get_wsgi_application": Kind("django", WSGI),
    "django get_asgi_application": Kind("django", ASGI),
    "django WSGIHandler": Kind("django", WSGI),
    "django ASGIHandler": Kind("django", ASGI),
    "channels ProtocolTypeRouter": Kind("django", ASGI),
    "bottle Bottle": Kind("bottle", WSGI),
    "bottle app": Kind("bottle", WSGI),
    "bottle default_app": Kind("bottle", WSGI),
    "falcon API": Kind("falcon", WSGI),
    "falcon App": Kind("falcon", WSGI),
    "falcon.asgi App": Kind("falcon", ASGI),
    "pyramid make_wsgi_app": Kind("pyramid", WSGI),
    "pyramid get_app": Kind("pyramid", WSGI),
    "paste loadapp": Kind("", WSGI),
    "prometheus_client make_wsgi_app": Kind("", WSGI),
    "prometheus_client make_asgi_app": Kind("", ASGI),
    "sanic Sanic": Kind("", ASGI),
    "web wsgifunc": Kind("", WSGI),
    # names of types
    "wsgiref WSGIApplication": Kind("", WSGI),
    "_typeshed WSGIApplication": Kind("", WSGI),
    "asgiref ASGIApplication": Kind("", ASGI),
    "asgiref ASGI3Application": Kind("", ASGI),
    "starlette ASGIApp": Kind("", ASGI),
}

_ATTRIBUTES = {
    "flask wsgi_app": Kind("flask", WSGI),
    "apiflask wsgi_app": Kind("flask", WSGI),
    "flask_openapi3 wsgi_app": Kind("flask", WSGI),
    "quart asgi_app": Kind("quart", ASGI),
    "connexion app": Kind("flask", WSGI),
    "dash server": Kind("flask", WSGI),
    "bottle wsgi": Kind("bottle", WSGI),
}
"""Of objects that a library's classes make."""

_OBJECTS = {
    "flask current_app": Kind("flask", WSGI),
    # app_ctx.app
    "flask app": Kind("flask", WSGI),
    "quart current_app": Kind("quart", ASGI),
}
"""Apps that a library gives to whoever asks during a request."""

_WRAPPERS = {
    "werkzeug": {
        "ProxyFix": WSGI,
        "DispatcherMiddleware": WSGI,
        "SharedDataMiddleware": WSGI,
        "ProfilerMiddleware": WSGI,
        "LintMiddleware": WSGI,
        "ProxyMiddleware": WSGI,
        "DebuggedApplication": WSGI,
    },
    "whitenoise": {"WhiteNoise": WSGI},
    "beaker": {"SessionMiddleware": WSGI, "CacheMiddleware": WSGI},
    "socketio": {"WSGIApp": WSGI, "Middleware": WSGI, "ASGIApp": ASGI},
    "engineio": {"WSGIApp": WSGI, "Middleware": WSGI, "ASGIApp": ASGI},
    "newrelic": {"WSGIApplicationWrapper": WSGI, "ASGIApplicationWrapper": ASGI},
    "sentry_sdk": {"SentryWsgiMiddleware": WSGI, "SentryAsgiMiddleware": ASGI},
    # these turn one interface into the other
    "asgiref": {"WsgiToAsgi": ASGI},
    "a2wsgi": {"ASGIMiddleware": WSGI, "WSGIMiddleware": ASGI},
    "uvicorn": {"WSGIMiddleware": ASGI, "ProxyHeadersMiddleware": ASGI},
    "starlette": {
        "WSGIMiddleware": ASGI,
        "CORSMiddleware": ASGI,
        "GZipMiddleware": ASGI,
        "SessionMiddleware": ASGI,
        "TrustedHostMiddleware": ASGI,
        "HTTPSRedirectMiddleware": ASGI,
    },
    "hypercorn": {
        "AsyncioWSGIMiddleware": ASGI,
        "TrioWSGIMiddleware": ASGI,
        "DispatcherMiddleware": ASGI,
        "HTTPToHTTPSRedirectMiddleware": ASGI,
        "ProxyFixMiddleware": ASGI,
    },
    "asgi_correlation_id": {"CorrelationIdMiddleware": ASGI},
}
_WRAPPERS["fastapi"] = _WRAPPERS["starlette"]

_GIVE_BACK = frozenset({"typing cast", "gradio mount_gradio_app"})
"""Functions that return one of their arguments."""

GROUPS = {
    "flask Blueprint": "url_prefix",
    "apiflask APIBlueprint": "url_prefix",
    "flask_smorest Blueprint": "url_prefix",
    "flask_openapi3 APIBlueprint": "url_prefix",
    "quart Blueprint": "url_prefix",
    "fastapi APIRouter": "prefix",
    "flask_restful Api": "prefix",
    "flask_restx Api": "prefix",
    "flask_restplus Api": "prefix",
    "flask_restx Namespace": "path",
    "flask_restplus Namespace": "path",
    "flask_smorest Api": "",
}
"""Objects that collect routes, and the argument that gives the prefix of their paths."""


def short(name: str) -> str:
    """Shorten a dotted name to what the tables have: "flask Flask"."""
    top, _, _ = name.partition(".")
    return f"{top} {name.rpartition('.')[2]}"


def app_of(name: str) -> Kind | None:
    """Give the kind of what a class or function of a library makes, None if that is no app."""
    # the one library with two classes of one name
    if name == "falcon.asgi.App" or name.startswith("falcon.asgi.app."):
        return _APPS["falcon.asgi App"]
    return _APPS.get(short(name))


def attribute_of(name: str, attribute: str) -> Kind | None:
    """Give the kind of an attribute of what a class of a library makes."""
    return _ATTRIBUTES.get(f"{name.partition('.')[0]} {attribute}")


def object_of(name: str) -> Kind | None:
    """Give the kind of an object that a library has, None if that is no app."""
    return _OBJECTS.get(short(name))


def wrapper_of(name: str) -> Interface | None:
    """Give the interface of what a library's class makes of another app."""
    top, _, last = name.rpartition(".")
    if last == "OpenTelemetryMiddleware":
        return WSGI if top.endswith(".wsgi") else ASGI if top.endswith(".asgi") else None
    return _WRAPPERS.get(name.partition(".")[0], {}).get(last)


def gives_back(name: str) -> bool:
    """Say whether a function returns an argument, whatever else it does with it."""
    return short(name) in _GIVE_BACK
