"""YAML whose values know where they stand.

The tree is built here from PyYAML's events, because its own composer recurses (deeply nested input
would exhaust the stack) and expands no merge keys.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import yaml

from toolkit.lint.facts import Where
from toolkit.lint.manifests.nodes import Kind, Node, Steps
from toolkit.reading import ReadError

_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MOST_DEPTH = 100

_MERGE = "<<"
_NULLS = frozenset({"", "~", "null"})
_TEMPLATE = re.compile(r"\{[{%]")


def documents(path: str, text: str, *, change: Callable[[str], str] = str) -> tuple[Node, ...]:
    """Read the documents of a file; of an empty one there are none.

    Args:
        path: Of the file, from the folder that is looked at.
        text: In it.
        change: What to make of each scalar that is no key.

    Raises:
        ReadError: It is not YAML, nested too deeply, or its aliases stand for too much.
    """
    composer = _Composer(path, change)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark)
        if _TEMPLATE.search(text):
            raise ReadError("a template, not YAML yet: render it first", line) from error
        raise ReadError(f"not YAML: {error.problem or error.context}", line) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ReadError("not YAML: it has characters that YAML does not allow") from error
    return tuple(composer.documents)


@dataclass(slots=True)
class _Open:
    """A list or a map whose end has not come yet.

    Attributes:
        members: None: it is a map.
        key: Of a map whose value comes next.
    """

    where: Where
    tag: str
    anchor: str | None
    members: list[Node] | None
    fields: dict[str, Node] = field(default_factory=dict)
    merged: dict[int, Node] = field(default_factory=dict)
    key: Node | None = None


class _Composer:
    """Makes nodes of events."""

    def __init__(self, path: str, change: Callable[[str], str]) -> None:
        self.documents: list[Node] = []
        self._path = path
        self._change = change
        self._steps = Steps()
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            where = self._where(event)
            if len(self._open) >= MOST_DEPTH:
                raise ReadError("nested too deeply", where.line)
            members: list[Node] | None = None
            if isinstance(event, yaml.SequenceStartEvent):
                members = []
            self._open.append(_Open(where, _own(event.tag), event.anchor, members))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()

    def _where(self, event: yaml.Event) -> Where:
        """Tell where a node stands; of a value, where its key does."""
        if self._open and (key := self._open[-1].key) is not None:
            return key.where
        return Where(self._path, _line(event.start_mark))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        own = _own(event.tag)
        plain = not event.style and (event.implicit[0] or bool(own))
        null = plain and event.value.lower() in _NULLS
        into = self._open[-1] if self._open else None
        is_key = into is not None and into.members is None and into.key is None
        node = Node(
            kind=Kind.NULL if null else Kind.SCALAR,
            where=self._where(event),
            tag=_MERGE if plain and event.value == _MERGE else own,
            whole=event.value if is_key else self._change(event.value),
            steps=self._steps,
        )
        self._add(node, event.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        where = self._where(event)
        if event.anchor not in self._anchors:
            raise ReadError(f"not YAML: nothing before it is called &{event.anchor}", where.line)
        self._add(replace(self._anchors[event.anchor], where=where), None)

    def _close(self) -> None:
        opened = self._open.pop()
        node = Node(kind=Kind.LIST, where=opened.where, tag=opened.tag, steps=self._steps)
        if opened.members is not None:
            node = replace(node, members=tuple(opened.members))
        else:
            fields: dict[str, Node] = {}
            for merged in reversed(opened.merged.values()):
                fields.update(merged.items())
            fields.update(opened.fields)
            node = replace(node, kind=Kind.MAP, fields=MappingProxyType(fields))
        self._add(node, opened.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.documents.append(node)
            return
        into = self._open[-1]
        if into.members is not None:
            into.members.append(node)
        elif into.key is None:
            into.key = node
        else:
            self._pair(into, into.key, node)
            into.key = None

    def _pair(self, into: _Open, key: Node, value: Node) -> None:
        if key.tag == _MERGE:
            for node in value.entries if value.kind is Kind.LIST else (value,):
                # the same map once more adds nothing but work
                into.merged[id(node.fields)] = node
        elif key.kind in {Kind.SCALAR, Kind.NULL}:
            into.fields[key.whole] = value


def _line(mark: object) -> int:
    """Give the line of a mark of PyYAML's, of which there are two kinds; 0: there is none."""
    return int(getattr(mark, "line", -1)) + 1


def _own(tag: str | None) -> str:
    """Give a tag that is the file's own, not one of YAML's."""
    return tag if tag is not None and tag.startswith("!") and tag != "!" else ""
