"""Dockerfiles: what the image of a stage starts, with what it inherits from stages before it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

from toolkit.lint.amounts import go_seconds
from toolkit.lint.dockerfiles.check_commands import asked_by
from toolkit.lint.dockerfiles.copying import copied_by, through
from toolkit.lint.dockerfiles.syntax import Instruction, instructions_of, words_of
from toolkit.lint.facts import Fact, Image, Probe, ProbeRole, Where
from toolkit.lint.variables import Interpolation
from toolkit.reading import ReadError

_MOST_OF_A_KIND = 1_000
_SHELL = ("/bin/sh", "-c")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/tcp)?", re.IGNORECASE)
_NAMES = re.compile(
    r"(?:dockerfile|containerfile)(?:\.[\w.-]+)?|[\w.-]+\.(?:dockerfile|containerfile)"
    r"|(?-i:Dockerfile|Containerfile)[-_][\w.-]+",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\.(?:bats|dockerignore|go|html|java|js|json|lock|md|php|py|rb|rs|rst|sh|ts|txt|ya?ml)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A stage as far as it is read.

    Attributes:
        args: Of ``ARG``, with a default.
        cmd_here: Whether CMD is set in this stage, not before it.
    """

    name: str
    image: Image
    args: Mapping[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = _SHELL
    cmd_here: bool = False

    @property
    def known(self) -> dict[str, str]:
        """Variables: ENV wins over ARG."""
        return {**self.args, **{name: fact.value for name, fact in self.image.env.items()}}


def is_dockerfile(path: str) -> bool:
    """Tell by its name whether a file is a Dockerfile."""
    name = PurePosixPath(path).name
    return _NAMES.fullmatch(name) is not None and _OTHERS.search(name) is None


def read(path: str, text: str) -> Image:
    """Read the last stage of a Dockerfile.

    Raises:
        ReadError: It is no Dockerfile.
    """
    return read_stage(path, text, None)


def read_stage(
    path: str, text: str, target: str | None, given: Mapping[str, str] = MappingProxyType({})
) -> Image:
    """Read a stage of a Dockerfile.

    Args:
        path: Of the file.
        text: Its content.
        target: Name or number of the stage, None: the last one.
        given: Values of ``ARG`` that the build is given.

    Raises:
        ReadError: It is no Dockerfile, or has no such stage.
    """
    stages = _stages(path, text, given)
    if not stages:
        raise ReadError("not a Dockerfile: there is no FROM")
    stage = stages[-1] if target is None else _named(stages, target)
    if stage is None:
        raise ReadError(f"there is no stage {target!r}")
    return replace(stage.image, stages=tuple(stage.name for stage in stages if stage.name))


def _named(stages: list[_Stage], name: str) -> _Stage | None:
    for stage in reversed(stages):
        if stage.name and stage.name == name.lower():
            return stage
    if name.isdecimal() and len(name) < 4 and int(name) < len(stages):
        return stages[int(name)]
    return None


def _stages(path: str, text: str, given: Mapping[str, str]) -> list[_Stage]:
    outside: dict[str, str] = {}
    stages: list[_Stage] = []
    for said in instructions_of(text):
        where = Where(path, said.line)
        if said.name == "FROM":
            stages.append(_begin(path, said, outside, stages))
        elif not stages:
            if said.name != "ARG":
                raise ReadError(f"not a Dockerfile: {said.name} before FROM", said.line)
            outside.update(_arguments(said, outside, given))
        elif said.name == "ARG":
            stage = stages[-1]
            arguments = _arguments(said, stage.known, given, outside)
            stages[-1] = replace(stage, args={**stage.args, **arguments})
        elif said.name in ("COPY", "ADD"):
            stages[-1] = _copy(stages, said)
        elif said.name in _CHANGES:
            stages[-1] = _CHANGES[said.name](stages[-1], said, where)
    return stages


def _begin(
    path: str, said: Instruction, outside: Mapping[str, str], stages: list[_Stage]
) -> _Stage:
    where = Where(path, said.line)
    words = words_of(said.value, outside, said.escape)
    name = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""
    base = words[0] if words else ""
    # only what has a name can be taken further, a number is an image's
    before = None if base.isdecimal() else _named(stages, base)
    if before is None:
        return _Stage(name=name, image=Image(path=path, where=where, base=base))
    return _Stage(name=name, image=replace(before.image, where=where), shell=before.shell)


def _arguments(
    said: Instruction,
    known: Mapping[str, str],
    given: Mapping[str, str],
    outside: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Give the variables of ARG that have a value.

    It is the one that the build is given, their own default, or the one from before FROM.
    """
    found: dict[str, str] = {}
    for word in words_of(said.value, {**known}, said.escape):
        name, equals, value = word.partition("=")
        if name in given:
            found[name] = given[name]
        elif equals:
            found[name] = value
        elif name in outside:
            found[name] = outside[name]
    return found


def _copy(stages: list[_Stage], said: Instruction) -> _Stage:
    stage = stages[-1]
    known = stage.known
    words = said.listed
    if words is None:
        words = tuple(words_of(said.value, known, said.escape))
    source = said.flags.get("from")
    copies = copied_by(words, stage.image.workdir)
    if source is not None:
        before = _named(stages[:-1], Interpolation(known)(source))
        copies = () if before is None else through(copies, before.image.copies)
    # what is copied last covers what was before it
    kept = tuple(old for old in stage.image.copies if old not in copies)
    return replace(stage, image=replace(stage.image, copies=(*kept, *copies)[-_MOST_OF_A_KIND:]))


def _env(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    words = words_of(said.value, stage.known, said.escape)
    env = dict(stage.image.env)
    if words and "=" in words[0]:
        pairs = [word.partition("=") for word in words if "=" in word]
        env.update({name: Fact(value, where) for name, _, value in pairs})
    elif words:
        name, _, value = said.value.partition(" ")
        env[name] = Fact(" ".join(words_of(value, stage.known, said.escape)), where)
    kept = dict(list(env.items())[-_MOST_OF_A_KIND:])
    return replace(stage, image=replace(stage.image, env=kept))


def _workdir(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    words = words_of(said.value, stage.known, said.escape)
    # an image whose folder is not known is taken to begin at the root, as Python's do
    folder = PurePosixPath(stage.image.workdir or "/", " ".join(words))
    return replace(stage, image=replace(stage.image, workdir=str(folder)))


def _command(stage: _Stage, said: Instruction, where: Where) -> Fact[tuple[str, ...]]:
    words = said.listed
    return Fact((*stage.shell, said.value) if words is None else words, where)


def _cmd(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    image = replace(stage.image, cmd=_command(stage, said, where))
    return replace(stage, image=image, cmd_here=True)


def _entrypoint(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    # ENTRYPOINT makes nothing of a CMD from before this stage
    cmd = stage.image.cmd if stage.cmd_here else None
    image = replace(stage.image, entrypoint=_command(stage, said, where), cmd=cmd)
    return replace(stage, image=image)


def _shell(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    return replace(stage, shell=said.listed or stage.shell)


def _stop_signal(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    signal = " ".join(words_of(said.value, stage.known, said.escape))
    return replace(stage, image=replace(stage.image, stop_signal=Fact(signal, where)))


def _expose(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    ports: list[Fact[int]] = []
    for word in words_of(said.value, stage.known, said.escape):
        found = _PORTS.fullmatch(word)
        if found is not None:
            first, last = int(found[1]), int(found[2] or found[1])
            ports.extend(Fact(port, where) for port in range(first, min(last, first + 100) + 1))
    exposes = (*stage.image.exposes, *ports)[:_MOST_OF_A_KIND]
    return replace(stage, image=replace(stage.image, exposes=exposes))


def _health_check(stage: _Stage, said: Instruction, where: Where) -> _Stage:
    kind, _, rest = said.value.partition(" ")
    if kind.upper() != "CMD":
        return replace(stage, image=replace(stage.image, probe=None))
    command = replace(said, value=rest.strip())
    words = _command(stage, command, where).value
    put_in = Interpolation({name: fact.value for name, fact in stage.image.env.items()})
    path, port = asked_by([put_in(word) for word in words])
    retries = said.flags.get("retries", "")
    failures = int(retries) if retries.isdecimal() and len(retries) < 6 and int(retries) else 0
    probe = Probe(
        role=ProbeRole.HEALTH,
        where=where,
        words=words,
        path=path,
        port=port,
        period=_time(said, "interval", where),
        timeout=_time(said, "timeout", where),
        failures=Fact(failures, where) if failures else Fact(3, where, "docker"),
    )
    return replace(stage, image=replace(stage.image, probe=probe))


def _time(said: Instruction, flag: str, where: Where) -> Fact[float]:
    seconds = go_seconds(said.flags.get(flag, ""))
    return Fact(seconds, where) if seconds else Fact(30.0, where, "docker")


_CHANGES: Mapping[str, Callable[[_Stage, Instruction, Where], _Stage]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _health_check,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "WORKDIR": _workdir,
}
