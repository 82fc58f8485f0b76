"""What nginx's ``include`` puts in its place, and what becomes of one whose file is not there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from toolkit.lint.nginx.syntax import Directive, parse
from toolkit.reading import ReadError

Include = Callable[[str, str], Sequence[tuple[str, str]]]
"""Gives path and text of what an ``include`` in a file (its path, the pattern) names."""

_HARMLESS = frozenset(
    {"mime.types", "uwsgi_params", "fastcgi_params", "fastcgi.conf", "scgi_params"}
)
"""What nginx's packages bring that sets nothing of interest here."""
_DEBIAN_PROXY_PARAMS = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
"""The line that matters of the file ``proxy_params`` of Debian's and Ubuntu's package."""
_DEEPEST = 8


@dataclass(slots=True)
class Includes:
    """Puts files in the places where they are included.

    Attributes:
        find: Gives the files.
        variables: For templates.
        paths: Of those that were put in.
        left: How many more are; two that include each other ten times would be without end.
    """

    find: Include
    variables: Mapping[str, str]
    paths: set[str] = field(default_factory=set)
    left: int = 300

    def resolve(self, block: Sequence[Directive], depth: int = 0) -> tuple[Directive, ...]:
        """Give a block with what it includes.

        An ``include`` that is left in it stands for what is missing.

        Raises:
            ReadError: A file that is included cannot be read.
        """
        whole: list[Directive] = []
        for item in block:
            if item.name != "include" or not item.args:
                inner = self.resolve(item.block, depth) if item.block else ()
                whole.append(Directive(item.name, item.args, item.where, inner))
                continue
            found = self.find(item.where.path, item.first) if self._may_go_on(depth) else ()
            for path, text in found:
                self.paths.add(path)
                whole.extend(self.resolve(self._parsed(path, text), depth + 1))
            if not found:
                whole.extend(_missing(item))
        return tuple(whole)

    def _may_go_on(self, depth: int) -> bool:
        self.left -= 1
        return self.left >= 0 and depth < _DEEPEST

    def _parsed(self, path: str, text: str) -> tuple[Directive, ...]:
        try:
            return parse(path, text, self.variables)
        except ReadError as error:
            raise ReadError(f"in {path}, which it includes: {error}") from error


def _missing(item: Directive) -> Iterator[Directive]:
    name = PurePosixPath(item.first).name
    if name == "proxy_params":
        (header,) = parse(item.where.path, _DEBIAN_PROXY_PARAMS)
        yield Directive(header.name, header.args, item.where)
    elif name not in _HARMLESS and "*" not in item.first and "ssl" not in item.first:
        yield item
