"""The settings that a server comes to, whatever says them, and where that stands."""

import math
import shlex
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Command, Fact, Server, ServerKind, Where
from toolkit.lint.servers import gunicorn_config
from toolkit.lint.servers.gunicorn import release_of
from toolkit.lint.servers.server import server_of
from toolkit.lint.servers.settings import ByCpus, Unknown
from toolkit.reading import ReadError

WHERE = Where("Dockerfile", 9)
ENV = Where("compose.yaml", 5)


def found(
    line: str,
    *,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
    workdir: str = "/app",
    **of_command: object,
) -> Server | None:
    texts = files or {}
    command = Command(words=tuple(shlex.split(line)), where=WHERE, **of_command)  # type: ignore[arg-type]
    return server_of(
        command,
        env={name: Fact(value, ENV) for name, value in (env or {}).items()},
        workdir=workdir,
        find=lambda path: (path.removeprefix("/app/"), texts[path]) if path in texts else None,
        versions={
            name: Fact(value, Where("uv.lock", 1)) for name, value in (versions or {}).items()
        },
    )


def server(line: str, **given: object) -> Server:
    result = found(line, **given)  # type: ignore[arg-type]
    assert result is not None
    return result


def configured(text: str, line: str = "gunicorn app:app", **given: object) -> Server:
    return server(line, files={"/app/gunicorn.conf.py": text}, **given)


def values(facts: tuple[Fact[str], ...]) -> list[str]:
    return [fact.value for fact in facts]


# gunicorn's command line


def test_gunicorns_defaults_say_whose_they_are() -> None:
    bare = server("gunicorn app:app")
    assert bare.kind is ServerKind.GUNICORN

    def default(value: object) -> Fact[object]:
        return Fact(value, WHERE, "gunicorn")

    assert bare == Server(
        kind=ServerKind.GUNICORN,
        where=WHERE,
        worker_class=default("sync"),  # type: ignore[arg-type]
        workers=default(1),  # type: ignore[arg-type]
        threads=default(1),  # type: ignore[arg-type]
        timeout=default(30.0),  # type: ignore[arg-type]
        graceful_timeout=default(30.0),  # type: ignore[arg-type]
        backlog=default(2048),  # type: ignore[arg-type]
        max_requests=default(0),  # type: ignore[arg-type]
        max_requests_jitter=default(0),  # type: ignore[arg-type]
        preload=default(False),  # type: ignore[arg-type]
        binds=(default("127.0.0.1:8000"),),  # type: ignore[arg-type]
        trusted_proxies=default("127.0.0.1,::1"),  # type: ignore[arg-type]
        control_socket=default(True),  # type: ignore[arg-type]
        heartbeat_folder=default(""),  # type: ignore[arg-type]
        reloads=default(False),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "written",
    [
        "-w 4",
        "-w4",
        "-w=4",
        "--workers 4",
        "--workers=4",
        "--workers 2 --workers 4",
        "-Rw4",
    ],
)
def test_options_are_written_in_many_ways(written: str) -> None:
    assert server(f"gunicorn {written} app:app").workers == Fact(4, WHERE)


def test_an_option_may_be_shortened_as_long_as_it_is_clear() -> None:
    assert server("gunicorn --graceful-t 9 app:app").graceful_timeout == Fact(9.0, WHERE)
    assert server("gunicorn --worker 9 app:app").workers == Fact(1, WHERE, "gunicorn")


def test_every_setting_has_its_option() -> None:
    every = server(
        "gunicorn -k gthread --threads 8 --worker-connections 100 -t 40 --graceful-timeout 20 "
        "--keep-alive 65 --backlog 64 --max-requests 1000 --max-requests-jitter 50 --preload "
        "-b :80 --bind unix:/a.sock --forwarded-allow-ips=* --no-control-socket "
        "--worker-tmp-dir /dev/shm --reload app:app"
    )
    assert every.worker_class == Fact("gthread", WHERE)
    assert (every.threads, every.worker_connections) == (Fact(8, WHERE), Fact(100, WHERE))
    assert (every.timeout, every.graceful_timeout) == (Fact(40.0, WHERE), Fact(20.0, WHERE))
    assert (every.keep_alive, every.backlog) == (Fact(65.0, WHERE), Fact(64, WHERE))
    assert (every.max_requests, every.max_requests_jitter) == (Fact(1000, WHERE), Fact(50, WHERE))
    assert (every.preload, every.reloads) == (Fact(True, WHERE), Fact(True, WHERE))
    assert values(every.binds) == [":80", "unix:/a.sock"]
    assert every.trusted_proxies == Fact("*", WHERE)
    assert every.control_socket == Fact(False, WHERE)
    assert every.heartbeat_folder == Fact("/dev/shm", WHERE)


