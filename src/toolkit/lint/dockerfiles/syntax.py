"""The instructions of a Dockerfile, with their lines.

The library dockerfile-parse (2.0.1) knows no here-documents, drops what a blank line follows in a
continued instruction and gives no line to a value, so the grammar is here. It is BuildKit's:
https://docs.docker.com/reference/dockerfile/
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toolkit.lint.variables import Interpolation
from toolkit.reading import ReadError, lines_of

KNOWN = frozenset(
    {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"}
    | {"MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][\w-]*)\s*=\s*(.*?)\s*")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)")
_HERE = re.compile(r"(?<![<\w])\d*<<(-?)([\"']?)([A-Za-z_]\w*)\2")
_HAS_HERE = frozenset({"ADD", "COPY", "RUN"})
_MOST_INSTRUCTIONS = 2_000
_MOST_WORDS = 1_000
_MOST_LETTERS = 10_000


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction.

    Attributes:
        name: In capitals.
        value: Without the flags, in one line.
        line: That it begins in.
        flags: ``--from=builder`` and the like.
        escape: The character that escapes in it.
    """

    name: str
    value: str
    line: int
    flags: Mapping[str, str]
    escape: str

    @property
    def listed(self) -> tuple[str, ...] | None:
        """What it says in exec form, None: it is in shell form, as everything that is no JSON."""
        return _list_of(self.value)


def instructions_of(text: str) -> Iterator[Instruction]:
    """Read a Dockerfile.

    Raises:
        ReadError: It is none, or a template of one.
    """
    escape = _escape_of(text)
    numbered = lines_of(text)
    count = 0
    for number, line in numbered:
        if _is_nothing(line):
            continue
        count += 1
        if count > _MOST_INSTRUCTIONS:
            raise ReadError(f"more than {_MOST_INSTRUCTIONS:,} instructions", number)
        joined = _joined(line, numbered, escape)
        name, _, value = joined.strip().partition(" ")
        name, _, rest = name.partition("\t")
        value = f"{rest} {value}".strip()
        if name.upper() not in KNOWN:
            raise ReadError(_reason(name), number)
        if name.upper() in _HAS_HERE:
            _skip_documents(value, numbered)
        flags, value = _flags(value)
        yield Instruction(name.upper(), value, number, flags, escape)


def _escape_of(text: str) -> str:
    for _, line in lines_of(text):
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            break
        if found[1].lower() == "escape":
            return "`" if found[2] == "`" else "\\"
    return "\\"


def _joined(line: str, following: Iterator[tuple[int, str]], escape: str) -> str:
    """Join the lines of an instruction; comments and empty lines within it do not end it."""
    parts: list[str] = []
    last = line.rstrip()
    while last.endswith(escape):
        parts.append(last[:-1])
        last = next(
            (more.rstrip() for _, more in following if not _is_nothing(more)),
            "",
        )
    return "".join([*parts, last])


def _is_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _reason(name: str) -> str:
    if "{%" in name or "{{" in name or name.startswith("<%"):
        return "a template: render it first"
    return f"not a Dockerfile: there is no instruction {name[:40]!r}"


def _skip_documents(value: str, following: Iterator[tuple[int, str]]) -> None:
    for tabs, _, delimiter in _HERE.findall(value):
        for _, line in following:
            if (line.lstrip("\t") if tabs else line) == delimiter:
                break


def _flags(value: str) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    at = 0
    while found := _FLAG.match(value, at):
        flags[found[1]] = found[2] or ""
        at = found.end()
    return flags, value[at:]


def _list_of(value: str) -> tuple[str, ...] | None:
    if not value.startswith("["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return tuple(found)
    return None


def words_of(value: str, known: Mapping[str, str], escape: str) -> list[str]:
    """Split an instruction's value at blanks and put in variables, as BuildKit does.

    Args:
        value: With quotes and escapes.
        known: Variables; others stay as ``${NAME}``.
        escape: The character that escapes.
    """
    splitter = _Splitter(known)
    quote = ""
    escaped = False
    for char in value:
        if escaped:
            splitter.add(char)
            escaped = False
        elif char == escape and quote != "'":
            escaped = True
        elif char in "\"'" and quote in ("", char):
            splitter.begin()
            quote = "" if quote else char
        elif quote == "'":
            splitter.add(char)
        elif char.isspace() and not quote:
            splitter.end()
        else:
            splitter.open.append(char)
    splitter.end()
    return splitter.words


class _Splitter:
    """Words in the making.

    Attributes:
        words: Those that are done.
        open: Characters since the last quote or escape, in which variables are still to be put in.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.words: list[str] = []
        self.open: list[str] = []
        self._interpolate = Interpolation(known)
        self._current: list[str] | None = None

    def begin(self) -> None:
        """Be within a word, though it may stay empty."""
        if self._current is None:
            self._current = []
        if self.open:
            self._current.append(self._interpolate("".join(self.open)))
            self.open.clear()

    def add(self, char: str) -> None:
        """Add a character as it is."""
        self.begin()
        if self._current is not None:
            self._current.append(char)

    def end(self) -> None:
        """End the word, if there is one."""
        if self.open:
            self.begin()
        if self._current is not None and len(self.words) < _MOST_WORDS:
            self.words.append("".join(self._current)[:_MOST_LETTERS])
        self._current = None
