"""The Python sources of a folder as modules: found where Python would find them, never run."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from toolkit.project.apps.bindings import Bindings
from toolkit.reading import Files, ReadError, python_of

MOST_PARSED = 3_000
"""Modules; the largest Flask applications that are published have about 2,000."""


_SKIPPED = frozenset(
    {
        *("test", "tests", "testing", "docs", "doc", "examples", "example", "samples"),
        *("migrations", "alembic", "venv", "env", "virtualenv", "build", "dist", "benchmarks"),
        *("vendor", "third_party", "site-packages", "node_modules", "static", "templates"),
    }
)
_SKIPPED_FILE = re.compile(r"(test_.*|.*_test|tests?|conftest|setup|noxfile|fabfile)\.py")


def is_skipped(path: str) -> bool:
    """Say whether a file is beside the app: a test, an example, a migration."""
    *folders, name = path.split("/")
    return bool(_SKIPPED_FILE.fullmatch(name)) or any(
        folder.lower() in _SKIPPED or folder.startswith(".") for folder in folders
    )


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A source that has been parsed.

    Attributes:
        name: By which it is imported: "shop.wsgi".
        file: From the folder.
        package: Whether it is an ``__init__.py``.
        bindings: Of the names at its top level.
    """

    name: str
    file: str
    package: bool
    tree: ast.Module
    bindings: Bindings

    def absolute(self, level: int, name: str) -> str:
        """Resolve what a ``from`` names, "" if it leads out of the package.

        Args:
            level: Number of leading dots.
            name: What stands behind them.
        """
        if not level:
            return name
        parts = self.name.split(".")
        kept = len(parts) - level + self.package
        if kept <= 0:
            return ""
        return ".".join([*parts[:kept], *([name] if name else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The Python files of a folder.

    Attributes:
        files: All files of the folder.
        roots: Folders that are searched for modules, in this order; "" is the folder itself.
    """

    files: Files
    roots: tuple[str, ...]
    _known: frozenset[str]
    _folders: frozenset[str]
    _parsed: dict[str, tuple[ast.Module, Bindings] | None] = field(default_factory=dict)
    _modules: dict[str, Module | None] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Files, roots: tuple[str, ...] = ("",)) -> "Sources":
        """Take the Python files among the files of a folder."""
        known = frozenset(path for path in files.paths if path.endswith(".py"))
        folders = {str(parent) for path in known for parent in PurePosixPath(path).parents}
        return cls(files=files, roots=roots, _known=known, _folders=frozenset(folders))

    def searching(self, roots: tuple[str, ...]) -> "Sources":
        """Give the same files with other folders to search."""
        if roots == self.roots:
            return self
        return Sources(
            files=self.files,
            roots=roots,
            _known=self._known,
            _folders=self._folders,
            _parsed=self._parsed,
        )

    @property
    def paths(self) -> frozenset[str]:
        """The Python files, from the folder."""
        return self._known

    @property
    def parts(self) -> tuple[str, ...]:
        """Folders in which modules may be searched, if they are in none of the roots.

        That is what a repository of several parts has: "backend", "services/api".
        """
        near = [
            folder
            for folder in self._folders
            if folder.count("/") < 2
            and folder != "."
            and not self.is_package(folder)
            and not is_skipped(f"{folder}/a.py")
        ]
        return tuple(sorted(near, key=lambda folder: (folder.count("/"), folder)))

    def is_package(self, folder: str) -> bool:
        """Say whether a folder is a package.

        Not so one with Django's manage.py: it is run from there, whatever ``__init__.py`` lies
        beside it.
        """
        if f"{folder}/__init__.py" not in self._known:
            return False
        return "DJANGO_SETTINGS_MODULE" not in (self.files.text(f"{folder}/manage.py") or "")

    def modules_in(self, package: str) -> list[str]:
        """List the modules directly in a package."""
        file, folders = self._locate(package)
        if file is None and not folders:
            return []
        stems = set()
        for path in self._known:
            pure = PurePosixPath(path)
            if pure.name == "__init__.py" and str(pure.parent.parent) in folders:
                stems.add(pure.parent.name)
            elif pure.name != "__init__.py" and str(pure.parent) in folders:
                stems.add(pure.stem)
        return [f"{package}.{stem}" for stem in sorted(stems)]

    def find(self, name: str) -> str | None:
        """Give the file that Python would import as a module, None if it is not in the folder."""
        return self._locate(name)[0]

    def is_folder(self, name: str) -> bool:
        """Say whether a name is a package without an ``__init__.py``."""
        file, folders = self._locate(name)
        return file is None and bool(folders)

    def _locate(self, name: str) -> tuple[str | None, list[str]]:
        """Find a module's file, or the folders that make up a namespace package.

        A regular package or a module wins over namespace folders, even over those that come
        before it: https://docs.python.org/3/reference/import.html#namespace-packages
        """
        places = list(self.roots)
        file: str | None = None
        for index, part in enumerate(parts := name.split(".")):
            file, namespaces = None, []
            for place in places:
                inside = f"{place}/{part}" if place else part
                if f"{inside}/__init__.py" in self._known:
                    file, namespaces = f"{inside}/__init__.py", [inside]
                    break
                if f"{inside}.py" in self._known:
                    file, namespaces = f"{inside}.py", []
                    break
                if inside in self._folders:
                    namespaces.append(inside)
            places = namespaces
            if not places and index + 1 < len(parts):
                return None, []
        return file, places

    def root_of(self, file: str, name: str) -> str:
        """Give the folder that must be searched for a file to be a module of this name."""
        path = PurePosixPath(file)
        path = path.parent if path.stem == "__init__" else path.with_suffix("")
        parts = path.parts[: len(path.parts) - len(name.split("."))]
        return "/".join(parts)

    def module(self, name: str) -> Module | None:
        """Give a module, None if it is not in the folder or is no Python that can be parsed."""
        if name not in self._modules:
            self._modules[name] = self._load(name)
        return self._modules[name]

    def is_python(self, file: str) -> bool:
        """Say whether a file can be parsed."""
        return self._parse(file) is not None

    def has(self, module: Module, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Say whether a module may have a name when it is imported."""
        if module.bindings.has(name) or module.bindings.has("__getattr__"):
            return True
        if module.package and self.find(f"{module.name}.{name}"):
            return True
        for star in module.bindings.stars:
            source = module.absolute(star.level, star.module)
            other = self.module(source)
            if other is None:
                return True
            if source not in seen and self.has(other, name, seen | {module.name, source}):
                return True
        return False

    def _load(self, name: str) -> Module | None:
        file = self.find(name)
        parsed = self._parse(file) if file else None
        if file is None or parsed is None:
            return None
        return Module(name, file, file.endswith("/__init__.py"), *parsed)

    def _parse(self, file: str) -> tuple[ast.Module, Bindings] | None:
        if file not in self._parsed:
            within = len(self._parsed) < MOST_PARSED
            tree = parse(self.files.text(file)) if within else None
            self._parsed[file] = (tree, Bindings.of(tree)) if tree else None
        return self._parsed[file]


def parse(text: str | None) -> ast.Module | None:
    """Parse a source, None if it is no Python of this version."""
    if text is None:
        return None
    try:
        return python_of(text)
    except ReadError:
        return None