def test_a_value_that_looks_like_an_option_of_interest_is_none() -> None:
    assert server("gunicorn --name -w app:app").workers == Fact(1, WHERE, "gunicorn")


def test_words_after_dashes_are_no_options() -> None:
    assert server("gunicorn -- app:app -w 4").workers == Fact(1, WHERE, "gunicorn")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("sync --threads 4", "gthread"),
        ("gunicorn.workers.sync.SyncWorker", "sync"),
        ("egg:gunicorn#gevent", "gevent"),
        ("gevent_pywsgi", "gevent"),
        ("gunicorn.workers.ggevent.GeventWorker", "gevent"),
        ("gunicorn.workers.gthread.ThreadWorker", "gthread"),
        ("uvicorn_worker.UvicornWorker", "uvicorn_worker.UvicornWorker"),
        ("asgi", "asgi"),
    ],
)
def test_classes_of_workers_have_one_name(written: str, name: str) -> None:
    worker_class = server(f"gunicorn -k {written} app:app").worker_class
    assert worker_class is not None
    assert worker_class.value == name


@pytest.mark.parametrize(
    ("name", "threads", "connections", "keep_alive"),
    [
        ("sync", True, False, False),
        ("gthread", True, True, True),
        ("gevent", False, True, True),
        ("asgi", False, True, True),
        ("tornado", False, False, True),
        ("uvicorn_worker.UvicornWorker", False, False, True),
        ("$CLASS", False, False, False),
    ],
)
def test_a_class_has_only_the_settings_that_it_uses(
    name: str, threads: bool, connections: bool, keep_alive: bool
) -> None:
    result = server(f"gunicorn -k '{name}' app:app")
    has = (result.threads, result.worker_connections, result.keep_alive)
    assert [value is not None for value in has] == [threads, connections, keep_alive]


def test_a_value_that_is_not_known_is_none() -> None:
    result = server("gunicorn -w '$WORKERS' --timeout '${T}' -b '0.0.0.0:$PORT' app:app")
    assert (result.workers, result.timeout, result.binds) == (None, None, ())
    assert result.backlog == Fact(2048, WHERE, "gunicorn")


def test_words_that_may_be_any_options_leave_nothing_to_default() -> None:
    for line in ("gunicorn $OPTIONS app:app", "gunicorn app:app $@", "gunicorn $@"):
        result = server(line)
        assert (result.workers, result.timeout, result.binds) == (None, None, ()), line
    assert server("gunicorn -w 4 $APP").timeout == Fact(30.0, WHERE, "gunicorn")


def test_workers_by_the_processors_are_told_with_their_expression() -> None:
    result = server("gunicorn -w '$((2 * $(nproc) + 1))' app:app")
    assert result.workers is None
    assert result.workers_by_cpus == Fact("$((2 * $(nproc) + 1))", WHERE)


# gunicorn's variables


def test_variables_change_gunicorns_defaults() -> None:
    env = {"WEB_CONCURRENCY": "3", "PORT": "81", "FORWARDED_ALLOW_IPS": "*"}
    result = server("gunicorn app:app", env=env)
    assert result.workers == Fact(3, ENV)
    assert result.binds == (Fact("0.0.0.0:81", ENV),)
    assert result.trusted_proxies == Fact("*", ENV)


def test_what_is_assigned_in_front_of_a_command_wins_over_the_container() -> None:
    own = {"WEB_CONCURRENCY": Fact("5", Where("run.sh", 2))}
    command = Command(words=("gunicorn", "app:app"), where=WHERE, env=own)
    given = {"WEB_CONCURRENCY": Fact("3", ENV)}
    read = server_of(command, env=given, workdir="", find=lambda _: None, versions={})
    assert read is not None
    assert read.workers == Fact(5, Where("run.sh", 2))


