"""The app as Django sees it."""

import atexit

from django.apps import AppConfig
from django.db import connection
from settings import DATABASE_URL


class InventoryConfig(AppConfig):
    """Configuration of the app."""

    name = "inventory"

    def ready(self) -> None:
        """Have the pool closed when the process ends.

        Nobody else does. From Python 3.13 on a pool that is still open when the interpreter is
        taken down waits 5 s for each of its four threads, which cannot run any more.
        """
        if DATABASE_URL:
            atexit.register(_close_pool)


def _close_pool() -> None:
    # looked up now: the connection belongs to the thread that asks, the pool to the process
    connection.close_pool()
