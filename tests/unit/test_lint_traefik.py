"""Traefik as a proxy: what labels, flags and files say, and whom it passes requests on to."""

import pytest

from toolkit.lint.facts import Deployment, Fact, Proxy, Unit, Where
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import judge
from toolkit.reading import Files

DOCKERFILE = """FROM python:3.13-slim
COPY . .
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--threads", "4", "--keep-alive", "75", "app:app"]
"""
APP = "  web:\n    build: .\n    labels:\n"
ROUTED = "traefik.http.routers.web.rule=Host(`a`)"
PORT = "traefik.http.services.web.loadbalancer.server.port=8000"


def compose(*labels: str, flags: tuple[str, ...] = (), env: str = "") -> str:
    lines = "".join(f"      - {label}\n" for label in labels)
    command = "".join(f"      - {flag}\n" for flag in flags)
    traefik = f"  proxy:\n    image: docker.io/library/traefik:v3.5\n{env}"
    return f"services:\n{APP}{lines}{traefik}" + (f"    command:\n{command}" if command else "")


def deployment(text: str, **files: str) -> Deployment:
    named = {name.replace("_", "."): content for name, content in files.items()}
    return gather(Files.of_texts({"Dockerfile": DOCKERFILE, "compose.yaml": text, **named}))


def unit(text: str, **files: str) -> Unit:
    (found,) = deployment(text, **files).units
    return found


def proxy(text: str, **files: str) -> Proxy:
    (found,) = unit(text, **files).proxies
    return found


# labels


def test_what_traefik_does_unasked_are_facts_that_say_so() -> None:
    found = proxy(compose(PORT))
    where = Where("compose.yaml", 5)
    assert (found.where, found.targets, found.software) == (where, ("web:8000",), "Traefik")
    assert found.keep_alive == Fact(90.0, where, "Traefik")
    assert found.kept == Fact(200, where, "Traefik")
    assert found.read_timeout is None
    assert found.buffers == Fact(value=False, where=where, default="Traefik")
    assert found.sets_forwarded == Fact(value=True, where=where, default="Traefik")


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        ((ROUTED,), ["web:8000"]),
        (("traefik.enable=true",), ["web:8000"]),
        ((ROUTED, PORT), ["web:8000"]),
        (("TRAEFIK.HTTP.Services.Web.LoadBalancer.Server.Port=9000",), ["web:9000"]),
        ((ROUTED, "traefik.enable=false"), []),
        (("com.example.team=a",), []),
        (
            (PORT, PORT.replace("services.web", "services.api").replace("8000", "9000")),
            ["web:8000", "web:9000"],
        ),
    ],
)
def test_a_service_is_passed_to_if_its_labels_route_to_it(
    labels: tuple[str, ...], targets: list[str]
) -> None:
    proxies = unit(compose(*labels)).proxies
    assert [target for item in proxies for target in item.targets] == targets


def test_labels_for_swarm_count_too() -> None:
    text = f"services:\n  web:\n    build: .\n    deploy:\n      labels:\n        - {PORT}\n"
    assert proxy(text).where == Where("compose.yaml", 6)


def test_labels_of_traefik_itself_are_no_app() -> None:
    text = "services:\n  web:\n    build: .\n  proxy:\n    image: traefik\n    labels:\n"
    assert deployment(f"{text}      - {PORT}\n").proxies == ()


# its own configuration


