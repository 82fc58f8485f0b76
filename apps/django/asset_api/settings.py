"""Settings of the project, for production: ``manage.py check --deploy`` has nothing to add.

What all reference apps have in common comes from ``apps/shared/settings.py``. Besides these there
are ``DJANGO_ALLOWED_HOSTS`` (names the site is asked by, separated by commas), ``DJANGO_TLS`` (1:
all of it is behind TLS) and ``APP_CONFIG``: ``production`` by default, or ``benchmark``, which
leaves out the security headers, since the other apps have none while they are compared.
"""

import os
from typing import Any

import settings as shared
import work
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

# Django looks at it when something is first signed: too late for a server that is already up
if not shared.SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set: it signs the sessions, there is no default")
SECRET_KEY = shared.SECRET_KEY

DEBUG = False

_config = os.environ.get("APP_CONFIG", "production")
if _config not in {"production", "benchmark"}:
    raise ImproperlyConfigured(f"APP_CONFIG is {_config!r}; set production or benchmark")
BENCHMARK = _config == "benchmark"

ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

# For TLS, which a proxy in front of the app ends. Off, because redirects, HSTS and cookies that are
# Secure would shut out whoever speaks plain HTTP on loopback.
TLS = os.environ.get("DJANGO_TLS", "0") == "1"
SECURE_SSL_REDIRECT = TLS
# the probes of an orchestrator ask the app itself, past the proxy
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SECURE_HSTS_PRELOAD = TLS
SESSION_COOKIE_SECURE = TLS
# believed only then: the proxy must set this header itself and drop what a client sends under it
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TLS else None

SILENCED_SYSTEM_CHECKS = [
    # No CSRF middleware: nothing here takes a form. What changes a session wants application/json
    # or the method DELETE, which another site cannot send without a preflight that is never
    # granted, and the cookie is SameSite=Lax, so another site's POST does not carry it.
    "security.W003",
    # those of TLS, while it is off
    *([] if TLS else ["security.W004", "security.W008", "security.W011"]),
]

INSTALLED_APPS = ["django.contrib.staticfiles", "inventory"]

# No more than is used. Sessions live in their cookie, so their app (a table) is not installed;
# CommonMiddleware sets Content-Length; authentication, messages and locales have nothing to do.
MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
]
if not BENCHMARK:
    MIDDLEWARE.insert(0, "django.middleware.security.SecurityMiddleware")
    MIDDLEWARE.append("django.middleware.clickjacking.XFrameOptionsMiddleware")
APPEND_SLASH = False

ROOT_URLCONF = "asset_api.urls"
WSGI_APPLICATION = "asset_api.wsgi.application"

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]


def _database(url: str) -> dict[str, Any]:
    """Translate a ``postgresql://`` URL, read by libpq's own rules, into an entry of DATABASES."""
    parameters = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname", ""),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        # With a pool a request gives its connection back when it is done; Django refuses to start
        # a pool with any other value. What is kept open is the pool's business.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **parameters,
            "pool": {
                "min_size": 1,
                "max_size": shared.DATABASE_POOL,
                "timeout": shared.DATABASE_TIMEOUT,
            },
            # Parameters are sent beside the statement, which is prepared when it comes back, as
            # psycopg does it by itself: the database gets the same from every app. Django's own
            # choice (merged on the client, never prepared) is for proxies such as PgBouncer.
            "server_side_binding": True,
            "prepare_threshold": 5,
        },
    }


DATABASES = {"default": _database(shared.DATABASE_URL)} if shared.DATABASE_URL else {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_NAME = "session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# of bodies read at once; the view of uploads and chunked bodies keep to it as well
DATA_UPLOAD_MAX_MEMORY_SIZE = shared.MOST_BODY

USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = work.STATIC
# files are for this site's own pages
WHITENOISE_ALLOW_ALL_ORIGINS = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": shared.LOG_LEVEL},
    "loggers": {
        # without Django's own handlers, which write to a console in DEBUG only and send mail
        "django": {"handlers": [], "level": shared.LOG_LEVEL},
        # Django writes a line for every 4xx, and a traceback for every 413; they are answers like
        # others here, and no client shall fill the log
        "django.request": {"level": "ERROR"},
        "django.security.RequestDataTooBig": {"level": "CRITICAL"},
    },
}
