"""A stack with other requirements: what its copy pins, and what it leaves as it is."""

from pathlib import Path

import pytest

from toolkit.catalog import Catalog, root
from toolkit.errors import ConfigError
from toolkit.model import Stack
from toolkit.runtime.overlay import with_requirements
from toolkit.runtime.recipe import files_of, have_hashes, locks

NAME = "flask/gunicorn-gthread"
APP_LOCK = """\
# made by a tool
flask==3.1.3 \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
    # via the app
itsdangerous==2.2.0 --hash=sha256:cccc
Jinja2==3.1.6 --hash=sha256:dddd
zope.interface==7.0 --hash=sha256:eeee
"""
SERVER_LOCK = "gunicorn==25.0.0 --hash=sha256:ffff\npackaging==26.0 --hash=sha256:0000\n"
APP_PINS = {"flask==3.1.3", "itsdangerous==2.2.0", "Jinja2==3.1.6", "zope.interface==7.0"}
SERVER_PINS = {"gunicorn==25.0.0", "packaging==26.0"}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Give a checkout with one stack, whose requirements are known."""
    files = {
        "apps/flask/requirements.txt": APP_LOCK,
        "apps/flask/app.toml": (root() / "apps/flask/app.toml").read_text(),
        "apps/flask/tests/test_it.py": "",
        "apps/flask/wsgi.py": "app = None\n",
        "apps/shared/schema.sql": "",
        "deploy/servers/gunicorn-gthread/requirements.txt": SERVER_LOCK,
        "deploy/servers/gunicorn-gthread/server.toml": (
            root() / "deploy/servers/gunicorn-gthread/server.toml"
        ).read_text(),
        "deploy/servers/gunicorn.conf.py": "",
        "docker/Dockerfile": "FROM scratch\n",
    }
    for name, text in files.items():
        file = tmp_path / "checkout" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Catalog(tmp_path / "checkout")


def only(catalog: Catalog) -> Stack:
    (stack,) = catalog.select_stacks((NAME,))
    return stack


def overlaid(catalog: Catalog, tmp_path: Path, text: str) -> Stack:
    file = tmp_path / "wanted.txt"
    file.write_text(text)
    return only(with_requirements(catalog, only(catalog), file, tmp_path / "copy"))


def pins(stack: Stack) -> tuple[set[str], set[str]]:
    app, server = (lock.read_text().splitlines() for lock in locks(stack))
    assert len(set(app)) == len(app)
    assert len(set(server)) == len(server)
    return set(app), set(server)


def test_one_line_changes_one_package(catalog: Catalog, tmp_path: Path) -> None:
    stack = overlaid(catalog, tmp_path, "flask==3.0.0\n")
    assert pins(stack) == (APP_PINS - {"flask==3.1.3"} | {"flask==3.0.0"}, SERVER_PINS)


def test_a_package_of_the_server_is_changed_as_well(catalog: Catalog, tmp_path: Path) -> None:
    """It is installed with the app's, in one environment."""
    stack = overlaid(catalog, tmp_path, "gunicorn==23.0.0\n")
    assert pins(stack) == (APP_PINS | {"gunicorn==23.0.0"}, SERVER_PINS - {"gunicorn==25.0.0"})


def test_a_new_package_is_added(catalog: Catalog, tmp_path: Path) -> None:
    stack = overlaid(catalog, tmp_path, "orjson==3.11.0\n")
    assert pins(stack) == (APP_PINS | {"orjson==3.11.0"}, SERVER_PINS)


def test_a_whole_lock_takes_the_place_of_all_it_names(catalog: Catalog, tmp_path: Path) -> None:
    stack = overlaid(catalog, tmp_path, APP_LOCK.replace("3.1.3", "3.0.0") + SERVER_LOCK)
    assert pins(stack) == (
        APP_PINS - {"flask==3.1.3"} | {"flask==3.0.0"} | SERVER_PINS,
        set(),
    )


