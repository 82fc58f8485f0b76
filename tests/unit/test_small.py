"""Spelling, units, CPU lists, the recipe's hash: small rules that others lean on."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.machine import parse_cpu_list
from toolkit.model import App, Interface, Server, Stack
from toolkit.runtime.guardian import read_charges
from toolkit.runtime.recipe import digest, files_of
from toolkit.units import format_bytes, format_duration, format_latency, format_rate, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 512 * 2**20), ("1.5g", 3 * 2**29), ("64 MiB", 64 * 2**20), ("100", 100)],
)
def test_sizes_are_read_as_docker_spells_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1m", "1t", "1 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a size"):
        parse_size(text)


def test_quantities_are_written_with_the_digits_that_mean_something() -> None:
    assert [format_latency(x) for x in (0.00123, 0.0123, 1.234)] == ["1.23", "12.3", "1,234"]
    assert [format_rate(x) for x in (1234.5, 12.34)] == ["1,234", "12.3"]
    assert [format_duration(x) for x in (38, 245)] == ["38 s", "4 min 05 s"]
    assert [format_bytes(x) for x in (3 * 2**20, 3 * 2**29)] == ["3 MiB", "1.5 GiB"]


@given(st.sets(st.integers(0, 200)))
def test_a_cpu_list_reads_back(cpus: set[int]) -> None:
    assert parse_cpu_list(",".join(map(str, sorted(cpus)))) == cpus


def test_a_cpu_list_has_ranges_and_nonsense_is_empty() -> None:
    assert parse_cpu_list("0-2,8") == {0, 1, 2, 8}
    assert parse_cpu_list("a-b") == frozenset()


def test_the_guardian_is_left_with_what_was_not_taken_back() -> None:
    lines = io.StringIO("folder /a\ngroup 5 1.0\n-folder /a\ncontainers x\n-nothing\n")
    assert read_charges(lines) == ["containers x", "group 5 1.0"]


def test_a_changed_file_name_or_setting_changes_the_hash(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("1")
    other.write_text("2")
    base = digest({"x": file}, ("s",))
    assert base == digest({"x": file}, ("s",))
    assert (
        len(
            {
                base,
                digest({"y": file}, ("s",)),
                digest({"x": other}, ("s",)),
                digest({"x": file}, ("t",)),
                digest({"x": file}),
            }
        )
        == 5
    )


def test_an_image_has_what_an_app_needs_and_not_its_tests(tmp_path: Path) -> None:
    wanted = {
        "apps/mine/app.toml",
        "apps/mine/mine/tests_are_great.py",
        "apps/mine/mine/templates/tests/page.html",
        "apps/shared/schema.sql",
        "apps/shared/static/blob.bin",
        "deploy/servers/gunicorn.conf.py",
        "deploy/servers/one/server.toml",
    }
    others = {
        "apps/mine/tests/test_app.py",
        "apps/mine/tests/data/rows.json",
        "apps/mine/mine/__pycache__/mine.pyc",
        "apps/other/app.toml",
        "deploy/servers/two/server.toml",
    }
    for name in wanted | others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    app = App(
        name="mine",
        summary="",
        interface=Interface.WSGI,
        target="mine:app",
        health="/",
        path=tmp_path / "apps" / "mine",
    )
    server = Server(
        name="one",
        summary="",
        interfaces=(Interface.WSGI,),
        keep_alive=True,
        argv=(),
        path=tmp_path / "deploy" / "servers" / "one",
    )
    files = files_of(Stack(app=app, server=server))
    assert files.keys() & (wanted | others) == wanted
