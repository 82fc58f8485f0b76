"""The target compose: what its files say, and that they are valid. tests/docker starts them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.made_up_deployments import (
    DEFAULTS,
    STACKS,
    evidence,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
    text_of,
)
from toolkit.deployment.assembling import Project
from toolkit.deployment.rendering import Written, network
from toolkit.deployment.sizing import Numbers
from toolkit.deployment.writing import write
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import judge
from toolkit.model import Production, Stack
from toolkit.reading import Files
from toolkit.units import parse_size

GOLDEN = Path(__file__).parent.parent / "golden"
FLASK = STACKS["flask/gunicorn-gthread"]
NUMBERS = numbers_of(FLASK, evidence(stack=FLASK.id, knobs={**DEFAULTS, "workers": 2}))

Files_ = dict[str, Written]
Service = Mapping[str, Any]


def compose(stack: Stack = FLASK, *, database: bool = True, **changes: object) -> Files_:
    return files_of(
        stack,
        where=place(targets=("compose",), database=database),
        **{"numbers": numbers_of(stack), **changes},  # type: ignore[arg-type]
    )


def services(files: Files_, **variables: str) -> dict[str, Service]:
    """Read the services with the defaults of all variables that are not given."""
    text = re.sub(
        r"\$\{(\w+):-([^}]*)\}",
        lambda found: variables.get(found[1], found[2]),
        text_of(files, "compose.yaml"),
    )
    found: dict[str, Service] = yaml.safe_load(text)["services"]
    return found


def directives(files: Files_, name: str) -> dict[str, list[str]]:
    """Give what one of nginx's files says, by directive."""
    found: dict[str, list[str]] = {}
    for line in text_of(files, f"nginx/{name}").splitlines():
        said = re.fullmatch(r"\s*(\w+) (.*?)(?:;| \{)", line)
        if said and not line.lstrip().startswith("#"):
            found.setdefault(said[1], []).append(said[2])
    return found


def seconds(text: str) -> int:
    assert text.endswith("s"), text
    return int(text.removesuffix("s"))


@pytest.fixture
def project(tmp_path: Path) -> tuple[Stack, Project]:
    """An app of somebody's own, with two steps of preparation and a folder that it writes to."""
    home = tmp_path / "home"
    home.mkdir()
    stack = own_app(
        tmp_path / "laid",
        prepare=(("flask", "db", "upgrade"), ("python", "-m", "seed", "--yes")),
        writable=("instance",),
        production=Production(static={"/assets/": "shop/assets"}, secrets=("STRIPE_KEY",)),
    )
    shim = stack.app.path / "toolkit_app.py"
    return stack, Project(folder=home, target="shop:app", shim=shim)


def of_project(project: tuple[Stack, Project], *, database: bool) -> Files_:
    stack, own = project
    assert own.folder is not None
    where = place(own.folder / "deploy", targets=("compose",), database=database)
    return files_of(stack, where=where, numbers=numbers_of(stack), project=own)


@pytest.mark.parametrize(
    "name", ["compose.yaml", "rolling-restart", "nginx/nginx.conf", "nginx/proxy.conf"]
)
def test_a_deployment_reads_like_this(name: str) -> None:
    text = text_of(compose(numbers=NUMBERS), name)
    file = GOLDEN / f"deploy_{name.rpartition('/')[2]}"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


# containers


def test_only_nginx_publishes_a_port_and_to_this_machine_only() -> None:
    for name, service in services(compose()).items():
        assert service.get("ports", []) == (["127.0.0.1:8080:8080"] if name == "nginx" else [])


@pytest.mark.parametrize("database", [True, False])
def test_every_container_is_contained(database: bool, project: tuple[Stack, Project]) -> None:
    for files in (compose(database=database), of_project(project, database=database)):
        for name, service in services(files).items():
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert service["pids_limit"] > 0, name
            # equal: no swap beside the memory
            assert service["mem_limit"] == service["memswap_limit"], name
            assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
            assert service["restart"] == ("no" if "migrate" in name else "unless-stopped"), name


def test_limits_are_those_derived() -> None:
    app = services(compose(numbers=NUMBERS))["app-1"]
    assert parse_size(app["mem_limit"]) == NUMBERS.memory_limit
    assert (app["cpus"], app["pids_limit"]) == (NUMBERS.cpus, NUMBERS.pids_limit)
    database = services(compose(numbers=NUMBERS))["database"]
    assert parse_size(database["mem_limit"]) == NUMBERS.database_memory
    assert f"max_connections={NUMBERS.max_connections}" in database["command"]


