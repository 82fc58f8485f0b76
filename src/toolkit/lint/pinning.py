"""Which pinned versions are meant for what is built from a folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname

from toolkit.lint.facts import Fact
from toolkit.lint.servers.requirements import versions_of
from toolkit.reading import Files


@dataclass(frozen=True, slots=True)
class Pins:
    """Versions that a project pins; in a folder of several projects each has its own."""

    files: Files
    _below: dict[str, Mapping[str, Fact[str]]] = field(default_factory=dict)
    _beside: dict[str, Mapping[str, Fact[str]]] = field(default_factory=dict)

    def near(self, folder: str) -> Mapping[str, Fact[str]]:
        """Give the versions, by package, that are pinned in a folder or for all around it.

        Args:
            folder: From the folder that is looked at, "" for that itself.
        """
        if folder not in self._below:
            self._below[folder] = self._of(self.files.inside(folder))
        found = self._below[folder]
        while folder and not found:
            folder = dirname(folder)
            if folder not in self._beside:
                # what lies in other folders there is for others
                inside = self.files.inside(folder)
                self._beside[folder] = self._of(path for path in inside if _is_of(path, folder))
            found = self._beside[folder]
        return found

    def _of(self, paths: Iterable[str]) -> Mapping[str, Fact[str]]:
        return versions_of(self.files.only(paths))


def _is_of(path: str, folder: str) -> bool:
    above = dirname(path)
    return above == folder or (basename(above) == "requirements" and dirname(above) == folder)
