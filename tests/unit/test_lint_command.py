"""Which program is started in the end, and whether it gets the signals."""

import shlex
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Command, Fact, Where
from toolkit.lint.shell.command import command_of
from toolkit.lint.shell.syntax import parse
from toolkit.reading import ReadError

WHERE = Where("Dockerfile", 9)
SH = ("/bin/sh", "-c")
GUNICORN = ("gunicorn", "app:app")


def found(
    *cmd: str,
    entrypoint: tuple[str, ...] | None = None,
    scripts: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    makes_way: bool = False,
) -> Command | None:
    files = scripts or {}
    return command_of(
        None if entrypoint is None else Fact(entrypoint, Where("Dockerfile", 8)),
        Fact(cmd, WHERE) if cmd else None,
        lambda path: (path.lstrip("./"), files[path]) if path in files else None,
        env={name: Fact(value, WHERE) for name, value in (env or {}).items()},
        makes_way=makes_way,
    )


def command(*cmd: str, **given: object) -> Command:
    result = found(*cmd, **given)  # type: ignore[arg-type]
    assert result is not None
    return result


def of_script(text: str, *cmd: str, **given: object) -> Command:
    return command(*cmd, entrypoint=("/run.sh",), scripts={"/run.sh": text}, **given)


# ENTRYPOINT and CMD


def test_a_command_is_given_to_an_entrypoint() -> None:
    assert command("-w", "4", entrypoint=("gunicorn",)).words == ("gunicorn", "-w", "4")


def test_a_shell_form_of_entrypoint_makes_nothing_of_the_command() -> None:
    assert command("-w", "4", entrypoint=(*SH, "gunicorn a")).words == ("gunicorn", "a")


def test_an_empty_entrypoint_is_none() -> None:
    assert command(*GUNICORN, entrypoint=()).words == GUNICORN


def test_nothing_starts_nothing() -> None:
    assert found() is None
    assert found("tini", "--") is None


def test_a_program_has_its_base_name() -> None:
    assert command("/venv/bin/gunicorn", "app:app").words == GUNICORN


# wrappers


@pytest.mark.parametrize(
    "wrapped",
    [
        "tini -- gunicorn app:app",
        "/sbin/tini -s -p SIGTERM -- gunicorn app:app",
        "dumb-init -r 15:2 gunicorn app:app",
        "env -u A gunicorn app:app",
        "exec gunicorn app:app",
        "nice -n 5 ionice -c 2 gunicorn app:app",
        "gosu app:app gunicorn app:app",
        "su-exec app gunicorn app:app",
        "chpst -u app gunicorn app:app",
        "setpriv --reuid app --init-groups gunicorn app:app",
        "timeout -s INT 5m gunicorn app:app",
        "poetry run gunicorn app:app",
        "poetry -C /app run gunicorn app:app",
        "pipenv run gunicorn app:app",
        "pdm run gunicorn app:app",
        "uv run gunicorn app:app",
        "uv run --no-dev --group prod --with x gunicorn app:app",
        "uv run -m gunicorn app:app",
        "uvx gunicorn app:app",
        "conda run -n env --no-capture-output gunicorn app:app",
        "python -m gunicorn app:app",
        "python3.13 -u -X dev -m gunicorn app:app",
        "python -m gunicorn.app.wsgiapp app:app",
        "python /venv/bin/gunicorn app:app",
        "python -m poetry run gunicorn app:app",
        "ddtrace-run gunicorn app:app",
        "newrelic-admin run-program gunicorn app:app",
        "opentelemetry-instrument --service_name=a gunicorn app:app",
        "doppler run -- gunicorn app:app",
        "dockerize -wait tcp://db:5432 -timeout 20s gunicorn app:app",
        "./wait-for-it.sh db:5432 -t 30 -- gunicorn app:app",
        "env tini -- poetry run python -m gunicorn app:app",
    ],
)
def test_wrappers_are_taken_off(wrapped: str) -> None:
    found_command = command(*wrapped.split())
    assert (found_command.words, found_command.shell) == (GUNICORN, False)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("python app.py", ("python", "app.py")),
        ("python -m app", ("python", "-m", "app")),
        ("python -c pass", ("python", "-c", "pass")),
        ("uv run main.py", ("python", "main.py")),
        ("uv sync", ("uv", "sync")),
        ("python -m waitress app:app", ("waitress-serve", "app:app")),
        ("python -m debugpy --listen :5678 -m flask run", ("flask", "run")),
        ("celery -A app worker", ("celery", "-A", "app", "worker")),
        ("which gunicorn", ("which", "gunicorn")),
    ],
)
def test_what_is_no_wrapper_stays(written: str, words: tuple[str, ...]) -> None:
    assert command(*SH, f"true; {written}").words == words


