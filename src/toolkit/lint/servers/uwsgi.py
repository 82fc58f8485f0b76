"""uWSGI's settings, from its command line, its ini files and variables (2.0.31's source).

All of them are options, in one list: variables, then the command line with the files in the places
where they are named; the last one wins.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toolkit.lint.facts import Fact, Server, ServerKind, Where
from toolkit.lint.servers.settings import UNKNOWN, ByCpus, Settings, from_text
from toolkit.lint.servers.starting import Starting
from toolkit.reading import lines_of

_MOST_FILES = 20
_MOST_OPTIONS = 5_000

_SHORT = {"s": "socket", "p": "processes", "t": "harakiri", "l": "listen", "R": "max-requests"}
_SAME = {
    "backlog": "listen",
    "lazy": "lazy-apps",
    "py-auto-reload": "py-autoreload",
    "python-auto-reload": "py-autoreload",
    "python-autoreload": "py-autoreload",
    "uwsgi-socket": "socket",
    "workers": "processes",
}
_SOCKETS = ("http", "http-socket", "http11-socket", "https", "https-socket", "socket")
_FLAGS = frozenset(
    {"auto-procname", "die-on-term", "disable-logging", "enable-threads", "exit-on-reload"}
    | {
        "http-auto-chunked",
        "http-raw-body",
        "lazy",
        "lazy-apps",
        "log-master",
        "manage-script-name",
    }
    | {"master", "M", "memory-report", "need-app", "no-orphans", "offload", "single-interpreter"}
    | {"strict", "thunder-lock", "vacuum", "wsgi-env-behaviour", "gevent-monkey-patch", "no-site"}
    | {"ignore-sigpipe", "ignore-write-errors", "disable-write-exception", "catch-exceptions", "i"}
)
_INCLUDES = frozenset({"include", "inherit", "ini"})
_OTHER_FILES = frozenset({"json", "xml", "yaml", "yml", "j", "x", "y", "emperor", "ini-paste"})
_BEGINS = re.compile(r"(?:if-?.*|for(?:-.*)?)")
_ENDS = frozenset({"end-for", "end-if", "endfor", "endif"})
_DRAINS = re.compile(r"unix_signal:(?:15|SIGTERM)\s+gracefully_kill_them_all")
_PLACE = re.compile(r"%\(([\w-]+)\)|\$\((\w+)\)")
_DEFAULTS: Mapping[str, object] = {
    "listen": 100,
    "max-requests": 0,
    "max-requests-delta": 0,
    "processes": 1,
    "py-autoreload": False,
    "threads": 1,
    "worker-reload-mercy": 60,
}


@dataclass(frozen=True, slots=True)
class _Option:
    """An option; its value is text until placeholders are put in."""

    name: str
    value: str
    where: Where
    sure: bool = True


def read(start: Starting) -> Server:
    """Read the settings that uWSGI comes to.

    SIGTERM makes it load everything anew, or with ``die-on-term`` end; both drop the requests in
    flight (tried with 2.0.30), as is told with or without that option. Only a hook lets them end,
    and then ``worker-reload-mercy`` is the time that they have.
    """
    reader = _Reader(start)
    options = [*_variables(start.env), *reader.of_words()]
    settings = Settings(
        layers=(_layer(options, start.env),),
        defaults=_DEFAULTS,
        where=start.where,
        by="uWSGI",
        complete=reader.complete,
    )
    hooks = [option for option in options if option.name.startswith("hook-")]
    drains = next((hook for hook in hooks if _DRAINS.search(hook.value)), None)
    return Server(
        kind=ServerKind.UWSGI,
        where=start.where,
        version=start.version,
        workers=settings.integer("processes"),
        workers_by_cpus=settings.by_cpus("processes"),
        threads=settings.integer("threads"),
        worker_connections=settings.integer("gevent") or settings.integer("async"),
        timeout=settings.seconds("harakiri"),
        graceful_timeout=settings.seconds("worker-reload-mercy") if drains else None,
        keep_alive=settings.seconds("http-keepalive"),
        backlog=settings.integer("listen"),
        max_requests=settings.integer("max-requests"),
        max_requests_jitter=settings.integer("max-requests-delta"),
        binds=tuple(
            Fact(text.value.split(",")[0], text.where)
            for name in _SOCKETS
            for text in settings.texts(name)
        ),
        drops_on_term=_drops(settings, drains),
        reloads=settings.truth("py-autoreload"),
    )


def _drops(settings: Settings, drains: _Option | None) -> Fact[bool] | None:
    dies = settings.truth("die-on-term")
    if dies is not None:
        return dies
    if drains is not None:
        return Fact(False, drains.where)
    return Fact(True, settings.where, "uWSGI") if settings.complete else None


def _variables(env: Mapping[str, Fact[str]]) -> Iterator[_Option]:
    for name, fact in env.items():
        if name.startswith("UWSGI_"):
            option = name.removeprefix("UWSGI_").lower().replace("_", "-")
            yield _Option(_SAME.get(option, option), fact.value, fact.where)


def _layer(options: list[_Option], env: Mapping[str, Fact[str]]) -> dict[str, Fact[object]]:
    """Put in placeholders and let the last value of an option win, but keep all sockets."""
    texts = {option.name: option.value for option in options}
    for option in options:
        if option.name in ("set-placeholder", "set-ph", "set"):
            name, _, value = option.value.partition("=")
            texts.setdefault(name.strip(), value.strip())

    def put_in(found: re.Match[str]) -> str:
        if found[2]:
            return env[found[2]].value if found[2] in env else found[0]
        return texts.get(found[1], f"${{{found[1]}}}")

    layer: dict[str, Fact[object]] = {}
    for option in options:
        text = _PLACE.sub(put_in, option.value)[:10_000]
        said: object = from_text(_PLACE.sub(put_in, text)[:10_000])
        if "%k" in text:
            said = ByCpus(option.value)
        elif not option.sure:
            said = UNKNOWN
        before = layer.get(option.name)
        if option.name in _SOCKETS and before is not None and isinstance(before.value, list):
            layer[option.name] = Fact([*before.value[:100], said], before.where)
        else:
            layer[option.name] = Fact([said], option.where)
    return layer


class _Reader:
    """Reads options from words and files.

    Attributes:
        complete: Whether every file was found that is named.
    """

    def __init__(self, start: Starting) -> None:
        self.complete = True
        self._start = start
        self._files = 0
        self._options = 0

    def of_words(self) -> Iterator[_Option]:
        """Read a command line."""
        words = self._start.arguments
        files: list[str] = []
        at = 0
        while at < len(words):
            word, where = words[at], self._start.place(at)
            at += 1
            if not word.startswith("-"):
                files.append(word)
                continue
            name, equals, value = word.lstrip("-").partition("=")
            if not word.startswith("--") and name[:1] in _SHORT and len(name) > 1:
                name, equals, value = name[0], "=", name[1:]
            if not equals and name in _FLAGS:
                value = "true"
            elif not equals:
                has_value = at < len(words) and not words[at].startswith("-")
                value = words[at] if has_value else "true"
                at += has_value
            yield from self._option(_SHORT.get(name, name), value, where)
        for file in files:
            if file.endswith(".ini"):
                yield from self._file(file)
            elif file.startswith("$") or file.endswith((".json", ".xml", ".yaml", ".yml")):
                self.complete = False

    def _option(
        self, name: str, value: str, where: Where, *, sure: bool = True
    ) -> Iterator[_Option]:
        name = _SAME.get(name, name)
        self._options += 1
        if self._options > _MOST_OPTIONS or name in _OTHER_FILES:
            self.complete = False
        elif name in _INCLUDES:
            yield from self._file(value)
        else:
            yield _Option(name, value, where, sure)

    def _file(self, location: str) -> Iterator[_Option]:
        self._files += 1
        plain, _, section = location.partition(":")
        found = None
        if self._files <= _MOST_FILES:
            found = self._start.file(plain)
        if found is None:
            self.complete = False
            return
        path, text = found
        inside, sure = False, True
        for number, line in lines_of(text):
            stripped = line.strip()
            if stripped.startswith("["):
                inside = stripped == f"[{section or 'uwsgi'}]"
            if not inside or not stripped or stripped[0] in ";#[":
                continue
            name, equals, value = (part.strip() for part in stripped.partition("="))
            if name in _ENDS:
                sure = True
            elif _BEGINS.fullmatch(name):
                sure = False
            else:
                value = value if equals else "true"
                yield from self._option(name, value, Where(path, number), sure=sure)
