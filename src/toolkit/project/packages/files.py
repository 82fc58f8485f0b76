"""Files of somebody else's project: read with bounds, and their tables with checked types."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 10_000_000
"""Of one file. Lock files of large projects have a few million."""

MOST_ENTRIES = 20_000
"""Of one list of tables."""

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ENDLESS_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]{1,64}[ \t]{0,9}\.[ \t]{0,9}){20}")
"""tomllib's time grows with the square of a key's parts; no lock has more than a few."""


class Broken(Exception):
    """A file cannot be used.

    Attributes:
        reason: Why, without the file's name.
        hint: What to do about it; may be empty.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def quoted(text: str) -> str:
    """Quote somebody else's text for a message: short, and with nothing a terminal obeys."""
    return ascii(text if len(text) <= 80 else f"{text[:77]}...")


def read_text(file: Path) -> str:
    """Read a text; UTF-16 is what PowerShell makes of ``pip freeze > requirements.txt``.

    Raises:
        Broken: It is not there, too long, or no text.
    """
    try:
        # a pipe would never end
        if not file.is_file():
            raise Broken("there is no such file")
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise Broken(f"it cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise Broken(f"it is longer than {MOST_BYTES:,} bytes")
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Broken("it is no UTF-8 text") from error
    if "\0" in text:
        raise Broken("it is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a TOML or JSON file, whose values are what they are asked for or a fault.

    Attributes:
        values: By key.
        where: Where in the file it stands, for messages; empty: at the top.
    """

    values: Mapping[str, object]
    where: str = ""

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, default: str = "") -> str:
        """Give a text."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self._fault(key, "a text")
        return value

    def flag(self, key: str) -> bool:
        """Give a truth value, false if there is none."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self._fault(key, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a list of texts, empty if there is none."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._fault(key, "a list of texts")
        return tuple(value)

    def table(self, key: str) -> "Table":
        """Give a table, an empty one if there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self._fault(key, "a table")
        return Table(value, self._place(key))

    def tables(self, key: str) -> tuple["Table", ...]:
        """Give a list of tables, empty if there is none."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self._fault(key, "a list of tables")
        if len(value) > MOST_ENTRIES:
            raise Broken(f"{quoted(self._place(key))} has more than {MOST_ENTRIES:,} entries")
        place = self._place(key)
        return tuple(Table(each, f"{place}[{number}]") for number, each in enumerate(value))

    def _place(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _fault(self, key: str, wanted: str) -> Broken:
        return Broken(f"{quoted(self._place(key))} is not {wanted}")


def read_toml(file: Path) -> Table:
    """Read a TOML file.

    Raises:
        Broken: It is not there, or is none.
    """
    text = read_text(file)
    if _ENDLESS_KEY.search(text):
        raise Broken("it has a key of more parts than anybody writes")
    try:
        return Table(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise Broken(f"it is no TOML: {_short(error)}") from error


def read_json(file: Path) -> Table:
    """Read a JSON file that holds an object.

    Raises:
        Broken: It is not there, or is none.
    """
    try:
        content = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise Broken(f"it is no JSON: {_short(error)}") from error
    if not isinstance(content, dict):
        raise Broken("it holds no object")
    return Table(content)


def _short(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error)
    return text if len(text) <= 120 and text.isprintable() else quoted(text)