def test_what_env_sets_is_told_with_its_place() -> None:
    assert command("env", "A=b", *GUNICORN).env == {"A": Fact("b", WHERE)}


def test_an_entrypoint_that_is_not_here_is_taken_to_start_the_server_it_is_given() -> None:
    assert command(*GUNICORN, entrypoint=("/entry.sh",)).words == GUNICORN
    assert command("a", entrypoint=("/entry.sh",)).words == ("entry.sh", "a")


@pytest.mark.parametrize("call", ["os.execvp(argv[0], argv)", "os.execv(path, argv)"])
def test_an_entry_point_in_python_that_becomes_its_arguments_is_passed(call: str) -> None:
    script = {"/srv/entrypoint.py": f"import os, sys\n{call}\n"}
    for entrypoint in (("python", "/srv/entrypoint.py"), ("/srv/entrypoint.py",)):
        started = command(*GUNICORN, entrypoint=entrypoint, scripts=script)
        assert started.words == GUNICORN
        assert not started.shell


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("from hypercorn.__main__ import main", "hypercorn"),
        ("from granian.cli import cli, entrypoint", "granian"),
        ("from uvicorn.main import main as command", "uvicorn"),
    ],
)
def test_a_script_around_the_command_of_a_server_is_that_command(line: str, program: str) -> None:
    started = command("python", "/srv/patient.py", "app:app", scripts={"/srv/patient.py": line})
    assert started.words == (program, "app:app")


def test_a_script_in_python_that_becomes_nothing_else_is_the_program() -> None:
    script = {"serve.py": "import sys\nserve(sys.argv[1])\n"}
    started = command("hypercorn", entrypoint=("python", "serve.py"), scripts=script)
    assert started.words == ("python", "serve.py", "hypercorn")


# whether a shell stays


@pytest.mark.parametrize(
    ("text", "bash", "dash"),
    [
        ("gunicorn app:app", False, True),
        ("exec gunicorn app:app", False, False),
        ("A=b gunicorn app:app", False, True),
        ("flask db upgrade && gunicorn app:app", False, True),
        ("flask db upgrade; gunicorn app:app", False, True),
        ("flask db upgrade && exec gunicorn app:app", False, False),
        ("gunicorn app:app > log", True, True),
        ("if true; then gunicorn app:app; fi", True, True),
        ("{ gunicorn app:app; }", True, True),
        ("gunicorn app:app | tee log", True, True),
        ("(exec gunicorn app:app)", True, True),
        ("gunicorn app:app; date", True, True),
        ("gunicorn app:app & wait", True, True),
        ("trap 'kill $P' TERM; gunicorn app:app & P=$!; wait", False, False),
    ],
)
def test_shells_stay_where_they_did_when_they_were_tried(text: str, bash: bool, dash: bool) -> None:
    """Dash 0.5.11 and 0.5.12, bash 5.2.15: see toolkit.lint.shell.command."""
    for shell, stays in (("bash", bash), ("/bin/sh", dash), ("dash", dash)):
        result = command(shell, "-c", text)
        assert (result.words, result.shell) == (GUNICORN, stays), shell


def test_busyboxs_shell_makes_way_as_bash_does() -> None:
    assert command(*SH, "gunicorn app:app").shell
    assert not command(*SH, "gunicorn app:app", makes_way=True).shell


def test_a_shell_stays_for_a_script_in_a_file_whichever_it_is() -> None:
    assert of_script("#!/bin/bash\ngunicorn app:app\n").shell
    assert not of_script("#!/bin/bash\nexec gunicorn app:app\n").shell


def test_a_shell_above_a_script_that_uses_exec_stays_all_the_same() -> None:
    scripts = {"./run.sh": "exec gunicorn app:app"}
    assert command(*SH, "./run.sh", scripts=scripts).shell
    assert not command(*SH, "exec ./run.sh", scripts=scripts).shell


@pytest.mark.parametrize(
    ("init", "stays"),
    [("dumb-init", False), ("dumb-init -c", True), ("tini -g --", False), ("tini --", True)],
)
def test_what_signals_its_group_reaches_the_server_past_a_shell(init: str, stays: bool) -> None:
    assert command(*init.split(), *SH, "gunicorn app:app").shell is stays


