import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeApp
from inventory import create_app
from inventory.config import ConfigurationError, Feature

ROOT = Path(__file__).parents[1]


def _start(**environment: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(ROOT), str(ROOT.parent / "shared")])
    show = "import wsgi; print(wsgi.app.config['SESSION_COOKIE_SECURE'])"
    return subprocess.run(
        [sys.executable, "-c", show],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_secret_key_the_app_refuses_to_start_and_says_what_to_do() -> None:
    done = _start(SECRET_KEY="")
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
    assert "secrets.token_hex" in done.stderr


@pytest.mark.parametrize(("name", "secure"), [("production", "True"), ("benchmark", "False")])
def test_the_environment_chooses_the_configuration(name: str, secure: str) -> None:
    assert _start(APP_CONFIG=name).stdout.strip() == secure


def test_without_a_choice_it_is_production() -> None:
    assert _start().stdout.strip() == "True"


def test_an_unknown_configuration_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="production"):
        create_app("staging")


def test_in_the_benchmark_nothing_runs_per_request_but_the_session_of_the_database(
    make_app: MakeApp,
) -> None:
    from flask import signals

    app = make_app("benchmark")
    assert app.wsgi_app == app.__class__.wsgi_app.__get__(app), "no middleware"
    assert app.before_request_funcs.keys() == {"rows"}, "only the check for a database"
    assert app.after_request_funcs == {}
    assert app.teardown_request_funcs == {}
    assert len(app.teardown_appcontext_funcs) == 1
    processors = [f for some in app.template_context_processors.values() for f in some]
    assert {processor.__module__ for processor in processors} == {"flask.templating"}
    for signal in (signals.request_started, signals.request_finished, signals.request_tearing_down):
        assert not list(signal.receivers_for(app))


@pytest.mark.parametrize("configuration", ["development", "testing", "production"])
def test_everywhere_else_every_feature_is_on(make_app: MakeApp, configuration: str) -> None:
    assert make_app(configuration).config["FEATURES"] == set(Feature)


@pytest.mark.parametrize("path", ["/metrics", "/login", "/admin/import", "/api/v1/assets"])
def test_in_the_benchmark_the_routes_of_the_features_do_not_exist(
    make_app: MakeApp, path: str
) -> None:
    assert make_app("benchmark").test_client().get(path).status_code == 404


@pytest.mark.parametrize("feature", list(Feature))
def test_an_app_answers_without_any_one_feature(make_app: MakeApp, feature: Feature) -> None:
    app = make_app(FEATURES=set(Feature) - {feature})
    assert app.test_client().get("/assets").status_code == 200
