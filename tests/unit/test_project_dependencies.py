"""What a project installs is what its own tool says; what cannot be said is told."""

import os
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from toolkit.errors import ConfigError
from toolkit.project.packages.dependencies import (
    Requirements,
    find_requirements,
    logical_lines,
    name_of,
    names,
    with_more,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "projects"
EXPORTS = sorted(file.relative_to(FIXTURES).as_posix() for file in FIXTURES.rglob("expected*.txt"))
HASH = f"sha256:{'a' * 64}"

SYSTEMS = {"linux": ("posix", "Linux"), "win32": ("nt", "Windows"), "darwin": ("posix", "Darwin")}
PYTHONS = ("3.9.18", "3.10.4", "3.11.2", "3.11.7", "3.12.1", "3.13.0", "3.14.2")

A_UV_LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "shop"
version = "1"
source = { editable = "." }
dependencies = [{ name = "flask" }]

[[package]]
name = "flask"
version = "3.1.0"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://files.example/flask.tar.gz", hash = "HASH" }
""".replace("HASH", HASH)


def write(folder: Path, **files: str) -> Path:
    """Write files; ``__`` in a name is a slash, ``_`` a dot."""
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def lines(requirements: Requirements) -> list[str]:
    return [re.split(r"\s--hash", line)[0] for line in requirements.text.splitlines()]


def fault(folder: Path, named: str = "", extras: tuple[str, ...] = ()) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        find_requirements(folder, named, extras=extras)
    return caught.value


def environments(python: str) -> Iterator[dict[str, str]]:
    for version, (system, (name, title)), implementation in product(
        PYTHONS, SYSTEMS.items(), ("CPython", "PyPy")
    ):
        if SpecifierSet(python).contains(version):
            yield {
                **cast("dict[str, str]", default_environment()),
                "python_version": version.rpartition(".")[0],
                "python_full_version": version,
                "implementation_version": version,
                "implementation_name": implementation.lower(),
                "platform_python_implementation": implementation,
                "sys_platform": system,
                "os_name": name,
                "platform_system": title,
            }


def installed(text: str, environment: dict[str, str]) -> set[tuple[str, str, str | None]]:
    wanted = [Requirement(re.split(r"\s--hash", line)[0]) for line in text.splitlines()]
    return {
        (each.name, str(each.specifier), each.url)
        for each in wanted
        if each.marker is None or each.marker.evaluate(environment)
    }


# what tools say of their own locks


@pytest.mark.parametrize("export", EXPORTS)
def test_on_every_platform_a_lock_installs_what_its_tool_exports(export: str) -> None:
    file = FIXTURES / export
    extra = file.stem.removeprefix("expected").removeprefix("-")
    found = find_requirements(file.parent, extras=[extra] if extra else [])
    expected = file.read_text(encoding="utf-8")
    places = list(environments(found.python))
    assert len(places) > 5
    assert [installed(found.text, place) for place in places] == [
        installed(expected, place) for place in places
    ]


@pytest.mark.parametrize("export", [name for name in EXPORTS if "pipenv" not in name])
def test_of_each_file_the_hash_is_kept(export: str) -> None:
    file = FIXTURES / export
    extra = file.stem.removeprefix("expected").removeprefix("-")
    found = find_requirements(file.parent, extras=[extra] if extra else [])
    expected = re.findall(r"--hash=(\S+)", file.read_text(encoding="utf-8"))
    assert found.hashed
    assert sorted(re.findall(r"--hash=(\S+)", found.text)) == sorted(expected)


def test_two_versions_of_a_package_have_a_marker_each() -> None:
    found = lines(find_requirements(FIXTURES / "uv"))
    assert 'idna==3.7 ; python_full_version < "3.12"' in found
    assert 'idna==3.20 ; python_full_version >= "3.12"' in found


def test_a_package_for_another_system_keeps_its_marker() -> None:
    found = lines(find_requirements(FIXTURES / "uv"))
    assert 'colorama==0.4.6 ; sys_platform == "win32"' in found


def test_a_group_for_development_is_left_out() -> None:
    assert "sortedcontainers" not in names(find_requirements(FIXTURES / "uv"))


def test_a_member_of_a_workspace_is_read_from_the_lock_above() -> None:
    found = find_requirements(FIXTURES / "uv-virtual" / "web")
    assert found.source == "../uv.lock"
    assert names(found) == {"itsdangerous", "idna"}
    assert found.local == ("../common",)


def test_members_that_a_project_needs_are_told_and_what_they_need_is_installed() -> None:
    found = find_requirements(FIXTURES / "uv-workspace")
    assert found.local == ("libs/inner",)
    assert "click" in names(found)
    assert "Not installed, because they lie in the project: libs/inner." in found.notes


def test_an_archive_at_an_address_keeps_its_hash() -> None:
    found = find_requirements(FIXTURES / "uv-workspace")
    line = next(line for line in found.text.splitlines() if line.startswith("blinker"))
    assert re.match(r"blinker @ https://\S+\.whl --hash=sha256:\w+", line)


@pytest.mark.parametrize("folder", ["uv", "poetry", "poetry-old", "pdm", "pdm-bare", "pylock"])
def test_an_extra_that_there_is_not_is_refused(folder: str) -> None:
    assert "there is no extra 'cach'" in str(fault(FIXTURES / folder, extras=("cach",)))


def test_an_extra_that_is_nearly_there_is_suggested() -> None:
    assert fault(FIXTURES / "poetry", extras=("cach",)).hint == "Did you mean cache?"


def test_the_python_that_a_lock_is_for_is_told() -> None:
    pythons = {
        name: find_requirements(FIXTURES / name).python for name in ("uv", "poetry", "pipenv")
    }
    assert pythons == {"uv": ">=3.9", "poetry": "<4,>=3.10", "pipenv": "==3.11.*"}


# uv.lock in detail


def uv_lock(tmp_path: Path, source: str, *, more: str = "") -> Requirements:
    text = A_UV_LOCK.replace('{ registry = "https://pypi.org/simple" }', source)
    return find_requirements(write(tmp_path, uv_lock=text + more))


def test_a_commit_is_installed_from_its_repository_and_then_no_package_has_hashes(
    tmp_path: Path,
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    found = uv_lock(
        tmp_path, f'{{ git = "https://git.example/flask?rev=main&subdirectory=a#{commit}" }}'
    )
    url = f"git+https://git.example/flask@{commit}#subdirectory=a"
    assert found.text == f"flask @ {url}\n"
    assert (found.pinned, found.hashed) == (True, False)
    assert "Installed from addresses instead of an index: flask." in found.notes


def test_one_package_without_hashes_takes_them_from_all(tmp_path: Path) -> None:
    more = '[[package]]\nname = "idna"\nversion = "3"\nsource = { registry = "r" }\n'
    text = A_UV_LOCK.replace('{ name = "flask" }', '{ name = "flask" }, { name = "idna" }')
    found = find_requirements(write(tmp_path, uv_lock=text + more))
    assert found.text == "flask==3.1.0\nidna==3\n"
    assert not found.hashed
    assert "No hashes, for pip wants all or none, and these have none: idna." in found.notes


def test_the_index_of_a_lock_is_named_without_its_password_and_not_taken_over(
    tmp_path: Path,
) -> None:
    found = uv_lock(tmp_path, '{ registry = "https://me:secret@index.example/simple" }')
    assert any("index.example" in note for note in found.notes)
    assert "secret" not in f"{found}"


def test_a_password_in_an_address_is_told(tmp_path: Path) -> None:
    found = uv_lock(tmp_path, '{ url = "https://me:secret@files.example/flask.whl" }')
    assert "An address with a password goes into the image: flask." in found.notes


def test_the_project_itself_is_not_installed(tmp_path: Path) -> None:
    found = find_requirements(write(tmp_path, uv_lock=A_UV_LOCK))
    assert names(found) == {"flask"}
    assert "The project itself is not installed: it is used from its folder." in found.notes


def test_a_package_that_is_reached_twice_is_installed_where_either_path_wants_it(
    tmp_path: Path,
) -> None:
    text = """
version = 1
[[package]]
name = "shop"
source = { virtual = "." }
dependencies = [
  { name = "a", marker = "sys_platform == 'win32'" },
  { name = "b", marker = "python_version < '3.12'" },
]
[[package]]
name = "a"
version = "1"
source = { registry = "r" }
dependencies = [{ name = "c", marker = "os_name == 'nt'" }]
[[package]]
name = "b"
version = "1"
source = { registry = "r" }
dependencies = [{ name = "c" }, { name = "a" }]
[[package]]
name = "c"
version = "1"
source = { registry = "r" }
dependencies = [{ name = "b", marker = "sys_platform == 'linux'" }]
"""
    found = lines(find_requirements(write(tmp_path, uv_lock=text)))
    assert found == [
        'a==1 ; python_version < "3.12" or sys_platform == "win32"',
        'b==1 ; python_version < "3.12"',
        'c==1 ; (os_name == "nt" and sys_platform == "win32") or python_version < "3.12"',
    ]


def test_a_lock_that_lags_behind_its_project_is_told(tmp_path: Path) -> None:
    project = '[project]\nname = "shop"\ndependencies = ["flask", "redis"]\n'
    found = find_requirements(write(tmp_path, uv_lock=A_UV_LOCK, pyproject_toml=project))
    assert "Lock again, uv.lock does not have what pyproject.toml asks for: redis." in found.notes


# which file


ONE_OF_EACH = {
    "uv.lock": A_UV_LOCK,
    "poetry.lock": '[metadata]\nlock-version = "2.1"\n',
    "pdm.lock": '[metadata]\nlock_version = "4.5.0"\nstrategy = ["inherit_metadata"]\n',
    "pylock.toml": 'lock-version = "1.0"\npackages = []\n',
    "Pipfile.lock": '{"_meta": {"pipfile-spec": 6}, "default": {}}',
    "requirements.txt": "flask==3.1.0\n",
    "requirements/production.txt": "flask==3.1.0\n",
    "requirements/prod.txt": "flask==3.1.0\n",
    "requirements/prod-eu.txt": "flask==3.1.0\n",
    "requirements-prod.txt": "flask==3.1.0\n",
    "requirements/base.txt": "flask==3.1.0\n",
    "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["flask"]\n',
    "setup.cfg": "[options]\ninstall_requires = flask\n",
}


def test_files_are_preferred_in_the_order_that_is_documented(tmp_path: Path) -> None:
    for name, text in ONE_OF_EACH.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    used = []
    for name in ONE_OF_EACH:
        used.append(find_requirements(tmp_path).source)
        (tmp_path / name).unlink()
    assert used == list(ONE_OF_EACH)


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    project = ONE_OF_EACH["pyproject.toml"]
    found = find_requirements(
        write(tmp_path, requirements_txt="flask", requirements__prod_txt="", pyproject_toml=project)
    )
    assert found.passed_over == ("requirements/prod.txt", "pyproject.toml")


def test_what_a_lock_was_made_from_and_what_a_file_includes_are_not_passed_over(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "locked", uv_lock=A_UV_LOCK, pyproject_toml="[project]\nname = 's'\n")
    assert find_requirements(folder).passed_over == ()
    folder = write(
        tmp_path / "listed", requirements_txt="-r requirements/base.txt", requirements__base_txt=""
    )
    assert find_requirements(folder).passed_over == ()


def test_a_file_that_is_named_is_used(tmp_path: Path) -> None:
    folder = write(tmp_path, uv_lock=A_UV_LOCK, deps__web_txt="-r more.txt", deps__more_txt="idna")
    found = find_requirements(folder, "deps/web.txt")
    assert (found.source, found.text) == ("deps/web.txt", "idna\n")
    assert found.passed_over == ("uv.lock",)


def test_a_file_elsewhere_may_be_named(tmp_path: Path) -> None:
    write(tmp_path / "other", list_txt="-r more.txt", more_txt="idna")
    (tmp_path / "project").mkdir()
    file = str(tmp_path / "other" / "list.txt")
    assert names(find_requirements(tmp_path / "project", file)) == {"idna"}


def test_pyproject_may_be_named_beside_a_lock(tmp_path: Path) -> None:
    write(tmp_path, uv_lock=A_UV_LOCK, pyproject_toml='[project]\ndependencies = ["rich"]\n')
    assert names(find_requirements(tmp_path, "pyproject.toml")) == {"rich"}


def test_a_name_that_there_is_not_is_refused(tmp_path: Path) -> None:
    assert "there is no file nothing.txt" in str(fault(tmp_path, "nothing.txt"))


def test_setup_py_is_never_run(tmp_path: Path) -> None:
    write(tmp_path, setup_py=f"open({str(tmp_path / 'ran')!r}, 'w')")
    for named in ("", "setup.py"):
        error = fault(tmp_path, named)
        assert "setup.py" in str(error)
        assert "requirements.txt" in error.hint
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "hint"), [("Pipfile", "pipenv lock"), ("requirements.in", "uv pip compile")]
)
def test_what_has_no_lock_yet_gets_the_hint_to_make_one(
    tmp_path: Path, name: str, hint: str
) -> None:
    (tmp_path / name).touch()
    assert hint in fault(tmp_path).hint


def test_a_folder_that_says_nothing_gets_a_hint(tmp_path: Path) -> None:
    assert "requirements.txt" in fault(tmp_path).hint


def test_a_pyproject_of_settings_alone_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, pyproject_toml="[tool.ruff]\n", setup_cfg=ONE_OF_EACH["setup.cfg"])
    assert find_requirements(tmp_path).source == "setup.cfg"


def test_a_lock_of_another_folder_above_is_none_of_ours(tmp_path: Path) -> None:
    write(tmp_path, uv_lock=A_UV_LOCK)
    folder = write(tmp_path / "mine", pyproject_toml='[project]\ndependencies = ["rich"]\n')
    assert find_requirements(folder).source == "pyproject.toml"


# requirements.txt


def listed(tmp_path: Path, text: str, **more: str) -> Requirements:
    return find_requirements(write(tmp_path, requirements_txt=text, **more))


def test_comments_and_continued_lines_are_understood(tmp_path: Path) -> None:
    found = listed(tmp_path, f"# all\nFlask==3.1.0 \\\n  --hash={HASH}  # web\n\n  # end \\\n")
    assert found.text == f"flask==3.1.0 --hash={HASH}\n"
    assert found.hashed


def test_hashes_that_pip_refuses_are_none(tmp_path: Path) -> None:
    found = listed(tmp_path, f"flask==3.1.0 --hash=md5:{'a' * 32}")
    assert found.text == "flask==3.1.0\n"


def test_extras_and_markers_are_kept(tmp_path: Path) -> None:
    found = listed(tmp_path, "requests[socks,Security]>=2 ; python_version < '3.12'")
    assert found.text == 'requests[security,socks]>=2 ; python_version < "3.12"\n'


@pytest.mark.parametrize("include", ["-r base.txt", "-rbase.txt", "--requirement=base.txt"])
def test_included_files_are_read_from_where_they_are_named(tmp_path: Path, include: str) -> None:
    found = listed(
        tmp_path, "-r parts/web.txt", parts__web_txt=f"{include}\nflask", parts__base_txt="idna"
    )
    assert lines(found) == ["idna", "flask"]


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    found = listed(tmp_path, "-r b.txt\nflask", b_txt="-r requirements.txt\nidna")
    assert lines(found) == ["idna", "flask"]


@pytest.mark.parametrize("path", ["../other.txt", "/etc/passwd", "a/../../other.txt"])
def test_a_file_outside_of_the_folder_is_not_included(tmp_path: Path, path: str) -> None:
    write(tmp_path, other_txt="idna")
    folder = write(tmp_path / "project", requirements_txt=f"-r {path}")
    error = fault(folder)
    assert "line 1" in str(error)
    assert "outside" in str(error)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, secret_txt="password")
    folder = write(tmp_path / "project", requirements_txt="-r linked.txt")
    (folder / "linked.txt").symlink_to(tmp_path / "secret.txt")
    error = str(fault(folder))
    assert "leads out" in error
    assert "password" not in error


def test_a_constraint_is_applied_to_what_is_listed_and_kept_for_the_rest(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        "-c pins.txt\nflask>=3\n",
        pins_txt=f"Flask==3.1.0 --hash={HASH}\nurllib3<2\n",
    )
    assert found.text == f"flask==3.1.0,>=3 --hash={HASH}\n"
    assert found.pinned
    assert found.constraints == "urllib3<2\n"
    assert found.notes == ()


def test_a_constraint_asks_for_no_extra(tmp_path: Path) -> None:
    """That is how pip has it: https://pip.pypa.io/en/stable/user_guide/#constraints-files."""
    found = listed(tmp_path, "-c pins.txt\nflask==3.1.0\n", pins_txt="uvicorn[standard]<1\n")
    assert found.constraints == "uvicorn<1\n"


@pytest.mark.parametrize("dynamic", [False, True])
def test_uvs_constraints_hold_without_a_lock(tmp_path: Path, dynamic: bool) -> None:
    limits = 'constraint-dependencies = ["flask==3.1.0", "urllib3<2"]'
    said = 'dynamic = ["dependencies"]' if dynamic else 'dependencies = ["flask"]'
    more = '[tool.setuptools.dynamic]\ndependencies = {file = "asked.txt"}' if dynamic else ""
    write(tmp_path, asked_txt="flask\n")
    found = asked(tmp_path, f'[project]\nname = "shop"\n{said}\n[tool.uv]\n{limits}\n{more}\n')
    assert (found.text, found.constraints, found.pinned) == ("flask==3.1.0\n", "urllib3<2\n", True)


def test_uvs_constraints_that_its_lock_has_not_heeded_are_left(tmp_path: Path) -> None:
    """Its own packages are as they are locked; those of a server are not in it."""
    manifest = """[manifest]
constraints = [
    { name = "flask", specifier = "<4" },
    { name = "gunicorn", marker = "python_full_version < '4'", specifier = "<24" },
    { name = "archive", url = "https://example.org/archive-1.tar.gz" },
]
"""
    package = """[[package]]
name = "flask"
version = "3.1.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "shop"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "flask" }]
"""
    write(
        tmp_path,
        uv_lock=f'version = 1\nrequires-python = ">=3.11"\n\n{manifest}\n{package}',
        pyproject_toml='[project]\nname = "shop"\nversion = "1"\ndependencies = ["flask"]\n',
    )
    found = find_requirements(tmp_path)
    assert found.text == "flask==3.1.0\n"
    assert found.constraints == 'gunicorn<24 ; python_full_version < "4"\n'


def test_what_the_user_installs_is_not_limited(tmp_path: Path) -> None:
    said = listed(tmp_path, "-c pins.txt\nflask==3.1.0\n", pins_txt="urllib3<2\nidna<3\n")
    assert with_more(said, ["urllib3==2.5.0"]).constraints == "idna<3\n"


def test_a_variable_of_the_environment_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    found = listed(tmp_path, "flask\nmine @ https://${TOKEN}@git.example/mine.zip\n")
    assert lines(found) == ["flask"]
    assert "secret" not in f"{found}"
    assert "Lines left out, for they name variables of the environment: 1." in found.notes


def test_options_for_indexes_are_dropped_with_a_note(tmp_path: Path) -> None:
    found = listed(
        tmp_path, "-i https://me:secret@index.example/simple\n--pre\n--no-binary idna\nflask"
    )
    assert lines(found) == ["flask"]
    assert "Options that are not taken over: --no-binary, --pre, package indexes." in found.notes
    assert "secret" not in f"{found}"


def test_the_project_itself_is_left_out_and_what_it_asks_for_is_not(tmp_path: Path) -> None:
    project = """
[project]
name = "shop"
dependencies = ["rich"]
[project.optional-dependencies]
mail = ["flask-mail"]
"""
    found = listed(tmp_path, "flask\n-e .[mail]\n", pyproject_toml=project)
    assert names(found) == {"flask", "rich", "flask-mail"}
    assert "The project itself is not installed: it is used from its folder." in found.notes
    assert found.passed_over == ()


def test_what_only_setup_py_asks_for_is_told_to_be_unknown(tmp_path: Path) -> None:
    found = listed(tmp_path, "flask\n-e .\n", setup_py="")
    assert any(
        note.startswith("Not known is what the project itself asks for") for note in found.notes
    )


@pytest.mark.parametrize(
    "line",
    ["./libs/foo", "-e libs/foo", "foo @ file:libs/foo", "file:./libs/foo", "--editable=libs/foo"],
)
def test_a_folder_of_the_project_is_told_and_what_it_asks_for_installed(
    tmp_path: Path, line: str
) -> None:
    found = listed(tmp_path, line, libs__foo__setup_cfg="[options]\ninstall_requires = attrs\n")
    assert names(found) == {"attrs"}
    assert found.local == ("libs/foo",)


def test_an_archive_in_the_project_is_told(tmp_path: Path) -> None:
    assert listed(tmp_path, "wheels/foo-1.0-py3-none-any.whl").local == (
        "wheels/foo-1.0-py3-none-any.whl",
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("git+https://git.example/z.git@v1#egg=Zed", "zed @ git+https://git.example/z.git@v1"),
        (
            "-e git+ssh://git@git.example/z.git@v1#egg=zed&subdirectory=a/b",
            "zed @ git+ssh://git@git.example/z.git@v1#subdirectory=a/b",
        ),
        (
            "https://files.example/zed-1.0-py3-none-any.whl ; os_name == 'nt'",
            'zed @ https://files.example/zed-1.0-py3-none-any.whl ; os_name == "nt"',
        ),
        ("https://files.example/zed-1.0.tar.gz", "zed @ https://files.example/zed-1.0.tar.gz"),
        ("zed @ https://files.example/1.zip", "zed @ https://files.example/1.zip"),
    ],
)
def test_addresses_are_written_with_the_name_of_their_package(
    tmp_path: Path, line: str, expected: str
) -> None:
    assert lines(listed(tmp_path, line)) == [expected]