@pytest.mark.parametrize("options", ["-c", "-lc", "-ec", "-e -c", "-o pipefail -c", "--login -c"])
def test_options_of_a_shell_are_passed_over(options: str) -> None:
    assert command("bash", *options.split(), "gunicorn app:app").words == GUNICORN


# scripts


def test_an_entry_point_hands_on_its_arguments() -> None:
    result = of_script('#!/bin/sh\nset -e\nflask db upgrade\nexec "$@"\n', *GUNICORN)
    assert result == Command(words=GUNICORN, where=WHERE, places=(WHERE, WHERE))


def test_a_server_that_a_script_starts_stands_there() -> None:
    result = of_script("#!/bin/sh\nflask db upgrade\n\nexec gunicorn \\\n  app:app\n")
    assert result.where == Where("run.sh", 4)


def test_a_script_is_found_through_its_shell() -> None:
    scripts = {"/run.sh": 'exec gunicorn "$1"'}
    assert command("bash", "-x", "/run.sh", "app:app", scripts=scripts).words == GUNICORN


def test_scripts_start_scripts() -> None:
    scripts = {"/a.sh": 'exec /b.sh "$@"', "/b.sh": "exec gunicorn $1"}
    assert command("app:app", entrypoint=("/a.sh",), scripts=scripts).words == GUNICORN


def test_a_python_script_is_no_shells() -> None:
    scripts = {"/run": "#!/usr/bin/env python\nimport os\n"}
    assert command("/run", scripts=scripts).words == ("run",)


DISPATCH = """\
#!/bin/bash
case "$1" in
  worker) shift; exec celery "$@" ;;
  web | server)
    shift
    exec gunicorn app:app "$@"
    ;;
  *) exec "$@" ;;
esac
"""


@pytest.mark.parametrize(
    ("cmd", "words"),
    [
        ("web", GUNICORN),
        ("server -w 2", (*GUNICORN, "-w", "2")),
        ("worker -A app", ("celery", "-A", "app")),
        ("uvicorn app:app", ("uvicorn", "app:app")),
    ],
)
def test_a_case_takes_the_branch_of_its_word(cmd: str, words: tuple[str, ...]) -> None:
    assert of_script(DISPATCH, *cmd.split()).words == words


MODES = """\
if [ "$MODE" = "worker" ]; then
  exec celery worker
elif [[ "${DEBUG}" == "true" ]]; then
  exec flask run
else
  exec gunicorn app:app
fi
"""


@pytest.mark.parametrize(
    ("env", "name"),
    [({}, "gunicorn"), ({"MODE": "worker"}, "celery"), ({"DEBUG": "true"}, "flask")],
)
def test_a_test_is_judged_by_variables(env: dict[str, str], name: str) -> None:
    assert of_script(MODES, env=env).words[0] == name


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("-n x", True),
        ("-z x", False),
        ("! -z x", True),
        ("x != y", True),
        ("2 -gt 1", True),
        ("2 -le 1", False),
        ("-z $UNSET", True),
        ("$UNSET = y", False),
        ('"$UNSET"', False),
    ],
)
def test_tests_of_words_are_judged(test: str, holds: bool) -> None:
    text = f"if [ {test} ]; then exec gunicorn a; fi; exec gunicorn b"
    assert of_script(text).words[1] == ("a" if holds else "b")


def test_where_a_test_does_not_tell_the_server_is_preferred() -> None:
    text = "if [ -f /x ]; then exec flask run; else exec gunicorn app:app; fi"
    assert of_script(text).words == GUNICORN
    assert of_script(text.replace("gunicorn app:app", "date")).words == ("flask", "run")


def test_what_branches_set_differently_is_not_known() -> None:
    text = "A=1; B=1; if [ -f /x ]; then A=2; fi\nexec gunicorn $A $B\n"
    assert of_script(text).words == ("gunicorn", "$A", "1")


def test_arguments_that_a_branch_may_have_changed_are_not_known() -> None:
    text = 'if [ -f /x ]; then set -- -w 4; fi\nexec gunicorn "$@"\n'
    assert of_script(text, "app:app").words == ("gunicorn", "$@")


def test_a_command_that_only_checks_is_not_the_server() -> None:
    text = "gunicorn --check-config app:app\nexec gunicorn app:app\n"
    assert of_script(text).words == GUNICORN


def test_functions_are_followed() -> None:
    text = 'serve() {\n  exec gunicorn "$1"\n}\nif [ "$1" = web ]; then serve app:app; fi\n'
    assert of_script(text, "web").words == GUNICORN


def test_a_sourced_file_is_read() -> None:
    scripts = {"/run.sh": ". ./vars.sh\nexec gunicorn $APP\n", "./vars.sh": "APP=app:app\n"}
    assert command("/run.sh", scripts=scripts).words == GUNICORN


