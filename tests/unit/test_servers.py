"""Claims that hold for every folder under deploy/servers/."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.catalog import Catalog, root
from toolkit.model import Knobs, Server
from toolkit.runtime.settings import environment_of
from toolkit.serve import DEPLOYED, KNOBS, knob_values, render_argv

CATALOG = Catalog(root())
SERVERS = {server.name: server for server in CATALOG.servers}

_GUNICORN = {
    "workers": ["--workers", "7"],
    "connections": ["--worker-connections", "901"],
    "keep_alive": ["--keep-alive", "63"],
    "backlog": ["--backlog", "777"],
    "max_requests": ["--max-requests", "5000", "--max-requests-jitter", "500"],
    "preload": ["--preload"],
    "access_log": ["--access-logfile", "-"],
}
_UVICORN = {
    "workers": ["--workers", "7"],
    "connections": ["--limit-concurrency", "901"],
    "keep_alive": ["--timeout-keep-alive", "63"],
    "backlog": ["--backlog", "777"],
    "max_requests": ["--limit-max-requests", "5000", "--limit-max-requests-jitter", "500"],
    "access_log": ["--access-log", "--log-level", "info"],
}
_HYPERCORN = {
    "workers": ["--workers", "7"],
    "keep_alive": ["--keep-alive", "63"],
    "backlog": ["--backlog", "777"],
    "max_requests": ["--max-requests", "5000", "--max-requests-jitter", "500"],
    "access_log": ["--access-logfile", "-", "--log-level", "INFO"],
}
_GRANIAN = {
    "workers": ["--workers", "7"],
    "connections": ["--backpressure", "901"],
    "keep_alive": ["--http1-keep-alive", "--http1-header-read-timeout", "63000"],
    "backlog": ["--backlog", "777"],
    "access_log": ["--access-log"],
}
_LAUNCHER = {
    "threads": ["--threads", "8"],
    "connections": ["--connections", "901"],
    "keep_alive": ["--keep-alive", "63"],
    "backlog": ["--backlog", "777"],
}
_THREADS_OF_A2WSGI = {"threads": ["THREADS=8"]}

ODD = Knobs(
    workers=7,
    threads=8,
    connections=901,
    keep_alive=63,
    backlog=777,
    max_requests=5000,
    preload=True,
    access_log=True,
)


def _without(flags: dict[str, list[str]], *names: str) -> dict[str, list[str]]:
    return {name: items for name, items in flags.items() if name not in names}


FLAGS = {
    "gunicorn-sync": _without(_GUNICORN, "connections", "keep_alive"),
    "gunicorn-gthread": {**_GUNICORN, "threads": ["--threads", "8"]},
    # what is imported before gevent patches blocks all greenlets
    "gunicorn-gevent": _without(_GUNICORN, "preload"),
    "gunicorn-asgi": _without(_GUNICORN, "connections"),
    "gunicorn-asgi-a2wsgi": {**_without(_GUNICORN, "connections"), **_THREADS_OF_A2WSGI},
    "gunicorn-uvicorn": _GUNICORN,
    "uvicorn": _UVICORN,
    "uvicorn-a2wsgi": {**_UVICORN, **_THREADS_OF_A2WSGI},
    "hypercorn": _HYPERCORN,
    "hypercorn-a2wsgi": {**_HYPERCORN, **_THREADS_OF_A2WSGI},
    "granian-wsgi": {**_GRANIAN, "threads": ["--blocking-threads", "8"]},
    "granian-asgi": _GRANIAN,
    "waitress": _LAUNCHER,
    "cheroot": _LAUNCHER,
    "gevent-pywsgi": {**_without(_LAUNCHER, "threads"), "access_log": ["--access-log"]},
    "uwsgi": {
        "workers": ["--processes", "7"],
        "threads": ["--threads", "8"],
        "backlog": ["--listen", "777"],
        "max_requests": ["--max-requests", "5000", "--max-requests-delta", "500"],
        # both are its defaults: what it is told is the opposite
        "preload": [],
        "access_log": [],
    },
    "flask-dev": {"access_log": ["--access-log"]},
}
"""What each knob of ``ODD`` becomes; a knob that is missing is one the server does not have."""


def command(server: Server, knobs: Knobs) -> list[str]:
    values = knob_values(environment_of(knobs, host="h", port=1))
    template = {"argv": server.argv, "switches": server.switches}
    return render_argv(template, {**values, "host": "h", "port": 1}, "m:a", "deploy/servers/NAME")


def has_in_a_row(items: list[str], wanted: list[str]) -> bool:
    return any(items[at : at + len(wanted)] == wanted for at in range(len(items) + 1))


def changed(name: str) -> Knobs:
    values = {name: getattr(ODD, name)}
    return Knobs(**values)


def test_every_server_is_in_the_table_of_this_test() -> None:
    assert FLAGS.keys() == SERVERS.keys()


@pytest.mark.parametrize("name", FLAGS)
def test_every_knob_reaches_the_command_as_the_flag_that_means_it(name: str) -> None:
    items = command(SERVERS[name], ODD)
    for knob, flags in FLAGS[name].items():
        assert has_in_a_row(items, flags), knob


@pytest.mark.parametrize("knob", KNOBS)
@pytest.mark.parametrize("name", FLAGS)
def test_a_knob_changes_the_command_of_the_servers_that_have_it_and_no_other(
    name: str, knob: str
) -> None:
    """Also that a switch has two sides: an access log that is off is not left to the default."""
    plain, turned = (command(SERVERS[name], knobs) for knobs in (Knobs(), changed(knob)))
    assert (plain != turned) == (knob in FLAGS[name])
    # what the report says about it
    named = SERVERS[name].knobs | SERVERS[name].switches.keys()
    assert (knob in named) == (knob in FLAGS[name])


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_server_uses_only_what_there_is(server: Server) -> None:
    """A misspelt knob would fail when the server starts, a misspelt switch would never be used."""
    known = {*KNOBS, *DEPLOYED, "max_requests_jitter", "host", "port", "target", "server_dir"}
    texts = [*server.argv]
    for name, sides in server.switches.items():
        assert name in {*KNOBS, "proxied"}
        assert f"{{{name}}}" in server.argv
        assert sides.keys() == {"on", "off"}
        texts += [*sides["on"], *sides["off"]]
    assert {name for text in texts for name in re.findall(r"{(\w*)}", text)} <= known


def _files(server: Server) -> Iterator[Path]:
    texts = [*server.argv]
    for sides in server.switches.values():
        texts += [text for side in sides.values() for text in side]
    for text in texts:
        if "{server_dir}" in text:
            yield Path(text.replace("{server_dir}", str(server.path)).partition(":")[0])


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_the_files_a_command_names_are_there_and_in_the_image(server: Server) -> None:
    """The image has the server's own folder and the Python files beside it, nothing else."""
    for file in _files(server):
        resolved = file.resolve()
        assert resolved.exists()
        beside = resolved.suffix == ".py" and resolved.parent == server.path.parent
        assert beside or resolved in {server.path.parent, server.path, *server.path.iterdir()}


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_what_to_serve_is_the_last_word(server: Server) -> None:
    """Either the app itself, or a module of ours that reads ``APP_TARGET``."""
    last = server.argv[-1]
    if last == "{target}":
        return
    module = Path(last.partition(":")[0].replace("{server_dir}", str(server.path)))
    folders = (module.parent, server.path, server.path.parent)
    (file,) = {
        found.resolve() for folder in folders if (found := folder / f"{module.stem}.py").is_file()
    }
    assert 'os.environ["APP_TARGET"]' in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in FLAGS if "gunicorn" not in name])
