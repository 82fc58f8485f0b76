"""The images of a run: of stacks and of backing services, each built once for its inputs."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolkit.catalog import Catalog
from toolkit.config import ImageConfig
from toolkit.errors import ConfigError, EnvironmentFault, StackError
from toolkit.model import Project, Stack
from toolkit.ports import Observer
from toolkit.runtime import recipe
from toolkit.runtime.engine import BUILDER_LABEL, Engine, own_name
from toolkit.runtime.ready import as_fault

DEFAULT_BASE = "python:3.13-slim"
DEBIAN_BASE = "toolkit-base:trixie-python3.13"
"""What docker/debian-base.sh builds where no registry is reached."""

POSTGRES = "postgres:17"
DEBIAN_POSTGRES = "toolkit-postgres:trixie-17"
"""What docker/postgres.Dockerfile builds where no registry is reached."""

_INPUTS_LABEL = "toolkit.inputs"
_PROJECT_LABEL = "toolkit.project"
_LOG_LINES = 20


class Images:
    """Finds, fetches and builds images on an engine.

    Args:
        engine: The connection.
        catalog: Where recipes and code lie.
        image: How images are built.
    """

    def __init__(self, engine: Engine, catalog: Catalog, image: ImageConfig) -> None:
        self._engine = engine
        self._catalog = catalog
        self._image = image
        self._base = ""

    def of_stack(self, stack: Stack, observer: Observer) -> str:
        """Build the image of a stack, or find it unchanged; give its tag.

        Raises:
            StackError: It cannot be built.
            EnvironmentFault: None can.
        """
        recipe.locks(stack)
        base = self._find_base(observer)
        files = recipe.files_of(stack)
        bundle = recipe.find_ca_bundle(self._image.ca_bundle)
        inputs = self._digest(files, base, self._image.index_url)
        tag = f"toolkit/{stack.app.name}-{stack.server.name}:{inputs}"
        if self._has(tag):
            return tag
        observer.noted(f"Building the image of {stack.id} on {base} ...")
        if bundle is not None:
            files[recipe.CA_BUNDLE] = bundle
        arguments = {
            "APP": stack.app.name,
            "SERVER": stack.server.name,
            "PIP_INDEX_URL": self._image.index_url,
        }
        if not recipe.have_hashes(recipe.locks(stack)):
            arguments["HASHES"] = ""
        limits = recipe.limits(stack)
        if limits is not None:
            arguments["LIMITS"] = f"-c app/{limits.name}"
        if not stack.app.wheels_only:
            arguments["WHEELS"] = ""
        return self._build(recipe.DOCKERFILE, files, base, tag, inputs, arguments)

    def of_project(self, project: Project, observer: Observer) -> str:
        """Find, fetch or build the image of a user's own app; give its tag, or its id if built.

        It is built by the ``docker`` command, since that may have BuildKit, which many recipes need
        and the engine alone does not offer. It stays, so that the next check finds its layers, and
        the one of that name before it goes: there is one of each side of a project.

        Raises:
            ConfigError: There is neither an image nor a recipe.
            StackError: It cannot be had.
        """
        if project.image:
            return self.by_name(project.image, observer)
        if project.folder is None or not (project.folder / project.dockerfile).is_file():
            raise ConfigError(
                f"{project.name} has no {project.dockerfile or 'Dockerfile'}",
                hint="Name its recipe with --dockerfile, a stack of a checkout of this toolkit "
                "with --stack, or a command for --runtime process.",
            )
        observer.noted(f"Building the image of {project.name} ...")
        tag = f"toolkit/project:{recipe.digest({}, (project.name,))}"
        before = self._engine.image_id(tag)
        labels = {_PROJECT_LABEL: project.name, BUILDER_LABEL: own_name()}
        built = build_image(
            project.folder,
            project.dockerfile,
            tag,
            arguments=_proxies(os.environ),
            labels=labels,
            image=self._image,
        )
        if not self._engine.has_image(built):
            raise StackError(
                f"the image of {project.name} was built, but the engine does not hold it",
                hint="The docker command builds elsewhere: `docker buildx use default` has it "
                "build on the engine, or set BUILDX_BUILDER for a builder that loads its images.",
            )
        if before not in (None, built):
            self._engine.remove_unused(before)
        return built

    def by_name(self, image: str, observer: Observer) -> str:
        """Find or fetch an image that somebody else made.

        Raises:
            StackError: It cannot be had.
        """
        if not self._engine.has_image(image):
            observer.noted(f"Pulling {image} ...")
            reason = self._engine.pull(image)
            if reason is not None:
                raise StackError(f"the image {image} cannot be pulled: {reason}")
        return image

    def of_upstream(self, observer: Observer) -> str:
        """Build the image of the upstream that delays, or find it unchanged; give its tag.

        Raises:
            EnvironmentFault: It cannot be built.
        """
        base = self._find_base(observer)
        files = recipe.files_of_upstream(self._catalog)
        inputs = self._digest(files, base)
        tag = f"toolkit/upstream:{inputs}"
        if self._has(tag):
            return tag
        observer.noted(f"Building the image of the upstream on {base} ...")
        with as_fault("the image of the upstream cannot be built"):
            return self._build(recipe.UPSTREAM_DOCKERFILE, files, base, tag, inputs)

    def of_base(self, observer: Observer) -> str:
        """Find or fetch the image that all others are built on; give its name.

        Raises:
            EnvironmentFault: It cannot be had.
        """
        return self._find_base(observer)

    def of_load(self, observer: Observer) -> str:
        """Build the image of a load process, or find it unchanged; give its tag.

        Raises:
            StackError: It cannot be built.
            EnvironmentFault: None can.
        """
        base = self._find_base(observer)
        files = recipe.files_of_load(self._catalog)
        bundle = recipe.find_ca_bundle(self._image.ca_bundle)
        inputs = self._digest(files, base, self._image.index_url)
        tag = f"toolkit/load:{inputs}"
        if self._has(tag):
            return tag
        observer.noted(f"Building the image of a load process on {base} ...")
        if bundle is not None:
            files[recipe.CA_BUNDLE] = bundle
        arguments = {"PIP_INDEX_URL": self._image.index_url}
        return self._build(recipe.LOAD_DOCKERFILE, files, base, tag, inputs, arguments)

    def of_postgres(self, observer: Observer) -> str:
        """Find or fetch the official image of PostgreSQL, or build what stands in for it.

        Raises:
            EnvironmentFault: Neither can be had.
        """
        if self._engine.has_image(POSTGRES):
            return POSTGRES
        files = recipe.files_of_postgres(self._catalog)
        known = self._engine.image_label(DEBIAN_POSTGRES, _INPUTS_LABEL)
        if known is not None and known == recipe.digest(files):
            return DEBIAN_POSTGRES
        observer.noted(f"Pulling {POSTGRES} ...")
        reason = self._engine.pull(POSTGRES)
        if reason is None:
            return POSTGRES
        base = self._find_base(observer)
        observer.noted(f"{reason}. Building {DEBIAN_POSTGRES} on {base} ...")
        try:
            return self._build(
                recipe.POSTGRES_DOCKERFILE, files, base, DEBIAN_POSTGRES, recipe.digest(files)
            )
        except StackError as error:
            raise EnvironmentFault(
                f"neither can {POSTGRES} be pulled nor PostgreSQL be installed from Debian "
                f"packages: {error}",
                hint=f"`docker load` an image named {POSTGRES}, or take --runtime process.",
                log=error.log,
            ) from error

    def _digest(self, files: Mapping[str, Path], base: str, *more: str) -> str:
        return recipe.digest(files, (self._engine.image_id(base) or "", *more))

    def _has(self, tag: str) -> bool:
        return self._engine.has_image(tag) and not self._image.rebuild

    def _build(
        self,
        dockerfile: str,
        files: Mapping[str, Path],
        base: str,
        tag: str,
        inputs: str,
        arguments: Mapping[str, str] | None = None,
    ) -> str:
        self._engine.build(
            recipe.archive(files),
            dockerfile=dockerfile,
            tag=tag,
            arguments={"BASE_IMAGE": base, **(arguments or {}), **_proxies(os.environ)},
            labels={_INPUTS_LABEL: inputs},
            cache=not self._image.rebuild,
            progress=lambda _: None,
        )
        return tag

    def _find_base(self, observer: Observer) -> str:
        """Find or fetch the base image once per run, or build what stands in for the default."""
        if not self._base:
            self._base = self._image.base or DEFAULT_BASE
            if not self._engine.has_image(self._base):
                self._base = self._fetch_base(self._base, observer)
        return self._base

    def _fetch_base(self, wanted: str, observer: Observer) -> str:
        if not self._image.base and self._engine.has_image(DEBIAN_BASE):
            observer.noted(
                f"{wanted} is not here: taking {DEBIAN_BASE}, built by scripts/base-image."
            )
            return DEBIAN_BASE
        observer.noted(f"Pulling {wanted} ...")
        reason = self._engine.pull(wanted)
        if reason is None:
            return wanted
        script = self._catalog.path / "docker" / "debian-base.sh"
        if self._image.base or not _can_bootstrap():
            raise EnvironmentFault(
                f"the base image {wanted} cannot be pulled: {reason}",
                hint="Without an image registry, `sudo scripts/base-image` "
                f"({script}) builds an equal base from Debian packages; "
                "or name one that is here with --base-image.",
            )
        observer.noted(f"{reason}. Building a base from Debian packages with {script} ...")
        done = subprocess.run(
            ["/bin/sh", str(script), "--tag", DEBIAN_BASE],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise EnvironmentFault(
                f"neither can {wanted} be pulled nor a base be built from Debian packages",
                hint=f"{script} shows why.",
                log=done.stderr.strip(),
            )
        return DEBIAN_BASE


def build_image(
    folder: Path,
    dockerfile: str,
    tag: str,
    *,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    image: ImageConfig,
) -> str:
    """Build an image with the ``docker`` command; give its id, which the engine may not hold.

    Raises:
        EnvironmentFault: There is no such command.
        StackError: A step failed; the error carries its last output.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise EnvironmentFault(
            "the docker command is missing, which builds the image of a project",
            hint="Install Docker's command line, or build the images yourself and give them with "
            "--base-image and --candidate-image.",
        )
    command = [docker, "build", "--force-rm", "--file", str(folder / dockerfile), "--tag", tag]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for name, value in labels.items():
        command += ["--label", f"{name}={value}"]
    if image.rebuild:
        command.append("--no-cache")
    with tempfile.TemporaryDirectory(prefix="toolkit-build-") as place:
        told = Path(place) / "id"
        done = subprocess.run(
            [*command, "--iidfile", str(told), str(folder)],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        # without a word on it there is an image nowhere
        built = told.read_text(encoding="utf-8").strip() if told.is_file() else ""
    if done.returncode != 0:
        raise StackError(
            f"its image cannot be built: docker build ended with {done.returncode}",
            log="\n".join(done.stdout.strip().splitlines()[-_LOG_LINES:]),
        )
    return built


def _can_bootstrap() -> bool:
    """Whether docker/debian-base.sh may be run without asking: as root, on a Debian kind."""
    tools = shutil.which("debootstrap") or shutil.which("apt-get")
    return os.geteuid() == 0 and tools is not None and shutil.which("docker") is not None


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: environ[name] for name in names if environ.get(name)}