@pytest.mark.parametrize(
    ("flag", "seconds", "kept", "patience"),
    [
        ("--serversTransport.forwardingTimeouts.idleConnTimeout=30s", 30.0, 200, None),
        ("--serverstransport.forwardingtimeouts.idleconntimeout=45", 45.0, 200, None),
        ("--serversTransport.forwardingTimeouts.responseHeaderTimeout=1m", 90.0, 200, 60.0),
        ("--serversTransport.forwardingTimeouts.responseHeaderTimeout=0s", 90.0, 200, None),
        ("--serversTransport.maxIdleConnsPerHost=7", 90.0, 7, None),
        ("--serversTransport.maxIdleConnsPerHost=-1", 90.0, 0, None),
    ],
)
def test_flags_say_how_long_it_waits(
    flag: str, seconds: float, kept: int, patience: float | None
) -> None:
    found = proxy(compose(PORT, flags=("--providers.docker", flag)))
    assert found.keep_alive is not None
    assert found.kept is not None
    assert (found.keep_alive.value, found.kept.value) == (seconds, kept)
    assert (found.read_timeout.value if found.read_timeout else None) == patience


def test_variables_and_its_file_say_the_same() -> None:
    env = (
        "    environment:\n      TRAEFIK_SERVERSTRANSPORT_FORWARDINGTIMEOUTS_IDLECONNTIMEOUT: 20s\n"
    )
    said = proxy(compose(PORT, env=env)).keep_alive
    assert said == Fact(20.0, Where("compose.yaml", 9))
    file = "entryPoints:\n  web:\n    address: :80\nserversTransport:\n  forwardingTimeouts:\n"
    said = proxy(compose(PORT), traefik_yml=f"{file}    idleConnTimeout: 25s\n").keep_alive
    assert said == Fact(25.0, Where("traefik.yml", 6))


@pytest.mark.parametrize(
    ("flag", "appends"),
    [
        ("--entryPoints.web.forwardedHeaders.insecure", True),
        ("--entryPoints.web.forwardedHeaders.insecure=false", False),
        ("--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.0/8", True),
    ],
)
def test_whom_it_trusts_decides_whose_addresses_it_passes_on(flag: str, appends: bool) -> None:
    found = proxy(compose(PORT, flags=(flag,)))
    assert found.appends_forwarded is not None
    assert found.sets_forwarded is not None
    assert (found.appends_forwarded.value, found.sets_forwarded.value) == (appends, not appends)


def test_where_something_buffers_nothing_is_said_of_slow_clients() -> None:
    buffering = "traefik.http.middlewares.whole.buffering.maxRequestBodyBytes=1"
    assert proxy(compose(PORT, buffering)).buffers is None


# files


DYNAMIC = """http:
  routers:
    web:
      rule: Host(`a`)
      service: web
  services:
    web:
      loadBalancer:
        serversTransport: patient@file
        servers:
          - url: http://web:8000/
          - url: https://web
          - url: nonsense
  serversTransports:
    patient:
      forwardingTimeouts:
        responseHeaderTimeout: 20s
        idleConnTimeout: 10s
"""


def test_a_file_names_servers_and_how_they_are_talked_to() -> None:
    found = proxy(f"services:\n{APP}      - a=b\n", routes_yaml=DYNAMIC)
    assert found.where == Where("routes.yaml", 11)
    assert found.targets == ("web:8000", "web:443")
    assert found.keep_alive == Fact(10.0, Where("routes.yaml", 18))
    assert found.read_timeout == Fact(20.0, Where("routes.yaml", 17))


def test_its_files_are_named_and_one_that_makes_no_sense_is_told() -> None:
    found = deployment(compose(), routes_yaml=DYNAMIC, broken_yml="http:\n  - [\n")
    assert found.files["Traefik"] == ("routes.yaml",)
    assert [item.where.path for item in found.unread] == ["broken.yml"]


def test_rules_say_their_fixes_in_its_words() -> None:
    text = compose(PORT, flags=("--serversTransport.forwardingTimeouts.responseHeaderTimeout=3s",))
    found = judge(deployment(text), Measured(slowest_request=5.0)).findings
    (slow,) = [item for item in found if item.rule == "timeout-nesting"]
    assert slow.fix == "responseHeaderTimeout 10s"
    (early,) = [item for item in found if item.rule == "keep-alive-nesting"]
    assert "the proxy in front of it after 90 s (Traefik's default)" in early.message
