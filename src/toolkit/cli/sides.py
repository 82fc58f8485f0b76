"""Which two versions ``toolkit check`` compares: from its flags and from the settings file."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.checked import Side
from toolkit.config import CheckConfig
from toolkit.errors import ConfigError
from toolkit.runtime.checkout import WORKTREE

DEFAULT_STACK = "flask/gunicorn-gthread"

_REFS = ("base", "candidate")
_IMAGES = ("base_image", "candidate_image")
_REQUIREMENTS = ("base_requirements", "candidate_requirements")
_KINDS = (_REFS, _IMAGES, _REQUIREMENTS)
_REQUESTS = ("get", "locustfile", "workloads")
_OF_A_PROJECT = (
    *("get", "locustfile", "dockerfile", "port", "health", "command", "install", "environment"),
)
_ONLY_FOR_STACKS = (
    *("server_workers", "server_threads", "server_connections", "server_keep_alive"),
    *("server_backlog", "server_access_log", "server_max_requests", "server_preload"),
    *("server_database_pool", "runtime_network"),
)
_NOT_FOR_IMAGES = ("image_index_url", "image_ca_bundle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one side comes from: one of these, or none of them for the toolkit's own files."""

    ref: str = ""
    image: str = ""
    requirements: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What is compared.

    Attributes:
        sources: Where each side comes from.
        stack: The stack of a checkout of the toolkit, empty for a project or an image.
        against_itself: Whether both sides are one on purpose.
        remark: What a person should know of this choice; may be empty.
    """

    sources: dict[Side, Source]
    stack: str
    against_itself: bool = False
    remark: str = ""


def preferring_flags(check: CheckConfig, named: Collection[str]) -> CheckConfig:
    """Leave out of a settings file what flags say in another way: ``--base`` for ``base_image``.

    Args:
        check: The settings of the file.
        named: Keys of ``[check]`` that flags give.

    Raises:
        ConfigError: The flags name versions in two ways.
    """
    kinds = [kind for kind in _KINDS if not {*kind}.isdisjoint(named)]
    if len(kinds) > 1:
        one, other = (" and ".join(map(_flag, kind)) for kind in kinds[:2])
        raise ConfigError(
            f"what is compared is said twice: by {one} and by {other}",
            hint="Give commits, or images, or requirements.",
        )
    dropped = [key for kind in _KINDS if kinds and kind not in kinds for key in kind]
    if kinds == [_IMAGES]:
        dropped.append("stack")
    elif not kinds and "stack" in named:
        dropped += _IMAGES
    if not {*_REQUESTS}.isdisjoint(named):
        dropped += _REQUESTS
    usual = CheckConfig()
    return replace(check, **{key: getattr(usual, key) for key in dropped if key not in named})


def compare(check: CheckConfig, folder: Path, *, against_itself: bool) -> Compared:
    """Say what is compared: images go before requirements, and these before refs.

    Args:
        check: Settings.
        folder: Where the project is.
        against_itself: Whether the base is compared with itself; without one, that is the project
            as it is now, or a reference stack where nothing speaks of a project.

    Raises:
        ConfigError: It is not clear what to compare.
    """
    if check.base_image or check.candidate_image:
        base, candidate = Source(image=check.base_image), Source(image=check.candidate_image)
        missing = "--base-image and --candidate-image"
    elif check.base_requirements or check.candidate_requirements:
        base = Source(requirements=check.base_requirements)
        candidate = Source(requirements=check.candidate_requirements)
        missing = "--base-requirements and --candidate-requirements"
    else:
        base, candidate = Source(ref=check.base), Source(ref=check.candidate)
        missing = "--base"
    if against_itself and (base != Source() or missing == "--base"):
        return replace(_against_itself(check, base, folder), against_itself=True)
    if Source() in (base, candidate):
        raise ConfigError(
            f"what is compared is not said: give {missing}",
            hint="`toolkit check --base origin/main` compares this folder with that branch, "
            "`toolkit check --aa` shows what this machine can tell.",
        )
    return _compared(check.stack, base, candidate)


def _against_itself(check: CheckConfig, base: Source, folder: Path) -> Compared:
    if base != Source() or check.stack:
        return _compared(check.stack, base, base)
    if _is_project(check, folder):
        return _compared("", Source(ref=WORKTREE), Source(ref=WORKTREE))
    remark = (
        f"Nothing here speaks of a project of yours (--base, --get, a Dockerfile): taking the "
        f"reference stack {DEFAULT_STACK}."
    )
    return replace(_compared(DEFAULT_STACK, base, base), remark=remark)


def _is_project(check: CheckConfig, folder: Path) -> bool:
    usual = CheckConfig()
    said = any(getattr(check, key) != getattr(usual, key) for key in _OF_A_PROJECT)
    return said or (folder / check.dockerfile).is_file()


def _compared(stack: str, base: Source, candidate: Source) -> Compared:
    if base.requirements and not stack:
        raise ConfigError(
            "requirements are compared on a stack", hint=f"Give --stack {DEFAULT_STACK}."
        )
    if base.image and stack:
        raise ConfigError(
            "images are compared as they are, not on a stack",
            hint="Leave --stack out, or give commits or requirements in the place of images.",
        )
    return Compared(sources={Side.BASE: base, Side.CANDIDATE: candidate}, stack=stack)


def refuse_idle_flags(named: Collection[str], *, docker: bool | None = None) -> None:
    """See that no flag is given that means nothing for a project of somebody's own.

    Args:
        named: Flags, as ``server_workers``.
        docker: Whether it runs in containers, None where that is not known yet.

    Raises:
        ConfigError: There is one.
    """
    idle = [name for name in _ONLY_FOR_STACKS if name in named]
    if docker:
        idle += [name for name in _NOT_FOR_IMAGES if name in named]
    if idle:
        flags = ", ".join(_flag(name.partition("_")[2]) for name in idle)
        raise ConfigError(
            f"{flags}: only for --stack, since nobody but you knows how your project starts",
            hint="Say it in your Dockerfile, in --command, or to both versions with --env.",
        )


def refuse_same(base: tuple[str, str], candidate: tuple[str, str]) -> None:
    """See that versions differ, each given by its label and its identity (empty: not known yet).

    Raises:
        ConfigError: They are one.
    """
    if base[1] and base[1] == candidate[1]:
        raise ConfigError(
            f"base and candidate are the same: {base[0]} and {candidate[0]}",
            hint="`toolkit check --aa` compares a version with itself, to see what this machine "
            "can tell.",
        )


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"
