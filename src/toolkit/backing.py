"""The backing services of a run, and what servers must know of them."""

import contextlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from toolkit.database import Databases
from toolkit.errors import EnvironmentFault
from toolkit.measured import Usage
from toolkit.model import Need, Stack
from toolkit.ports import Backing, Observer, Runtime


class Backings:
    """What servers are given besides their settings.

    Attributes:
        started: The services by what they are for.
        missing: Why others could not be had.
    """

    def __init__(self, runtime: Runtime, *, secret: str) -> None:
        self._runtime = runtime
        self._secret = secret
        self.started: dict[Need, Backing] = {}
        self.missing: dict[Need, EnvironmentFault] = {}
        self.databases: Databases | None = None

    def prepare(self, stack: Stack) -> None:
        """Make the database of a stack, where there are databases and the app has tables.

        Raises:
            StackError: It cannot be made.
        """
        if self.databases is None or not stack.app.prepare:
            return

        def make_tables(url: str) -> None:
            environment = {**self._common(), "DATABASE_URL": url}
            for command in stack.app.prepare:
                self._runtime.run_once(stack, command, environment)

        self.databases.prepare(stack.id, make_tables)

    def environment(self, stack: Stack) -> dict[str, str]:
        """Give the variables for a new server of a stack, which finds a database as it was made."""
        if self.databases is None or not stack.app.prepare:
            return self._common()
        return {**self._common(), "DATABASE_URL": self.databases.fresh(stack.id)}

    def usages(self) -> Mapping[Need, Usage]:
        """Read what each service has used so far.

        Raises:
            StackError: One is gone.
        """
        return {need: backing.usage() for need, backing in self.started.items()}

    def _common(self) -> dict[str, str]:
        upstream = self.started.get(Need.UPSTREAM)
        known = {"UPSTREAM_URL": upstream.url_for_servers} if upstream is not None else {}
        return {"SECRET_KEY": self._secret, **known}


@contextlib.contextmanager
def open_backings(
    runtime: Runtime,
    needs: Collection[Need],
    shared: Path,
    observer: Observer,
    *,
    optional: bool = False,
) -> Iterator[Backings]:
    """Start the services that are needed; all are gone at the end.

    Args:
        runtime: Where.
        needs: Which.
        shared: Folder ``apps/shared``, with the statements for the database.
        observer: Told what is started.
        optional: Go on without those that cannot be had.

    Raises:
        EnvironmentFault: One cannot be had here.
    """
    backings = Backings(runtime, secret=secrets.token_hex(32))
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
