"""Lints of folders that nobody has."""

from toolkit.lint.facts import (
    Command,
    Container,
    Deployment,
    Fact,
    Platform,
    Server,
    ServerKind,
    Unit,
    Unread,
    Where,
)
from toolkit.lint.finding import Finding, NotJudged, Rule, Severity
from toolkit.report.lint_wording import Lint

RULE = Rule(
    name="graceful-nesting",
    summary="What a server needs to stop fits into what the platform gives it.",
    reason="The platform kills what has not ended in time, and with it the requests in flight: "
    "clients see connections that are reset at every rollout.",
    fix="Give the platform two seconds more than the hook and the graceful timeout take together.",
    source="Docker, stop_grace_period: https://docs.docker.com/reference/compose-file/services/",
)
OTHER_RULE = Rule(
    name="recycling-jitter",
    summary="Workers are not all replaced at once.",
    reason="Workers that began together reach their limit together.",
    fix="Set max_requests_jitter to a tenth of max_requests.",
    source="gunicorn, settings: https://gunicorn.org/reference/settings/#max_requests_jitter",
)
TOO_SHORT = Finding(
    rule=RULE.name,
    severity=Severity.ERROR,
    where=Where("compose.yaml", 14),
    message="service web is killed 10 s after it was asked to stop (docker's default), but its "
    "gunicorn gives requests 30 s to end (config/gunicorn.conf.py:7)",
    fix="stop_grace_period: 32s, or graceful_timeout = 8",
    others=(Where("config/gunicorn.conf.py", 7),),
)
TOO_REGULAR = Finding(
    rule=OTHER_RULE.name,
    severity=Severity.WARNING,
    where=Where("config/gunicorn.conf.py", 9),
    message="max_requests = 1000 without a jitter: all 4 workers are replaced at about the same "
    "time",
    fix="max_requests_jitter = 100",
)
FORGEABLE = Finding(
    rule="trusted-proxies",
    severity=Severity.ERROR,
    where=Where("compose.yaml", 9),
    message="forwarded_allow_ips = '*' on a port that anybody reaches",
    fix="publish 127.0.0.1:8000:8000, or name the proxy",
    others=(Where("config/gunicorn.conf.py", 3), Where("nginx/default.conf")),
)
UNKNOWN = NotJudged(
    rule="memory-limit",
    reason="the memory of a worker is not known: --worker-memory says it",
)


def made_up_server() -> Server:
    where = Where("config/gunicorn.conf.py", 1)
    return Server(
        kind=ServerKind.GUNICORN,
        where=where,
        version=Fact("27.0.1", where),
        worker_class=Fact("gthread", where),
        workers=Fact(4, where),
        threads=Fact(1, where),
    )


def made_up_deployment() -> Deployment:
    def unit(name: str, line: int, server: Server | None, *words: str) -> Unit:
        where = Where("compose.yaml", line)
        container = Container(platform=Platform.COMPOSE, name=name, where=where)
        command = Command(words=words, where=where) if words else None
        return Unit(name=f"service {name}", container=container, command=command, server=server)

    return Deployment(
        units=(
            unit("web", 3, made_up_server(), "gunicorn", "app:app"),
            unit("batch", 20, None, "java", "-jar", "batch.jar"),
            unit("other", 30, None),
        ),
        files={
            "compose": ("compose.yaml",),
            "Dockerfile": ("Dockerfile",),
            "gunicorn": ("config/gunicorn.conf.py",),
            "Python": tuple(f"shop/views/part_{number}.py" for number in range(20)),
        },
        unread=(
            Unread(
                where=Where("chart/templates/deployment.yaml", 3),
                reason="line 3: a Helm template: render it first (helm template)",
            ),
        ),
    )


def made_up_lint(*findings: Finding, folder: str = "") -> Lint:
    """Give a lint that found what is given, or else one thing of each kind."""
    return Lint(
        deployment=made_up_deployment(),
        findings=findings or (TOO_REGULAR, TOO_SHORT, FORGEABLE),
        ignored=(TOO_REGULAR,),
        not_judged=(UNKNOWN,),
        folder=folder,
    )
