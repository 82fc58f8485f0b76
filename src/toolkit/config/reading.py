"""From files and flags to tables."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_type_hints

import cattrs

from toolkit.config.checking import check
from toolkit.config.sets import SETS
from toolkit.config.tables import BenchConfig, Config, ServiceConfig
from toolkit.errors import ConfigError
from toolkit.spelling import did_you_mean

_T = TypeVar("_T")


def load_config(folder: Path, file: Path | None = None) -> Config:
    """Read the settings that apply in a folder, or those of a given file.

    Raises:
        ConfigError: The file cannot be read, or holds a key or value it should not.
    """
    if file is None:
        candidates = [folder / "toolkit.toml", folder / "pyproject.toml"]
        file = next((path for path in candidates if path.is_file()), None)
        if file is None:
            return Config()
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    if file.name == "pyproject.toml":
        data = data.get("tool", {}).get("toolkit", {})
    return _structure(data, file)


def with_flags(config: Config, flags: Mapping[str, Mapping[str, Any]]) -> Config:
    """Lay flags over the settings: ``{"bench": {"rounds": 5}}``; None means not given.

    Raises:
        ConfigError: A value is out of range.
    """
    tables = {
        table: replace(getattr(config, table), **{k: v for k, v in values.items() if v is not None})
        for table, values in flags.items()
    }
    changed: Config = replace(config, **tables)
    check(changed, "")
    return changed


def _structure(data: dict[str, Any], file: Path) -> Config:
    tables = data.get("sets", {})
    rest = {key: value for key, value in data.items() if key != "sets"}
    _refuse_two_choices(data.get("bench"), f"{file}: bench")
    _refuse_unknown(rest, Config, file)
    config = _structured(rest, Config, file)
    check(config, f"{file}: ")
    return replace(config, sets={**SETS, **_read_sets(tables, config, file)})


def _read_sets(tables: object, config: Config, file: Path) -> dict[str, dict[str, Any]]:
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{file}: sets is a table of tables: [sets.NAME]")
    found = {}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"{file}: sets.{name} is a table: [sets.{name}]")
        _refuse_unknown(table, BenchConfig, file, f"sets.{name}.")
        _refuse_two_choices(table, f"{file}: sets.{name}")
        values = _structured(table, BenchConfig, file)
        found[name] = {key: getattr(values, key) for key in table}
        check(replace(config, bench=replace(config.bench, **found[name])), f"{file}: {name}: ")
    return found


def _refuse_two_choices(table: object, where: str) -> None:
    if isinstance(table, Mapping) and "stacks" in table and {"apps", "servers"} & table.keys():
        raise ConfigError(
            f"{where}: stacks does not go with apps and servers",
            hint="A stack is an app on a server: stacks = ['flask/*'] is apps = ['flask'].",
        )


def _structured(data: Mapping[str, Any], kind: type[_T], file: Path) -> _T:
    try:
        return _converter().structure(data, kind)
    except cattrs.ClassValidationError as error:
        first = cattrs.transform_error(error, path=f"{file}: ")[0]
        said = first.replace(" @ ", " at ").replace("expected tuple", "expected a list")
        raise ConfigError(said.replace(f"{file}: .", f"{file}: ")) from None


def _refuse_unknown(data: Mapping[str, Any], kind: type, file: Path, table: str = "") -> None:
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    for key, value in data.items():
        if key not in known:
            raise ConfigError(
                f"{file}: unknown key {table + key!r}",
                hint=did_you_mean(key, known) or f"Known here: {', '.join(known)}.",
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{file}: {key} is a table: [{key}]")
            _refuse_unknown(value, hints[key], file, f"{key}.")
        elif key == "services":
            if not isinstance(value, Mapping) or not all(
                isinstance(item, Mapping) for item in value.values()
            ):
                raise ConfigError(f"{file}: services is a table of tables: [services.NAME]")
            for name, item in value.items():
                _refuse_unknown(item, ServiceConfig, file, f"services.{name}.")


def _converter() -> cattrs.Converter:
    """Make a converter that refuses 3.7 or "3" where a whole number is meant.

    A part may be spelt ``"5%"``.
    """
    converter = cattrs.Converter()

    def strict(kind: type) -> None:
        def hook(value: object, _: object) -> object:
            accepted = (int, float) if kind is float else (kind,)
            if kind is float and isinstance(value, str) and value.endswith("%"):
                return float(value.removesuffix("%")) / 100
            if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
                raise TypeError(f"{value!r} is not of type {kind.__name__}")
            return float(value) if kind is float and isinstance(value, int) else value

        converter.register_structure_hook(kind, hook)

    for kind in (bool, int, float, str):
        strict(kind)

    def listed(value: object, kind: Any) -> object:  # noqa: ANN401 - a tuple of something
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r} is not a list")
        item = get_args(kind)[0]
        return tuple(converter.structure(part, item) for part in value)

    converter.register_structure_hook_func(_is_tuple, listed)
    return converter


def _is_tuple(kind: object) -> bool:
    return isinstance(kind, GenericAlias) and kind.__origin__ is tuple
