"""Versions that a project pins: what is locked wins, what is contested is not known."""

from toolkit.lint.facts import Fact, Where
from toolkit.lint.servers.requirements import versions_of
from toolkit.reading import Files


def versions(texts: dict[str, str]) -> dict[str, str]:
    return {name: fact.value for name, fact in versions_of(Files.of_texts(texts)).items()}


def test_pinned_requirements_have_their_line() -> None:
    files = Files.of_texts({"requirements.txt": "# a comment\n\nGunicorn==27.0.1\n"})
    assert versions_of(files) == {"gunicorn": Fact("27.0.1", Where("requirements.txt", 3))}


def test_only_what_is_pinned_counts() -> None:
    text = (
        "a==1.0 ; python_version > '3'\nb >= 2\nc[x, y] == 3.0 \\\n    --hash=sha256:0\n"
        "d===4\ne~=5\n-r other.txt\ngit+https://example.com/f@v==6\ng==7.*\nh (==8.1)\ni==9#x\n"
    )
    assert versions({"requirements/base.txt": text}) == {
        "a": "1.0",
        "c": "3.0",
        "d": "4",
        "h": "8.1",
        "i": "9",
    }


def test_names_are_normalized() -> None:
    assert versions({"requirements-dev.txt": "Flask_SQLAlchemy.x==1"}) == {
        "flask-sqlalchemy-x": "1"
    }


def test_other_files_are_not_read() -> None:
    assert versions({"notes.txt": "a==1", "requirements.md": "a==1", "a/b.txt": "a==1"}) == {}


LOCK = """\
version = 1

[[package]]
name = "uvicorn"
version = "0.54.0"
source = { registry = "x" }

[package.optional-dependencies]
name = "x"
version = "9"

[[package]]
version = "3"
name = "late"

[metadata]
name = "gunicorn"
version = "1"
"""


def test_lock_files_are_read_by_their_packages() -> None:
    for path in ("uv.lock", "api/poetry.lock", "pdm.lock"):
        found = versions_of(Files.of_texts({path: LOCK}))
        assert found == {"uvicorn": Fact("0.54.0", Where(path, 5))}


def test_a_pylock_calls_them_packages() -> None:
    text = "[[packages]]\nname = 'a'\nversion = '1'\n"
    assert versions({"pylock.toml": text}) == {"a": "1"}


def test_a_pipfile_lock_has_its_lines() -> None:
    text = '{\n  "default": {\n    "a": {\n      "version": "==1"\n    },\n    "b": {}\n  }\n}\n'
    found = versions_of(Files.of_texts({"Pipfile.lock": text}))
    assert found == {"a": Fact("1", Where("Pipfile.lock", 3))}


def test_a_lock_wins_over_requirements() -> None:
    texts = {"requirements.txt": "uvicorn==0.1\nb==2\n", "uv.lock": LOCK}
    assert versions(texts) == {"uvicorn": "0.54.0", "b": "2"}


def test_what_files_of_a_kind_pin_differently_is_not_known() -> None:
    assert versions({"a/requirements.txt": "a==1\nb==1", "b/requirements.txt": "a==2\nb==1"}) == {
        "b": "1"
    }


def test_broken_and_hostile_files_pin_nothing() -> None:
    deep = "[" * 100_000
    for path in ("Pipfile.lock", "uv.lock", "requirements.txt"):
        for text in (
            "",
            "{",
            deep,
            "[]",
            '{"default": 1}',
            f'{{"default": {deep}',
            "a" + " " * 10**6,
        ):
            assert versions({path: text}) == {}
