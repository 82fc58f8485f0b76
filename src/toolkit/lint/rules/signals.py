"""The signal that asks a server to stop: whether it arrives, and whether it ends gently."""

import json
import shlex
from collections.abc import Iterator

from toolkit.lint.facts import Command, Deployment, Fact, Platform, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.fronts import CONTAINERS, is_for_development, is_unit_for_development

STOP_SIGNAL = Rule(
    name="stop-signal",
    summary="The signal that stops a container is one on which the server ends its requests.",
    reason="As process 1 of a container waitress and cheroot do not notice SIGTERM and are killed "
    "when the platform loses patience; beside an init they die at once. gunicorn ends at once on "
    "SIGINT and SIGQUIT, uWSGI without a hook also on SIGTERM. Requests in flight are lost.",
    fix="STOPSIGNAL SIGINT for waitress and cheroot, SIGTERM for gunicorn; for uWSGI "
    "hook-master-start = unix_signal:15 gracefully_kill_them_all.",
    source="Docker, on process 1: https://docs.docker.com/reference/cli/docker/container/run/"
    "#attach; gunicorn, Signal Handling: https://gunicorn.org/signals/; uWSGI, Things to know: "
    "https://uwsgi-docs.readthedocs.io/en/latest/ThingsToKnow.html",
)

EXEC_FORM = Rule(
    name="exec-form",
    summary="No shell stays between the platform and the server.",
    reason="A shell does not pass SIGTERM on. The server goes on as if nothing were to come, until "
    "it is killed with the requests that it has.",
    fix='Write CMD and ENTRYPOINT as lists (CMD ["gunicorn", ...]), and start the server with exec '
    "in scripts and after sh -c.",
    source="Docker, JSONArgsRecommended: "
    "https://docs.docker.com/reference/build-checks/json-args-recommended/",
)

_GENTLE = {
    ServerKind.GUNICORN: ("SIGTERM",),
    ServerKind.UVICORN: ("SIGTERM", "SIGINT"),
    ServerKind.HYPERCORN: ("SIGTERM", "SIGINT"),
    ServerKind.GRANIAN: ("SIGTERM", "SIGINT"),
    ServerKind.WAITRESS: ("SIGINT",),
    ServerKind.CHEROOT: ("SIGINT",),
    # measured: it drops its requests on SIGINT too, but at once
    ServerKind.GEVENT: ("SIGINT",),
    ServerKind.UWSGI: ("SIGTERM",),
}
"""Signals on which a server ends and lets its requests end; the first is to be taken."""

_NUMBERS = {"1": "SIGHUP", "2": "SIGINT", "3": "SIGQUIT", "9": "SIGKILL", "15": "SIGTERM"}
_UWSGI_HOOK = "hook-master-start = unix_signal:15 gracefully_kill_them_all"
_LONGEST_COMMAND = 80


# stop-signal


def _stop_signal(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server = unit.server
        # of a Procfile the platform has the say; to a shell no signal is any use
        if server is None or unit.container.platform is Platform.PROCFILE or _has_shell(unit):
            continue
        if is_for_development(server.where) or is_unit_for_development(unit):
            continue
        gentle = _GENTLE.get(server.kind, ())
        given = unit.container.stop_signal
        if given is None and unit.image is None and unit.container.platform in CONTAINERS:
            continue  # what an image from elsewhere says
        signal = _name(given)
        if gentle and signal not in gentle and not _handles(server):
            yield _hard(unit, server, given, signal, gentle[0])
        elif server.drops_on_term is not None and _drops_on_term(server):
            yield _drops(server, server.drops_on_term)


def _drops_on_term(server: Server) -> bool:
    return server.drops_on_term is not None and server.drops_on_term.value


def _handles(server: Server) -> bool:
    """Tell whether it is a script that says itself what happens on a signal."""
    of_a_script = server.kind in (ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.GEVENT)
    return of_a_script and server.drops_on_term is not None and not _drops_on_term(server)


def _has_shell(unit: Unit) -> bool:
    return unit.command is not None and unit.command.shell


def _name(signal: Fact[str] | None) -> str:
    if signal is None:
        return "SIGTERM"
    name = signal.value.strip().upper()
    return _NUMBERS.get(name, name if name.startswith("SIG") else f"SIG{name}")


def _hard(unit: Unit, server: Server, given: Fact[str] | None, signal: str, right: str) -> Finding:
    where = server.where if given is None or given.default else given.where
    said = " (the default)" if given is None or given.default else ""
    setting = {
        Platform.COMPOSE: f"stop_signal: {right}",
        Platform.SYSTEMD: f"KillSignal={right}",
    }.get(unit.container.platform, f"STOPSIGNAL {right}")
    if unit.container.supervisor == "supervisord":
        setting = f"stopsignal={right.removeprefix('SIG')}"
    elif unit.container.supervisor:
        setting = f"a file down-signal beside run, with {right}"
    return Finding(
        rule=STOP_SIGNAL.name,
        severity=Severity.ERROR,
        where=where,
        message=f"{unit.name} is stopped with {signal}{said}, on which {server.kind} does not let "
        "requests in flight end",
        fix=f"{setting}, with {_UWSGI_HOOK}" if _drops_on_term(server) else setting,
        others=(server.where,) if where != server.where else (),
    )


def _drops(server: Server, drops: Fact[bool]) -> Finding:
    what = "loads everything anew on SIGTERM" if drops.default else "ends on SIGTERM (die-on-term)"
    return Finding(
        rule=STOP_SIGNAL.name,
        severity=Severity.ERROR,
        where=drops.where,
        message=f"{server.kind} {what} without waiting for requests in flight",
        fix=_UWSGI_HOOK if drops.default else f"{_UWSGI_HOOK} in place of die-on-term",
    )


# exec-form


def _exec_form(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        command = unit.command
        # systemd asks all processes of a unit, as Procfile platforms do
        asks_one = unit.container.platform in CONTAINERS or unit.container.supervisor
        if command is None or not command.shell or not asks_one or unit.container.stops_group:
            continue
        if unit.server is None or is_for_development(command.where):
            continue
        yield Finding(
            rule=EXEC_FORM.name,
            severity=Severity.ERROR,
            where=command.where,
            message=f"a shell starts {command.words[0]} and stays above it: SIGTERM does not reach "
            "the server, which is killed with its requests",
            fix=_without_shell(unit, command),
        )


def _without_shell(unit: Unit, command: Command) -> str:
    if unit.container.supervisor == "supervisord" and not command.where.path.endswith(".sh"):
        return f"command={_short(shlex.join(command.words))}, or stopasgroup=true"
    if unit.image is not None and command.where.path == unit.image.path:
        if any("$" in word for word in command.words):
            return f'CMD ["sh", "-c", "exec {command.words[0]} ..."]'
        return f"CMD {_short(json.dumps(list(command.words)), '[')}"
    if command.where.path == unit.container.where.path:
        return f"command: {_short(json.dumps(list(command.words)), '[')}"
    return f"exec {_short(shlex.join(command.words))}"


def _short(text: str, opening: str = "") -> str:
    if len(text) <= _LONGEST_COMMAND:
        return text
    first, _, _ = text.removeprefix(opening).partition(" ")
    return f"{opening}{first} ...{']' if opening else ''}"


RULES: tuple[tuple[Rule, Check], ...] = (
    (EXEC_FORM, _exec_form),
    (STOP_SIGNAL, _stop_signal),
)
