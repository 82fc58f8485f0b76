"""Do what users of a site for assets do: a weighted mix of all other workloads, with time to think.

Runs with the toolkit or on its own: ``locust -f loadtests/mixed.py --host http://127.0.0.1:8000``.
The toolkit's phases say when a task begins, so it leaves the time to think out.
"""

import random

from common.assets import LIST, PAGE, create, export
from common.database import forget_moves, move, read_several, reads
from common.payloads import STATIC, burn, stream, upload
from common.session import visit
from common.upstream import call
from locust import between, events

from toolkit.client import Scenario, SocketUser

NEEDS = ("database", "upstream")

READS = reads("/db/assets", "db-read")
ORM_READS = reads("/orm/assets", "orm")
EXPORT, UPLOAD, STREAM, WORK = export(6600), upload(2**20), stream(100), burn(40_000)

events.test_start.add_listener(lambda **_: forget_moves())


def read_row(_: SocketUser) -> Scenario:
    """Read a row by SQL."""
    yield random.choice(READS)  # noqa: S311 - no secret


def read_through_orm(_: SocketUser) -> Scenario:
    """Read a row through the ORM."""
    yield random.choice(ORM_READS)  # noqa: S311 - no secret


def read_rows(_: SocketUser) -> Scenario:
    """Read 20 rows."""
    yield read_several(20)


def write_row(_: SocketUser) -> Scenario:
    """Change a row."""
    yield move()


def create_asset(_: SocketUser) -> Scenario:
    """Create an asset."""
    yield create()


def call_upstream(_: SocketUser) -> Scenario:
    """Have another service asked."""
    yield call(0.02)


class MixedUser(SocketUser):
    """A user who does one thing after the other, and thinks in between.

    Weights are per cent of the tasks. Which they are on a site nobody knows but its log: put yours
    here. These follow two rules of thumb: nine in ten look at something and one changes it, and
    what costs the most is wanted the least.
    """

    tasks = {
        PAGE: 22,  # where everybody begins
        STATIC: 10,  # most files are in the browser's cache already
        read_row: 20,  # one asset is looked at; the most usual call of an API ...
        read_through_orm: 12,  # ... and of a page made by hand
        LIST: 10,  # what needs no database
        read_rows: 8,  # a dashboard
        call_upstream: 4,  # a price, a mail, a login elsewhere
        write_row: 6,  # an asset is moved
        create_asset: 2,  # an asset is bought
        visit: 2,  # five requests; a session lasts for long, so few of them begin
        WORK: 1,  # a report is computed
        STREAM: 1,  # ... and sent as it is made
        EXPORT: 1,  # a spreadsheet is fetched
        UPLOAD: 1,  # a photograph is attached
    }

    # seconds; a user who knows the site clicks again after a few
    wait_time = between(1, 5)
