"""Which source files a unit may be made of."""

from toolkit.lint.facts import Unit, Where


def may_hold(unit: Unit, where: Where) -> bool:
    """Tell whether a unit may have a source file: not one outside of what it is built from.

    One whose image comes from elsewhere, or is built from nobody knows what, may have any. What a
    Dockerfile copies does not count, as an app may come as a package that a stage builds.
    """
    context = unit.container.context
    if context is None:
        return True
    mounted = (copied.source for copied in unit.container.files)
    return any(_is_in(where.path, folder) for folder in (context, *mounted))


def _is_in(path: str, folder: str) -> bool:
    return folder in {"", ".", path} or path.startswith(f"{folder.rstrip('/')}/")
