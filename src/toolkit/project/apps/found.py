"""An app that was found in a folder."""

from dataclasses import dataclass

from toolkit.model import Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundApp:
    """An app, as far as the sources show it.

    Attributes:
        target: ``module:attribute`` or ``module:factory()``, as gunicorn spells it.
        interface: How a server calls it, None if the sources do not show it.
        framework: "flask", "quart", "fastapi", "starlette", "litestar", "django", "bottle",
            "falcon", "pyramid", "connexion"; "" if it is none of them or is not known.
        file: Of the module, from the folder; "" if the module is not in the folder.
        line: Where the attribute gets its value, from 1; 0 if that is not known.
        search: Folders that must be on the import path, from the folder, in the order in which
            Python is to search them; "" is the folder itself.
        reason: Why this one, for people.
        others: Further candidates, best first.
    """

    target: str
    interface: Interface | None = None
    framework: str = ""
    file: str = ""
    line: int = 0
    search: tuple[str, ...] = ("",)
    reason: str = ""
    others: tuple["FoundApp", ...] = ()