def test_the_hash_in_an_address_is_taken_over(tmp_path: Path) -> None:
    line = f"https://files.example/zed-1.0.tar.gz#{HASH.replace(':', '=')}"
    assert listed(tmp_path, line).text.endswith(f" --hash={HASH}\n")


def test_a_branch_is_no_exact_version(tmp_path: Path) -> None:
    assert not listed(tmp_path, "zed @ git+https://git.example/zed@main").pinned


@pytest.mark.parametrize(("line", "pinned"), [("a==1", True), ("a===1", True), ("a==1.*", False)])
def test_only_an_exact_version_is_pinned(tmp_path: Path, line: str, *, pinned: bool) -> None:
    assert listed(tmp_path, line).pinned == pinned


def test_what_is_not_pinned_is_told(tmp_path: Path) -> None:
    notes = listed(tmp_path, "flask\nidna==3.10\n").notes
    assert any(note.endswith("may be another app: flask.") for note in notes)


def test_the_file_that_powershell_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("flask==3.1.0\r\n", encoding="utf-16")
    assert find_requirements(tmp_path).text == "flask==3.1.0\n"


def test_a_line_that_is_no_requirement_is_shown_with_its_number(tmp_path: Path) -> None:
    error = fault(write(tmp_path, requirements_txt="flask\n=> 3\n"))
    assert str(error) == "requirements.txt: line 2: '=> 3' is no requirement"