def test_no_replacement_of_processes_is_no_flag_at_all(name: str) -> None:
    """To uvicorn and hypercorn a 0 means the very first request; gunicorn takes it for never."""
    assert not [item for item in command(SERVERS[name], Knobs()) if "max-requests" in item]


def test_uvicorn_is_started_by_what_loses_no_request_when_it_stops() -> None:
    """Its own command does, and would end with the last request of one worker."""
    launched = ["python", "deploy/servers/NAME/../uvicorn_supervised.py"]
    for name in ("uvicorn", "uvicorn-a2wsgi"):
        for knobs in (Knobs(), Knobs(workers=2), Knobs(max_requests=100)):
            assert has_in_a_row(command(SERVERS[name], knobs), launched)


def test_the_manual_agrees_with_the_folders() -> None:
    text = (CATALOG.path / "docs" / "servers.md").read_text(encoding="utf-8")
    lines = text.partition("## At a glance")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    table = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}
    assert table.keys() == SERVERS.keys()
    for name, server in SERVERS.items():
        row = table[name]
        assert row["interface"] == " ".join(server.interfaces).upper()
        assert row["keep-alive"] == ("yes" if server.keep_alive else "no")
        for knob in KNOBS.keys() - {"keep_alive"}:
            assert row[knob.replace("_", " ")] == ("yes" if knob in FLAGS[name] else "-"), knob
        assert re.search(rf"^### .*\b{name}\b", text, re.MULTILINE)


def test_the_page_says_what_every_case_came_to() -> None:
    cases = json.loads(
        (CATALOG.path / "results/reference/every_case.json").read_text(encoding="utf-8")
    )["cases"]
    page = " ".join((CATALOG.path / "docs/servers.md").read_text(encoding="utf-8").split())
    outcomes = Counter(case["outcome"] for case in cases)
    assert set(outcomes) == {"served", "broken upstream"}
    stacks = {stack.id for stack in CATALOG.select_stacks(("*",))}
    workloads = {item.id for item in CATALOG.select_workloads(("*",))}
    every = {(kind, a, b) for kind in ("docker", "process") for a in stacks for b in workloads}
    assert {(case["runtime"], case["stack"], case["workload"]) for case in cases} == every
    assert f"{len(stacks)} stacks under {len(workloads)} workloads" in page
    assert (
        f"Of {len(cases):,} cases {outcomes['served']:,} were served, "
        f"{outcomes['broken upstream']} are these"
    ) in page
    table = page.partition("## What runs on what")[2].partition("Tried by")[0]
    for stack in {case["stack"] for case in cases if case["outcome"] != "served"}:
        assert stack in table
