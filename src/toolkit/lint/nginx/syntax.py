"""nginx's configuration as directives, each with its line.

The grammar is ngxparse's, the maintained fork of NGINX's crossplane (which takes no text, only
names of files). It is given the text alone: what ``include`` names is looked for in the folder
that is linted, never on this machine.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import crossplane  # type: ignore[import-untyped]

from toolkit.lint.facts import Where
from toolkit.reading import ReadError

_SUFFIXES = frozenset({"", ".conf", ".nginx", ".template", ".tmpl", ".tpl", ".vhost", ".j2"})
_BLOCK = re.compile(
    r"^[ \t]*(?:http|server|upstream[ \t]+\S{1,200}|location[ \t][^;{\n]{1,300})\s{0,9}\{",
    re.MULTILINE,
)
_WHOLE = re.compile(r"^[ \t]*http\s{0,9}\{", re.MULTILINE)
_TEMPLATE = re.compile(r"\{%.{0,200}?%\}|\{\{.{0,200}?\}\}")


@dataclass(frozen=True, slots=True)
class Directive:
    """A directive.

    Attributes:
        args: Without quotes.
        block: What stands in its braces; empty as well if it has none.
    """

    name: str
    args: tuple[str, ...]
    where: Where
    block: tuple["Directive", ...] = ()

    @property
    def first(self) -> str:
        """Its first argument, "" without one."""
        return self.args[0] if self.args else ""


def may_be_nginx(path: str) -> bool:
    """Tell whether a file's name does not speak against its being a configuration of nginx."""
    pure = PurePosixPath(path)
    if pure.suffix in {".sh", ".py", ".md"}:
        return False
    return pure.suffix in _SUFFIXES or "nginx" in pure.parent.parts


def is_nginx(path: str, text: str) -> bool:
    """Tell whether a file is a configuration of nginx, or a part of one that has blocks."""
    return may_be_nginx(path) and not text.startswith("#!") and _BLOCK.search(text) is not None


def is_site(path: str, text: str) -> bool:
    """Tell whether it is one that another takes in: it has servers, but not all around them."""
    return is_nginx(path, text) and _WHOLE.search(text) is None


def parse(
    path: str, text: str, variables: Mapping[str, str] | None = None
) -> tuple[Directive, ...]:
    """Read a configuration.

    Args:
        path: For the places.
        text: Of the file.
        variables: Of the environment, put in as the official image does in templates: only those
            that are given, as ``$NAME`` or ``${NAME}``.

    Raises:
        ReadError: It is not one.
    """
    template = _TEMPLATE.search(text)
    if template:
        line = text.count("\n", 0, template.start()) + 1
        raise ReadError(f"a template ({template[0][:40]}): render it first", line)
    parsed = crossplane.parse_string(
        _substituted(text, variables or {}), single=True, check_ctx=False, check_args=False
    )
    if parsed["errors"]:
        error = parsed["errors"][0]
        reason = str(error["error"]).split(" in None", maxsplit=1)[0]
        raise ReadError(f"not nginx's syntax: {reason}", error["line"] or 0)
    return tuple(_directives(path, parsed["config"][0]["parsed"]))


def _substituted(text: str, variables: Mapping[str, str]) -> str:
    if not variables:
        return text
    names = "|".join(map(re.escape, variables))
    pattern = re.compile(rf"\$(?:\{{(?P<braced>{names})\}}|(?P<plain>{names})\b)")
    # a line feed in a value would move all lines below it
    return pattern.sub(
        lambda found: variables[found["braced"] or found["plain"]].replace("\n", " "), text
    )


def _directives(path: str, parsed: Sequence[Mapping[str, Any]]) -> Iterator[Directive]:
    for item in parsed:
        if item["directive"] != "#":
            yield Directive(
                name=item["directive"],
                args=tuple(item["args"]),
                where=Where(path, item["line"]),
                block=tuple(_directives(path, item.get("block", ()))),
            )