def test_extras_mean_nothing_to_a_list(tmp_path: Path) -> None:
    write(tmp_path, requirements_txt="flask")
    notes = find_requirements(tmp_path, extras=["mail"]).notes
    assert "Ignored, because requirements.txt knows of no extras: mail." in notes


# what is asked for without a lock


def asked(tmp_path: Path, text: str, *extras: str) -> Requirements:
    return find_requirements(write(tmp_path, pyproject_toml=text), extras=extras)


def test_pyproject_says_what_is_asked_for(tmp_path: Path) -> None:
    found = asked(
        tmp_path, '[project]\nrequires-python = ">=3.11"\ndependencies = ["Flask>=3", "idna"]\n'
    )
    assert (lines(found), found.python) == (["flask>=3", "idna"], ">=3.11")
    assert (found.pinned, found.hashed) == (False, False)


def test_an_extra_may_be_the_sum_of_others(tmp_path: Path) -> None:
    text = """
[project]
name = "My.Shop"
dependencies = ["flask"]
[project.optional-dependencies]
all = ["my-shop[cache,Mail]"]
cache = ["redis", "my_shop[all]"]
mail = ["flask-mail"]
"""
    assert names(asked(tmp_path, text, "all")) == {"flask", "redis", "flask-mail"}


def test_a_package_with_a_source_of_its_own_is_not_taken_from_an_index(tmp_path: Path) -> None:
    text = """
[project]
dependencies = ["a", "b>=1; os_name == 'nt'", "c", "d"]
[tool.uv.sources]
a = { workspace = true }
b = { git = "https://git.example/b", tag = "v1" }
c = { path = "libs/c" }
"""
    found = asked(tmp_path, text)
    assert lines(found) == ['b @ git+https://git.example/b@v1 ; os_name == "nt"', "d"]
    assert found.local == ("a (of the workspace)", "libs/c")


