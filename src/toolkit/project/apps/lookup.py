"""Finds the app of a folder: what a server is to serve. Sources are read, never run."""

import sys
from dataclasses import replace
from pathlib import Path

from toolkit.errors import ConfigError
from toolkit.project.apps.candidates import Candidates, find_candidates
from toolkit.project.apps.checking import check
from toolkit.project.apps.found import FoundApp
from toolkit.project.apps.sources import Sources
from toolkit.project.apps.targets import SPELLING, parse_target
from toolkit.reading import Files

__all__ = ["FoundApp", "find_app", "sources_of"]

MOST_OTHERS = 8


def find_app(folder: Path, target: str = "") -> FoundApp:
    """Find the app of a project.

    Args:
        folder: Of the project.
        target: What to serve, if it is known: ``module:attribute`` or ``module:factory()``.

    Returns:
        The app that the target names; without one, the best that there is, with the others. An app
        whose module is not in the folder has no file: it may be of an installed package.

    Raises:
        ConfigError: The folder cannot be read; the target does not fit what is in it; or there is
            no target, and no app that can be found without one.
    """
    sources = sources_of(folder)
    if target:
        found = check(parse_target(target), sources)
        return replace(found, reason=found.reason or "it was asked for")
    candidates = find_candidates(sources)
    if not candidates.apps:
        raise ConfigError(f"No app was found in {folder.resolve()}.", hint=_how_to_name(candidates))
    best, *others = candidates.apps
    return replace(best, others=tuple(others[:MOST_OTHERS]))


def _how_to_name(candidates: Candidates) -> str:
    if candidates.needing:
        return f'A factory there needs arguments. Name it with them: {candidates.needing[0]}("...")'
    if candidates.unread:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"{candidates.unread[0]} cannot be read as Python {version}. Or name it. {SPELLING}"
    return f"Name it. {SPELLING}"


def sources_of(folder: Path) -> Sources:
    """Read the sources of a folder.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        sources = Sources.of(Files.of(folder))
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be read: {error.strerror}.", hint="Give the folder of a project."
        ) from error
    # the layout that packaging guides recommend; what lies in the folder itself comes first
    source_folder = "src" in sources.parts
    return sources.searching(("", "src") if source_folder else ("",))
