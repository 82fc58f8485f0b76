"""What is found in a folder that says nothing, and in which order."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from toolkit.errors import ConfigError
from toolkit.project.apps.lookup import find_app

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "from flask import Flask\n\n\ndef create_app():\n    return Flask(__name__)\n"

Folder = Callable[[dict[str, str]], Path]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("Procfile", "release: flask db upgrade\nweb: gunicorn -w 4 shop.web:app --log-file -"),
        ("Procfile", "web: uvicorn --host 0.0.0.0 shop.web:app"),
        ("Dockerfile", 'FROM x\nCMD ["gunicorn", "-k", "gthread", "shop.web:app"]'),
        ("Dockerfile", 'FROM x\nENTRYPOINT ["gunicorn", "-w", "2"]\nCMD ["shop.web:app"]'),
        ("Dockerfile", "FROM x\nCMD gunicorn --bind 0.0.0.0:80 \\\n  shop.web:app"),
        ("Dockerfile", 'FROM x\nCMD ["sh", "-c", "exec gunicorn shop.web:app"]'),
        ("Dockerfile", "FROM x\nENV FLASK_APP=shop.web"),
        ("boot.sh", "#!/bin/sh\nflask db upgrade\nexec gunicorn -c python:conf shop.web:app"),
        ("compose.yaml", "services:\n  web:\n    command: gunicorn 'shop.web:app'"),
        ("gunicorn.conf.py", "bind = ':80'\nwsgi_app = 'shop.web:app'"),
        ("uwsgi.ini", "[uwsgi]\nmodule = shop.web:app"),
        (".flaskenv", "FLASK_DEBUG=1\nFLASK_APP=shop/web.py"),
        (".env", "export FLASK_APP='shop.web'"),
    ],
)
def test_what_a_file_of_the_project_names_comes_first(folder: Folder, file: str, text: str) -> None:
    place = folder({"wsgi.py": FLASK, "shop/__init__.py": "", "shop/web.py": FLASK, file: text})
    found = find_app(place)
    assert found.target == "shop.web:app"
    assert found.reason.startswith(f"{file}: ")
    assert [other.target for other in found.others] == ["wsgi:app"]


def test_what_is_deployed_comes_before_what_developers_run(folder: Folder) -> None:
    place = folder(
        {
            "a.py": FLASK,
            "b.py": FLASK,
            ".flaskenv": "FLASK_APP=a",
            "Procfile": "web: gunicorn b:app",
        }
    )
    assert find_app(place).target == "b:app"


def test_a_name_that_fits_nothing_is_passed_over(folder: Folder) -> None:
    place = folder({"app.py": FLASK, "Procfile": "web: gunicorn other:app", ".env": "FLASK_APP=;x"})
    assert find_app(place).target == "app:app"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("wsgi.py", "app.py"),
        ("wsgi.py", "asgi.py"),
        ("app.py", "main.py"),
        ("main.py", "application.py"),
        ("application.py", "zebra.py"),
        ("zebra.py", "shop/inner/web.py"),
        ("app.py", "shop/__init__.py"),
        ("shop/wsgi.py", "shop/web.py"),
        ("src/shop/app.py", "other/tool/web.py"),
    ],
)
def test_files_are_ranked_as_people_name_them(folder: Folder, better: str, worse: str) -> None:
    found = find_app(folder({better: FLASK, worse: FLASK}))
    assert (found.file, [other.file for other in found.others]) == (better, [worse])


def test_the_shape_of_flask_s_tutorial_is_a_factory(folder: Folder) -> None:
    place = folder(
        {"flaskr/__init__.py": FACTORY, "flaskr/blog.py": "from flask import Blueprint\n"}
    )
    found = find_app(place)
    assert (found.target, found.others) == ("flaskr:create_app()", ())
    assert found.reason == "flaskr/__init__.py:4 has a factory that makes a Flask app"


def test_the_app_that_a_factory_makes_is_not_told_twice(folder: Folder) -> None:
    place = folder(
        {"shop/__init__.py": FACTORY, "wsgi.py": "from shop import create_app\napp = create_app()"}
    )
    found = find_app(place)
    assert (found.target, found.others) == ("wsgi:app", ())


@pytest.mark.parametrize(
    "file",
    [
        "tests/app.py",
        "test_app.py",
        "docs/app.py",
        "examples/app.py",
        ".hidden/app.py",
        "conftest.py",
    ],
)
def test_what_is_beside_the_app_is_not_looked_at(folder: Folder, file: str) -> None:
    with pytest.raises(ConfigError):
        find_app(folder({file: FLASK}))


def test_an_example_is_found_where_it_is_asked_for(folder: Folder) -> None:
    assert find_app(folder({"examples/app.py": FLASK}) / "examples").target == "app:app"


def test_an_environment_is_not_looked_at(folder: Folder) -> None:
    with pytest.raises(ConfigError):
        find_app(folder({"my/pyvenv.cfg": "", "my/app.py": FLASK}))


@pytest.mark.parametrize(
    "source",
    [
        "import celery\napp = celery.Celery()",
        "import typer\napp = typer.Typer()",
        "from flask import current_app as app",
        "from flask import Flask\nif __name__ == '__main__':\n    app = Flask('x')",
    ],
)
def test_what_is_no_app_of_the_web_is_not_offered(folder: Folder, source: str) -> None:
    with pytest.raises(ConfigError):
        find_app(folder({"app.py": source}))


@pytest.mark.parametrize("made", ["somebody()", "library.Application()"])
def test_a_file_for_servers_has_an_app_of_whatever_kind(folder: Folder, made: str) -> None:
    found = find_app(folder({"shop/wsgi.py": f"import library\napplication = {made}"}))
    assert (found.target, found.interface) == ("wsgi:application", None)


def test_a_factory_that_needs_arguments_is_named_in_the_hint(folder: Folder) -> None:
    source = "from flask import Flask\ndef create_app(name):\n    return Flask(name)\n"
    with pytest.raises(ConfigError) as raised:
        find_app(folder({"shop/__init__.py": source}))
    assert 'shop:create_app("...")' in raised.value.hint


def test_a_folder_that_takes_itself_for_a_package_is_imported_as_one(folder: Folder) -> None:
    place = folder({"shop/main.py": f"from shop.db import x\n{FLASK}", "shop/db.py": "x = 1"})
    found = find_app(place)
    assert (found.target, found.search) == ("shop.main:app", ("",))


def test_a_folder_of_nothing_is_an_error_with_a_hint(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="No app was found") as raised:
        find_app(folder({"README": ""}))
    assert "module:attribute" in raised.value.hint


def test_a_file_is_no_folder(folder: Folder) -> None:
    with pytest.raises(ConfigError):
        find_app(folder({"app.py": FLASK}) / "app.py")


@pytest.mark.parametrize(
    "text",
    [
        "app = " + "(" * 5_000,
        "app = " + "a+" * 20_000 + "a",
        "app = x" + ".a" * 5_000,
        "app = " + "f(" * 90 + ")" * 90,
        "if a:\n    app = 1\n" + "elif a:\n    app = 1\n" * 3_000,
        "def create_app():\n    return " + "create_app() or " * 300 + "0",
        "class app(app):\n    pass\n",
        "app = app\n",
        "from app import app\n",
        "from app import *\n",
        "\0",
        "app = '\\ud800'\n",
    ],
    ids=range(12),
)
def test_a_hostile_source_does_no_harm(folder: Folder, text: str) -> None:
    place = folder({"app.py": text, "Procfile": "web: gunicorn 'app:app", "gunicorn.conf.py": text})
    with pytest.raises(ConfigError):
        find_app(place)
    (place / "round").symlink_to(place)
    with suppress(ConfigError):
        assert find_app(place, "app:app").interface is None


@pytest.mark.parametrize(
    "more", [{}, {"Dockerfile": 'FROM x\nWORKDIR /app/src\nCMD ["gunicorn", "config.wsgi"]'}]
)
def test_a_django_project_is_imported_from_where_its_manage_py_lies(
    folder: Folder, more: dict[str, str]
) -> None:
    """Even if that folder has an ``__init__.py``, as some have for their editors."""
    wsgi = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()"
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')"
    place = folder(
        {
            "src/__init__.py": "",
            "src/manage.py": manage,
            "src/config/__init__.py": "",
            "src/config/wsgi.py": wsgi,
            **more,
        }
    )
    found = find_app(place)
    assert (found.target, found.search[0]) == ("config.wsgi:application", "src")