@pytest.mark.parametrize(
    "tool",
    [
        '[tool.setuptools.dynamic]\ndependencies = { file = ["list.in"] }\n',
        '[tool.setuptools.dynamic]\ndependencies = { file = "list.in" }\n',
        '[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ["list.in"]\n',
    ],
)
def test_the_file_that_dependencies_are_taken_from_is_read(tmp_path: Path, tool: str) -> None:
    write(tmp_path, list_in="flask\n")
    found = asked(tmp_path, f'[project]\ndynamic = ["dependencies"]\n{tool}')
    assert (found.source, found.text) == ("pyproject.toml", "flask\n")


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("^1.2.3", "<2.0.0,>=1.2.3"),
        ("^0.2.3", "<0.3.0,>=0.2.3"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("^0.0", "<0.1,>=0.0"),
        ("^0", "<1,>=0"),
        ("~1.2.3", "<1.3,>=1.2.3"),
        ("~1.2", "<1.3,>=1.2"),
        ("~1", "<2,>=1"),
        ("1.*", "==1.*"),
        ("1.2", "==1.2"),
        ("~=1.2", "~=1.2"),
        (">=1, !=1.5 <2", "!=1.5,<2,>=1"),
        ("*", ""),
    ],
)
def test_constraints_of_poetry_are_said_as_its_manual_says_them(
    tmp_path: Path, constraint: str, expected: str
) -> None:
    found = asked(tmp_path, f'[tool.poetry.dependencies]\npython = "^3.11"\na = "{constraint}"\n')
    assert (found.text, found.python) == (f"a{expected}\n", "<4.0,>=3.11")


