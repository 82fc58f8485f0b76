"""Evidence in memory with numbers that are known, and deployments made of it."""

from dataclasses import replace
from pathlib import Path

from toolkit.catalog import Catalog, root
from toolkit.deployment.assembling import Place, Project, assemble
from toolkit.deployment.evidence import Evidence, Under
from toolkit.deployment.rendering import Written
from toolkit.deployment.sizing import Figure, Numbers, Wishes, derive
from toolkit.model import App, Interface, Knobs, Production, Server, Stack
from toolkit.stats import Interval

MIB = 2**20
CATALOG = Catalog(root())
TEMPLATES = root() / "deploy" / "templates"
STACKS = {stack.id: stack for stack in CATALOG.stacks}
BY_SERVER = {
    server.name: STACKS[
        f"{'flask' if Interface.WSGI in server.interfaces else 'fastapi'}/{server.name}"
    ]
    for server in CATALOG.servers
}
"""A stack of each server."""

DEFAULTS = {
    "workers": 1,
    "threads": 4,
    "connections": 1000,
    "keep_alive": 75,
    "backlog": 2048,
    "max_requests": 0,
    "preload": 0,
    "access_log": 0,
}
"""Those of a server that has every setting."""


def interval(value: float) -> Interval:
    return Interval(value=value, low=value * 0.9, high=value * 1.1, count=6)


def under(name: str = "list", **changes: object) -> Under:
    values: dict[str, object] = {
        "workload": name,
        "capacity": interval(1000.0),
        "carried": 800.0,
        "cpu": 0.001,
        "lone": 0.004,
        "memory": 120 * MIB,
        "threads": 10,
        "slowest": 0.3,
    }
    return Under(**{**values, **changes})  # type: ignore[arg-type]


def evidence(*unders: Under, **changes: object) -> Evidence:
    values: dict[str, object] = {
        "run": "20261124-100000-abcd",
        "started_at": "2026-11-24T10:00:00+00:00",
        "stack": "a/x",
        "knobs": {**DEFAULTS, "workers": 2},
        "pool": 16,
        "cpus": 2.0,
        "memory_limit": 512 * MIB,
        "goal": "p99<50ms",
        "objective": 0.05,
        "machine": "2 CPUs, Testium 3000; docker",
        "environment": {},
        "start": 0.6,
        "under": unders or (under(),),
    }
    return Evidence(**{**values, **changes})  # type: ignore[arg-type]


def figure(numbers: Numbers, name: str) -> Figure:
    (found,) = [item for item in numbers.figures if item.name == name]
    return found


def settings_of(server: Server) -> dict[str, int]:
    return {name: int(getattr(Knobs(), name)) for name in sorted(server.knobs)}


def numbers_of(stack: Stack, said: Evidence | None = None, **wishes: object) -> Numbers:
    return derive(said, Wishes(**wishes), settings_of(stack.server))  # type: ignore[arg-type]


def place(folder: Path = Path("out"), **changes: object) -> Place:
    values: dict[str, object] = {
        "folder": folder,
        "image": "",
        "base": "python:3.13-slim",
        "host": "app.example.com",
        "index_url": "",
        "ca_bundle": None,
        "targets": (),
        "database": False,
        "database_scheme": "postgresql",
        "remarks": (),
        "how": "toolkit deploy --made-up",
        "toolkit": "1.2.3",
    }
    return Place(**{**values, **changes})  # type: ignore[arg-type]


def files_of(
    stack: Stack,
    said: Evidence | None = None,
    where: Place | None = None,
    *,
    numbers: Numbers | None = None,
    project: Project | None = None,
    templates: Path = TEMPLATES,
) -> dict[str, Written]:
    """Give every file of a deployment."""
    return assemble(
        stack,
        numbers or numbers_of(stack, said),
        said,
        where or place(),
        project=project,
        catalog=CATALOG,
        templates=templates,
    )


def text_of(files: dict[str, Written], name: str) -> str:
    return files[name].content.decode()


def own_app(folder: Path, target: str = "shop:app", **changes: object) -> Stack:
    """Lay out an app of somebody's own as the toolkit does, on gunicorn-gthread."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "app.toml": "",
        "requirements.txt": "flask==3.1.3\n",
        "toolkit_app.py": "from shop import create_app\n\napp = create_app()\n",
    }.items():
        (folder / name).write_text(text)
    values: dict[str, object] = {
        "name": "shop",
        "summary": "a shop",
        "interface": STACKS["flask/gunicorn-gthread"].app.interface,
        "target": target,
        "health": "/",
        "production": Production(),
        "path": folder,
    }
    app = App(**{**values, **changes})  # type: ignore[arg-type]
    return replace(STACKS["flask/gunicorn-gthread"], app=app)
