"""A folder of somebody else's is read with bounds, and nothing outside of it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.reading import MOST_BYTES, MOST_FILES, Files, ReadError, python_of


def write(folder: Path, path: str, content: bytes = b"text\n") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)


def test_paths_are_sorted_and_relative_with_slashes(tmp_path: Path) -> None:
    write(tmp_path, "b/c.txt")
    write(tmp_path, "a.txt")
    assert Files.of(tmp_path).paths == ("a.txt", "b/c.txt")


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".github/workflows/ci.yml",
        "web/node_modules/x/Dockerfile",
        "app/__pycache__/x.py",
        "lib/site-packages/x.py",
    ],
)
def test_folders_of_tools_are_left_out(tmp_path: Path, path: str) -> None:
    write(tmp_path, path)
    assert Files.of(tmp_path).paths == ()


@pytest.mark.parametrize("path", [".docker/Dockerfile", ".platform/nginx/app.conf", ".env"])
def test_hidden_files_and_hidden_folders_of_deployment_files_are_read(
    tmp_path: Path, path: str
) -> None:
    write(tmp_path, path)
    assert Files.of(tmp_path).paths == (path,)


def test_a_virtual_environment_is_left_out_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, "python/pyvenv.cfg")
    write(tmp_path, "python/lib/x.py")
    assert Files.of(tmp_path).paths == ()


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "secret", b"key")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Dockerfile").symlink_to(tmp_path / "secret")
    files = Files.of(folder)
    assert files.paths == ()
    assert files.left_out == {"Dockerfile": "a link that leads out of the folder"}
    assert files.text("Dockerfile") is None


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path, "docker/prod", b"FROM python\n")
    (tmp_path / "Dockerfile").symlink_to("docker/prod")
    assert Files.of(tmp_path).text("Dockerfile") == "FROM python\n"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "up").symlink_to("..")
    files = Files.of(tmp_path)
    assert files.paths == ()
    assert set(files.left_out) == {"self", "folder/up"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Dockerfile")
    files = Files.of(tmp_path)
    assert files.paths == ()
    assert files.left_out == {"Dockerfile": "not a plain file"}


def test_the_longest_file_is_read_and_a_longer_one_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "longest", b"x" * MOST_BYTES)
    write(tmp_path, "longer", b"x" * (MOST_BYTES + 1))
    files = Files.of(tmp_path)
    assert files.paths == ("longest",)
    assert "longer than" in files.left_out["longer"]


def test_a_file_that_has_grown_meanwhile_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "log")
    files = Files.of(tmp_path)
    write(tmp_path, "log", b"x" * (MOST_BYTES + 1))
    assert files.text("log") is None


def test_of_too_many_files_those_nearest_to_the_top_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.reading.MOST_FILES", 3)
    write(tmp_path, "a/deep/one.txt")
    write(tmp_path, "z.txt")
    files = Files.of(tmp_path)
    assert files.paths == ("z.txt",)
    assert "." in files.left_out


def test_a_folder_of_a_project_is_not_cut(tmp_path: Path) -> None:
    assert MOST_FILES > 10_000
    write(tmp_path, "a.txt")
    assert Files.of(tmp_path).left_out == {}


def test_names_that_cannot_be_printed_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "line\nfeed.yaml")
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text("x")
    files = Files.of(tmp_path)
    assert files.paths == ()
    assert all(name.isprintable() for name in files.left_out)


def test_what_is_no_folder_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "file")
    with pytest.raises(OSError, match="file"):
        Files.of(tmp_path / "file")
    with pytest.raises(OSError, match="missing"):
        Files.of(tmp_path / "missing")


def test_a_binary_file_has_no_text_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", b"\x7fELF\0\0")
    files = Files.of(tmp_path)
    assert files.text("Dockerfile") is None
    with pytest.raises(ReadError, match="not a text"):
        files.read("Dockerfile")


def test_bytes_of_another_encoding_do_not_hide_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", b"# gr\xfc\xdfe\nFROM python\n")
    text = Files.of(tmp_path).text("Dockerfile")
    assert text is not None
    assert text.splitlines()[1] == "FROM python"


def test_a_byte_order_mark_and_other_line_ends_are_no_part_of_the_text(tmp_path: Path) -> None:
    write(tmp_path, "a", b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert Files.of(tmp_path).text("a") == "one\ntwo\nthree\n"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "a", b"before")
    files = Files.of(tmp_path)
    assert files.text("a") == "before"
    write(tmp_path, "a", b"after")
    assert files.text("a") == "before"


def test_of_a_file_that_is_not_there_there_is_no_text() -> None:
    files = Files.of_texts({"a/b": "x"})
    assert files.text("b") is None
    assert files.text("a") is None
    assert files.text("/a/b") is None


def test_the_files_of_a_folder_are_those_below_it() -> None:
    files = Files.of_texts(dict.fromkeys(["a.py", "a/b", "a/c/d", "a0", "b/a/e"], ""))
    assert files.inside("a") == ("a/b", "a/c/d")
    assert files.inside("a/c") == ("a/c/d",)
    assert files.inside("c") == ()
    assert files.inside("") == files.paths
    assert [files.holds(folder) for folder in ("a", "a/c", "c", "a0", "a.py")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_files_are_found_by_their_base_names() -> None:
    files = Files.of_texts({"b/Dockerfile": "1", "Dockerfile": "2", "a/Dockerfile.dev": "3"})
    assert files.find("Dockerfile") == ("Dockerfile", "b/Dockerfile")
    assert files.find("b/Dockerfile") == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("files")
    write(folder, "a", content)
    text = Files.of(folder).text("a")
    assert (text is None) == (b"\0" in content)


def test_an_error_says_its_line() -> None:
    assert str(ReadError("not YAML", 3)) == "line 3: not YAML"
    assert str(ReadError("not a text")) == "not a text"


def test_an_escape_that_python_does_not_know_is_no_message_of_ours(
    recwarn: pytest.WarningsRecorder,
) -> None:
    assert python_of('pattern = "\\d"\n').body
    assert not recwarn.list
