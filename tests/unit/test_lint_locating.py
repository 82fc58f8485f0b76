"""Which file of the folder a path in a container means, and when that cannot be told."""

import pytest

from toolkit.lint.facts import Copied
from toolkit.lint.locating import Locator, Place, folders_above, in_common, places_of
from toolkit.reading import Files

TEXTS = {
    "app/main.py": "",
    "app/conf/gunicorn.py": "",
    "deploy/entry.sh": "",
    "deploy/Dockerfile": "",
    "other/entry.sh": "",
    "docker/prod/start.sh": "",
}
FILES = Files.of_texts(TEXTS)


def copied(*pairs: tuple[str, str], contexts: tuple[str, ...] = ("",)) -> Locator:
    copies = [Copied(source=source, target=target) for source, target in pairs]
    return Locator(FILES, places_of(FILES, copies, contexts), near=contexts[:1])


def found(locator: Locator, path: str, *, guess: bool = True) -> str | None:
    located = locator.find(path, guess=guess)
    return located[0] if located else None


@pytest.mark.parametrize(
    ("source", "target", "path", "file"),
    [
        (".", "/srv", "/srv/app/main.py", "app/main.py"),
        ("app", "/srv", "/srv/conf/gunicorn.py", "app/conf/gunicorn.py"),
        ("./app/", "/srv/", "/srv/./conf/../main.py", "app/main.py"),
        ("deploy/entry.sh", "/entry.sh", "/entry.sh", "deploy/entry.sh"),
        ("deploy/entry.sh", "/run-me", "/run-me", "deploy/entry.sh"),
        (".", "/", "/app/main.py", "app/main.py"),
    ],
)
def test_a_path_leads_back_through_what_was_copied(
    source: str, target: str, path: str, file: str
) -> None:
    assert found(copied((source, target)), path) == file


def test_what_is_copied_later_covers_what_was_before() -> None:
    locator = copied((".", "/srv"), ("other/entry.sh", "/srv/deploy/entry.sh"))
    assert found(locator, "/srv/deploy/entry.sh") == "other/entry.sh"


def test_a_file_that_was_not_copied_is_not_there_wherever_else_it_is() -> None:
    locator = copied(("app", "/srv"))
    assert found(locator, "/srv/start.sh") is None
    assert found(locator, "/other/start.sh") == "docker/prod/start.sh"


def test_otherwise_it_is_the_only_file_of_that_name() -> None:
    assert found(copied(), "/usr/local/bin/start.sh") == "docker/prod/start.sh"
    assert found(copied(), "/usr/local/bin/entry.sh") is None
    assert found(copied(), "/usr/local/bin/none.sh") is None


def test_a_path_that_ends_like_one_of_the_folder_is_that() -> None:
    assert found(copied(), "/opt/project/deploy/entry.sh") == "deploy/entry.sh"


def test_what_nobody_asked_for_is_not_guessed() -> None:
    assert found(copied(), "/srv/start.sh", guess=False) is None
    assert found(copied(), "/srv/main.py", guess=False) is None
    near = Locator(FILES, near=("app",))
    assert found(near, "/srv/main.py", guess=False) == "app/main.py"


def test_folders_are_looked_through_the_nearest_first() -> None:
    locator = Locator(FILES, near=("other", "deploy", ""))
    assert found(locator, "/srv/entry.sh") == "other/entry.sh"
    assert found(locator, "/srv/Dockerfile") == "deploy/Dockerfile"
    assert found(locator, "/srv/start.sh") == "docker/prod/start.sh"


def test_a_guess_stays_in_the_folder_of_the_build() -> None:
    assert found(Locator(FILES, near=("app",)), "/x/start.sh") is None


def test_of_contexts_the_one_that_has_the_sources_is_taken() -> None:
    locator = copied(
        ("app", "/srv"), ("deploy/entry.sh", "/entry.sh"), contexts=folders_above("deploy/x")
    )
    assert locator.places == (
        Place("app", "/srv", folder=True),
        Place("deploy/entry.sh", "/entry.sh", folder=False),
    )


def test_a_folder_with_nothing_but_a_dockerfile_is_no_context() -> None:
    locator = copied((".", "/srv"), contexts=folders_above("deploy/Dockerfile"))
    assert found(locator, "/srv/app/main.py") == "app/main.py"


def test_nothing_is_copied_from_outside() -> None:
    assert copied(("../../etc", "/srv")).places == ()


def test_all_files_of_a_container_are_listed_with_their_places() -> None:
    locator = copied(("app", "/srv"), ("deploy/entry.sh", "/entry.sh"))
    assert list(locator.targets()) == [
        ("/srv/conf/gunicorn.py", "app/conf/gunicorn.py"),
        ("/srv/main.py", "app/main.py"),
        ("/entry.sh", "deploy/entry.sh"),
    ]


def test_folders_above_end_with_the_whole() -> None:
    assert folders_above("a/b/Dockerfile") == ("a/b", "a", "")
    assert folders_above("Dockerfile") == ("",)


def test_paths_have_their_first_folders_in_common() -> None:
    assert in_common("a/b/x", "a/b/y") == 2
    assert in_common("a/b/x", "a/c/x") == 1
    assert in_common("x", "x") == 0
