"""A container of a platform and the image that it is made from, together."""

from dataclasses import dataclass, replace
from posixpath import join, normpath

from toolkit.lint.facts import Container, Fact, Image, Platform, Unit
from toolkit.lint.images import Images, is_known, shell_makes_way
from toolkit.lint.locating import Locator, Place, folders_above, places_of
from toolkit.lint.pinning import Pins
from toolkit.lint.servers.server import server_of
from toolkit.lint.shell.command import command_of
from toolkit.lint.supervising import supervised
from toolkit.reading import Files

Words = Fact[tuple[str, ...]]

_SHELLS = frozenset({"sh", "bash", "/bin/sh", "/bin/bash", "python", "python3"})
_SCRIPTS = (".sh", ".bash")
_PROGRAMS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin")
_DEFAULT = "gunicorn.conf.py"
"""Which gunicorn reads without being told to, if it is where it is started."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a container turned out to be.

    Attributes:
        units: None if it serves no app, several if a supervisor in it starts them.
        locator: Finds its files.
        configured: The files of the folder that tell that supervisor what to start.
    """

    container: Container
    image: Image | None
    units: tuple[Unit, ...]
    locator: Locator
    configured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assembler:
    """Puts containers and images together.

    Attributes:
        pins: Versions of packages.
    """

    files: Files
    images: Images
    pins: Pins

    def assemble(self, container: Container) -> Found:
        """Find out what a container starts."""
        image = None
        if container.dockerfile is not None:
            image = self.images.stage(container.dockerfile, container.target, container.build_args)
        whole = _merged(container, image) if image else container
        locator = self._locator(whole, image)
        started = _started(whole, image)
        unit = self._unit(whole, image, locator, started, name_of(whole))
        entrypoint = started[0].value if started[0] is not None else None
        find = _Finder(locator, whole.workdir).find
        configured = supervised(unit, entrypoint, find, locator)
        if configured is None:
            return Found(whole, image, (unit,) if _serves(unit) else (), locator)
        units = [
            self._unit(
                program.inside(whole),
                image,
                locator,
                (None, program.command),
                f"{name_of(whole)} ({program.name})",
            )
            for program in configured.programs
        ]
        served = tuple(unit for unit in units if unit.server is not None)
        return Found(whole, image, served, locator, configured.paths)

    def _unit(
        self,
        whole: Container,
        image: Image | None,
        locator: Locator,
        started: tuple[Words | None, Words | None],
        name: str,
    ) -> Unit:
        scripts = _Finder(locator, whole.workdir)
        entrypoint, cmd = started
        command = command_of(
            entrypoint,
            cmd,
            scripts.find,
            env=whole.env,
            makes_way=shell_makes_way(_base(whole, image)),
        )
        if command is not None and command.words[0].endswith(_SCRIPTS):
            command = None  # one that is not in the folder
        server = None
        if command is not None:
            server = server_of(
                command,
                env=whole.env,
                workdir=whole.workdir,
                find=_Finder(locator, join(whole.workdir or "/", command.workdir)).find,
                versions=self.pins.near(locator.near[0]),
            )
        return Unit(name=name, container=whole, image=image, command=command, server=server)

    def _locator(self, whole: Container, image: Image | None) -> Locator:
        contexts = folders_above(whole.where.path)
        copied: tuple[Place, ...] = ()
        if image is not None:
            above = folders_above(image.path)
            contexts = above if whole.context is None else (_plain(whole.context),)
            copied = places_of(self.files, image.copies, contexts)
        mounted = places_of(self.files, whole.files, [""])
        return Locator(self.files, (*copied, *mounted), near=contexts)


def _plain(folder: str) -> str:
    return "" if folder == "." else folder


def bare(image: Image) -> Container:
    """Give what Docker does with an image that no file says anything about."""
    return Container(
        platform=Platform.DOCKER,
        name=image.path,
        where=image.where,
        dockerfile=image.path,
        grace=Fact(10.0, image.where, "docker"),
    )


def name_of(container: Container) -> str:
    """Give a name for messages."""
    if container.platform is Platform.COMPOSE:
        return f"service {container.name}"
    if container.platform is Platform.SUPERVISORD:
        return f"program {container.name}"
    if container.container:
        return f"{container.name} ({container.container})"
    return container.name


@dataclass(frozen=True, slots=True)
class _Finder:
    locator: Locator
    workdir: str

    def find(self, path: str) -> tuple[str, str] | None:
        if "/" not in path:
            for folder in _PROGRAMS:
                # only what is plainly put there, not what has the same name
                if any(place.target.startswith(folder) for place in self.locator.places):
                    found = self.locator.find(join(folder, path))
                    if found:
                        return found
        # what is read without being asked for is not read from another folder
        asked = normpath(path) not in {join(folder, _DEFAULT) for folder in ("", "/", self.workdir)}
        return self.locator.find(join(self.workdir, path), guess=asked)


def _base(container: Container, image: Image | None) -> str:
    if image is not None:
        return image.base
    return container.image.value if container.image is not None else ""


def _started(container: Container, image: Image | None) -> tuple[Words | None, Words | None]:
    """Give ENTRYPOINT and CMD: an entry point of the platform's drops the image's CMD, too."""
    if container.entrypoint is not None or image is None:
        return container.entrypoint, container.command
    return image.entrypoint, container.command or image.cmd


def _merged(container: Container, image: Image) -> Container:
    probes = container.probes
    if not probes and image.probe is not None and not container.no_health_check:
        probes = (image.probe,)
    return replace(
        container,
        probes=probes,
        stop_signal=container.stop_signal or image.stop_signal,
        ports=container.ports or image.exposes,
        env={**image.env, **container.env},
        workdir=container.workdir or image.workdir,
    )


def _serves(unit: Unit) -> bool:
    """Tell whether it serves an app, or may: what is built here and starts nobody knows what."""
    if unit.server is not None:
        return True
    image = unit.image
    if unit.command is not None or image is None or is_known(image.base):
        return False
    if unit.container.platform is not Platform.DOCKER:
        return True
    # an image that starts nothing by itself is one to build upon, or a tool
    words = [word for fact in (image.entrypoint, image.cmd) if fact for word in fact.value]
    return bool(image.exposes or image.probe or (words and words[-1] not in _SHELLS))
