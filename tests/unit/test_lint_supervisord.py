"""Programs of supervisord: what its configuration says, and who runs them."""

import pytest

from toolkit.lint.facts import Deployment, Fact, Platform, Where
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.manifests.programs import Program
from toolkit.lint.manifests.supervisord import (
    configuration_of,
    included,
    is_config,
    means,
    read,
)
from toolkit.lint.rules import judge
from toolkit.reading import Files, ReadError

GUNICORN = "gunicorn --bind 0.0.0.0:8000 --threads 4 --worker-tmp-dir /dev/shm app:app"


def program(settings: str, **env: str) -> Program:
    variables = {name: Fact(value, Where("x")) for name, value in env.items()}
    (found,) = read("a.conf", f"[program:web]\n{settings}\n", variables)
    return found


# what is written


def test_defaults_are_facts_that_say_whose_they_are() -> None:
    found = program("command=gunicorn app:app")
    assert found.command == Fact(("gunicorn", "app:app"), Where("a.conf", 2))
    assert found.grace == Fact(10.0, Where("a.conf", 2), "supervisord")
    assert found.stop_signal == Fact("TERM", Where("a.conf", 2), "supervisord")
    assert (found.as_group, found.copies, found.directory) == (False, None, "")


def test_settings_are_read_with_their_lines() -> None:
    found = program(
        "command = a b\nstopwaitsecs=60 ; long\nSTOPSIGNAL=INT\nstopasgroup=true\n"
        "numprocs=3\ndirectory=/srv"
    )
    assert found.grace == Fact(60.0, Where("a.conf", 3))
    assert found.stop_signal == Fact("INT", Where("a.conf", 4))
    assert found.copies == Fact(3, Where("a.conf", 6))
    assert (found.as_group, found.directory) == (True, "/srv")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("a\n  --b\n  c", ("a", "--b", "c")),
        ("a\n; comment\n  --b ; more\n", ("a", "--b")),
        ("a 'b c' ;d", ("a", "b c")),
        ("a b;c", ("a", "b;c")),
        ("%(program_name)s --port %(ENV_PORT)s 100%%", ("web", "--port", "8000", "100%")),
        ("a %(ENV_OTHER)s %(here)s", ("a", "${OTHER}", "${here}")),
    ],
)
def test_a_command_is_split_as_supervisord_does(command: str, words: tuple[str, ...]) -> None:
    assert program(f"command={command}", PORT="8000").command.value == words


def test_variables_of_all_programs_give_way_to_those_of_one() -> None:
    text = (
        '[supervisord]\nenvironment=A="1",B="2"\n[program:web]\ncommand=x\n'
        "environment=B='three, four',C=%(ENV_HOME)s\n"
    )
    (found,) = read("a.conf", text, {"HOME": Fact("/root", Where("x"))})
    values = {name: fact.value for name, fact in found.env.items()}
    assert values == {"A": "1", "B": "three, four", "C": "/root"}


def test_a_program_without_a_command_is_none_and_other_sections_are_not_read() -> None:
    text = "[program:a]\nautostart=true\n[eventlistener:b]\ncommand=x\n[group:c]\nprograms=a\n"
    assert read("a.conf", text) == ()


def test_a_quote_that_is_not_closed_is_told_with_its_line() -> None:
    with pytest.raises(ReadError) as raised:
        program("command=sh -c 'x")
    assert raised.value.line == 2


@pytest.mark.parametrize(
    ("path", "text", "is_one"),
    [
        ("a.conf", "[program:x]\n", True),
        ("conf.d/a.ini", "; x\n[supervisord]\n", True),
        ("a.txt", "[program:x]\n", False),
        ("nginx.conf", "server { }\n", False),
        ("uwsgi.ini", "[uwsgi]\nmodule = a\n", False),
    ],
)
def test_a_configuration_is_known_by_its_sections(path: str, text: str, is_one: bool) -> None:
    assert is_config(path, text) is is_one


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("supervisord",), ""),
        (("/usr/bin/supervisord", "-n", "-c", "/a.conf"), "/a.conf"),
        (("supervisord", "--configuration=/b.conf"), "/b.conf"),
        (("supervisord", "-c"), ""),
        (("supervisorctl", "-c", "/a.conf"), None),
        ((), None),
    ],
)
def test_a_command_names_its_configuration(words: tuple[str, ...], file: str | None) -> None:
    assert configuration_of(words) == file


