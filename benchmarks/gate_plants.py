"""The slow-downs that `gate_power.py` plants into reference apps, to see whether they are caught.

Each is a function that edits files of a copy of this checkout by exact replacement: where a text is
not there once, the app has changed and the plant must follow.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.changes import Verdict
from toolkit.checked import Metric

GTHREAD = "flask/gunicorn-gthread"
SERVERS = "deploy/servers"

Edit = Callable[[Path, int], None]
"""Changes a copy of the checkout; the number is that of the rounds of work, where it adds any."""

_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "tests")
_FLASK = "apps/flask/inventory"
_API = f"{_FLASK}/views/api.py"
_FACTORY = f"{_FLASK}/__init__.py"
_LIST = '    """List the first page."""\n'


class PlantError(Exception):
    """A plant does not fit the app any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A change with an effect that is known.

    Attributes:
        summary: What it does.
        metric: What it shows in.
        expected: What a check must say.
        base: What is edited in the base ...
        candidate: ... and in the candidate.
        dose: CPU that the edited side spends beyond the base's own per request, as a part of that;
            0: the edits say what they cost.
        arguments: Of the check.
    """

    summary: str
    stack: str = GTHREAD
    workload: str = "list"
    metric: Metric = Metric.CPU
    expected: Verdict = Verdict.REGRESSION
    base: tuple[Edit, ...] = ()
    candidate: tuple[Edit, ...] = ()
    dose: float = 0.0
    arguments: tuple[str, ...] = ()

    @property
    def app(self) -> str:
        """Name of its app."""
        return self.stack.partition("/")[0]


def copy_stack(root: Path, app: str, place: Path) -> None:
    """Copy what a stack of an app is built from."""
    for part in (f"apps/{app}", "apps/shared", SERVERS, "docker"):
        shutil.copytree(root / part, place / part, ignore=_LEFT_OUT)
    shutil.copy(root / "apps" / "contract.toml", place / "apps" / "contract.toml")


def replace(folder: Path, name: str, old: str, new: str) -> None:
    """Put one text in the place of another.

    Raises:
        PlantError: It is not there, or more than once.
    """
    file = folder / name
    text = file.read_text(encoding="utf-8")
    times = text.count(old)
    if times != 1:
        raise PlantError(f"{name} has {old!r} {times} times, and not once")
    file.write_text(text.replace(old, new), encoding="utf-8")


def insert(folder: Path, name: str, after: str, lines: Sequence[str]) -> None:
    """Add lines after a text.

    Raises:
        PlantError: It is not there, or more than once.
    """
    replace(folder, name, after, after + "".join(f"{line}\n" for line in lines))


def work_before_requests(folder: Path, rounds: int) -> None:
    """Compute before each request of the Flask app."""
    replace(
        folder,
        _FACTORY,
        "    cli.install(app)\n    return app\n",
        "    cli.install(app)\n    app.before_request(spend)\n    return app\n\n\n"
        f"def spend() -> None:\n    work.burn({rounds})\n",
    )


def work_in_fastapi(folder: Path, rounds: int) -> None:
    """Compute in the view of the FastAPI app: a middleware would cost far more than this."""
    insert(
        folder,
        "apps/fastapi/assets_fastapi/main.py",
        '    """List the first page; FastAPI does not add HEAD to GET by itself."""\n',
        [f"    work.burn({rounds})"],
    )


def sleep(folder: Path, rounds: int) -> None:
    """Sleep for 5 ms in the view."""
    insert(folder, _API, _LIST, ["    time.sleep(0.005)"])
    replace(folder, _API, "from assets import", "import time\n\nfrom assets import")


def lock(folder: Path, rounds: int) -> None:
    """Let one request at a time call the other service."""
    name = f"{_FLASK}/views/work.py"
    call = 'return upstream.call(upstream_client(), delay_ms, request.args.get("token", ""))'
    replace(folder, name, call, f"with ONE_AT_A_TIME:\n            {call}")
    insert(folder, name, "_MOST_DELAY_MS = 60_000\n", ["ONE_AT_A_TIME = Lock()"])
    replace(
        folder,
        name,
        "from typing import Any\n",
        "from threading import Lock\nfrom typing import Any\n",
    )


def leak(folder: Path, rounds: int) -> None:
    """Keep 1 MiB of every hundredth request."""
    insert(
        folder,
        _API,
        _LIST,
        ["    if next(SERVED) % 100 == 0:", '        KEPT.append(b"x" * 2**20)'],
    )
    insert(
        folder,
        _API,
        'blueprint = Blueprint("api", __name__, url_prefix="/api")\n',
        ["SERVED = itertools.count(1)", "KEPT: list[bytes] = []"],
    )
    replace(folder, _API, "from assets import", "import itertools\n\nfrom assets import")


def one_statement(folder: Path, rounds: int) -> None:
    """Read all the rows by one statement: what the app was before it asked for each by itself."""
    name = "apps/shared/database.py"
    replace(
        folder,
        name,
        "        rows = [connection.execute(READ, (number,)).fetchone() for number in numbers]\n"
        "    return [row for row in rows if row is not None]\n",
        "        rows = connection.execute(READ_ALL, (numbers,)).fetchall()\n"
        '    by_id = {row["id"]: row for row in rows}\n'
        "    return [by_id[number] for number in numbers if number in by_id]\n",
    )
    insert(folder, name, 'PING = "SELECT 1"\n', ['READ_ALL = READ.replace("= %s", "= ANY(%s)")'])


def log(folder: Path, rounds: int) -> None:
    """Log each request to the standard output, by the app's own formatter."""
    replace(
        folder,
        _FACTORY,
        "    cli.install(app)\n    return app\n",
        "    cli.install(app)\n    app.after_request(note)\n    return app\n\n\n"
        "def note(response: Response) -> Response:\n"
        '    fields = {"method": request.method, "path": request.path, '
        '"status": response.status_code}\n'
        '    current_app.logger.info("request", extra={"fields": fields})\n'
        "    return response\n",
    )
    replace(
        folder,
        _FACTORY,
        "from flask import Flask\n",
        "from flask import Flask, Response, current_app, request\n",
    )
    replace(
        folder, f"{_FLASK}/logs.py", "ext://flask.logging.wsgi_errors_stream", "ext://sys.stdout"
    )
    insert(
        folder,
        f"{_FLASK}/config.py",
        "    FEATURES: ClassVar[frozenset[Feature]] = frozenset()\n",
        ['    LOG_LEVEL = "INFO"'],
    )