def test_a_variable_that_is_set_elsewhere_is_not_known() -> None:
    result = server("gunicorn app:app", env={"WEB_CONCURRENCY": "${WORKERS}", "PORT": "$P"})
    assert (result.workers, result.binds) == (None, ())


def test_gunicorn_cmd_args_are_a_command_line() -> None:
    result = server("gunicorn app:app", env={"GUNICORN_CMD_ARGS": "--timeout 5 --bind='1.2.3.4:5'"})
    assert result.timeout == Fact(5.0, ENV)
    assert values(result.binds) == ["1.2.3.4:5"]


@pytest.mark.parametrize("text", ["$ARGS", "--timeout '5"])
def test_gunicorn_cmd_args_that_are_not_known_may_set_anything(text: str) -> None:
    assert server("gunicorn app:app", env={"GUNICORN_CMD_ARGS": text}).workers is None


def test_kubernetes_and_systemd_put_variables_into_words() -> None:
    line = "gunicorn -w $(W) --threads $T --timeout ${T} --backlog $(UNSET) app:app"
    result = server(line, env={"W": "4", "T": "2"})
    assert result.workers == Fact(4, WHERE)
    assert (result.threads, result.timeout) == (Fact(2, WHERE), Fact(2.0, WHERE))
    assert result.backlog is None


def test_the_version_is_the_one_that_is_pinned() -> None:
    result = server("gunicorn app:app", versions={"gunicorn": "27.0.1", "uvicorn": "1"})
    assert result.version == Fact("27.0.1", Where("uv.lock", 1))
    assert found("celery worker", versions={"gunicorn": "27.0.1"}) is None


@pytest.mark.parametrize(("version", "has"), [("25.0.3", False), ("25.1", True), ("27.0.1", True)])
def test_gunicorn_has_a_control_socket_since_25_1(version: str, has: bool) -> None:
    result = server("gunicorn app:app", versions={"gunicorn": version})
    assert (result.control_socket is not None) is has


def test_releases_are_compared_by_numbers() -> None:
    assert release_of("25.1.0rc1") == (25, 1, 0)
    assert release_of("9") < release_of("10.2")
    assert release_of("main") == ()


# gunicorn's file


def test_the_later_place_wins() -> None:
    env = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--threads 3 --timeout 3"}
    text = "workers = 2\nthreads = 2\ntimeout = 2\nbacklog = 2\n"
    result = configured(text, "gunicorn --timeout 4 app:app", env=env)
    assert result.workers == Fact(2, Where("gunicorn.conf.py", 1))
    assert result.threads == Fact(3, ENV)
    assert result.timeout == Fact(4.0, WHERE)
    assert result.backlog == Fact(2, Where("gunicorn.conf.py", 4))


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("-c conf/a.py", "/app/conf/a.py"),
        ("--config=/etc/a.py", "/etc/a.py"),
        ("-c file:a.py", "/app/a.py"),
        ("-c python:conf.a", "/app/conf/a.py"),
    ],
)
def test_the_file_is_found_where_it_is_named(written: str, path: str) -> None:
    files = {path: "workers = 7", "/app/gunicorn.conf.py": "workers = 1"}
    result = server(f"gunicorn {written} app:app", files=files)
    assert result.workers is not None
    assert result.workers.value == 7


def test_the_default_file_is_the_one_in_the_folder_that_is_changed_to() -> None:
    result = server(
        "gunicorn app:app", files={"/app/src/gunicorn.conf.py": "workers = 7"}, workdir="/app/src"
    )
    assert result.workers is not None
    assert result.workers.value == 7


def test_a_file_that_is_not_here_or_is_no_python_may_set_anything() -> None:
    assert server("gunicorn -c other.py app:app").workers is None
    assert configured("workers = = 2").workers is None
    assert server("gunicorn -c /dev/null app:app").workers == Fact(1, WHERE, "gunicorn")


def test_a_file_that_takes_names_from_elsewhere_may_set_anything() -> None:
    result = configured("from base import *\nworkers = 2\n")
    assert (result.workers, result.timeout) == (Fact(2, Where("gunicorn.conf.py", 2)), None)


