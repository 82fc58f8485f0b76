"""Fill in templates: a folder of them for each target, whose files lie as they will.

``NAME.j2`` becomes ``NAME``, anything else is copied as it is, and what is rendered to nothing but
space is left out; ``{name}`` in a path is the name of the app. A target is a folder, and no Python.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from toolkit.deployment.layout import Deployment
from toolkit.units import counted, format_bytes, format_duration, format_latency, format_rate

COMMON = "common"
_SERVERS = "servers"
_SUFFIX = ".j2"
_NOT_FILES = ("TARGET", "README.part.j2")
"""What makes a folder a target, and what it adds to the README."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a deployment.

    Attributes:
        content: Bytes of it.
        executable: Whether it is a command.
    """

    content: bytes
    executable: bool = False


def targets(templates: Path) -> tuple[str, ...]:
    """Name what can be deployed to: the folders of templates with a file ``TARGET``."""
    return tuple(sorted(file.parent.name for file in templates.glob("*/TARGET")))


def network(name: str) -> str:
    """Give the first three numbers of a private network of 256 addresses, the same for a name.

    Addresses that files of a deployment share must be the same in all of them, and those of two
    deployments on a machine should differ. From 10.200 on, where neither the container engines nor
    most home and office networks are.
    """
    found = zlib.crc32(name.encode())
    return f"10.{200 + found % 50}.{found // 50 % 250}"


def render(deployment: Deployment, templates: Path) -> dict[str, Written]:
    """Render everything, by path in the folder of the deployment."""
    environment = _environment(templates)
    values = {"d": deployment, "n": deployment.numbers}
    found: dict[str, Written] = {}
    for folder in (COMMON, *deployment.targets):
        found.update(render_folder(templates, templates / folder, deployment.name, values))
    if deployment.server.template:
        template = f"{_SERVERS}/{deployment.server.template}{_SUFFIX}"
        text = environment.get_template(template).render(values)
        found[f"server/{deployment.server.template}"] = Written(text.encode())
    return found


def render_folder(
    templates: Path, folder: Path, name: str, values: Mapping[str, Any]
) -> Iterator[tuple[str, Written]]:
    """Render the files of a folder, each with its path in the folder of the deployment.

    Args:
        templates: What templates may include.
        folder: One of them.
        name: What ``{name}`` in a path stands for.
        values: What templates know.
    """
    environment = _environment(templates)
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name in _NOT_FILES or "__pycache__" in file.parts:
            continue
        path = file.relative_to(folder).as_posix()
        place = path.replace("{name}", name)
        executable = bool(file.stat().st_mode & 0o100)
        if file.suffix != _SUFFIX:
            yield place, Written(file.read_bytes(), executable)
            continue
        text = environment.get_template(file.relative_to(templates).as_posix()).render(values)
        if text.strip():
            yield place.removesuffix(_SUFFIX), Written(text.encode(), executable)


@cache
def _environment(templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML; quote() is for values in them
    )
    environment.filters.update(
        bytes=format_bytes,
        mebibytes=lambda count: count // 2**20,
        rate=format_rate,
        latency=format_latency,
        duration=format_duration,
        counted=counted,
        network=network,
        dockerfile=_dockerfile,
        # Jinja's own is for HTML: it escapes & and quotes
        json=json.dumps,
    )
    return environment


def _dockerfile(text: str) -> str:
    """Quote a value for ENV, in which a backslash escapes and ``$`` begins a variable.

    https://docs.docker.com/reference/dockerfile/#environment-replacement
    """
    escaped = re.sub(r'["$\\]', r"\\\g<0>", text)
    return f'"{escaped}"'
