"""The traffic that users describe themselves: paths, bodies, locustfiles."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

from toolkit.errors import ConfigError
from toolkit.load.duel import GET_FILE
from toolkit.load.shape import shape_of
from toolkit.load.unplayed import WAIT, left_out
from toolkit.model import LoadSettings, Workload

_POST_FILE = GET_FILE.with_name("post.py")
_MIXED_FILE = GET_FILE.with_name("mixed.py")
_MOST_BODY = 64 * 2**10
"""Bytes of a body: it is handed over in a variable, which Linux limits to 128 KiB."""

_TYPES = {
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
}
_OF_URLS = "/?&=%:;@!$'()*+,[]~"
_FORM = "application/x-www-form-urlencoded"


def own_traffic(get: Iterable[str], post: Iterable[str], locustfile: str) -> Iterator[Workload]:
    """Make a workload of each path, each body and the locustfile.

    Args:
        get: Paths, with queries.
        post: Paths with bodies: ``/items=@body.json`` or ``/items={"name": "a"}``.
        locustfile: File, may be empty.

    Raises:
        ConfigError: A path is none, a file is not there, or a body is not given.
    """
    for path in dict.fromkeys(get):
        requested = request_path("--get", path)
        yield Workload(
            name="get",
            title=f"GET {path}",
            summary="",
            parameters={"path": quote(requested, safe="/")},
            path=GET_FILE,
        )
    posted: Counter[str] = Counter()
    for text in dict.fromkeys(post):
        path, body, kind = _read_post(text)
        values = {"path": request_path("--post", path), "body": body, "type": kind}
        posted[path] += 1
        # results are found by the title
        again = f" ({posted[path]})" if posted[path] > 1 else ""
        yield Workload(
            name="post",
            title=f"POST {path}{again}",
            summary="",
            parameters={name: quote(value, safe="/") for name, value in values.items()},
            path=_POST_FILE,
        )
    if locustfile:
        file = Path(locustfile).absolute()
        if not file.is_file():
            raise ConfigError(f"the locustfile {locustfile} does not exist")
        yield Workload(name=file.stem, summary="", path=file)


def with_shapes(
    workloads: Sequence[Workload], locustfile: str, load: LoadSettings
) -> tuple[Workload, ...]:
    """Have the workload of the locustfile play its shape, where rounds of it are asked for.

    Args:
        workloads: Of the run.
        locustfile: As in ``own_traffic``.
        load: How stacks are loaded.

    Raises:
        ConfigError: There is no locustfile, its shape cannot be played, or may not.
    """
    if not load.shape_rounds:
        return tuple(workloads)
    file = Path(locustfile).absolute()
    if not locustfile or file not in [workload.path for workload in workloads]:
        raise ConfigError(
            "--shape-rounds plays the LoadTestShape of a locustfile, and none is measured",
            hint="Name it with --locustfile, and an app of your own; or --shape-rounds 0.",
        )
    if load.most_rate is not None:
        raise ConfigError(
            "a shape says itself how much is sent, and --most-rate cannot hold it back",
            hint="Leave --shape-rounds out.",
        )
    return tuple(
        replace(item, shape=shape_of(item)) if item.path == file else item for item in workloads
    )


def unplayed(
    workloads: Iterable[Workload], locustfile: str, *, playable: bool = False
) -> Iterator[str]:
    """Say what a locustfile has that is left out.

    Args:
        workloads: Of the run; of those whose shape is played nothing is left out.
        locustfile: As in ``own_traffic``.
        playable: Whether a shape could be played.
    """
    file = Path(locustfile).absolute()
    if not any(workload.path == file and not workload.shape for workload in workloads):
        return
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found = left_out(file.read_text(encoding="utf-8"))
        if found:
            shaped = playable and len(found) > found.count(WAIT)
            yield (
                f"{file.name}: {' and '.join(found)} left out: the tool says how many users there "
                "are and when they send." + " --shape-rounds 3 plays the shape, and waits." * shaped
            )


def mixed(workloads: Sequence[Workload]) -> Workload:
    """Make one workload of several paths and bodies, in which each comes as often as the others.

    Raises:
        ConfigError: There is a locustfile among several, or the bodies are too large together.
    """
    if len(workloads) == 1:
        return workloads[0]
    files = [workload.name for workload in workloads if workload.path.parent != GET_FILE.parent]
    if files:
        raise ConfigError(
            f"{len(workloads)} kinds of traffic, of which {files[0]} is a locustfile",
            hint="Put the requests into the locustfile, or leave it out.",
        )
    requests = [
        {name: unquote(value) for name, value in workload.parameters.items()}
        for workload in workloads
    ]
    text = quote(json.dumps(requests), safe="/")
    if len(text) > 2 * _MOST_BODY:
        raise ConfigError(
            "the bodies of --post are too large together", hint="Write a locustfile for them."
        )
    return Workload(
        name="mixed",
        title=" + ".join(workload.id for workload in workloads),
        summary="",
        parameters={"requests": text},
        needs=workloads[0].needs,
        path=_MIXED_FILE,
    )


def request_path(flag: str, path: str) -> str:
    """Give a path as it is sent: what may not stand in a URL is encoded, as browsers do.

    Args:
        flag: Where it was given, for the message.
        path: With a query, if there is one.

    Raises:
        ConfigError: It does not begin with a slash.
    """
    if not path.startswith("/"):
        raise ConfigError(
            f"{flag} {path!r} is no path: it does not begin with /",
            hint=f"Leave out scheme and host: {flag} /items?page=2.",
        )
    return quote(path, safe=_OF_URLS)


def _read_post(text: str) -> tuple[str, str, str]:
    """Give path, body and content type."""
    path, is_file, name = text.rpartition("=@")
    if is_file:
        try:
            body = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise ConfigError(f"--post {text}: {name} cannot be read as text: {reason}") from error
        kind = _TYPES.get(Path(name).suffix, _type_of(body))
    else:
        path, has_body, body = text.partition("=")
        if not has_body:
            raise ConfigError(
                f"--post {text} has no body", hint="Write --post /items=@body.json, or =TEXT."
            )
        kind = _type_of(body)
    if len(body.encode()) > _MOST_BODY:
        raise ConfigError(
            f"the body of --post {path} is larger than {_MOST_BODY // 1024} KiB",
            hint="Write a locustfile for it.",
        )
    return path, body, kind


def _type_of(body: str) -> str:
    return _TYPES[".json"] if body.lstrip()[:1] in ("{", "[") else _FORM