def test_lists_of_addresses_are_read() -> None:
    assert values(configured('bind = ["0.0.0.0:80", "[::]:80"]').binds) == ["0.0.0.0:80", "[::]:80"]


def test_the_environment_can_be_copied_into_the_file() -> None:
    text = (
        "import os\nfor key, value in os.environ.items():\n    if key.startswith('GUNICORN_'):\n"
        "        locals()[key.split('_', 1)[1].lower()] = value\n"
    )
    result = configured(text, env={"GUNICORN_WORKERS": "6"})
    assert result.workers == Fact(6, ENV)
    assert result.timeout == Fact(30.0, WHERE, "gunicorn")


def setting(text: str, env: Mapping[str, str] | None = None, name: str = "x") -> object:
    given = {key: Fact(value, ENV) for key, value in (env or {}).items()}
    names, _ = gunicorn_config.read("gunicorn.conf.py", text, given)
    value = names[name].value
    if isinstance(value, ByCpus):
        return f"by {value.expression}"
    return "?" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 * 3 + 1", 7),
        ("-(7 // 2)", -3),
        ("int('4')", 4),
        ("int(os.environ.get('X', '4'))", 4),
        ("int(os.getenv('SET', 4))", 9),
        ("os.environ['SET']", "9"),
        ("os.environ['X']", "?"),
        ("os.getenv('X') or 'a'", "a"),
        ("f'0.0.0.0:{os.getenv(\"SET\")}'", "0.0.0.0:9"),
        ("'%s:%d' % ('a', 1)", "a:1"),
        ("'a' + 'b'", "ab"),
        ("max(2, min(5, 9))", 5),
        ("1 if os.getenv('X') else 2", 2),
        ("os.getenv('X', 'True').lower() == 'true'", True),
        ("strtobool(os.getenv('X', 'false'))", False),
        ("[1, 2][0]", 1),
        ("y", "?"),
        ("2 ** 10", "?"),
        ("'a' * 10", "?"),
        ("'%10d' % 1", "?"),
        ("1 / 0", "?"),
        ("open('/etc/passwd').read()", "?"),
        ("__import__('os').getpid()", "?"),
        ("multiprocessing.cpu_count() * 2 + 1", "by multiprocessing.cpu_count() * 2 + 1"),
        ("int(os.getenv('X', cpu_count()))", "by int(os.getenv('X', cpu_count()))"),
        ("int(os.getenv('SET', cpu_count()))", 9),
        ("min(4, os.cpu_count() or 1)", "by min(4, os.cpu_count() or 1)"),
        ("len(os.sched_getaffinity(0))", "by len(os.sched_getaffinity(0))"),
    ],
)
def test_expressions_come_to_what_python_would_make_of_them(expression: str, value: object) -> None:
    assert setting(f"x = {expression}", {"SET": "9"}) == value


NUMBERS = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(
        lambda parts: f"({' '.join(parts)})"
    ),
    max_leaves=6,
)


@given(NUMBERS)
def test_arithmetic_is_pythons(expression: str) -> None:
    try:
        expected: object = eval(expression)
    except ZeroDivisionError:
        expected = "?"
    assert setting(f"x = {expression}") == expected


def test_names_are_followed() -> None:
    text = (
        "cores = cpu_count()\nper = float('2')\ndefault = per * cores\nx = max(int(default), 2)\n"
    )
    assert setting(text) == "by max(int(default), 2)"
    assert setting("a = 1\na += 2\nx: int = a\n") == 3
    assert setting("a, x = 1, 2\n") == 2


def test_branches_are_taken_by_what_is_known() -> None:
    text = "import os\nx = 1\nif os.getenv('SET'):\n    x = 2\nelse:\n    x = 3\n"
    assert setting(text) == 3
    assert setting(text, {"SET": "1"}) == 2
    assert setting("x = 1\nif unknown:\n    x = 2\n") == "?"
    assert setting("x = 1\nif unknown:\n    x = 1\n") == 1
    assert setting("try:\n    x = 1\nexcept ImportError:\n    x = 2\n") == 1
    assert setting("x = 0\nfor x in range(3):\n    pass\n") == "?"


