"""What an app's constraints do to the servers that it is measured on. Nothing is installed."""

from pathlib import Path

import pytest

from toolkit.catalog import CONSTRAINTS, Catalog, root
from toolkit.cli import _run
from toolkit.config import ImageConfig
from toolkit.model import Stack
from toolkit.project.limiting import limits_of
from toolkit.project.packages.dependencies import Requirements
from toolkit.project.staging import OwnApp, stage
from toolkit.runtime import environments, recipe

SHA = "sha256:" + "0" * 64
HASH = f"--hash={SHA}"
LOCK = f"gunicorn==27.0.1 \\\n    {HASH}\npackaging==26.3 ; python_version > '3' \\\n    {HASH}\n"


def requirements(
    constraints: str, *, text: str = "flask==3.1.0", hashed: bool = True
) -> Requirements:
    return Requirements(
        text=f"{text} {HASH}\n" if hashed else f"{text}\n",
        source="requirements.txt",
        pinned=True,
        hashed=hashed,
        constraints=constraints,
    )


def test_without_constraints_nothing_is_limited_and_everything_is_checked() -> None:
    limits = limits_of(requirements(""), [LOCK])
    assert (limits.text, limits.hashed, limits.excluded) == ("", True, {})
    assert [*limits.applied([f"gunicorn==27.0.1 {HASH}"])] == [f"gunicorn==27.0.1 {HASH}"]


def test_a_server_that_the_constraints_allow_stays_as_the_toolkit_pins_it() -> None:
    """All versions are fixed then, and their hashes are checked."""
    limits = limits_of(requirements("gunicorn>=23\nurllib3<2\n"), [LOCK])
    assert (limits.text, limits.hashed, limits.excluded) == ("", True, {})


@pytest.mark.parametrize("hashed", [False, True])
def test_a_package_that_they_exclude_gives_way_and_no_other(hashed: bool) -> None:
    limits = limits_of(requirements("gunicorn<24\n", hashed=hashed), [LOCK])
    assert limits.excluded == {"gunicorn": ("27.0.1", "<24")}
    assert (limits.text, limits.hashed) == ("gunicorn<24\n", False)
    lines = [f"gunicorn==27.0.1 {HASH}", f"packaging==26.3 ; python_version > '3' {HASH}"]
    assert [*limits.applied(lines)] == ["gunicorn", "packaging==26.3 ; python_version > '3'"]


def test_an_extra_and_a_marker_of_a_package_that_gives_way_are_kept() -> None:
    lock = "uvicorn[standard]==0.38.0 ; python_version > '3'\n"
    limits = limits_of(requirements("uvicorn<0.30\n", hashed=False), [lock])
    assert [*limits.applied([lock.strip()])] == ['uvicorn[standard] ; python_version > "3"']


def test_a_package_that_the_app_pins_itself_is_the_apps() -> None:
    own = requirements("gunicorn<24\n", text="gunicorn==23.0.0", hashed=False)
    assert limits_of(own, [LOCK]).excluded == {}


def test_a_limit_of_a_listed_package_that_could_not_be_read_into_it_is_left_to_pip() -> None:
    limits = limits_of(requirements("flask<4 ; python_version > '3'\n"), [LOCK])
    assert limits.text == 'flask<4 ; python_version > "3"\n'
    assert not limits.hashed


def test_constraints_have_no_hashes_for_pip_would_ask_for_those_of_all() -> None:
    limits = limits_of(requirements(f"gunicorn==23.0.0 {HASH}\n"), [LOCK])
    assert limits.text == "gunicorn==23.0.0\n"


# laid out, and installed


def laid_out(place: Path, constraints: str, *, hashed: bool = True) -> Stack:
    own = OwnApp(
        name="shop",
        summary="",
        target="shop:app",
        interface="wsgi",
        search=(),
        health="/",
        before=(),
        writable=(),
        requirements=requirements(constraints, hashed=hashed),
    )
    (stack,) = stage(own, None, Catalog(root()), place).select_stacks(("shop/gunicorn-gevent",))
    return stack


def test_files_of_an_app_with_constraints_are_those_that_pip_is_given(tmp_path: Path) -> None:
    stack = laid_out(tmp_path, "gunicorn<24\n")
    app, server = recipe.locks(stack)
    assert app.read_text() == "flask==3.1.0\n"
    assert "\ngunicorn\n" in f"\n{server.read_text()}"
    assert "gevent==" in server.read_text()
    assert not recipe.have_hashes((app, server))
    limits = recipe.limits(stack)
    assert limits is not None
    assert limits.read_text() == "gunicorn<24\n"
    assert f"apps/shop/{CONSTRAINTS}" in recipe.files_of(stack)


def test_an_app_without_constraints_has_no_such_file(tmp_path: Path) -> None:
    stack = laid_out(tmp_path, "")
    assert recipe.limits(stack) is None
    assert recipe.have_hashes(recipe.locks(stack))


def test_an_environment_is_made_with_the_constraints_and_anew_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: list[list[str]] = []

    def install(folder: Path, arguments: list[str], image: ImageConfig) -> None:
        asked.append(arguments)
        folder.mkdir(parents=True)

    class Quiet:
        def noted(self, message: str) -> None: ...

    monkeypatch.setattr(environments, "_install", install)
    made = [
        environments.ensure_environment(stack, ImageConfig(), Quiet())  # type: ignore[arg-type]
        for stack in (
            laid_out(tmp_path / "a", "gunicorn<24\n"),
            laid_out(tmp_path / "b", "gunicorn<25\n"),
            laid_out(tmp_path / "c", "gunicorn<25\n"),
            laid_out(tmp_path / "d", ""),
        )
    ]
    assert len(set(made)) == len(asked) == 3
    assert asked[0][-2:] == ["-c", str(tmp_path / "a" / "apps" / "shop" / CONSTRAINTS)]
    assert "-c" not in asked[2]


def test_the_recipe_takes_the_file_where_there_is_one() -> None:
    """Its pattern matches that one file; without a match the requirements alone are copied."""
    dockerfile = (root() / recipe.DOCKERFILE).read_text()
    assert f"apps/${{APP}}/{CONSTRAINTS[:-1]}[{CONSTRAINTS[-1]}] app/" in dockerfile
    assert "-r app/requirements.txt -r server.txt ${LIMITS}" in dockerfile


def test_the_first_lines_say_which_versions_of_a_server_are_not_the_toolkits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("-c constraints.txt\nflask==3.1.0\n")
    (tmp_path / "constraints.txt").write_text("gunicorn<24\nuvicorn<0.1\nurllib3<2\n")
    dry = ("--get", "/", "--quick", "--dry-run", "--runtime", "process")
    assert _run(["bench", "--servers", "gunicorn-sync,waitress", *dry]) == 0
    told = capsys.readouterr().err
    assert "By the project's constraints: gunicorn <24, not 2" in told
    assert "uvicorn" not in told
    assert _run(["bench", "--servers", "waitress", *dry]) == 0
    assert "constraints" not in capsys.readouterr().err
