"""Runs on disk: one folder each, one versioned JSON document, replaced atomically.

Format history of ``run.json``:

1  before the first release: one window per trial; not read any more
2  phases per trial, each with its own load, use of server and machine, and findings; calibrations
"""

import errno
import os
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.measured import Failure, Measurement, Outcome, Run
from toolkit.spelling import did_you_mean

FORMAT = 2
_OLDEST = 2
_FILE = "run.json"
_LATEST = "latest"
_KINDS: dict[str, type[Outcome]] = {"measurement": Measurement, "failure": Failure}


def utc_now() -> str:
    """Give the wall clock as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_run_id() -> str:
    """Make an id that sorts by time and does not collide."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def dumps(run: Run) -> str:
    """Write a run as its JSON document."""
    document = {"format": FORMAT, **msgspec.to_builtins(run)}
    for outcome in document["outcomes"]:
        outcome["kind"] = "measurement" if "phases" in outcome else "failure"
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def loads(text: str, source: str) -> Run:
    """Read a run from its JSON document; ``source`` names it in errors.

    Raises:
        ConfigError: It is not a run, or one of a later format.
    """
    try:
        document: dict[str, Any] = msgspec.json.decode(text)
        version = document.pop("format")
        if version > FORMAT:
            raise ConfigError(
                f"{source} has format {version}, this toolkit reads up to {FORMAT}",
                hint="Upgrade flask-production-toolkit.",
            )
        if version < _OLDEST:
            raise ConfigError(
                f"{source} has format {version}, from before the first release",
                hint="Measure again.",
            )
        return _run(document)
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{source} is not a stored run: {type(error).__name__}: {reason}"
        ) from error


def _run(document: dict[str, Any]) -> Run:
    """Make a run of plain values; what this version does not know is left out."""
    types = get_type_hints(Run)
    # msgspec takes no union of dataclasses
    outcomes = [msgspec.convert(item, _KINDS[item["kind"]]) for item in document.pop("outcomes")]
    known = {name: value for name, value in document.items() if name in types}
    values = {name: msgspec.convert(value, types[name]) for name, value in known.items()}
    return Run(**values, outcomes=tuple(outcomes))


class Store:
    """The runs under ``RESULTS/runs/ID/run.json``."""

    def __init__(self, results: Path) -> None:
        self.folder = results / "runs"

    def path(self, run_id: str) -> Path:
        """Say where a run is stored."""
        return self.folder / run_id / _FILE

    def save(self, run: Run) -> Path:
        """Write a run in place of its earlier state.

        Raises:
            EnvironmentFault: No space or no permission; the earlier state is kept.
        """
        path = self.path(run.id)
        write_whole(path, dumps(run))
        return path

    def load(self, name: str | None = None) -> Run:
        """Read a run by id, by the unmistakable start of one, or by path.

        None and ``latest`` are the latest of them, ``FOLDER/latest`` that of other results.

        Raises:
            ConfigError: There is no such run, or it cannot be read.
        """
        path = self._find(name)
        try:
            return loads(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error

    def _find(self, name: str | None) -> Path:
        ids = sorted(path.parent.name for path in self.folder.glob(f"*/{_FILE}"))
        if name in (None, _LATEST):
            if not ids:
                raise ConfigError(
                    f"no runs are stored in {self.folder}", hint="`toolkit bench` makes one."
                )
            return self.path(ids[-1])
        given = Path(name)
        if given.name == _LATEST and (given.parent / self.folder.name).is_dir():
            return Store(given.parent)._find(_LATEST)  # noqa: SLF001 - of its own kind
        if given.is_file():
            return given
        if (given / _FILE).is_file():
            return given / _FILE
        matches = [run_id for run_id in ids if run_id.startswith(name)]
        if len(matches) != 1:
            what = f"fits {len(matches)} runs" if matches else "is not a stored run"
            raise ConfigError(
                f"{name!r} {what} in {self.folder}",
                hint=did_you_mean(name, ids) or (f"Stored: {', '.join(ids[-5:])}." if ids else ""),
            )
        return self.path(matches[0])


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in place of its earlier state; a reader sees the one or the other, whole.

    What is there and is no file, such as ``/dev/stdout``, is written to and stays what it is.

    Raises:
        EnvironmentFault: No space or no permission; the earlier state is kept.
    """
    temporary = ""
    whole = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(whole)
            return
        path = path.resolve()  # a link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.stem}-", delete=False
        ) as file:
            temporary = file.name
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(path, error) from error
        raise


def _cannot_write(path: Path, error: OSError) -> EnvironmentFault:
    hints = {
        errno.ENOSPC: "Free some space, or give another folder with --results.",
        errno.EACCES: "Give a folder you may write to with --results.",
        errno.EROFS: "Give a folder you may write to with --results.",
    }
    reason = error.strerror or str(error)
    return EnvironmentFault(f"cannot write {path}: {reason}", hint=hints.get(error.errno or 0, ""))