def test_functions_of_the_file_are_followed() -> None:
    reads = "import os\ndef number(name, default):\n    return int(os.getenv(name, default))\n"
    assert setting(f"{reads}x = number('A', 4)\n") == 4
    assert setting(f"{reads}x = number(default=4, name='A')\n", {"A": "5"}) == 5
    counts = "def workers():\n    n = int(open('/x').read())\n    return n + cpu_count()\n"
    assert setting(f"{counts}x = workers()\n") == "by n + cpu_count()"


def test_a_function_that_reads_the_quota_does_not_go_by_the_machine() -> None:
    text = (
        "def cpus():\n    quota = open('/sys/fs/cgroup/cpu.max').read()\n"
        "    return int(quota) or os.cpu_count()\nx = cpus()\n"
    )
    assert setting(text) == "?"


def test_local_names_of_a_function_are_no_settings() -> None:
    names, _ = gunicorn_config.read(
        "a.py", "def f():\n    workers = 3\n    return 1\nx = f()\n", {}
    )
    assert "workers" not in names


@pytest.mark.parametrize(
    "text",
    [
        "x = (" * 300,
        "x = " + "-" * 100_000 + "1",
        "x = " + "1+" * 20_000 + "1",
        "x = 1\0",
        "if a:\n" * 200,
        "x = '\\ud800'\nx = " + "9" * 10_000,
        "x = 1\n" * 6_000,
        "def f():\n    return f() + f()\nx = f()\n",
        "x = 'a'\n" + "x = x + x\n" * 100,
        "x = [1]\n" + "x = [x, x]\n" * 100 + "y = max(x)\n",
        "return 1\nx = 2\n",
        "x = " + "(a or " * 80 + "b" + ")" * 80,
    ],
)
def test_hostile_files_are_read_or_refused(text: str) -> None:
    with suppress(ReadError):
        gunicorn_config.read("gunicorn.conf.py", text, {})
    assert configured(text).kind is ServerKind.GUNICORN


# other servers


def test_uvicorn_waits_without_end_unless_it_is_told() -> None:
    bare = server("uvicorn app:app")
    assert bare.kind is ServerKind.UVICORN
    assert bare.graceful_timeout == Fact(math.inf, WHERE, "uvicorn")
    assert bare.keep_alive == Fact(5.0, WHERE, "uvicorn")
    assert bare.binds == (Fact("127.0.0.1:8000", WHERE, "uvicorn"),)
    assert server("uvicorn --timeout-graceful-shutdown 20 app:app").graceful_timeout == Fact(
        20.0, WHERE
    )
    assert server("uvicorn --timeout-graceful-shutdown $T app:app").graceful_timeout is None


def test_uvicorns_options_are_read() -> None:
    result = server(
        "uvicorn app:app --host 0.0.0.0 --port=80 --workers 4 --backlog 64 --limit-concurrency 100 "
        "--limit-max-requests 9 --limit-max-requests-jitter 3 --timeout-keep-alive 65 "
        "--forwarded-allow-ips '*' --reload"
    )
    assert values(result.binds) == ["0.0.0.0:80"]
    assert (result.workers, result.worker_connections) == (Fact(4, WHERE), Fact(100, WHERE))
    assert (result.max_requests, result.max_requests_jitter) == (Fact(9, WHERE), Fact(3, WHERE))
    assert (result.keep_alive, result.backlog) == (Fact(65.0, WHERE), Fact(64, WHERE))
    assert (result.trusted_proxies, result.reloads) == (Fact("*", WHERE), Fact(True, WHERE))
    assert values(server("uvicorn app:app --uds /a.sock").binds) == ["unix:/a.sock"]
    assert values(server("uvicorn app:app --host ::").binds) == ["[::]:8000"]


def test_uvicorn_believes_nobody_without_proxy_headers() -> None:
    assert server("uvicorn --no-proxy-headers app:app").trusted_proxies is None


def test_uvicorns_variables_are_read_under_its_options() -> None:
    env = {"WEB_CONCURRENCY": "2", "FORWARDED_ALLOW_IPS": "*", "UVICORN_PORT": "81"}
    result = server("uvicorn app:app", env=env)
    assert (result.workers, result.trusted_proxies) == (Fact(2, ENV), Fact("*", ENV))
    assert result.binds == (Fact("127.0.0.1:81", ENV),)
    assert server("uvicorn --port 82 app:app", env=env).binds == (Fact("127.0.0.1:82", WHERE),)