def test_tables_of_poetry_are_understood(tmp_path: Path) -> None:
    text = """
[tool.poetry.dependencies]
a = [{ version = "<2", python = "<3.12" }, { version = ">=2", python = ">=3.12" }]
b = { version = "^1", extras = ["x"], markers = "os_name == 'nt'", python = "^3.11" }
c = { git = "git@git.example:team/c.git", rev = "abc" }
d = { path = "libs/d" }
e = { version = "*", optional = true }
f = ">=1,<2 || >=3"
[tool.poetry.extras]
more = ["E"]
[tool.poetry.group.dev.dependencies]
g = "*"
"""
    assert lines(asked(tmp_path, text)) == [
        'a<2 ; python_version < "3.12"',
        'a>=2 ; python_version >= "3.12"',
        'b[x]<2,>=1 ; os_name == "nt" and python_version < "4.0" and python_version >= "3.11"',
        "c @ git+ssh://git@git.example/team/c.git@abc",
        "f",
    ]
    found = asked(tmp_path, text, "more")
    assert "e" in names(found)
    assert any("Any version of f is taken" in note for note in found.notes)


def test_setup_cfg_says_what_is_asked_for(tmp_path: Path) -> None:
    text = """
[options]
python_requires = >=3.9
install_requires =
    # the web
    Flask>=3
    tomli; python_version < "3.11"
[options.extras_require]
Cache_All = redis; idna
"""
    found = find_requirements(write(tmp_path, setup_cfg=text), extras=["cache-all"])
    assert lines(found) == ["flask>=3", 'tomli ; python_version < "3.11"', "redis", "idna"]
    assert found.python == ">=3.9"


