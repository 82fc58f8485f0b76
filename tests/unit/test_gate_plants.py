"""The plants of benchmarks/gate_power.py fit the apps as they are."""

import ast
import builtins
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolkit.catalog import Catalog

CHECKOUT = Path(__file__).parents[2]
ROUNDS = 4321


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "gate_plants", CHECKOUT / "benchmarks" / "gate_plants.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gate_plants"] = module
    spec.loader.exec_module(module)
    return module


gate_plants = load()
PLANTS: dict[str, Any] = gate_plants.PLANTS
each = pytest.mark.parametrize("name", PLANTS)


def side_of(name: str, side: str, place: Path) -> dict[str, str]:
    """Make a side of a plant, or the app as it is; give its Python files."""
    plant, folder = PLANTS[name], place / side
    gate_plants.copy_stack(CHECKOUT, plant.app, folder)
    for edit in getattr(plant, side, ()):
        edit(folder, ROUNDS)
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.py")}


@each
def test_a_plant_makes_the_two_sides_differ_and_leaves_them_python(
    name: str, tmp_path: Path
) -> None:
    base, candidate = (side_of(name, side, tmp_path) for side in ("base", "candidate"))
    assert base != candidate
    for text in (*base.values(), *candidate.values()):
        ast.parse(text)


@each
def test_what_a_plant_uses_is_imported_or_defined_where_it_is_used(
    name: str, tmp_path: Path
) -> None:
    """An app that fails to start, or to answer, would be no regression but an invalid check."""
    before = side_of(name, "plain", tmp_path)
    for side in ("base", "candidate"):
        for file, text in side_of(name, side, tmp_path).items():
            used = names_of(text, ast.Load) - names_of(before.get(file, ""), ast.Load)
            assert used <= bound_by(text) | set(dir(builtins)), file


@each
def test_a_plant_is_for_a_stack_and_a_workload_that_there_are(name: str) -> None:
    catalog, plant = Catalog(CHECKOUT), PLANTS[name]
    assert [stack.id for stack in catalog.select_stacks([plant.stack])] == [plant.stack]
    assert len(catalog.select_workloads([plant.workload])) == 1


@each
def test_a_dose_of_work_is_in_just_one_of_the_sides(name: str, tmp_path: Path) -> None:
    sides = [side_of(name, side, tmp_path) for side in ("base", "candidate")]
    dosed = [any(f"burn({ROUNDS})" in text for text in side.values()) for side in sides]
    assert sum(dosed) == (1 if PLANTS[name].dose else 0)


def test_a_plant_that_does_not_fit_fails_loudly(tmp_path: Path) -> None:
    file = tmp_path / "view.py"
    file.write_text("a = 1\nb = 1\n")
    for old in ("c = 1", "= 1"):
        with pytest.raises(gate_plants.PlantError):
            gate_plants.replace(tmp_path, "view.py", old, "d = 1")
    assert file.read_text() == "a = 1\nb = 1\n"


def test_there_is_a_plant_for_each_kind_of_slow_down_that_must_be_caught() -> None:
    wanted = {"cpu10", "sleep5", "lock", "leak", "nplus1", "log", "index", "faster20"}
    assert wanted <= PLANTS.keys()


def names_of(text: str, context: type[ast.expr_context]) -> set[str]:
    return {
        node.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }


def bound_by(text: str) -> set[str]:
    found = names_of(text, ast.Store)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found
