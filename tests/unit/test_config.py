from pathlib import Path

import pytest

from toolkit.config import Config, load_config, with_flags
from toolkit.errors import ConfigError


def write(folder: Path, text: str, name: str = "toolkit.toml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_without_a_file_the_defaults_apply(tmp_path: Path) -> None:
    assert load_config(tmp_path) == Config()


def test_both_files_are_read_and_toolkit_toml_wins(tmp_path: Path) -> None:
    write(tmp_path, "[tool.toolkit.bench]\nrounds = 7\n", "pyproject.toml")
    assert load_config(tmp_path).bench.rounds == 7
    write(tmp_path, "[bench]\nrounds = 8\n")
    assert load_config(tmp_path).bench.rounds == 8


def test_a_flag_wins_over_the_file_and_none_is_no_flag(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "[bench]\nrounds = 8\nusers = 5\n"))
    changed = with_flags(config, {"bench": {"rounds": 9, "users": None}})
    assert (changed.bench.rounds, changed.bench.users) == (9, 5)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("[bench]\nround = 3\n", "unknown key 'bench.round'", "rounds"),
        ("[bnech]\n", "'bnech'", "bench"),
        ('[server]\nworkers = "2"\n', "workers", ""),
        ("[bench]\nrounds = 2.5\n", "rounds", ""),
        ("[bench]\nrounds = true\n", "rounds", ""),
        ("[bench]\nrounds = 0\n", "bench.rounds = 0", "1 to 1000"),
        ('[runtime]\nkind = "podman"\n', "kind", ""),
        ('[runtime]\nmemory = "lots"\n', "lots", "512m"),
        ("bench = 3\n", "bench is a table", ""),
        ("[bench\n", "toolkit.toml", ""),
        ("[server]\nthreads = 9\nconnections = 4\n", "threads = 9", "raise connections"),
    ],
)
def test_a_wrong_key_or_value_is_one_clear_line(
    tmp_path: Path, text: str, said: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert hint in caught.value.hint