def test_fastapis_commands_start_uvicorn() -> None:
    runs, develops = server("fastapi run app.py"), server("fastapi dev --port 80 app.py")
    assert (runs.kind, values(runs.binds)) == (ServerKind.UVICORN, ["0.0.0.0:8000"])
    assert runs.reloads == Fact(False, WHERE, "fastapi")
    assert (develops.reloads, values(develops.binds)) == (
        Fact(True, WHERE, "fastapi"),
        ["127.0.0.1:80"],
    )


def test_hypercorn_is_read_with_its_file() -> None:
    files = {"/app/h.toml": 'bind = ["0.0.0.0:80"]\ngraceful_timeout = 9\nworkers = 2\n'}
    result = server("hypercorn -c h.toml -w 3 app:app", files=files)
    assert result.kind is ServerKind.HYPERCORN
    assert result.graceful_timeout == Fact(9.0, Where("h.toml", 2))
    assert result.binds == (Fact("0.0.0.0:80", Where("h.toml", 1)),)
    assert result.workers == Fact(3, WHERE)
    assert result.keep_alive == Fact(5.0, WHERE, "hypercorn")
    for broken in ({}, {"/app/h.toml": "a = = b"}):
        assert server("hypercorn -c h.toml app:app", files=broken).keep_alive is None


def test_granians_threads_follow_from_its_other_settings() -> None:
    wsgi = server("granian --interface wsgi --workers 2 --host 0.0.0.0 app:app")
    assert wsgi.kind is ServerKind.GRANIAN
    assert wsgi.worker_connections == Fact(512, WHERE, "granian")
    assert wsgi.threads == Fact(256, WHERE, "granian")
    assert server("granian --interface asgi app:app").threads == Fact(1, WHERE, "granian")
    assert server("granian --blocking-threads 4 app:app").threads == Fact(4, WHERE)
    assert wsgi.graceful_timeout == Fact(math.inf, WHERE, "granian")
    assert server("granian app:app", env={"GRANIAN_WORKERS": "3"}).workers == Fact(3, ENV)


def test_waitress_is_read() -> None:
    bare = server("waitress-serve app:app")
    assert (bare.kind, values(bare.binds)) == (ServerKind.WAITRESS, ["0.0.0.0:8080"])
    assert (bare.threads, bare.keep_alive) == (
        Fact(4, WHERE, "waitress"),
        Fact(120.0, WHERE, "waitress"),
    )
    result = server("waitress-serve --listen=*:80 --listen=[::]:81 --threads=8 --call app:make")
    assert values(result.binds) == ["*:80", "[::]:81"]
    assert result.threads == Fact(8, WHERE)


def test_cheroot_is_read() -> None:
    result = server("cheroot --bind 0.0.0.0:80 --shutdown-timeout 9 app:app")
    assert (result.kind, values(result.binds)) == (ServerKind.CHEROOT, ["0.0.0.0:80"])
    assert result.graceful_timeout == Fact(9.0, WHERE)
    assert result.threads == Fact(10, WHERE, "cheroot")


# uWSGI


UWSGI = """\
; a comment
[uwsgi]
base = /run
socket = %(base)/app.sock
http-socket = :$(PORT)
master = true
processes = 4
threads=2
harakiri = 30
listen = 256
max-requests = 1000
lazy-apps
[other]
processes = 9
"""


def uwsgi(text: str, line: str = "uwsgi --ini app.ini", **given: object) -> Server:
    return server(line, files={"/app/app.ini": text}, **given)


def test_uwsgi_reads_its_section_with_placeholders() -> None:
    result = uwsgi(UWSGI, env={"PORT": "80"})
    assert result.kind is ServerKind.UWSGI
    assert set(values(result.binds)) == {":80", "/run/app.sock"}
    assert result.workers == Fact(4, Where("app.ini", 7))
    assert (result.threads, result.timeout) == (
        Fact(2, Where("app.ini", 8)),
        Fact(30.0, Where("app.ini", 9)),
    )
    assert result.backlog == Fact(256, Where("app.ini", 10))


