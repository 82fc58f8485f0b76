"""What the reference apps have in common, as far as a client must know it to check answers."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parents[2] / "apps" / "shared"


def read_json(name: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read a file of JSON beside the apps' shared code."""
    return json.loads((FOLDER / name).read_bytes())


def _module(name: str) -> ModuleType:
    """Import a shared module by its file: its name alone could be anybody's."""
    spec = importlib.util.spec_from_file_location(f"apps_shared_{name}", FOLDER / f"{name}.py")
    assert spec is not None  # noqa: S101 - for the type checker: the file has a loader
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


work = _module("work")
"""``apps/shared/work.py``: the payloads, and the work that has a checksum."""