def test_what_a_configuration_includes_lies_beside_it() -> None:
    text = "[include]\nfiles = conf.d/*.conf\n  /srv/*.ini\n"
    patterns = included("/etc/supervisor/a.conf", text)
    assert patterns == ("conf.d/*.conf", "/srv/*.ini")
    known = ["/etc/supervisor/conf.d/web.conf", "/srv/web.ini", "/etc/conf.d/web.conf"]
    assert [means("/etc/supervisor/a.conf", patterns, path) for path in known] == [
        True,
        True,
        False,
    ]


# who runs them


def deployment(**files: str) -> Deployment:
    names = {"Dockerfile": "Dockerfile", "compose": "compose.yaml", "conf": "supervisord.conf"}
    return gather(Files.of_texts({names.get(name, name): text for name, text in files.items()}))


DOCKERFILE = """FROM python:3.13-slim
COPY supervisord.conf {place}
CMD {command}
"""
CONF = f"[program:web]\ncommand={GUNICORN}\ndirectory=/srv\nstopwaitsecs=30\n"


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("/etc/supervisord.conf", '["supervisord", "-n"]'),
        ("/etc/supervisor/supervisord.conf", '["/usr/bin/supervisord"]'),
        ("/etc/supervisor/conf.d/web.conf", '["supervisord", "-n"]'),
        ("/srv/x.conf", '["supervisord", "-c", "/srv/x.conf"]'),
        ("/srv/supervisord.conf", "exec supervisord -c /elsewhere/supervisord.conf"),
    ],
)
def test_a_container_serves_what_its_supervisord_starts(place: str, command: str) -> None:
    found = deployment(
        Dockerfile=DOCKERFILE.format(place=place, command=command),
        compose="services:\n  shop:\n    build: .\n    mem_limit: 100m\n    ports: ['8000:8000']\n",
        conf=CONF,
    )
    (unit,) = found.units
    assert (unit.name, unit.container.platform) == ("service shop (web)", Platform.COMPOSE)
    assert unit.server is not None
    assert unit.container.memory is not None
    assert unit.container.workdir == "/srv"
    assert len(unit.container.published) == 1


def test_without_a_container_it_is_a_program_of_the_machine() -> None:
    (unit,) = deployment(conf=CONF).units
    assert (unit.name, unit.container.platform) == ("program web", Platform.SUPERVISORD)


def test_a_file_that_a_container_does_not_get_is_of_a_machine() -> None:
    found = deployment(
        Dockerfile=DOCKERFILE.format(place="/etc/supervisord.conf", command='["supervisord"]'),
        conf=CONF,
        **{"deploy/other.conf": CONF.replace("web", "api")},
    )
    assert [unit.name for unit in found.units] == ["Dockerfile (web)", "program api"]


@pytest.mark.parametrize(
    ("outer", "inner", "seconds", "fix"),
    [
        (20, 30, 20, "stop_grace_period: 32s"),
        (60, 25, 25, "stopwaitsecs=32"),
        (60, 60, None, ""),
    ],
)
def test_whoever_loses_patience_first_is_told(
    outer: int, inner: int, seconds: int | None, fix: str
) -> None:
    found = deployment(
        Dockerfile=DOCKERFILE.format(place="/etc/supervisord.conf", command='["supervisord"]'),
        compose=f"services:\n  shop:\n    build: .\n    stop_grace_period: {outer}s\n",
        conf=CONF.replace("stopwaitsecs=30", f"stopwaitsecs={inner}"),
    )
    said = [item for item in judge(found, Measured()).findings if item.rule == "graceful-nesting"]
    assert len(said) == (seconds is not None)
    for item in said:
        assert f"is killed {seconds} s after" in item.message
        assert item.fix.startswith(fix)


def test_a_worker_count_of_the_main_file_holds_in_what_it_includes() -> None:
    found = gather(
        Files.of_texts(
            {
                "Dockerfile": 'FROM python:3.13-slim\nCOPY etc/ /etc/\nCMD ["supervisord"]\n',
                "etc/supervisord.conf": "[supervisord]\nenvironment=WEB_CONCURRENCY=6\n"
                "[include]\nfiles=programs/*.conf\n",
                "etc/programs/web.conf": CONF,
            }
        )
    )
    (unit,) = found.units
    assert unit.server is not None
    assert unit.server.workers is not None
    assert unit.server.workers.value == 6


def test_programs_that_serve_nothing_are_no_units() -> None:
    assert deployment(conf="[program:beat]\ncommand=celery -A app beat\n").units == ()
