from pathlib import Path

import pytest

from toolkit.config import AGAINST_ITSELF, QUICK, SETS, Config, load_config, with_flags
from toolkit.errors import ConfigError
from toolkit.model import Arrivals, LoadSettings


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
        ("[bench]\nusers = -1\n", "bench.users = -1", "0 to find it"),
        ("[bench]\nmost_users = 0\n", "bench.most_users = 0", "1 to 10000"),
        ("[bench]\nrates = [0.5, 11.0]\n", "bench.rates = (0.5, 11.0)", "0.01 to 10"),
        ("[bench]\nrates = [0.0]\n", "bench.rates = (0.0,)", "0.01 to 10"),
        ("[bench]\nrates = [-0.5]\n", "bench.rates", "0.01 to 10"),
        ("[bench]\nrates = [nan]\n", "bench.rates", "0.01 to 10"),
        ('[bench]\nrates = ["half"]\n', "rates", ""),
        ('[bench]\nrates = ["half%"]\n', "rates", ""),
        ("[bench]\nrates = 0.5\n", "rates", ""),
        ("[bench]\nrate_rounds = -1\n", "bench.rate_rounds = -1", "0 to 1000"),
        ("[bench]\nprecision = 5\n", "bench.precision = 5.0", "0.05"),
        ("[bench]\nprecision = -0.1\n", "bench.precision = -0.1", "0.05"),
        ("[bench]\nprecision = nan\n", "bench.precision", "0.05"),
        ("[bench]\ntime_limit = -1\n", "bench.time_limit = -1.0", "0 or more"),
        ("[bench]\nobjective = 0\n", "bench.objective = 0.0", "60 seconds"),
        ("[bench]\nobjective = 61\n", "bench.objective = 61.0", "60 seconds"),
        ('[bench]\narrivals = "uniform"\n', "arrivals", ""),
        ("[bench]\nduration = 0.1\n", "bench.duration = 0.1", "0.2 to 3600"),
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


def test_the_options_of_phases_reach_the_load(tmp_path: Path) -> None:
    text = """
[bench]
users = 5
most_users = 64
warmup = 0.25
duration = 3
rates = [0.25, 1, 1.5]
rate_rounds = 4
arrivals = "constant"
objective = 0.2
precision = 0.05
time_limit = 60
"""
    bench = load_config(write(tmp_path, text)).bench
    assert bench.load == LoadSettings(
        users=5,
        most_users=64,
        warmup=0.25,
        duration=3.0,
        rates=(0.25, 1.0, 1.5),
        rate_rounds=4,
        arrivals=Arrivals.CONSTANT,
        objective=0.2,
    )
    assert (bench.precision, bench.time_limit) == (0.05, 60.0)


def test_without_options_the_load_is_the_default_one_and_no_precision_is_asked_for() -> None:
    assert Config().bench.load == LoadSettings()
    assert Config().bench.precision == 0


def test_no_rates_at_all_can_be_asked_for(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "[bench]\nrates = []\n")).bench.load.rates == ()
    assert with_flags(Config(), {"bench": {"rates": ()}}).bench.load.rates == ()


@pytest.mark.parametrize(
    "flags",
    [
        {"rates": (0.5, 50.0)},
        {"precision": 1.01},
        {"objective": 0.0},
        {"time_limit": -1.0},
        {"most_users": 0},
        {"rounds": 0},
    ],
)
def test_a_flag_out_of_range_is_refused_as_a_key_is(flags: dict[str, object]) -> None:
    (name,) = flags
    with pytest.raises(ConfigError, match=f"bench.{name} = .* is out of range"):
        with_flags(Config(), {"bench": flags})


@pytest.mark.parametrize("preset", [QUICK, AGAINST_ITSELF])
def test_a_preset_is_within_the_ranges_and_changes_something(preset: dict[str, object]) -> None:
    assert with_flags(Config(), {"bench": preset}) != Config()