@pytest.mark.parametrize(
    "line", ["uwsgi app.ini", "uwsgi --ini=app.ini", "uwsgi --ini app.ini:uwsgi"]
)
def test_uwsgis_file_is_named_in_many_ways(line: str) -> None:
    assert uwsgi(UWSGI, line).workers == Fact(4, Where("app.ini", 7))


def test_the_last_of_uwsgis_options_wins() -> None:
    assert uwsgi(UWSGI, "uwsgi --ini app.ini -p 8").workers == Fact(8, WHERE)
    assert uwsgi(UWSGI, "uwsgi -p 8 --ini app.ini").workers == Fact(4, Where("app.ini", 7))
    assert uwsgi("", "uwsgi -p8", env={"UWSGI_PROCESSES": "2"}).workers == Fact(8, WHERE)
    assert uwsgi("", "uwsgi --master", env={"UWSGI_PROCESSES": "2"}).workers == Fact(2, ENV)


def test_uwsgi_files_include_files() -> None:
    files = {"/app/a.ini": "[uwsgi]\nini = b.ini\n", "/app/b.ini": "[uwsgi]\nprocesses = 3\n"}
    assert server("uwsgi a.ini", files=files).workers == Fact(3, Where("b.ini", 2))


def test_what_uwsgi_sets_on_a_condition_is_not_known() -> None:
    text = "[uwsgi]\nif-env = DEBUG\nprocesses = 1\nendif =\nthreads = 2\n"
    result = uwsgi(text)
    assert (result.workers, result.threads) == (None, Fact(2, Where("app.ini", 5)))


def test_a_file_of_uwsgi_that_is_not_here_may_set_anything() -> None:
    for line in ("uwsgi other.ini", "uwsgi --yaml a.yaml", "uwsgi a.xml"):
        result = server(line)
        assert (result.workers, result.drops_on_term) == (None, None), line


def test_files_of_uwsgi_that_include_each_other_end() -> None:
    assert uwsgi("[uwsgi]\nini = app.ini\nini = app.ini\n").kind is ServerKind.UWSGI


def test_uwsgi_counts_processors_with_a_placeholder() -> None:
    assert uwsgi("[uwsgi]\nprocesses = %k\n").workers_by_cpus == Fact("%k", Where("app.ini", 2))


def test_uwsgi_drops_its_requests_on_sigterm_but_for_a_hook() -> None:
    drains = "hook-master-start = unix_signal:15 gracefully_kill_them_all"
    line = Where("app.ini", 2)
    assert uwsgi("[uwsgi]\n").drops_on_term == Fact(True, WHERE, "uWSGI")
    assert uwsgi("[uwsgi]\ndie-on-term = true\n").drops_on_term == Fact(True, line)
    drained = uwsgi(f"[uwsgi]\n{drains}\n")
    assert drained.drops_on_term == Fact(False, line)
    assert drained.graceful_timeout == Fact(60.0, WHERE, "uWSGI")
    assert uwsgi("[uwsgi]\n").graceful_timeout is None


# development servers, and servers in a file


@pytest.mark.parametrize(
    ("line", "bind"),
    [
        ("flask run", "127.0.0.1:5000"),
        ("flask --app app run -h 0.0.0.0 -p 80", "0.0.0.0:80"),
        ("flask --debug run --host=0.0.0.0", "0.0.0.0:5000"),
        ("python manage.py runserver", "127.0.0.1:8000"),
        ("python manage.py runserver --noreload 0.0.0.0:80", "0.0.0.0:80"),
        ("manage.py runserver 81", "127.0.0.1:81"),
        ("django-admin runserver 0:80", "0.0.0.0:80"),
    ],
)
def test_development_servers_are_known(line: str, bind: str) -> None:
    result = server(line)
    assert (result.kind, values(result.binds)) == (ServerKind.DEVELOPMENT, [bind])


def test_flasks_variables_are_read() -> None:
    env = {"FLASK_RUN_HOST": "0.0.0.0", "FLASK_RUN_PORT": "82", "FLASK_DEBUG": "1"}
    result = server("flask run", env=env)
    assert (result.binds, result.reloads) == ((Fact("0.0.0.0:82", ENV),), Fact(True, ENV))


