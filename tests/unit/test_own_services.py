"""What is started beside an app of the user's own, and how its servers are told."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from toolkit.backing import Backings, OwnNeeds, own_services
from toolkit.cli.benched import needs_of, traffic_of
from toolkit.config import AppConfig, Config, ServiceConfig, load_config
from toolkit.errors import ConfigError
from toolkit.model import App, BackingImage, Interface, Need, Server, Stack

STACK = Stack(
    app=App(name="a", summary="", interface=Interface.WSGI, target="a:b", health="/", path=Path()),
    server=Server(
        name="s", summary="", interfaces=(Interface.WSGI,), keep_alive=True, argv=(), path=Path()
    ),
)
REDIS = BackingImage(name="redis", image="redis:8", port=6379)


class FakePlatform:
    """Starts what it is told, and counts what runs."""

    def __init__(self) -> None:
        self.running: list[str] = []

    @contextlib.contextmanager
    def backing_image(self, image: BackingImage, observer: object) -> Iterator[SimpleNamespace]:
        self.running.append(image.name)
        try:
            yield SimpleNamespace(url_for_servers=f"10.0.0.9:{image.port}")
        finally:
            self.running.remove(image.name)


class FakeDatabases:
    def __init__(self) -> None:
        self.made: list[tuple[str, bool, bool]] = []

    def prepare(
        self, app: str, make_tables: Callable[[str], None], *, as_all: bool, filled: bool
    ) -> None:
        self.made.append((app, as_all, filled))
        make_tables("postgresql://bench@127.0.0.1:1/app_1")

    def fresh(self, app: str, **_: str) -> str:
        return "postgresql://bench@127.0.0.1:1/trial"


def test_servers_are_told_the_address_of_each_service_where_a_variable_names_it() -> None:
    variables = {"CACHE": "redis://{redis}/0", "OTHER": "{}{unknown}"}
    own = OwnNeeds(variables=variables, images=(REDIS,))
    platform = FakePlatform()
    backings = Backings(None, secret="s", own=own)  # type: ignore[arg-type]
    with own_services(platform, own, backings, None):  # type: ignore[arg-type]
        found = backings.environment(STACK)
        assert platform.running == ["redis"]
    assert found == {"SECRET_KEY": "s", "CACHE": "redis://10.0.0.9:6379/0", "OTHER": "{}{unknown}"}
    assert platform.running == []


def test_services_are_stopped_when_one_of_them_does_not_start() -> None:
    own = OwnNeeds(images=(REDIS, BackingImage(name="broken", image="", port=1)))
    platform = FakePlatform()
    start = platform.backing_image

    def fail(
        image: BackingImage, observer: object
    ) -> contextlib.AbstractContextManager[SimpleNamespace]:
        if image.name == "broken":
            raise ConfigError("broken")
        return start(image, observer)

    platform.backing_image = fail  # type: ignore[method-assign, assignment]
    backings = Backings(None, secret="s", own=own)  # type: ignore[arg-type]
    with pytest.raises(ConfigError), own_services(platform, own, backings, None):  # type: ignore[arg-type]
        pass
    assert platform.running == []


def test_an_app_of_ones_own_gets_a_database_without_the_tables_of_the_reference_apps() -> None:
    ran: list[dict[str, str]] = []
    runtime = SimpleNamespace(run_once=lambda stack, command, environment: ran.append(environment))
    own = OwnNeeds(database_variable="DB", database_scheme="postgresql+psycopg")
    backings = Backings(runtime, secret="s", own=own)
    databases = FakeDatabases()
    backings.databases = databases  # type: ignore[assignment]
    backings.prepare(STACK)
    assert databases.made == [("a", False, False)]
    assert ran == []  # no command, and a database nevertheless
    found = backings.environment(STACK)
    assert found["DB"] == "postgresql+psycopg://bench@127.0.0.1:1/trial"
    assert "DATABASE_URL" not in found


def test_a_reference_app_without_tables_gets_no_database() -> None:
    backings = Backings(None, secret="s")  # type: ignore[arg-type]
    backings.databases = FakeDatabases()  # type: ignore[assignment]
    assert backings.environment(STACK) == {"SECRET_KEY": "s"}


SETTINGS = """
[app]
get = ["/"]
database = "postgresql"

[services.redis]
image = "redis:8"
port = 6379
ready = "redis-cli 'ping it'"
memory = "256m"
"""


def test_services_are_read_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text(SETTINGS)
    config = load_config(tmp_path)
    (service,) = needs_of(config).images
    assert (service.name, service.image, service.port) == ("redis", "redis:8", 6379)
    assert (service.ready, service.memory) == (("redis-cli", "ping it"), 256 * 2**20)
    assert [item.needs for item in traffic_of(config.app)] == [(Need.DATABASE,)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[services]\nredis = 1\n", "table of tables"),
        (
            "[services.redis]\nimage = 'a'\nport = 1\nports = 2\n",
            "unknown key 'services.redis.port",
        ),
        ("[services.redis]\nimage = 'a'\nport = 0\n", "is out of range"),
        ("[services.redis]\nport = 1\n", "image"),
        ("[services.database]\nimage = 'a'\nport = 1\n", "no name for a service"),
        ("[app]\ndatabase = 'mysql'\n", "is out of range"),
        ("[services.'a b']\nimage = 'a'\nport = 1\n", "no name for a service"),
    ],
)
def test_services_that_make_no_sense_are_refused(tmp_path: Path, settings: str, said: str) -> None:
    (tmp_path / "toolkit.toml").write_text(settings)
    with pytest.raises(ConfigError, match=said):
        load_config(tmp_path)


def test_without_a_database_requests_need_none() -> None:
    assert [item.needs for item in traffic_of(AppConfig(get=("/",)))] == [()]


def test_a_command_with_an_open_quote_is_refused() -> None:
    service = ServiceConfig(image="a", port=1, ready="'x")
    with pytest.raises(ConfigError, match=r"services\.a\.ready"):
        needs_of(Config(services={"a": service}))
