"""What ``toolkit bench`` measures where nothing is said, and what its named sets stand for."""

from collections.abc import Mapping
from typing import Any

DEFAULT_STACKS = (
    "flask/gunicorn-sync",
    "flask/gunicorn-gthread",
    "flask/gunicorn-gevent",
    "fastapi/uvicorn",
    "bottle/gunicorn-sync",
)
DEFAULT_WORKLOADS = ("list", "create")
QUICK: Mapping[str, Any] = {
    "rounds": 1,
    "rate_rounds": 0,
    "shape_rounds": 0,
    "users": 32,
    "warmup": 0.3,
}
"""What ``--quick`` sets: a first look within a minute, with no interval on any ratio."""

QUICK_TUNE: Mapping[str, Any] = {
    "rounds": 2,
    "rungs": (1,),
    "contenders": 4,
    "rate_rounds": 1,
    "warmup": 0.2,
    "duration": 0.5,
}
"""What ``toolkit tune --quick`` sets."""

_KINDS_OF_WORK = ("list", "template", "db-read", "upstream", "cpu")
SETS: Mapping[str, Mapping[str, Any]] = {
    "quick": QUICK,
    # each framework on the server that its own documentation names first
    "frameworks": {
        "stacks": (
            "flask/gunicorn-gthread",
            "flask-async/gunicorn-gthread",
            "bottle/gunicorn-gthread",
            "django/gunicorn-gthread",
            "fastapi/uvicorn",
            "litestar/uvicorn",
            "quart/hypercorn",
        ),
        "workloads": _KINDS_OF_WORK,
        "rate_rounds": 0,
    },
    "servers": {
        "apps": ("flask",),
        "servers": ("*",),
        "workloads": _KINDS_OF_WORK,
        "baseline": "flask/gunicorn-sync",
        "rate_rounds": 0,
    },
    "io": {
        "stacks": (
            "flask/gunicorn-sync",
            "flask/gunicorn-gthread",
            "flask/gunicorn-gevent",
            "flask/granian-wsgi",
            "flask-async/gunicorn-gthread",
            "fastapi/uvicorn",
            "quart/uvicorn",
        ),
        "workloads": tuple(f"upstream?delay={delay}ms" for delay in (0, 5, 20, 100)),
        "rate_rounds": 0,
    },
}
"""What ``--set NAME`` sets; ``[sets.NAME]`` in toolkit.toml adds to these or replaces them."""

EVERYTHING: Mapping[str, Any] = {"apps": ("*",), "servers": ("*",), "workloads": ("*",)}
"""What ``--all`` sets."""

AGAINST_ITSELF: Mapping[str, Any] = {
    "workloads": ("list",),
    "baseline": "",
    "rate_rounds": 0,
    "shape_rounds": 0,
}
"""What ``--aa`` sets: one workload and the capacity tell how noisy a machine is."""


def whole_choice(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Have a set that chooses stacks take the place of any other choice, baseline included."""
    if "stacks" in values:
        return {"apps": (), "servers": (), "baseline": "", **values}
    if "apps" in values or "servers" in values:
        return {"apps": ("*",), "servers": ("*",), "baseline": "", **values}
    return values