@pytest.mark.parametrize(
    ("line", "replaced"),
    [
        ("FLASK==3.0.0", "flask==3.1.3"),
        ("jinja2 == 3.0.0", "Jinja2==3.1.6"),
        ("Its.Dangerous==2.1.0", ""),
        ("zope-interface==6.0", "zope.interface==7.0"),
        ("Zope__Interface~=6.0", "zope.interface==7.0"),
        ("flask[async]==3.0.0", "flask==3.1.3"),
        ("flask>=3,<4 ; python_version > '3.8'", "flask==3.1.3"),
        ("flask @ https://example.org/flask-3.0.0.tar.gz", "flask==3.1.3"),
        ("flask", "flask==3.1.3"),
    ],
)
def test_names_are_compared_in_their_normal_form(
    catalog: Catalog, tmp_path: Path, line: str, replaced: str
) -> None:
    app, server = pins(overlaid(catalog, tmp_path, f"{line}\n"))
    assert app == APP_PINS - {replaced} | {line}
    assert server == SERVER_PINS


def test_hashes_are_left_out_everywhere(catalog: Catalog, tmp_path: Path) -> None:
    """Pip wants them of all packages or of none."""
    assert have_hashes(locks(only(catalog)))
    text = "flask==3.0.0 \\\n  --hash=sha256:1111 \\\n  --hash=sha256:2222\norjson==3.11.0\n"
    stack = overlaid(catalog, tmp_path, text)
    assert not have_hashes(locks(stack))
    app, _ = pins(stack)
    assert {"flask==3.0.0", "orjson==3.11.0"} <= app


def test_comments_and_empty_lines_say_nothing(catalog: Catalog, tmp_path: Path) -> None:
    text = "# what we want\n\n   \nflask==3.0.0  # for now\n\t# via x\n"
    app, _ = pins(overlaid(catalog, tmp_path, text))
    assert app == APP_PINS - {"flask==3.1.3"} | {"flask==3.0.0"}


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt",
        "--index-url https://example.org/simple",
        "-e .",
        ".",
        "./wheels/flask.whl",
        "/wheels/flask.whl",
        "https://example.org/flask-3.0.0.tar.gz",
        "git+https://example.org/flask.git",
        "==3.0.0",
        "flask 3.0.0",
    ],
)
def test_what_is_no_requirement_is_refused_in_one_line_that_quotes_it(
    catalog: Catalog, tmp_path: Path, line: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        overlaid(catalog, tmp_path, f"flask==3.0.0\n{line}\n")
    assert str(raised.value) == f"{tmp_path / 'wanted.txt'}: {line!r} is no requirement"
    assert "pip freeze" in raised.value.hint
    assert not (tmp_path / "copy").exists()


def test_a_file_that_is_not_there_is_one_line(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        with_requirements(catalog, only(catalog), tmp_path / "none.txt", tmp_path / "copy")


def test_a_file_that_is_no_text_is_one_line(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="utf-8"):
        with_requirements(catalog, only(catalog), tmp_path / "bytes.txt", tmp_path / "copy")


def test_the_stack_itself_stays_as_it_is(catalog: Catalog, tmp_path: Path) -> None:
    overlaid(catalog, tmp_path, "flask==3.0.0\ngunicorn==23.0.0\n")
    app, server = locks(only(Catalog(catalog.path)))
    assert (app.read_text(), server.read_text()) == (APP_LOCK, SERVER_LOCK)


def test_the_copy_has_all_that_the_image_is_built_from(tmp_path: Path) -> None:
    """Of the toolkit's own stack: but for the requirements, the same files with the same bytes."""
    ours = Catalog(root())
    file = tmp_path / "wanted.txt"
    file.write_text("flask==3.0.0\n")
    theirs = with_requirements(ours, only(ours), file, tmp_path / "copy")
    before, after = files_of(only(ours)), files_of(only(theirs))
    assert before.keys() == after.keys()
    differing = {name for name in before if before[name].read_bytes() != after[name].read_bytes()}
    assert differing == {name for name in before if name.endswith("requirements.txt")}
    assert len(differing) == 2
