"""What a supervisor in a container starts: its configuration, among the files of the container."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolkit.lint.facts import Fact, Unit
from toolkit.lint.locating import Locator
from toolkit.lint.manifests import s6, supervisord
from toolkit.lint.manifests.programs import Program
from toolkit.reading import ReadError

Find = Callable[[str], tuple[str, str] | None]
"""Give the path in the folder and the text of a file by its path in the container."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What a supervisor is told.

    Attributes:
        paths: Of the files that say so, in the folder.
    """

    programs: tuple[Program, ...]
    paths: tuple[str, ...]


def supervised(
    unit: Unit, entrypoint: Sequence[str] | None, find: Find, locator: Locator
) -> Configured | None:
    """Find the programs that a supervisor starts in a container, None if there is no supervisor.

    Args:
        unit: What the container comes to by itself.
        entrypoint: Its entry point, None: that of an image from elsewhere.
        find: Finds files, also where only their names tell which they are.
        locator: Knows the files of the container.
    """
    env = unit.container.env
    asked = supervisord.configuration_of(unit.command.words if unit.command is not None else ())
    if asked is not None:
        return _of_supervisord(asked, find, locator, env)
    if unit.server is not None or (entrypoint is not None and entrypoint[:1] != (s6.INIT,)):
        return None
    services = tuple(s6.programs(dict(locator.targets()), locator.files.text, env))
    return Configured(services, ()) if services else None


def _of_supervisord(
    asked: str, find: Find, locator: Locator, env: Mapping[str, Fact[str]]
) -> Configured:
    programs: list[Program] = []
    paths: list[str] = []
    common: Mapping[str, Fact[str]] = {}
    for path, text in _files(asked, find, locator):
        try:
            programs += supervisord.read(path, text, env, common)
        except ReadError:
            continue  # the reader of the folder says so
        # the first one includes the others
        common = common or supervisord.common_of(path, text, env)
        paths.append(path)
    return Configured(tuple(programs), tuple(paths))


def _files(asked: str, find: Find, locator: Locator) -> Iterator[tuple[str, str]]:
    """Give the configuration and what it includes."""
    targets = dict(locator.targets())
    name = asked or next((path for path in supervisord.STANDARD if path in targets), "")
    main = find(name) if name else None
    patterns = supervisord.DISTRIBUTED
    if main is not None:
        yield main
        patterns = supervisord.included(*main)
    for target, path in targets.items():
        another = main is None or path != main[0]
        if another and supervisord.means(name, patterns, target):
            text = locator.files.text(path)
            if text is not None:
                yield path, text