def no_index(folder: Path, rounds: int) -> None:
    """Drop the primary key in a migration: each of 10,000 rows is looked at to find one."""
    versions = folder / "apps" / "flask" / "migrations" / "versions"
    if {file.name[:4] for file in versions.glob("*.py")} != {"0001", "0002"}:
        raise PlantError("the migrations are others than 0001 and 0002")
    (versions / "0003_no_key.py").write_text(
        '"""Without the primary key of assets."""\n\n'
        "from alembic import op\n\n"
        'revision = "0003"\ndown_revision = "0002"\nbranch_labels = None\ndepends_on = None\n\n\n'
        "def upgrade() -> None:\n"
        '    """Go to this revision."""\n'
        '    op.drop_constraint("asset_pkey", "asset")\n',
        encoding="utf-8",
    )


def _more_cpu(stack: str, *arguments: str, edit: Edit = work_before_requests) -> Plant:
    return Plant(
        summary="10 % more CPU per request",
        stack=stack,
        candidate=(edit,),
        dose=0.1,
        arguments=arguments,
    )


PLANTS = {
    "cpu10": _more_cpu(GTHREAD),
    "sleep5": Plant(
        summary="a sleep of 5 ms in the view", metric=Metric.THROUGHPUT, candidate=(sleep,)
    ),
    "lock": Plant(
        summary="a lock around a view that waits for 5 ms, 4 threads",
        workload="upstream?delay=5ms",
        metric=Metric.THROUGHPUT,
        candidate=(lock,),
    ),
    "leak": Plant(
        summary="1 MiB kept of every hundredth request", metric=Metric.MEMORY, candidate=(leak,)
    ),
    "nplus1": Plant(
        summary="20 rows by a statement each in place of one for all",
        workload="db-multi",
        base=(one_statement,),
    ),
    "log": Plant(summary="a line of JSON logged per request", candidate=(log,)),
    "index": Plant(
        summary="no primary key: 20 rows are looked for among 10,000 one after the other",
        workload="db-multi",
        metric=Metric.THROUGHPUT,
        candidate=(no_index,),
    ),
    "faster20": Plant(
        summary="20 % less CPU per request: the base has 25 % more",
        expected=Verdict.IMPROVED,
        base=(work_before_requests,),
        dose=0.25,
    ),
    "cpu10-sync": _more_cpu("flask/gunicorn-sync"),
    "cpu10-gevent": _more_cpu("flask/gunicorn-gevent"),
    "cpu10-uvicorn": _more_cpu("fastapi/uvicorn", edit=work_in_fastapi),
    "cpu10-workers": _more_cpu(GTHREAD, "--workers", "2"),
}
