"""PostgreSQL as a benchmark of servers wants it: the same settings wherever it runs."""

import time
from collections.abc import Callable
from types import MappingProxyType

from toolkit.errors import StackError
from toolkit.measured import BackingFacts
from toolkit.model import MOST_CONNECTIONS, Need

ROLE = "bench"
"""May create databases, and comes in without a password where nobody else can reach them."""

NAME = "postgres"
"""The database that is there from the start."""

INITDB = ("--no-sync", "--encoding=UTF8", "--locale=C")

SETTINGS = MappingProxyType(
    {
        # the disk must not decide: nothing here has to outlive a crash
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "256MB",
        "max_connections": str(MOST_CONNECTIONS),
        "shared_buffers": "128MB",
        # compiling takes longer than any of these statements
        "jit": "off",
        # work that comes at a time of its own, in one trial and not in the next. Rows that change
        # in place are cleaned up by whoever reads their page; tables are analysed when filled.
        "autovacuum": "off",
        "checkpoint_timeout": "1h",
        # files among the data, where they go with them
        "dynamic_shared_memory_type": "mmap",
    }
)

_NAMED = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "max_connections",
    "shared_buffers",
    "jit",
    "autovacuum",
)
_INTERVAL = 0.05
_TIMEOUT = 2


def arguments(*, host: str, port: int, **more: str) -> list[str]:
    """Give the arguments of ``postgres``: where it listens, and its settings."""
    settings = {"listen_addresses": host, "port": str(port), **SETTINGS, **more}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def url(host: str, port: int, password: str = "") -> str:
    """Give the URL of the database that is there from the start."""
    role = f"{ROLE}:{password}" if password else ROLE
    return f"postgresql://{role}@{host}:{port}/{NAME}"


def facts(version: str, where: str) -> BackingFacts:
    """Say what it is: its version, where it is from or keeps its data, the settings that matter."""
    settings = ", ".join(f"{name}={SETTINGS[name]}" for name in _NAMED)
    return BackingFacts(
        need=Need.DATABASE.value, summary=f"PostgreSQL {version} ({where}); {settings}"
    )


def wait_until_ready(
    url: str,
    *,
    death: Callable[[], str | None],
    log_tail: Callable[[], str],
    timeout: float,
) -> str:
    """Try to log in until that works; give the version of the database.

    Raises:
        StackError: It ended, or the deadline passed; with the last lines it printed.
    """
    # slow to import
    import psycopg  # noqa: PLC0415

    from toolkit.database import connect  # noqa: PLC0415 - likewise

    deadline = time.monotonic() + timeout
    last = "no answer yet"
    while time.monotonic() < deadline:
        ended = death()
        if ended is not None:
            raise StackError(f"PostgreSQL ended before it answered: {ended}", log=log_tail())
        try:
            with connect(url, _TIMEOUT) as connection:
                return connection.info.parameter_status("server_version") or "of unknown version"
        except psycopg.OperationalError as error:
            last = str(error).strip()
        time.sleep(_INTERVAL)
    raise StackError(
        f"PostgreSQL did not answer within {timeout:g} s; the last try: {last}", log=log_tail()
    )
