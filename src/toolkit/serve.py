"""Start one app under one server: the command of the image and of the process runtime alike.

What is benched is what is deployed because both run this file. It uses the standard library only
and imports nothing of the toolkit: it is copied into the image on its own.

The environment says what to run: ``APP_DIR`` and ``SERVER_DIR`` (folders holding ``app.toml`` and
``server.toml``), ``HOST``, ``PORT`` and one variable per knob, in capitals (``WORKERS``,
``THREADS``, ...). A knob that is not set takes its default from ``KNOBS``, a variable of the app
that is not set its value from ``[environment]`` in ``app.toml``. ``APP_TARGET`` tells what is
served to a server's own code. The commands under ``before`` in ``app.toml`` run first.

``serve.py --health`` asks a running server, ``serve.py -- COMMAND...`` runs a command (such as the
migration of a database) as the app would run.
"""

import http.client
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KNOBS: Mapping[str, int | bool] = {
    "workers": 1,
    "threads": 4,
    "connections": 1000,
    # longer than the 60 s for which common load balancers keep an idle connection: a server that
    # closes first answers their next request with a reset (a 502 for the user)
    "keep_alive": 75,
    "backlog": 2048,
    "max_requests": 0,
    "preload": False,
    "access_log": False,
}
"""The settings every server is asked for, with the defaults the images carry."""

DEPLOYED: Mapping[str, int | bool] = {
    # seconds, less than the 30 s after which Kubernetes kills what it asked to stop
    "graceful_timeout": 25,
    # no proxy: its headers are a client's word
    "proxied": False,
}
"""What `toolkit deploy` may set besides, and nobody else."""


def render_argv(
    server: Mapping[str, Any], values: Mapping[str, str | int | bool], target: str, server_dir: str
) -> list[str]:
    """Fill the ``argv`` template of a ``server.toml``.

    A string is formatted with the values; an item that is just ``{name}`` of a table under
    ``[switches]`` is replaced by its ``on`` list, or by its ``off`` list where the value is false
    or 0, as servers spell booleans differently. Beside the knobs there are
    ``{max_requests_jitter}``, a tenth of ``max_requests``, and those of ``DEPLOYED``.

    Args:
        server: The parsed ``server.toml``.
        values: Host, port and the knobs; those of ``DEPLOYED`` have their defaults.
        target: What to serve, ``module:attribute``.
        server_dir: Folder of the ``server.toml``, for config files beside it.

    Raises:
        KeyError: The template uses a name that nobody defines.
    """
    switches = server.get("switches", {})
    values = {**DEPLOYED, **values}
    jitter = int(values["max_requests"]) // 10
    known = {**values, "target": target, "server_dir": server_dir, "max_requests_jitter": jitter}
    argv: list[str] = []
    for item in server["argv"]:
        name = item.strip("{}")
        if item == f"{{{name}}}" and name in switches:
            items = switches[name]["on" if values[name] else "off"]
        else:
            items = [item]
        argv += [item.format(**known) for item in items]
    return argv


def knob_values(environ: Mapping[str, str]) -> dict[str, int | bool]:
    """Read the knobs from environment variables, falling back on the defaults.

    Raises:
        ValueError: A variable does not hold a whole number.
    """
    values: dict[str, int | bool] = {}
    for name, default in KNOBS.items():
        number = int(environ.get(name.upper(), default))
        values[name] = bool(number) if isinstance(default, bool) else number
    return values


def _load(folder: str, name: str) -> dict[str, Any]:
    with (Path(folder) / name).open("rb") as file:
        return tomllib.load(file)


def health(app: Mapping[str, Any], port: int) -> bool:
    """Ask the app's health path on loopback; anything but a 200 within 2 s is ill."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", app["health"])
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: list[str]) -> int:  # noqa: RET503 - execvp does not return
    """Become the server, or a command of the app; answer ``--health`` with 0 (well) or 1 (ill)."""
    app_dir, server_dir = os.environ["APP_DIR"], os.environ["SERVER_DIR"]
    app = _load(app_dir, "app.toml")
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    if arguments == ["--health"]:
        return 0 if health(app, port) else 1

    if arguments[:1] == ["--"]:
        argv = arguments[1:]
    else:
        values: dict[str, str | int | bool] = {
            "host": host,
            "port": port,
            **knob_values(os.environ),
        }
        argv = render_argv(_load(server_dir, "server.toml"), values, app["target"], server_dir)
    own = [str(Path(app_dir) / folder) for folder in app.get("search", ())]
    shared = str(Path(app_dir).parent / "shared")
    search_path = [app_dir, *own, shared, os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in search_path if part)
    os.environ["APP_TARGET"] = app["target"]
    for name, value in app.get("environment", {}).items():
        os.environ.setdefault(name, value)
    os.chdir(app_dir)
    if arguments[:1] != ["--"]:
        for command in app.get("before", ()):
            code = subprocess.run(command, check=False).returncode
            if code != 0:
                raise SystemExit(f"{' '.join(command)} ended with {code}")
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted: the server takes over this pid


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