def test_a_folder_that_is_changed_to_is_told() -> None:
    assert of_script("cd /code\ncd src && exec gunicorn app:app\n").workdir == "/code/src"
    assert of_script("(cd /code && ls)\nexec gunicorn app:app\n").workdir == ""


def test_loops_that_wait_are_passed() -> None:
    text = (
        "until nc -z db 5432; do sleep 1; done\nwhile ! true; do date; done\nexec gunicorn app:app"
    )
    assert of_script(text).words == GUNICORN


def test_what_is_exported_is_told_with_its_place() -> None:
    result = of_script("A=1\nexport B=2 PORT=3\nC=4 exec gunicorn app:app\n")
    assert dict(result.env) == {
        "B": Fact("2", Where("run.sh", 2)),
        "C": Fact("4", Where("run.sh", 3)),
        "PORT": Fact("3", Where("run.sh", 2)),
    }


def test_a_variable_of_the_container_that_a_script_changes_is_told() -> None:
    assert of_script("PORT=2\nexec gunicorn app:app", env={"PORT": "1"}).env["PORT"].value == "2"


# words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("${W:-4}", ("4",)),
        ("${SET:-4}", ("a", "b")),
        ("$SET", ("a", "b")),
        ('"$SET"', ("a b",)),
        ("${SET+x}", ("x",)),
        ("${EMPTY:-4}", ("4",)),
        ("${EMPTY-4}", ()),
        ("$EMPTY", ()),
        ('"$EMPTY"', ("",)),
        ("$W", ("$W",)),
        ("'$SET'", ("$SET",)),
        ("$((2 * $(nproc) + 1))", ("$((2 * $(nproc) + 1))",)),
        ("`nproc`", ("`nproc`",)),
        ("0.0.0.0:${PORT:-${DEFAULT:-80}}", ("0.0.0.0:80",)),
        ('"${W:-"4"}"', ("4",)),
        ("a\\ b 'c'\"d\"", ("a b", "cd")),
        ("-w 2 >log 2>&1", ("-w", "2")),
        ("a # comment", ("a",)),
        ("<(date)", ("<(date)",)),
        ("a $'b\tc'", ("a", "b\tc")),
    ],
)
def test_words_are_those_of_a_shell(written: str, words: tuple[str, ...]) -> None:
    result = command(*SH, f"exec gunicorn {written}", env={"SET": "a b", "EMPTY": ""})
    assert result.words == ("gunicorn", *words)


def test_variables_that_a_script_sets_are_put_in() -> None:
    text = "HOST=${HOST:-0.0.0.0}\n: ${PORT:=81}\nexec gunicorn -b $HOST:$PORT\n"
    assert of_script(text).words == ("gunicorn", "-b", "0.0.0.0:81")
    assert of_script(text, env={"PORT": "9"}).words == ("gunicorn", "-b", "0.0.0.0:9")


@given(st.lists(st.text(max_size=8).filter(lambda text: "\0" not in text and "\r" not in text)))
def test_words_that_shlex_quotes_come_out_as_they_went_in(words: list[str]) -> None:
    assert command(*SH, f"exec gunicorn {shlex.join(words)}").words == ("gunicorn", *words)


# hostile scripts


@pytest.mark.parametrize(
    "text",
    [
        "gunicorn 'app",
        'gunicorn "app',
        "gunicorn `app",
        "gunicorn $(app",
        "gunicorn ${A:-b",
        "if true; then gunicorn",
        "fi",
        "case a in b)",
        "(" * 5_000,
        "{ " * 5_000,
        "${A:-" * 5_000 + "}" * 5_000,
        "[[ a",
        "exec /run.sh",
        "f() { f; f; }; f",
        ". /run.sh",
    ],
)
def test_a_script_that_cannot_be_followed_starts_nothing_known(text: str) -> None:
    assert found(entrypoint=("/run.sh",), scripts={"/run.sh": text}) is None


def test_a_script_with_more_branches_than_can_be_tried_ends() -> None:
    calls = "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}\n" for n in range(40))
    assert found(*SH, f"{calls}f40() {{ date; }}\nf0\nexec gunicorn app:app") is None


@given(st.text(st.sampled_from("ab$(){}[]<>|&;'\"`\\\n #=-@1:!"), max_size=60))
def test_any_text_is_a_script_or_refused(text: str) -> None:
    try:
        parse(text)
    except ReadError:
        assert found(*SH, text) is None
    else:
        found(*SH, text)
