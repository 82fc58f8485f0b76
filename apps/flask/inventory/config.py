"""One class per environment, ``APP_CONFIG`` chooses. What features each has is data here.

``create_app`` reads the classes with ``Flask.config.from_object``: capitals are settings.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Any, ClassVar

import settings


class ConfigurationError(RuntimeError):
    """The app cannot start as it is configured; the message says what to set."""


class Feature(Enum):
    """What an environment can have or not; ``features.py`` has the code of each, in this order."""

    REQUEST_ID = auto()
    REQUEST_LOG = auto()
    METRICS = auto()
    SECURITY_HEADERS = auto()
    CORS = auto()
    CSRF = auto()
    LOGIN = auto()
    AUDIT = auto()
    REST = auto()


def _listed(variable: str) -> list[str]:
    return [item.strip() for item in os.environ.get(variable, "").split(",") if item.strip()]


class Config:
    """What all environments share."""

    FEATURES: ClassVar[frozenset[Feature]] = frozenset(Feature)

    SECRET_KEY = settings.SECRET_KEY
    # keys of yesterday: sessions signed with them still hold while the key is being changed
    SECRET_KEY_FALLBACKS: ClassVar[list[str]] = _listed("SECRET_KEY_FALLBACKS")
    MAX_CONTENT_LENGTH = settings.MOST_BODY
    LOG_LEVEL = settings.LOG_LEVEL

    DATABASE_URL = settings.DATABASE_URL
    UPSTREAM_URL = settings.UPSTREAM_URL
    SQLALCHEMY_ENGINE_OPTIONS: ClassVar[dict[str, Any]] = {
        "pool_size": settings.DATABASE_POOL,
        "max_overflow": 0,
        "pool_timeout": settings.DATABASE_TIMEOUT,
    }

    SESSION_COOKIE_HTTPONLY = True
    SESSION_COOKIE_SAMESITE = "Lax"
    PERMANENT_SESSION_LIFETIME = timedelta(hours=12)

    # proxies in front whose X-Forwarded-* headers may be believed; one too many lets clients lie
    PROXY_HOPS = int(os.environ.get("PROXY_HOPS", "0"))
    TRUSTED_HOSTS = _listed("TRUSTED_HOSTS") or None
    CORS_ORIGINS: ClassVar[list[str]] = _listed("CORS_ORIGINS")

    API_TITLE = "Inventory"
    API_VERSION = "v1"
    OPENAPI_VERSION = "3.1.0"
    OPENAPI_URL_PREFIX = "/api"


class Development(Config):
    """On a developer's machine: plain HTTP, so the cookie cannot be limited to HTTPS."""

    DEBUG = True
    TEMPLATES_AUTO_RELOAD = True
    LOG_LEVEL = os.environ.get("LOG_LEVEL", "DEBUG").upper()


class Testing(Config):
    """Under the test client: every feature on, errors are not swallowed."""

    TESTING = True
    LOG_LEVEL = "INFO"
    CORS_ORIGINS: ClassVar[list[str]] = ["https://console.example"]


class Production(Config):
    """Behind HTTPS, for people: every feature on."""

    LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO").upper()
    SESSION_COOKIE_SECURE = True
    # a connection that the database closed is noticed before a request trips over it
    SQLALCHEMY_ENGINE_OPTIONS: ClassVar[dict[str, Any]] = {
        **Config.SQLALCHEMY_ENGINE_OPTIONS,
        "pool_pre_ping": True,
    }


class Benchmark(Config):
    """What is compared with the other apps: only what they have too, so a request costs as much."""

    FEATURES: ClassVar[frozenset[Feature]] = frozenset()


BY_NAME: Mapping[str, type[Config]] = {
    kind.__name__.lower(): kind for kind in (Development, Testing, Production, Benchmark)
}


def choose(configuration: str | type[Config] | None) -> type[Config]:
    """Give the class of a configuration; without a choice the strictest one, production.

    Raises:
        ConfigurationError: There is no configuration of that name.
    """
    if isinstance(configuration, type):
        return configuration
    name = configuration or os.environ.get("APP_CONFIG", "production")
    if name not in BY_NAME:
        raise ConfigurationError(f"APP_CONFIG is {name!r}; set one of {', '.join(BY_NAME)}")
    return BY_NAME[name]


def check(values: Mapping[str, Any]) -> None:
    """Refuse to start with what would only show later.

    Raises:
        ConfigurationError: There is no secret key.
    """
    if not values["SECRET_KEY"]:
        raise ConfigurationError(
            "SECRET_KEY is not set: it signs the sessions, and every worker needs the same one. "
            "Make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
        )
