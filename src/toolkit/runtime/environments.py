"""Virtual environments of the process runtime: for a stack, pinned by its image's locks."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from toolkit.config import ImageConfig
from toolkit.errors import EnvironmentFault
from toolkit.model import Project, Stack
from toolkit.ports import Observer
from toolkit.runtime import recipe

_UNMET = "No solution found when resolving dependencies"
"""What uv says where the index answers; pip says the same whether it does or not."""

_STAMP = "toolkit-complete"
_TIMEOUT = 900
_FILE_FLAGS = ("-r", "--requirement", "-c", "--constraint")
_PLAIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*(?:[(<>=!~][^@/:$;]*)?(?:;[^$]*)?"
)
"""A requirement that an index answers (PEP 508), by no address and by no path."""


class InstallFault(EnvironmentFault):
    """Packages cannot be installed; who asked for them may be at fault as well as the machine."""


class UnmetFault(InstallFault):
    """What is to be installed does not exist, or does not fit together."""

    exit_code = 2


def cache_folder() -> Path:
    """Where environments are kept between runs: the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "flask-production-toolkit" / "environments"


def ensure_environment(stack: Stack, image: ImageConfig, observer: Observer) -> Path:
    """Make the environment of a stack, or find it unchanged; give its folder.

    Raises:
        ConfigError: A lock file is missing.
        InstallFault: The packages cannot be installed.
        EnvironmentFault: It cannot be made: no package index, no space, no permission.
    """
    locks, limits = recipe.locks(stack), recipe.limits(stack)
    files = locks if limits is None else (*locks, limits)
    inputs = recipe.digest({str(i): file for i, file in enumerate(files)}, _python())
    requirements = [part for lock in locks for part in ("-r", str(lock))]
    if limits is not None:
        requirements += ["-c", str(limits)]
    if recipe.have_hashes(locks):
        requirements.insert(0, "--require-hashes")
    if stack.app.wheels_only:
        requirements = ["--only-binary", ":all:", *requirements]

    def install(folder: Path) -> None:
        _install(folder, requirements, image)

    name = f"{stack.app.name}-{stack.server.name}-{inputs}"
    return _ensure(name, stack.id, install, image, observer)


def ensure_project_environment(
    project: Project, image: ImageConfig, observer: Observer, make_place: Callable[[], Path]
) -> Path:
    """Make the environment of a user's own app, or find it unchanged; give its folder.

    Args:
        project: Whose.
        image: How packages are installed.
        observer: Told what is installed.
        make_place: Gives a new folder, for an environment that is not to be kept: one that depends
            on more than is known beforehand, such as the project's own sources.

    Raises:
        InstallFault: The packages cannot be installed.
        EnvironmentFault: It cannot be made.
    """
    assert project.folder is not None  # noqa: S101 - a process has its sources
    sources = project.folder

    def install(folder: Path) -> None:
        _install(folder, list(project.install), image, cwd=sources)

    files = _flat_files(project.install, sources)
    if files is None:
        observer.noted(f"Installing {project.name} into an environment of its own ...")
        folder = make_place() / "environment"
        install(folder)
        return folder
    inputs = recipe.digest(files, (*_python(), *project.install, image.index_url))
    return _ensure(f"project-{inputs}", project.name, install, image, observer)


def _flat_files(arguments: Sequence[str], folder: Path) -> dict[str, Path] | None:
    """Name the files that say all that is installed besides what the arguments say themselves.

    None if there may be more to it: files that name others, paths, addresses, flags.
    """
    files = {}
    rest = iter(arguments)
    for text in rest:
        if text not in _FILE_FLAGS:
            if not _is_plain(text, folder):
                return None
            continue
        name = next(rest, "")
        file = folder / name
        if not file.is_file() or not all(_is_plain(line, folder) for line in _lines(file)):
            return None
        files[name] = file
    return files


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    lines = (re.split(r"\s--hash=|(?:^|\s)#", line)[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def _is_plain(text: str, folder: Path) -> bool:
    # what is there by that name may be an archive that is meant
    return _PLAIN.fullmatch(text) is not None and not (folder / text).exists()


def _python() -> tuple[str, str]:
    return ".".join(map(str, sys.version_info[:3])), sys.prefix


def _ensure(
    name: str,
    what: str,
    install: Callable[[Path], None],
    image: ImageConfig,
    observer: Observer,
) -> Path:
    folder = cache_folder() / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # two toolkits at once must not install into one folder
        with (folder.parent / f".{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if image.rebuild or not (folder / _STAMP).is_file():
                observer.noted(f"Installing {what} into an environment of its own ...")
                shutil.rmtree(folder, ignore_errors=True)
                install(folder)
                (folder / _STAMP).touch()
    except OSError as error:
        raise EnvironmentFault(
            f"cannot make an environment in {folder.parent}: {error.strerror or error}",
            hint="Set XDG_CACHE_HOME to a folder with space that you may write to.",
        ) from error
    return folder


def _install(
    folder: Path, arguments: Sequence[str], image: ImageConfig, *, cwd: Path | None = None
) -> None:
    index = ["--index-url", image.index_url] if image.index_url else []
    python = folder / "bin" / "python"
    # beside this Python first: a development environment has it, and it is much faster than pip
    beside = str(Path(sys.executable).parent)
    uv = shutil.which("uv", path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))
    # compiled as the image's are, or the first start of every server would do it
    if uv is not None:
        make = [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--python", str(python), "--compile-bytecode"]
    else:
        make = [sys.executable, "-m", "venv", str(folder)]
        install = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    _run(make, image, cwd)
    if arguments:
        _run([*install, *index, *arguments], image, cwd)


def _run(command: list[str], image: ImageConfig, cwd: Path | None) -> None:
    environment = dict(os.environ)
    if image.ca_bundle:
        bundle = str(recipe.find_ca_bundle(image.ca_bundle))
        environment |= {"PIP_CERT": bundle, "SSL_CERT_FILE": bundle}
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise InstallFault(f"installing packages took longer than {_TIMEOUT} s") from None
    log = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
    if done.returncode != 0 and _UNMET in done.stderr:
        raise UnmetFault(
            "no versions of the packages fit together, with the server's among them",
            hint="The lines above name them; --requirements names another file.",
            log=log,
        )
    if done.returncode != 0:
        raise InstallFault(
            f"packages cannot be installed: {Path(command[0]).name} ended with {done.returncode}",
            hint="Is the package index reachable (--index-url, --ca-bundle, proxy)?",
            log=log,
        )
