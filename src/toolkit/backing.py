"""The backing services of a run, and what servers must know of them."""

import contextlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from toolkit.database import Databases
from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.measured import Usage
from toolkit.model import MOST_CONNECTIONS, Knobs, Need, Stack
from toolkit.ports import Backing, Observer, Runtime

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class Backings:
    """What servers are given besides their settings.

    Args:
        runtime: Where they run.
        secret: For whatever an app signs; the same for all servers of a run.
        side: Which of two versions of an app it is that they serve.
        variables: That the user gives to all servers; nobody else is told what is in them.

    Attributes:
        started: The services by what they are for.
        missing: Why others could not be had.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        secret: str,
        side: str = "",
        variables: Mapping[str, str] = _NO_VARIABLES,
    ) -> None:
        self._runtime = runtime
        self._secret = secret
        self._side = side
        self._variables = variables
        self.started: dict[Need, Backing] = {}
        self.missing: dict[Need, EnvironmentFault] = {}
        self.databases: Databases | None = None

    def of_side(self, side: str, runtime: Runtime) -> "Backings":
        """Give the same services for one of two versions of an app, whose tables may differ.

        Args:
            side: Its name.
            runtime: Where it is served.
        """
        own = Backings(runtime, secret=self._secret, side=side, variables=self._variables)
        own.started, own.missing, own.databases = self.started, self.missing, self.databases
        return own

    def prepare(self, stack: Stack) -> None:
        """Make the database of a stack's app, where there are databases and it has tables.

        Raises:
            StackError: It cannot be made.
        """
        if self.databases is None or not stack.app.prepare:
            return

        def make_tables(url: str) -> None:
            environment = {**self._common(), "DATABASE_URL": url}
            for command in stack.app.prepare:
                self._runtime.run_once(stack, command, environment)

        self.databases.prepare(self._key(stack), make_tables, as_all=not self._side)

    def environment(self, stack: Stack) -> dict[str, str]:
        """Give the variables for a new server of a stack, which finds a database as it was made."""
        if self.databases is None or not stack.app.prepare:
            return self._common()
        name = {"name": self._side} if self._side else {}
        return {
            **self._common(),
            "DATABASE_URL": self.databases.fresh(self._key(stack), **name),
        }

    def has(self, need: Need) -> bool:
        """Tell whether there is a service for a need."""
        return need in self.started

    def usages(self) -> Mapping[Need, Usage]:
        """Read what each service has used so far.

        Raises:
            StackError: One is gone.
        """
        return {need: backing.usage() for need, backing in self.started.items()}

    def _key(self, stack: Stack) -> str:
        return f"{self._side} {stack.app.name}".strip()

    def _common(self) -> dict[str, str]:
        upstream = self.started.get(Need.UPSTREAM)
        known = {"UPSTREAM_URL": upstream.url_for_servers} if upstream is not None else {}
        return {"SECRET_KEY": self._secret, **known, **self._variables}


@contextlib.contextmanager
def open_backings(
    runtime: Runtime,
    needs: Collection[Need],
    shared: Path,
    observer: Observer,
    *,
    knobs: Knobs,
    optional: bool = False,
    variables: Mapping[str, str] = _NO_VARIABLES,
) -> Iterator[Backings]:
    """Start the services that are needed; all are gone at the end.

    Args:
        runtime: Where.
        needs: Which.
        shared: Folder ``apps/shared``, with the statements for the database.
        observer: Told what is started.
        knobs: Settings of every server, whose connections the database must take.
        optional: Go on without those that cannot be had.
        variables: That the user gives to all servers.

    Raises:
        ConfigError: The servers may open more connections than the database takes.
        EnvironmentFault: One cannot be had here.
    """
    if Need.DATABASE in needs and not knobs.fit_the_database:
        most = 2 * knobs.workers * knobs.database_pool
        raise ConfigError(
            f"{knobs.workers} workers with pools of {knobs.database_pool} may open {most} database "
            f"connections, more than the {MOST_CONNECTIONS} there are",
            hint="Lower --workers or --database-pool (an app has two pools: its SQL, its ORM).",
        )
    backings = Backings(runtime, secret=secrets.token_hex(32), variables=variables)
    with contextlib.ExitStack() as stack:
        for need in sorted(needs):
            try:
                backings.started[need] = stack.enter_context(runtime.backing(need, observer))
            except EnvironmentFault as fault:
                if not optional:
                    raise
                backings.missing[need] = fault
        database = backings.started.get(Need.DATABASE)
        if database is not None:
            backings.databases = stack.enter_context(
                contextlib.closing(
                    Databases(
                        url=database.url,
                        url_for_servers=database.url_for_servers,
                        schema=(shared / "schema.sql").read_text(encoding="utf-8"),
                        seed=(shared / "seed.sql").read_text(encoding="utf-8"),
                    )
                )
            )
        yield backings