# additions, and lines for others


def test_what_is_added_takes_the_place_of_what_there_is(tmp_path: Path) -> None:
    found = with_more(listed(tmp_path, "flask==3.0.0\nidna==3.10\n"), ["Flask==3.1.0"])
    assert lines(found) == ["idna==3.10", "flask==3.1.0"]
    assert found.source == "requirements.txt and --install"


def test_what_is_added_without_hashes_takes_them_from_all(tmp_path: Path) -> None:
    found = with_more(listed(tmp_path, f"flask==3.1.0 --hash={HASH}"), ["idna==3.10"])
    assert (found.text, found.hashed) == ("flask==3.1.0\nidna==3.10\n", False)


def test_notes_hold_after_an_addition(tmp_path: Path) -> None:
    found = with_more(listed(tmp_path, "flask"), ["flask==3.1.0"])
    assert (found.pinned, found.notes) == (True, ())


def test_there_may_be_additions_alone() -> None:
    found = with_more(None, ["flask==3.1.0"])
    assert (found.text, found.source) == ("flask==3.1.0\n", "--install")


def test_an_addition_that_is_no_requirement_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no requirement"):
        with_more(None, ["flask = 3"])


def test_lines_of_a_lock_are_joined_and_name_their_packages() -> None:
    lock = f"# made\nFlask_Login==1 ; os_name == 'nt' \\\n    --hash={HASH} \\\n    --hash={HASH}\n"
    assert [name_of(line) for line in logical_lines(lock)] == ["flask-login"]


