"""What an image or an environment is built from, and a hash of it: no new build for old inputs."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import toolkit
import toolkit.delaying
import toolkit.serve
from toolkit.catalog import CONSTRAINTS, Catalog
from toolkit.errors import ConfigError
from toolkit.model import Stack

DOCKERFILE = "docker/Dockerfile"
UPSTREAM_DOCKERFILE = "docker/upstream.Dockerfile"
LOAD_DOCKERFILE = "docker/load.Dockerfile"
POSTGRES_DOCKERFILE = "docker/postgres.Dockerfile"
CA_BUNDLE = "docker/ca/bundle.crt"
_BUNDLED = "_bundled"
"""Where an installed toolkit has what else a checkout has."""

_1980 = 315_532_800


def locks(stack: Stack) -> tuple[Path, Path]:
    """Name the files that pin what app and server install, with hashes.

    Raises:
        ConfigError: One is missing.
    """
    files = (stack.app.path / "requirements.txt", stack.server.path / "requirements.txt")
    for file in files:
        if not file.is_file():
            raise ConfigError(f"{file} is missing", hint="scripts/lock writes it.")
    return files


def limits(stack: Stack) -> Path | None:
    """Name the file that limits what is installed, beyond the pins; None if there is none."""
    file = stack.app.path / CONSTRAINTS
    return file if file.is_file() else None


def have_hashes(files: Iterable[Path]) -> bool:
    """Tell whether requirements are pinned by hashes, which pip wants of all or of none."""
    return any("--hash=" in file.read_text(encoding="utf-8") for file in files)


def files_of(stack: Stack) -> dict[str, Path]:
    """Give the build context of a stack: path in the context to file, as the recipe expects it.

    Its app and its server lie in one catalog, and the recipe with them.
    """
    top = stack.app.path.parents[1]
    servers = top / "deploy" / "servers"
    parts = [
        *_tree(stack.app.path),
        *_tree(top / "apps" / "shared"),
        *_tree(stack.server.path),
        *servers.glob("*.py"),
        top / DOCKERFILE,
        top / "docker" / "ca" / "README.md",
    ]
    files = {file.relative_to(top).as_posix(): file for file in parts}
    return {**files, "src/toolkit/serve.py": Path(toolkit.serve.__file__)}


def files_of_upstream(catalog: Catalog) -> dict[str, Path]:
    """Give the build context of the upstream that delays."""
    return {
        UPSTREAM_DOCKERFILE: catalog.path / UPSTREAM_DOCKERFILE,
        "src/toolkit/delaying.py": Path(toolkit.delaying.__file__),
    }


def files_of_load(catalog: Catalog) -> dict[str, Path]:
    """Give the build context of what makes load on other hosts: the toolkit, as in a checkout."""
    tops = (catalog.path / name for name in ("apps", "deploy", "docker", "loadtests"))
    files = {
        file.relative_to(catalog.path).as_posix(): file
        for top in tops
        for file in _tree(top)
        if file != catalog.path / CA_BUNDLE
    }
    package = Path(toolkit.__file__).parent
    code = (file for file in _tree(package) if _BUNDLED not in file.relative_to(package).parts)
    return {
        **files,
        **{f"src/toolkit/{file.relative_to(package).as_posix()}": file for file in code},
    }


def files_of_postgres(catalog: Catalog) -> dict[str, Path]:
    """Give the build context of what stands in for the official image of PostgreSQL."""
    names = (POSTGRES_DOCKERFILE, "docker/postgres-entrypoint.sh")
    return {name: catalog.path / name for name in names}


def find_ca_bundle(configured: str) -> Path | None:
    """Find the CA certificates that the package index may need beyond the image's own.

    Raises:
        ConfigError: The configured file is not there.
    """
    if configured:
        if not Path(configured).is_file():
            raise ConfigError(f"the CA bundle {configured} does not exist")
        return Path(configured)
    names = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    files = (Path(os.environ[name]) for name in names if os.environ.get(name))
    return next((file for file in files if file.is_file()), None)


def digest(files: Mapping[str, Path], settings: Iterable[str] = ()) -> str:
    """Hash names and contents of files, and the settings that go into the result beside them."""
    total = hashlib.sha256()
    for name, file in sorted(files.items()):
        total.update(f"{name}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    for setting in settings:
        total.update(f"\0{setting}".encode())
    return total.hexdigest()[:16]


def archive(files: Mapping[str, Path]) -> io.BytesIO:
    """Pack a build context, the same bytes for the same files, so that the engine's cache holds."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, file in sorted(files.items()):
            info = tarfile.TarInfo(name)
            content = file.read_bytes()
            info.size = len(content)
            info.mode = 0o644
            # the same for the same files; not 0, which some take for unknown (no Last-Modified)
            info.mtime = _1980
            tar.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _tree(folder: Path) -> Iterator[Path]:
    """Give the files of a folder that are for running it."""
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        needless = {"__pycache__", *(part for part in parts if part.startswith("."))}
        if file.is_file() and needless.isdisjoint(parts) and parts[0] != "tests":
            yield file