def test_what_is_written_in_memory_fits_into_the_limit() -> None:
    (tmp,) = services(compose(numbers=NUMBERS))["app-1"]["tmpfs"]
    size = re.search(r"size=(\d+)m", tmp)
    assert size is not None
    assert int(size[1]) * 2**20 <= NUMBERS.memory_limit // 4


def test_there_are_as_many_replicas_as_are_asked_for() -> None:
    files = compose(numbers=numbers_of(FLASK, replicas=3))
    names = [name for name in services(files) if name.startswith("app-")]
    assert names == ["app-1", "app-2", "app-3"]
    hosts = [line.split()[0] for line in directives(files, "replicas.conf")["server"]]
    assert hosts == [f"{name}:8000" for name in names]
    assert 'REPLICAS="app-1 app-2 app-3"' in text_of(files, "rolling-restart")


def test_one_replica_has_no_rolling_restart() -> None:
    """It would be an interruption, and say that it is none."""
    files = compose(numbers=numbers_of(FLASK, replicas=1))
    assert "rolling-restart" not in files
    assert "./rolling-restart" not in text_of(files, "README.md")


# networks


def test_the_app_trusts_the_address_of_nginx_and_nginx_finds_the_app() -> None:
    for variables in ({}, {"BACK_NETWORK": "10.9.8"}):
        found = services(compose(), **variables)
        address = {
            name: service["networks"]["back"]["ipv4_address"]
            for name, service in found.items()
            if "back" in service["networks"]
        }
        assert found["nginx"]["extra_hosts"] == [
            f"app-1:{address['app-1']}",
            f"app-2:{address['app-2']}",
        ]
        assert found["app-1"]["environment"]["FORWARDED_ALLOW_IPS"] == address["nginx"]
        assert len(set(address.values())) == len(address)


def test_given_addresses_are_not_among_those_that_the_engine_gives() -> None:
    text = text_of(compose(numbers=numbers_of(FLASK, replicas=12)), "compose.yaml")
    assert re.search(r"ip_range: \S+\.128/25\n", text)
    given = [int(last) for last in re.findall(r"ipv4_address: \"\S+\.(\d+)\"", text)]
    assert len(given) == 13
    assert max(given) < 128


def test_nginx_does_not_reach_the_database_and_nothing_reaches_out_but_nginx() -> None:
    found = services(compose())
    assert set(found["nginx"]["networks"]) == {"front", "back"}
    assert found["database"]["networks"] == found["migrate"]["networks"] == ["data"]
    networks = yaml.safe_load(text_of(compose(), "compose.yaml"))["networks"]
    assert networks["front"] == {}
    assert networks["back"]["internal"] is networks["data"]["internal"] is True


def test_networks_of_two_apps_differ_and_that_of_one_stays() -> None:
    assert network("flask") == network("flask") != network("django")
    for name in STACKS:
        assert re.fullmatch(r"10\.2[0-4]\d\.\d{1,3}", network(name))


# the database and secrets


