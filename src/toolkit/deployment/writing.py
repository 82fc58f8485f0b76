"""Put a deployment into a folder, without harming what is there."""

from collections.abc import Mapping
from pathlib import Path

from toolkit.deployment.rendering import Written
from toolkit.errors import ConfigError, EnvironmentFault

MARK = "DERIVATION.md"
"""By this file a folder is known as one that the toolkit wrote."""


def require_place(folder: Path, *, force: bool) -> None:
    """See that nothing of somebody else's would be overwritten.

    Raises:
        ConfigError: The folder holds something and was not written by the toolkit.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file", hint="Give another folder with -o.")
    occupied = folder.is_dir() and any(folder.iterdir())
    if occupied and not force and not (folder / MARK).is_file():
        raise ConfigError(
            f"{folder} holds files that are not of an earlier deployment",
            hint="Give another folder with -o, or --force to write between them.",
        )


def write(files: Mapping[str, Written], folder: Path) -> None:
    """Write files, in place of those of the same name; others stay.

    Raises:
        EnvironmentFault: No space or no permission.
    """
    try:
        for name, file in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(0o755 if file.executable else 0o644)
    except OSError as error:
        raise EnvironmentFault(f"cannot write to {folder}: {error.strerror or error}") from error