# what is broken, new or meant to harm


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("uv.lock", "version = 2", "version '2', known is 1"),
        ("poetry.lock", '[metadata]\nlock-version = "3.0"', "version '3.0', known are 1.x and 2.x"),
        ("pdm.lock", '[metadata]\nlock_version = "5.0"', "version '5.0', known is 4.x"),
        ("pylock.toml", 'lock-version = "2.0"', "version '2.0', known is 1.x"),
        ("Pipfile.lock", '{"_meta": {"pipfile-spec": 7}}', "version '7', known is 6"),
    ],
)
def test_a_lock_of_an_unknown_version_is_refused_with_a_way_out(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    error = fault(tmp_path)
    assert said in str(error)
    assert error.hint.startswith("Name ")


BROKEN = {
    "no text": b"\xff\xfe\x00\xd8",
    "a NUL": b"flask\0",
    "half a file": b'[[package]]\nname = "a',
    "nested": b"a = " + b"[" * 50_000,
    "objects": b'{"a": ' * 50_000,
    "a long key": b"a." * 100_000 + b"a = 1",
    "other types": b'package = 3\nversion = 1\nmetadata = "x"\nlock-version = "1.0"',
    "a list": b"[1, 2]",
    "brackets": b"a ; " + b"(" * 10_000,
    "a long number": b"version = " + b"1" * 10_000,
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", [*ONE_OF_EACH])
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(BROKEN[kind])
    message = str(fault(tmp_path))
    assert message.isprintable()
    assert len(message) < 500


LINES = st.lists(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["-r ", "-c", "-e ", ".", "#", "\\", " ; ", "@", "git+https://a/b", "file:", "[x]"]
            ),
            st.sampled_from(
                ["requirements.txt", "..", "==1", "flask", "${A}", "'", "--hash=", "/"]
            ),
            st.text(max_size=5),
        ),
        max_size=6,
    ).map("".join),
    max_size=6,
).map("\n".join)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read_or_refused(folder: Path, named: str = "") -> str:
    """Give the packages, which are read back, or the message."""
    try:
        return " ".join(sorted(names(find_requirements(folder, named))))
    except ConfigError as error:
        return str(error)