@pytest.mark.parametrize(
    "line", ["flask db upgrade", "celery -A app worker", "python -c x", "nginx", ""]
)
def test_other_commands_are_no_servers(line: str) -> None:
    assert found(line) is None


def in_file(text: str, **given: object) -> Server | None:
    return found("python app.py", files={"/app/app.py": text}, **given)  # type: ignore[arg-type]


FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    "call",
    [
        "app.run('0.0.0.0')",
        "if __name__ == '__main__':\n    app.run()",
        "def main():\n    app.run()\nmain()",
    ],
)
def test_a_file_that_runs_its_app_is_a_development_server(call: str) -> None:
    result = in_file(FLASK + call)
    assert result is not None
    assert result.kind is ServerKind.DEVELOPMENT


@pytest.mark.parametrize(
    "text",
    [
        FLASK,
        FLASK + "def main():\n    app.run()\n",
        "import subprocess\nsubprocess.run(['a'])\n",
        "import asyncio\nfrom flask import Flask\nasyncio.run(main())\n",
        "from sanic import Sanic\napp = Sanic('a')\napp.run(host='0.0.0.0')\n",
        "client = Client()\nclient.run('token')\n",
        "app.run(",
        "x = " + "(" * 500,
    ],
)
def test_a_file_that_runs_no_app_is_none(text: str) -> None:
    assert in_file(text) is None


def test_an_imported_app_that_is_run_on_a_port_counts() -> None:
    result = in_file(
        "import os\nfrom shop import app\napp.run(port=int(os.getenv('PORT', 81)), debug=True)\n"
    )
    assert result is not None
    assert result.binds == (Fact("127.0.0.1:81", Where("app.py", 3)),)
    assert result.reloads == Fact(True, Where("app.py", 3))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("from waitress import serve\nserve(app, port=80)\n", ServerKind.WAITRESS),
        ("import waitress\nwaitress.serve(app, port=80)\n", ServerKind.WAITRESS),
        ("import uvicorn\nuvicorn.run('a:app', port=80)\n", ServerKind.UVICORN),
        (
            "from gevent.pywsgi import WSGIServer\nWSGIServer(('', 80), app).serve_forever()\n",
            ServerKind.GEVENT,
        ),
        ("from cheroot import wsgi\nwsgi.Server(('', 80), app).start()\n", ServerKind.CHEROOT),
    ],
)
def test_servers_that_a_file_starts_are_known(text: str, kind: ServerKind) -> None:
    result = in_file(text)
    assert result is not None
    assert result.kind is kind


def test_a_file_that_handles_signals_itself_is_taken_to_do_it_well() -> None:
    serving = "from cheroot import wsgi\nimport signal\nserver = wsgi.Server(('', 80), app)\n"
    handled = in_file(f"{serving}signal.signal(signal.SIGTERM, stop)\nserver.start()\n")
    assert handled is not None
    assert handled.drops_on_term == Fact(False, Where("app.py", 3))
    left = in_file(f"{serving}server.start()\n")
    assert left is not None
    assert left.drops_on_term is None


def test_what_uvicorn_is_told_in_python_counts_as_on_its_command_line() -> None:
    text = (
        'import uvicorn\nuvicorn.run(\n    "a:app", host="0.0.0.0",\n    workers=3,\n'
        '    forwarded_allow_ips="*",\n    timeout_graceful_shutdown=7,\n)\n'
    )
    result = server("python run.py", files={"/app/run.py": text})
    assert result.workers == Fact(3, Where("run.py", 4))
    assert result.trusted_proxies == Fact("*", Where("run.py", 5))
    assert result.graceful_timeout == Fact(7.0, Where("run.py", 6))
    assert result.keep_alive == Fact(5.0, Where("run.py", 2), "uvicorn")


def test_of_arguments_that_are_handed_on_to_uvicorn_nothing_is_known() -> None:
    text = 'import uvicorn\nuvicorn.run("a:app", **options)\n'
    result = server("python run.py", files={"/app/run.py": text})
    assert (result.kind, result.workers, result.binds) == (ServerKind.UVICORN, None, ())
