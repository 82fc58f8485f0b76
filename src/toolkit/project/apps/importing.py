"""Which modules of a folder a module brings with it."""

import ast
from collections import deque

from toolkit.project.apps.calls import statements
from toolkit.project.apps.sources import Module, Sources


def imported_modules(sources: Sources, first: str, most: int) -> tuple[Module, ...]:
    """Give a module and those of the folder that it imports, nearest first.

    Imports in functions count: what an app registers is often imported there.

    Args:
        sources: Of the folder.
        first: Name of the module to begin with.
        most: Number of modules after which to stop.
    """
    waiting = deque(_with_packages(first))
    seen = set(waiting)
    found: list[Module] = []
    while waiting and len(found) < most:
        module = sources.module(waiting.popleft())
        if module is None:
            continue
        found.append(module)
        for name in _imports(module):
            for part in _with_packages(name):
                if part not in seen and sources.find(part):
                    seen.add(part)
                    waiting.append(part)
    return tuple(found)


def needed_roots(sources: Sources, first: str) -> tuple[str, ...]:
    """Give the folders that must be searched for a module and what it imports.

    Args:
        sources: Of the folder.
        first: Name of the module.
    """
    if len(sources.roots) == 1:
        return sources.roots
    used = {
        sources.root_of(module.file, module.name) for module in imported_modules(sources, first, 60)
    }
    return tuple(root for root in sources.roots if root in used)


def _with_packages(name: str) -> list[str]:
    """Give the packages around a module, which are imported before it, and the module."""
    parts = name.split(".")
    return [".".join(parts[: index + 1]) for index in range(len(parts))]


def _imports(module: Module) -> list[str]:
    found: list[str] = []
    for node in statements(module.tree.body):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = module.absolute(node.level, node.module or "")
            if source:
                found += [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return found