def test_the_app_waits_for_the_database_and_for_its_preparation() -> None:
    found = services(compose())
    assert found["migrate"]["command"] == ["flask", "--app", "wsgi", "db", "upgrade"]
    assert found["app-2"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_steps_of_preparation_come_one_after_the_other(project: tuple[Stack, Project]) -> None:
    found = services(of_project(project, database=True))
    assert found["migrate-2"]["command"] == ["python", "-m", "seed", "--yes"]
    assert "migrate-1" in found["migrate-2"]["depends_on"]
    assert "migrate-2" in found["app-1"]["depends_on"]


def test_without_a_database_there_is_nothing_of_one() -> None:
    text = text_of(compose(database=False), "compose.yaml")
    for word in ("database", "DATABASE", "migrate", "data:", "postgres"):
        assert word not in text


def test_a_secret_is_in_a_file_and_in_no_variable(project: tuple[Stack, Project]) -> None:
    for files, names in (
        (compose(), ["DATABASE_PASSWORD", "SECRET_KEY"]),
        (of_project(project, database=False), ["STRIPE_KEY"]),
    ):
        environment = services(files)["app-1"]["environment"]
        assert environment["SECRETS"].split() == names
        for name in names:
            assert environment[f"{name}_FILE"] == f"/run/secrets/{name.lower()}"
            assert name not in environment
        assert services(files)["app-1"]["secrets"] == [name.lower() for name in names]


def test_without_secrets_none_are_asked_for() -> None:
    bare = replace(FLASK, app=replace(FLASK.app, production=Production()))
    files = compose(bare, database=False)
    assert "SECRETS" not in services(files)["app-1"]["environment"]
    assert "secrets" not in yaml.safe_load(text_of(files, "compose.yaml"))


# the build


def test_a_reference_app_is_built_of_what_lies_beside() -> None:
    found = services(compose())
    assert found["app-1"]["build"] == {"context": ".", "dockerfile": "Dockerfile"}
    assert "./app/inventory/static:/srv/static/pages/static:ro" in found["nginx"]["volumes"]


def test_a_project_is_built_of_its_own_folder(project: tuple[Stack, Project]) -> None:
    found = services(of_project(project, database=False))
    assert found["app-1"]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert "../shop/assets:/srv/static/assets:ro" in found["nginx"]["volumes"]
    assert any(item.startswith("/srv/app/instance:") for item in found["app-1"]["tmpfs"])


# nginx


def test_times_nest() -> None:
    files = compose(numbers=NUMBERS)
    proxy, main = directives(files, "proxy.conf"), directives(files, "nginx.conf")
    found = services(files)
    assert seconds(*proxy["proxy_read_timeout"]) > NUMBERS.worker_timeout
    # of the client, then of the app
    assert seconds(main["keepalive_timeout"][1]) < (NUMBERS.keep_alive or 0)
    assert seconds(found["app-1"]["stop_grace_period"]) > NUMBERS.graceful_timeout
    assert seconds(found["nginx"]["stop_grace_period"]) > seconds(*proxy["proxy_read_timeout"])
    drains = re.search(r"^DRAIN=(\d+)$", text_of(files, "rolling-restart"), re.MULTILINE)
    assert drains is not None
    assert int(drains[1]) > seconds(*main["worker_shutdown_timeout"])


def test_a_body_may_be_as_large_as_the_app_takes_it() -> None:
    numbers = numbers_of(FLASK, body=3 * 2**20)
    main = directives(compose(numbers=numbers), "nginx.conf")
    assert main["client_max_body_size"] == [str(numbers.body_limit)]


def test_what_a_client_says_of_itself_is_replaced() -> None:
    headers = dict(
        line.split(" ", 1) for line in directives(compose(), "proxy.conf")["proxy_set_header"]
    )
    assert headers["X-Forwarded-For"] == headers["X-Real-IP"] == "$remote_addr"
    assert headers["X-Forwarded-Proto"] == "$scheme"
    for name in ("Prefix", "Port", "Ssl", "Protocol", "Server"):
        assert headers[f"X-Forwarded-{name}"] == '""'
    assert headers["Forwarded"] == headers["Proxy"] == '""'
    assert not [value for value in headers.values() if "x_forwarded" in value]


@pytest.mark.parametrize("name", ["flask/gunicorn-sync", "flask/uwsgi"])
def test_of_a_server_that_keeps_no_connections_none_is_kept(name: str) -> None:
    files = compose(STACKS[name])
    assert "keepalive" not in directives(files, "nginx.conf")
    proxy = directives(files, "proxy.conf")
    assert "Connection close" in proxy["proxy_set_header"]
    assert proxy["proxy_pass"] == ["http://app"]


def test_what_must_not_be_sent_twice_has_a_connection_of_its_own() -> None:
    files = compose()
    assert directives(files, "proxy.conf")["set"] == ["$pool app", "$pool app-once"]
    once = text_of(files, "nginx/nginx.conf").split("upstream app-once {")[1].split("}")[0]
    assert "keepalive_requests 1;" in once
    # and nothing that was sent is sent again because its answer takes long
    proxy = directives(files, "proxy.conf")
    assert proxy["proxy_next_upstream"] == ["error timeout"]
    again = seconds(*proxy["proxy_next_upstream_timeout"])
    assert seconds(*proxy["proxy_connect_timeout"]) < again < seconds(*proxy["proxy_read_timeout"])


def test_an_asgi_app_may_have_websockets() -> None:
    files = compose(STACKS["fastapi/uvicorn"])
    headers = directives(files, "proxy.conf")["proxy_set_header"]
    assert {"Upgrade $http_upgrade", "Connection $connection_upgrade"} <= set(headers)
    assert "$http_upgrade $connection_upgrade" in directives(files, "nginx.conf")["map"]


def test_metrics_and_readiness_are_nobodys_business_outside() -> None:
    places = directives(compose(), "locations.conf")["location"]
    assert {"= /metrics", "^~ /metrics/", "= /readyz", "^~ /readyz/"} <= set(places)
    # an app whose readiness is its health: a load balancer in front may ask for that
    bare = replace(FLASK, app=replace(FLASK.app, production=Production()))
    assert directives(compose(bare), "locations.conf")["location"] == ["/"]


# validity


def test_files_are_those_of_the_compose_specification(
    tmp_path: Path, project: tuple[Stack, Project]
) -> None:
    stacks = ("flask/gunicorn-gthread", "flask/uwsgi", "fastapi/uvicorn", "django/gunicorn-gevent")
    written = {
        **{f"{name}, {base}": compose(STACKS[name], database=base)
           for name in stacks for base in (True, False)},
        "own": of_project(project, database=True),
    }  # fmt: skip
    paths = []
    for number, files in enumerate(written.values()):
        for name in ("compose.yaml", "compose.tls.yaml"):
            path = tmp_path / f"{number}-{name}"
            path.write_bytes(files[name].content)
            paths.append(path)
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *map(str, paths))