@same_folder
@given(text=LINES)
def test_any_list_is_read_or_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    assert read_or_refused(tmp_path).isprintable()


@same_folder
@given(
    folder=st.sampled_from(["uv-conflict", "poetry", "pdm-bare", "pylock", "pipenv"]),
    start=st.floats(0, 1),
    length=st.integers(0, 60),
    instead=st.one_of(st.text(max_size=8), st.sampled_from(["[]", "{}", "''", "3", "true", "\n"])),
)
def test_a_damaged_lock_is_read_or_refused(
    tmp_path: Path, folder: str, start: float, length: int, instead: str
) -> None:
    (original,) = (file for file in (FIXTURES / folder).iterdir() if "lock" in file.name)
    text = original.read_text(encoding="utf-8")
    at = int(start * len(text))
    damaged = text[:at] + instead + text[at + length :]
    (tmp_path / original.name).write_bytes(damaged.encode("utf-8", errors="surrogatepass"))
    project = FIXTURES / folder / "pyproject.toml"
    if project.exists():
        (tmp_path / project.name).write_bytes(project.read_bytes())
    assert read_or_refused(tmp_path, original.name).isprintable()


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "requirements.txt")
    assert "there is no file" in str(fault(tmp_path, "requirements.txt"))


def test_what_is_too_long_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "requirements.txt").open("wb") as file:
        file.truncate(10_000_001)
    assert "longer than" in str(fault(tmp_path))


@pytest.mark.parametrize(
    "value",
    [
        "os_name == 'a\nevil==1'",
        "os_name == 'a #'",
        "os_name == 'a --index-url x'",
        "os_name == '${HOME}'",
        "os_name == 'a\u202e'",
    ],
)
def test_a_marker_cannot_bring_a_line_of_its_own(tmp_path: Path, value: str) -> None:
    text = A_UV_LOCK.replace('{ name = "flask" }', f'{{ name = "flask", marker = """{value}""" }}')
    fault(write(tmp_path, uv_lock=text))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b.whl", "https://a/${HOME}.whl"])
def test_an_address_that_is_none_or_would_tell_of_this_machine_is_refused(
    tmp_path: Path, url: str
) -> None:
    text = A_UV_LOCK.replace('{ registry = "https://pypi.org/simple" }', f'{{ url = "{url}" }}')
    fault(write(tmp_path, uv_lock=text))


@pytest.mark.timeout(60)
def test_markers_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    marker = " and ".join(
        f"(platform_version == 'a{n}' or platform_release == 'b{n}')" for n in range(40)
    )
    text = A_UV_LOCK.replace('{ name = "flask" }', f'{{ name = "flask", marker = "{marker}" }}')
    error = fault(write(tmp_path, uv_lock=text))
    assert "too tangled" in str(error)
    assert "export" in error.hint.lower()


@pytest.mark.timeout(120)
def test_a_lock_in_which_all_need_each_other_under_other_conditions_ends(tmp_path: Path) -> None:
    packages = [
        f'[[package]]\nname = "p{n}"\nversion = "1"\nsource = {{ registry = "r" }}\n'
        "dependencies = ["
        + ",".join(
            f"{{ name = 'p{m}', marker = \"platform_machine != 'x{n}y{m}'\" }}" for m in range(40)
        )
        + "]\n"
        for n in range(40)
    ]
    text = A_UV_LOCK.replace('{ name = "flask" }', '{ name = "p0" }') + "\n".join(packages)
    assert "too tangled" in str(fault(write(tmp_path, uv_lock=text)))
