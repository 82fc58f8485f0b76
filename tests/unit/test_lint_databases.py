"""A PostgreSQL server is known by its image, and its limit by what starts it."""

import pytest

from toolkit.lint.facts import Database, Fact, Where
from toolkit.lint.manifests.compose import read
from toolkit.lint.manifests.databases import databases


def found(*lines: str) -> tuple[Database, ...]:
    """Find databases in a service, whose lines begin at line 3."""
    text = "services:\n  db:\n" + "".join(f"    {line}\n" for line in lines)
    return databases(read("compose.yaml", text))


def limits(*lines: str) -> list[int]:
    return [database.max_connections.value for database in found(*lines)]


@pytest.mark.parametrize(
    "image",
    [
        "postgres",
        "postgres:18-alpine",
        "docker.io/library/postgres:18",
        "localhost:5000/postgres@sha256:0",
        "postgis/postgis:16-3.4",
        "pgvector/pgvector:pg16",
        "bitnami/postgresql:17",
    ],
)
def test_a_server_of_postgresql_takes_a_hundred_connections(image: str) -> None:
    (database,) = found(f"image: {image}")
    where = Where("compose.yaml", 2)
    assert (database.name, database.where) == ("db", where)
    assert database.max_connections == Fact(100, where, "PostgreSQL")


@pytest.mark.parametrize(
    "image",
    ["postgrest/postgrest", "prometheuscommunity/postgres-exporter", "edoburu/pgbouncer", "mysql"],
)
def test_what_is_only_called_alike_is_no_database(image: str) -> None:
    assert found(f"image: {image}") == ()


@pytest.mark.parametrize(
    "command",
    [
        "postgres -c max_connections=300",
        "-c fsync=off -c 'max_connections = 300'",
        "postgres --max_connections=300",
        "postgres --max-connections=300",
        "postgres -N 300",
        "['postgres', '-c', 'max_connections=300']",
    ],
)
def test_a_command_may_set_the_limit(command: str) -> None:
    (database,) = found("image: postgres", f"command: {command}")
    assert database.max_connections == Fact(300, Where("compose.yaml", 4))


@pytest.mark.parametrize(
    "lines",
    [
        ["command: postgres -c max_connections=${MOST}"],
        ["command: postgres -c config_file=/etc/postgresql.conf"],
        ["volumes: ['./my.conf:/etc/postgresql/postgresql.conf']"],
    ],
)
def test_a_database_whose_limit_is_set_elsewhere_is_left_out(lines: list[str]) -> None:
    assert found("image: postgres", *lines) == ()


def test_the_variable_of_bitnamis_image_counts_for_that_image_only() -> None:
    variable = "environment: {POSTGRESQL_MAX_CONNECTIONS: 300}"
    assert limits("image: bitnami/postgresql", variable) == [300]
    assert limits("image: postgres", variable) == [100]


def test_behind_a_pooler_the_limit_of_a_database_says_nothing() -> None:
    text = "services:\n  db: {image: postgres}\n  pool: {image: edoburu/pgbouncer:1.23}\n"
    assert databases(read("compose.yaml", text)) == ()
