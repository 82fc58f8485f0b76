"""A source is not held against a service that is built without it."""

import pytest

from toolkit.lint.finding import Finding, Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import RULES
from toolkit.reading import Files

GUNICORN = 'FROM python\nWORKDIR /app\nCOPY . .\nCMD ["gunicorn", "-b", ":8000", {}"app:app"]\n'
API = """\
import redis
from flask import Flask
from sqlalchemy import create_engine
from werkzeug.middleware.proxy_fix import ProxyFix
app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app)
engine = create_engine("postgresql://db/api", pool_size=1, max_overflow=0)
@app.get("/live")
def live():
    redis.Redis().ping()
"""
COMPOSE = """\
services:
  web:
    build: {context}
    ports: ["80:8000"]
    deploy: {{replicas: 2}}
    healthcheck: {{test: [CMD, curl, -f, "http://localhost:8000/live"]}}
"""
ABOUT_SOURCES = ("connection-budget", "liveness-independent", "proxy-hops")


def found(context: str, mounted: str = "") -> set[str]:
    files = {
        "api/app.py": API,
        "compose.yaml": COMPOSE.format(context=context) + mounted,
        f"{context}/Dockerfile": GUNICORN.format('"--threads", "4", '),
    }
    deployment = gather(Files.of_texts(files))
    return {
        rule.name
        for rule, check in RULES
        if rule.name in ABOUT_SOURCES
        and any(isinstance(said, Finding) for said in check(deployment, Measured()))
    }


def test_a_source_counts_for_the_service_that_is_built_from_its_folder() -> None:
    assert found("api") == set(ABOUT_SOURCES)


def test_a_source_does_not_count_for_a_service_that_is_built_from_another_folder() -> None:
    assert found("web") == set()


@pytest.mark.parametrize("source", ["./api", "./api/app.py"])
def test_a_source_that_is_mounted_counts(source: str) -> None:
    assert found("web", f"    volumes: ['{source}:/app']\n") == set(ABOUT_SOURCES)
