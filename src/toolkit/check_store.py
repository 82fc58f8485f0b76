"""Checks on disk: ``RESULTS/checks/ID/check.json``, one versioned document each.

Format history:

1  the first
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from toolkit.checked import Check
from toolkit.errors import ConfigError
from toolkit.store import write_whole

FORMAT = 1


def check_path(results: Path, check_id: str) -> Path:
    """Say where a check is stored."""
    return results / "checks" / check_id / "check.json"


def document_of(check: Check) -> dict[str, Any]:
    """Give a check as plain values."""
    return {"format": FORMAT, **msgspec.to_builtins(check)}


def save_check(path: Path, check: Check) -> None:
    """Write a check in place of its earlier state.

    Raises:
        EnvironmentFault: No space or no permission; the earlier state is kept.
    """
    write_whole(path, json.dumps(document_of(check), indent=1) + "\n")


def load_check(path: Path) -> Check:
    """Read a stored check, or the one within what ``--output json`` wrote.

    Raises:
        ConfigError: It is not there, is none, or is of a later format.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        document = document.get("check", document)
        version = document.pop("format")
        if version > FORMAT:
            raise ConfigError(
                f"{path} has format {version}, this toolkit reads up to {FORMAT}",
                hint="Upgrade flask-production-toolkit.",
            )
        return msgspec.convert(document, Check)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{path} is not a check: {type(error).__name__}: {reason}",
            hint="Give a check.json of results/checks/, or what --output json wrote.",
        ) from error