def test_scripts_are_clean(tmp_path: Path, project: tuple[Stack, Project]) -> None:
    paths = []
    for number, files in enumerate((compose(), of_project(project, database=False))):
        for name in ("rolling-restart", "make-secrets"):
            assert files[name].executable
            path = tmp_path / f"{number}-{name}"
            path.write_bytes(files[name].content)
            paths.append(str(path))
    run("shellcheck", *paths)


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def lint(files: Files_, folder: Path, numbers: Numbers) -> list[str]:
    write(files, folder)
    gathered = gather(Files.of(folder))
    assert gathered.unread == ()
    assert any(proxy.targets for unit in gathered.units for proxy in unit.proxies)
    measured = Measured(worker_memory=numbers.worker_memory or None, slowest_request=10.0)
    return [f"{found.where} {found.rule}" for found in judge(gathered, measured).findings]


@pytest.mark.parametrize(
    "name", ["flask/gunicorn-gthread", "flask/gunicorn-sync", "flask/uwsgi", "fastapi/uvicorn"]
)
def test_lint_finds_nothing(name: str, tmp_path: Path) -> None:
    stack = STACKS[name]
    numbers = numbers_of(stack, evidence(stack=name, knobs=settings_of(stack.server)))
    assert lint(compose(stack, numbers=numbers), tmp_path, numbers) == []


def test_lint_would_find_something(tmp_path: Path) -> None:
    """It does not pass because it does not see which proxy is whose."""
    numbers = numbers_of(FLASK, evidence(stack=FLASK.id, knobs=settings_of(FLASK.server)))
    files = compose(numbers=numbers)
    broken = text_of(files, "nginx/proxy.conf")
    broken = broken.replace(f"proxy_read_timeout {numbers.proxy_timeout}s", "proxy_read_timeout 9s")
    files["nginx/proxy.conf"] = Written(broken.encode())
    found = lint(files, tmp_path, numbers)
    assert {line.split()[1] for line in found} == {"timeout-nesting"}


# make-secrets


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write(compose(), tmp_path)
    make(tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(folder / "make-secrets"), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_secrets_are_random_and_long(made: Path) -> None:
    found = {path.name: path.read_text() for path in (made / "secrets").iterdir()}
    assert set(found) == {"database_password.txt", "secret_key.txt"}
    assert len(set(found.values())) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", secret) for secret in found.values())


def test_containers_can_read_secrets_and_other_users_of_the_machine_cannot(made: Path) -> None:
    assert (made / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (made / "secrets").iterdir()} == {0o444}


def test_a_secret_that_is_there_stays(made: Path) -> None:
    before = (made / "secrets" / "secret_key.txt").read_text()
    assert make(made).returncode == 0
    assert (made / "secrets" / "secret_key.txt").read_text() == before


def test_a_secret_that_is_given_replaces_the_one_before_in_the_same_file(made: Path) -> None:
    """A container has the file and not its name."""
    file = made / "secrets" / "secret_key.txt"
    before = file.stat().st_ino
    assert make(made, "SECRET_KEY", given="a new one").returncode == 0
    assert (file.read_text(), file.stat().st_ino) == ("a new one", before)
    assert file.stat().st_mode & 0o777 == 0o444


def test_what_nobody_can_make_up_is_asked_for(
    tmp_path: Path, project: tuple[Stack, Project]
) -> None:
    write(of_project(project, database=True), tmp_path)
    done = make(tmp_path)
    assert done.returncode == 1
    assert "nobody can make these up: stripe_key" in done.stderr
    assert (tmp_path / "secrets" / "database_password.txt").is_file()
    make(tmp_path, "stripe_key", given="sk_live_1")
    assert make(tmp_path).returncode == 0
