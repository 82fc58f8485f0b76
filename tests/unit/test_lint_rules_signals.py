"""The signal that stops a server: whether it arrives, and whether requests may end."""

from dataclasses import replace

import pytest

from toolkit.lint.facts import (
    Command,
    Container,
    Deployment,
    Fact,
    Image,
    Platform,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, Severity
from toolkit.lint.rules import signals

ERROR = Severity.ERROR
COMMAND, SIGNAL, SERVICE = Where("Dockerfile", 9), Where("Dockerfile", 8), Where("compose.yaml", 3)
CHECKS = {rule.name: check for rule, check in signals.RULES}
IMAGE = Image(path="Dockerfile", where=Where("Dockerfile", 1))


def unit(
    kind: ServerKind = ServerKind.GUNICORN,
    stop_signal: str | None = None,
    *,
    drops: bool | None = None,
    shell: bool = False,
    words: tuple[str, ...] = ("gunicorn", "app:app"),
    started: Where = COMMAND,
    platform: Platform = Platform.COMPOSE,
    image: Image | None = IMAGE,
) -> Unit:
    return Unit(
        name="service web",
        container=Container(
            platform=platform,
            name="web",
            where=SERVICE,
            stop_signal=None if stop_signal is None else Fact(stop_signal, SIGNAL),
        ),
        image=image,
        command=Command(words=words, where=started, shell=shell),
        server=Server(
            kind=kind,
            where=COMMAND,
            drops_on_term=None if drops is None else Fact(drops, COMMAND),
        ),
    )


def findings(rule: str, given: Unit) -> list[Finding]:
    said = list(CHECKS[rule](Deployment(units=(given,)), Measured()))
    return [item for item in said if isinstance(item, Finding)]


def found(rule: str, given: Unit) -> list[tuple[Severity, Where]]:
    return [(item.severity, item.where) for item in findings(rule, given)]


# stop-signal


@pytest.mark.parametrize("kind", [ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.GEVENT])
def test_a_server_that_knows_nothing_of_sigterm_is_an_error_without_sigint(
    kind: ServerKind,
) -> None:
    (finding,) = findings("stop-signal", unit(kind))
    assert (finding.severity, finding.where, finding.fix) == (
        ERROR,
        COMMAND,
        "stop_signal: SIGINT",
    )


@pytest.mark.parametrize("kind", [ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.GEVENT])
def test_a_script_that_handles_signals_is_stopped_as_it_says(kind: ServerKind) -> None:
    assert findings("stop-signal", unit(kind, drops=False)) == []


@pytest.mark.parametrize("signal", ["SIGINT", "INT", "sigint", "2"])
def test_sigint_is_right_for_waitress_however_it_is_written(signal: str) -> None:
    assert found("stop-signal", unit(ServerKind.WAITRESS, signal)) == []


@pytest.mark.parametrize("signal", ["SIGINT", "SIGQUIT", "QUIT", "3", "SIGKILL", "SIGHUP"])
def test_gunicorn_ends_gently_on_sigterm_alone(signal: str) -> None:
    assert found("stop-signal", unit(ServerKind.GUNICORN, signal)) == [(ERROR, SIGNAL)]


@pytest.mark.parametrize("signal", [None, "SIGTERM", "TERM", "15"])
def test_sigterm_is_right_for_gunicorn(signal: str | None) -> None:
    assert found("stop-signal", unit(ServerKind.GUNICORN, signal)) == []


@pytest.mark.parametrize("kind", [ServerKind.UVICORN, ServerKind.HYPERCORN, ServerKind.GRANIAN])
@pytest.mark.parametrize("signal", [None, "SIGTERM", "SIGINT"])
def test_servers_of_coroutines_end_gently_on_both(kind: ServerKind, signal: str | None) -> None:
    assert found("stop-signal", unit(kind, signal)) == []


def test_nginxs_stop_signal_is_none_for_uvicorn() -> None:
    assert found("stop-signal", unit(ServerKind.UVICORN, "SIGQUIT")) == [(ERROR, SIGNAL)]


def test_uwsgi_with_die_on_term_drops_its_requests() -> None:
    (finding,) = findings("stop-signal", unit(ServerKind.UWSGI, drops=True))
    assert (finding.severity, finding.where) == (ERROR, COMMAND)
    assert "gracefully_kill_them_all" in finding.fix


def test_uwsgi_as_it_is_loads_anew_where_it_should_end() -> None:
    given = unit(ServerKind.UWSGI)
    assert given.server is not None
    default = replace(given.server, drops_on_term=Fact(True, COMMAND, "uWSGI"))
    (finding,) = findings("stop-signal", replace(given, server=default))
    assert (finding.severity, finding.where) == (ERROR, COMMAND)
    assert "anew" in finding.message


@pytest.mark.parametrize("drops", [False, None])
def test_uwsgi_that_is_not_known_to_drop_its_requests_is_left_alone(drops: bool | None) -> None:
    assert found("stop-signal", unit(ServerKind.UWSGI, drops=drops)) == []


def test_another_signal_alone_does_not_help_uwsgi_where_it_drops_requests_on_that_too() -> None:
    (finding,) = findings("stop-signal", unit(ServerKind.UWSGI, "SIGQUIT", drops=True))
    assert finding.fix.startswith("stop_signal: SIGTERM, with hook-master-start")


def test_uwsgi_ends_at_once_on_sigint() -> None:
    assert found("stop-signal", unit(ServerKind.UWSGI, "SIGINT")) == [(ERROR, SIGNAL)]


def test_a_signal_is_set_in_the_platforms_own_words() -> None:
    fixes = {
        platform: findings("stop-signal", unit(ServerKind.WAITRESS, platform=platform))[0].fix
        for platform in (Platform.KUBERNETES, Platform.SYSTEMD, Platform.DOCKER)
    }
    assert fixes == {
        Platform.KUBERNETES: "STOPSIGNAL SIGINT",
        Platform.SYSTEMD: "KillSignal=SIGINT",
        Platform.DOCKER: "STOPSIGNAL SIGINT",
    }


@pytest.mark.parametrize(
    "given",
    [
        unit(ServerKind.WAITRESS, image=None),
        unit(ServerKind.WAITRESS, platform=Platform.PROCFILE),
        unit(ServerKind.WAITRESS, shell=True),
        unit(ServerKind.DEVELOPMENT),
    ],
    ids=["an image from elsewhere", "Procfile", "a shell gets it", "another rule's"],
)
def test_a_signal_that_is_not_known_or_not_to_be_had_is_left_alone(given: Unit) -> None:
    assert found("stop-signal", given) == []


# exec-form


@pytest.mark.parametrize("platform", [Platform.DOCKER, Platform.COMPOSE, Platform.KUBERNETES])
def test_a_shell_above_the_server_is_an_error_in_a_container(platform: Platform) -> None:
    (finding,) = findings("exec-form", unit(shell=True, platform=platform))
    assert (finding.severity, finding.where) == (ERROR, COMMAND)
    assert finding.fix == 'CMD ["gunicorn", "app:app"]'


@pytest.mark.parametrize("platform", [Platform.SYSTEMD, Platform.PROCFILE])
def test_platforms_that_ask_all_processes_need_no_exec(platform: Platform) -> None:
    assert found("exec-form", unit(shell=True, platform=platform)) == []


def test_a_script_is_to_exec_the_server() -> None:
    (finding,) = findings("exec-form", unit(shell=True, started=Where("entrypoint.sh", 6)))
    assert finding.fix == "exec gunicorn app:app"


def test_a_compose_files_own_command_is_to_be_a_list() -> None:
    (finding,) = findings("exec-form", unit(shell=True, started=Where("compose.yaml", 6)))
    assert finding.fix == 'command: ["gunicorn", "app:app"]'


def test_a_command_with_variables_needs_its_shell_but_not_above_it() -> None:
    given = unit(shell=True, words=("gunicorn", "-b", "0.0.0.0:$PORT", "app:app"))
    assert findings("exec-form", given)[0].fix == 'CMD ["sh", "-c", "exec gunicorn ..."]'


def test_a_long_command_is_not_told_in_full() -> None:
    words = ("gunicorn", *(f"--option-{number}" for number in range(20)))
    assert findings("exec-form", unit(shell=True, words=words))[0].fix == 'CMD ["gunicorn", ...]'


def test_no_shell_is_right() -> None:
    assert found("exec-form", unit()) == []


def test_what_is_no_server_is_left_alone() -> None:
    assert found("exec-form", replace(unit(shell=True), server=None)) == []


def test_a_file_for_development_may_have_its_shell() -> None:
    assert found("exec-form", unit(shell=True, started=Where("Dockerfile.dev", 9))) == []
