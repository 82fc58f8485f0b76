"""Where ``COPY`` puts what."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from posixpath import normpath

from toolkit.lint.facts import Copied

_MOST_SOURCES = 100
_PATTERNS = frozenset("*?[")


def copied_by(words: Sequence[str], workdir: str) -> tuple[Copied, ...]:
    """Give what ``COPY SOURCE... TARGET`` copies.

    Whether a source is a file or a folder is not known here. Of a folder the content goes to the
    target; a file goes under the target if that ends with a slash. So each source has two targets
    there, of which one leads nowhere.

    Args:
        words: Sources and the target.
        workdir: For a target that is not absolute.
    """
    if len(words) < 2:
        return ()
    *sources, target = words
    absolute = normpath(PurePosixPath(workdir or "/", target))
    under = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
    found: list[Copied] = []
    for source in sources[:_MOST_SOURCES]:
        if "://" in source or source.startswith("<<"):
            continue
        plain = normpath("./" + source.lstrip("/"))
        if _PATTERNS.intersection(plain):
            parts = PurePosixPath(plain).parts
            fixed = next(at for at, part in enumerate(parts) if _PATTERNS.intersection(part))
            found.append(Copied(source=str(PurePosixPath(*parts[:fixed])), target=absolute))
            continue
        if under and plain != ".":
            found.append(
                Copied(source=plain, target=str(PurePosixPath(absolute, PurePosixPath(plain).name)))
            )
        found.append(Copied(source=plain, target=absolute))
    return tuple(found)


def through(copies: Sequence[Copied], before: Sequence[Copied]) -> tuple[Copied, ...]:
    """Give what comes from the build context through another stage (``COPY --from``).

    Args:
        copies: From that stage, as if its root were the context.
        before: Of that stage.
    """
    found: list[Copied] = []
    for copied in copies:
        source = PurePosixPath("/", copied.source)
        # a file that copies everything to and fro would make more and more of it
        for old in before[-_MOST_SOURCES:]:
            target = PurePosixPath(old.target)
            if target.is_relative_to(source):
                rest = target.relative_to(source)
                found.append(
                    Copied(source=old.source, target=str(PurePosixPath(copied.target, rest)))
                )
            elif source.is_relative_to(target):
                inner = PurePosixPath(old.source, source.relative_to(target))
                found.append(Copied(source=str(inner), target=copied.target))
    return tuple(dict.fromkeys(found))