def test_a_first_look_needs_neither_ramp_nor_fixed_rates() -> None:
    load = with_flags(Config(), {"bench": QUICK}).bench.load
    assert load.users > 0
    assert load.rate_rounds == 0


def test_sets_of_the_file_add_to_those_there_are_and_replace_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[sets.mine]\nstacks = ["flask/*"]\nrounds = 6\n[sets.io]\nworkloads = ["db-read"]\n',
    )
    config = load_config(tmp_path)
    mine = config.set_named("mine")
    assert (mine["stacks"], mine["rounds"]) == (("flask/*",), 6)
    assert config.set_named("io") == {"workloads": ("db-read",)}
    assert config.set_named("servers")["apps"] == ("flask",)


@pytest.mark.parametrize(
    ("file", "name", "kept"),
    [
        ("apps = ['flask']", "frameworks", ("stacks", SETS["frameworks"]["stacks"])),
        ("stacks = ['flask/*']", "servers", ("apps", ("flask",))),
    ],
)
def test_a_set_takes_the_place_of_what_the_file_chooses(
    file: str, name: str, kept: tuple[str, object], tmp_path: Path
) -> None:
    write(tmp_path, f"[bench]\n{file}\nbaseline = 'bottle/waitress'\n")
    config = load_config(tmp_path)
    bench = with_flags(config, {"bench": config.set_named(name)}).bench
    assert getattr(bench, kept[0]) == kept[1]
    assert bench.baseline != "bottle/waitress"
    assert bool(bench.apps) is (name == "servers")


def test_a_set_sets_only_what_it_names(tmp_path: Path) -> None:
    write(tmp_path, "[bench]\nrounds = 7\nusers = 5\n[sets.mine]\nusers = 9\n")
    config = load_config(tmp_path)
    bench = with_flags(config, {"bench": config.set_named("mine")}).bench
    assert (bench.rounds, bench.users) == (7, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sets.mine]\nround = 3\n", "unknown key 'sets.mine.round'"),
        ("[sets.mine]\nrounds = 'x'\n", "rounds"),
        ("[sets.mine]\nrounds = 0\n", "bench.rounds = 0 is out of range"),
        ("[sets]\nmine = 3\n", "sets.mine is a table"),
        ("sets = 3\n", "sets is a table of tables"),
        ("[bench]\nstacks = ['a/b']\napps = ['a']\n", "stacks does not go with apps"),
        ("[sets.x]\nstacks = ['a/b']\nservers = ['a']\n", "sets.x: stacks does not go"),
    ],
)
def test_a_wrong_set_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_set_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no set 'zzz'") as caught:
        Config().set_named("zzz")
    assert "frameworks" in caught.value.hint


@pytest.mark.parametrize("text", ['workloads = "list"', 'get = "/"', 'metrics = "cpu"'])
def test_a_text_in_place_of_a_list_is_refused_as_such(tmp_path: Path, text: str) -> None:
    (tmp_path / "toolkit.toml").write_text(f"[check]\n{text}\n")
    with pytest.raises(ConfigError, match=r"expected a list at .*check"):
        load_config(tmp_path)


def test_a_part_may_be_spelt_in_per_cent(tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text('[check]\ntolerance = "5%"\n')
    assert load_config(tmp_path).check.tolerance == pytest.approx(0.05)


@pytest.mark.parametrize("tolerance", [1.0, 10.0, 0.0, -0.05, float("nan")])
def test_a_tolerance_that_no_change_could_exceed_is_refused(tolerance: float) -> None:
    """Who writes 10 means 10 %: as 1,000 % the gate would never fail."""
    with pytest.raises(ConfigError, match=r"check\.tolerance = .* is out of range") as caught:
        with_flags(Config(), {"check": {"tolerance": tolerance}})
    assert "write 10% or 0.1" in caught.value.hint


def test_a_tolerance_without_its_sign_is_refused_in_the_file_too(tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text("[check]\ntolerance = 10\n")
    with pytest.raises(ConfigError, match=r"check\.tolerance = 10\.0 is out of range"):
        load_config(tmp_path)
