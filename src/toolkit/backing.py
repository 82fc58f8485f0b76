"""The backing services of a run, and what servers must know of them."""

import contextlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from toolkit.database import Databases
from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.measured import Usage
from toolkit.model import MOST_CONNECTIONS, BackingImage, Knobs, Need, Stack
from toolkit.ports import Backing, Commands, Observer, Platform, Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNeeds:
    """What the servers of a user's own app are given.

    Those of reference apps that stand beside it are not.

    Attributes:
        variables: For all of them; ``{NAME}`` in a value is the address of a service. Nobody else
            is told what is in them.
        images: Services that are started for the run.
        database_variable: In which they find the URL of their database ...
        database_scheme: ... and how that begins, as ``postgresql+psycopg``; empty: they have none.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    images: tuple[BackingImage, ...] = ()
    database_variable: str = "DATABASE_URL"
    database_scheme: str = "postgresql"


class Backings:
    """What servers are given besides their settings.

    Args:
        runtime: Where they run.
        secret: For whatever an app signs; the same for all servers of a run.
        side: Which of two versions of an app it is that they serve.
        own: What the servers of a user's own app are given, None for the reference apps.

    Attributes:
        started: The services by what they are for.
        missing: Why others could not be had.
    """

    def __init__(
        self,
        runtime: Commands,
        *,
        secret: str,
        side: str = "",
        own: OwnNeeds | None = None,
    ) -> None:
        self._runtime = runtime
        self._secret = secret
        self._side = side
        self._own = own
        self.started: dict[str, Backing] = {}
        self.missing: dict[Need, EnvironmentFault] = {}
        self.databases: Databases | None = None

    def of_side(self, side: str, runtime: Commands) -> "Backings":
        """Give the same services for one of two versions of an app, whose tables may differ.

        Args:
            side: Its name.
            runtime: Where it is served.
        """
        own = Backings(runtime, secret=self._secret, side=side, own=self._own)
        own.started, own.missing, own.databases = self.started, self.missing, self.databases
        return own

    def prepare(self, stack: Stack) -> None:
        """Make the database of a stack's app, where there are databases and it has tables.

        Raises:
            StackError: It cannot be made.
        """
        own, databases = self._own_of(stack), self._databases_of(stack)
        if databases is None:
            return

        def make_tables(url: str) -> None:
            environment = {**self._common(own), **_naming(url, own)}
            for command in stack.app.prepare:
                self._runtime.run_once(stack, command, environment)

        reference = own is None
        as_all = not self._side and reference
        databases.prepare(self._key(stack), make_tables, as_all=as_all, filled=reference)

    def environment(self, stack: Stack) -> dict[str, str]:
        """Give the variables for a new server of a stack, which finds a database as it was made."""
        own, databases = self._own_of(stack), self._databases_of(stack)
        if databases is None:
            return self._common(own)
        name = {"name": self._side} if self._side else {}
        return {**self._common(own), **_naming(databases.fresh(self._key(stack), **name), own)}

    def has(self, need: Need) -> bool:
        """Tell whether there is a service for a need."""
        return need in self.started

    def usages(self) -> Mapping[str, Usage]:
        """Read what each service has used so far.

        Raises:
            StackError: One is gone.
        """
        return {need: backing.usage() for need, backing in self.started.items()}

    def _databases_of(self, stack: Stack) -> Databases | None:
        """Give what makes the databases of an app, None if it has none."""
        own = self._own_of(stack)
        wanted = bool(stack.app.prepare) if own is None else bool(own.database_scheme)
        return self.databases if wanted else None

    def _own_of(self, stack: Stack) -> OwnNeeds | None:
        """Give what a stack of a user's own app is given, None for one of a reference app."""
        return self._own if stack.work is None else None

    def _key(self, stack: Stack) -> str:
        return f"{self._side} {stack.app.name}".strip()

    def _common(self, own: OwnNeeds | None) -> dict[str, str]:
        found = {"SECRET_KEY": self._secret}
        upstream = self.started.get(Need.UPSTREAM)
        if upstream is not None:
            found["UPSTREAM_URL"] = upstream.url_for_servers
        for name, value in own.variables.items() if own is not None else ():
            found[name] = self._with_addresses(value)
        return found

    def _with_addresses(self, value: str) -> str:
        for name, service in self.started.items():
            value = value.replace(f"{{{name}}}", service.url_for_servers)
        return value


@contextlib.contextmanager
def open_backings(
    runtime: Runtime,
    needs: Collection[Need],
    shared: Path,
    observer: Observer,
    *,
    knobs: Knobs | None,
    optional: bool = False,
    own: OwnNeeds | None = None,
) -> Iterator[Backings]:
    """Start the services that are needed; all are gone at the end.

    Args:
        runtime: Where.
        needs: Which.
        shared: Folder ``apps/shared``, with the statements for the database.
        observer: Told what is started.
        knobs: Settings of every server of reference apps, whose connections the database must
            take; None: there is none.
        optional: Go on without those that cannot be had.
        own: What the servers of a user's own app are given, None for the reference apps.

    Raises:
        ConfigError: The servers may open more connections than the database takes.
        EnvironmentFault: One cannot be had here.
    """
    if Need.DATABASE in needs and knobs is not None and not knobs.fit_the_database:
        most = 2 * knobs.workers * knobs.database_pool
        raise ConfigError(
            f"{knobs.workers} workers with pools of {knobs.database_pool} may open {most} database "
            f"connections, more than the {MOST_CONNECTIONS} there are",
            hint="Lower --workers or --database-pool (an app has two pools: its SQL, its ORM).",
        )
    backings = Backings(runtime, secret=secrets.token_hex(32), own=own)
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
                        schema=_statements(shared, "schema.sql"),
                        seed=_statements(shared, "seed.sql"),
                    )
                )
            )
        yield backings


@contextlib.contextmanager
def own_services(
    platform: Platform, own: OwnNeeds, backings: Backings, observer: Observer
) -> Iterator[None]:
    """Start the services of a user's own app, and have its servers be told; gone at the end.

    Raises:
        ConfigError: Servers run as processes, which starts none.
        EnvironmentFault: One cannot be had here.
    """
    with contextlib.ExitStack() as started:
        for image in own.images:
            backings.started[image.name] = started.enter_context(
                platform.backing_image(image, observer)
            )
        yield


def _naming(url: str, own: OwnNeeds | None) -> dict[str, str]:
    """Tell servers where their database is."""
    if own is None:
        return {"DATABASE_URL": url}
    spelt = urlsplit(url)._replace(scheme=own.database_scheme)
    return {own.database_variable: urlunsplit(spelt)}


def _statements(shared: Path, name: str) -> str:
    return (shared / name).read_text(encoding="utf-8")
