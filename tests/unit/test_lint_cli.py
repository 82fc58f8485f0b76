"""``toolkit lint`` as a user types it: what is refused, what is shown where, how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from toolkit.cli import _run
from toolkit.config import LintConfig, load_config
from toolkit.deployment.evidence import Evidence, evidence_of
from toolkit.errors import ConfigError
from toolkit.lint.rules import RULES
from toolkit.measured import Measurement, Outcome
from toolkit.measured import Run as Bench
from toolkit.store import Store
from toolkit.units import parse_duration

TOO_SHORT = """services:
  web:
    build: .
    stop_grace_period: 10s
"""
DOCKERFILE = """FROM python:3.13-slim
WORKDIR /srv
COPY . .
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm", {more}"app:app"]
"""
FINE = "".join(TOO_SHORT.splitlines(keepends=True)[:3]) + "    stop_grace_period: 40s\n"
JITTER = '"--threads", "4", "--workers", "2", "--max-requests", "100", '


@dataclass
class Typed:
    """What came of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Typed]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with one error, on nobody's CI."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    write(tmp_path, compose=TOO_SHORT)
    return tmp_path


def write(folder: Path, *, compose: str, more: str = '"--threads", "4", ') -> None:
    folder.mkdir(exist_ok=True)
    (folder / "compose.yaml").write_text(compose)
    (folder / "Dockerfile").write_text(DOCKERFILE.replace("{more}", more))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def typed(*arguments: str) -> Typed:
        code = _run(["lint", *arguments])
        out, err = capsys.readouterr()
        return Typed(code, out, err)

    return typed


# how it ends


def test_an_error_fails(run: Run) -> None:
    done = run()
    assert done.code == 1
    assert "compose.yaml:4" in done.out
    assert "graceful-nesting" in done.out


def test_files_that_agree_are_fine(run: Run, folder: Path) -> None:
    write(folder, compose=FINE)
    done = run()
    assert (done.code, done.err) == (0, "")
    assert "No findings in " in done.out


def test_a_warning_fails_only_where_that_was_asked(run: Run, folder: Path) -> None:
    write(folder, compose=FINE, more=JITTER)
    assert "recycling-jitter" in run().out
    assert run().code == 0
    assert run("--fail-on", "warning").code == 1
    (folder / "toolkit.toml").write_text('[lint]\nfail_on = ["warning"]\n')
    assert run().code == 1


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_the_exit_code_is_the_same_in_every_format(run: Run, folder: Path, form: str) -> None:
    assert run("--format", form).code == 1
    write(folder, compose=FINE)
    assert run("--format", form).code == 0


def test_a_folder_without_a_deployment_file_is_one_clear_line(run: Run, folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "app.py").write_text("import flask\n")
    done = run("empty")
    assert (done.code, done.out) == (2, "")
    assert "there is no deployment file in empty" in done.err.splitlines()[0]


def test_a_folder_that_is_not_there_is_a_usage_error(run: Run) -> None:
    done = run("nowhere")
    assert done.code == 2
    assert "nowhere" in done.err


def test_a_file_that_makes_no_sense_keeps_no_other_from_being_judged(
    run: Run, folder: Path
) -> None:
    (folder / "compose.prod.yaml").write_text("services: [\n")
    done = run()
    assert done.code == 1
    assert "Could not be read" in done.out
    assert "compose.prod.yaml" in done.out.partition("Could not be read")[2]


# what is left out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--ignore", "graceful-nesting"),
        ("--ignore", "exec-form,graceful-nesting"),
        ("--ignore", "exec-form", "--ignore", "graceful-nesting"),
    ],
)
def test_a_rule_can_be_ignored_and_the_report_says_so(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 0
    assert "graceful-nesting" in done.out.partition("Not judged")[2]


def test_the_settings_ignore_rules_and_a_flag_takes_their_place(run: Run, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.toolkit.lint]\nignore = ["graceful-nesting"]\n')
    assert run().code == 0
    assert run("--ignore", "exec-form").code == 1


def test_a_comment_ignores_a_finding_and_the_report_counts_it(run: Run, folder: Path) -> None:
    write(folder, compose=f"{TOO_SHORT.rstrip()}  # toolkit: ignore[graceful-nesting] drained\n")
    done = run()
    assert done.code == 0
    assert "1 ignored by a comment" in done.out


@pytest.mark.parametrize("option", ["--ignore", "--rule"])
def test_a_rule_that_does_not_exist_is_an_error_with_a_guess(run: Run, option: str) -> None:
    done = run(option, "gracefull-nesting")
    assert done.code == 2
    assert "Did you mean graceful-nesting?" in done.err


def test_the_settings_may_not_name_a_rule_that_does_not_exist(run: Run, folder: Path) -> None:
    (folder / "toolkit.toml").write_text('[lint]\nignore = ["nesting"]\n')
    done = run()
    assert done.code == 2
    assert "there is no rule 'nesting'" in done.err


# what was measured


def test_what_was_measured_is_told_by_flags_or_settings(run: Run, folder: Path) -> None:
    write(folder, compose=f"{FINE}    mem_limit: 100m\n", more='"--workers", "4", ')
    assert run("--ignore", "slow-clients").code == 0
    assert run("--worker-memory", "60m").code == 1
    (folder / "toolkit.toml").write_text('[lint]\nworker_memory = "60m"\n')
    assert run().code == 1
    assert run("--worker-memory", "10m").code == 0


@pytest.fixture
def stored(make_rounds: Callable[[int, float], Bench], folder: Path) -> Bench:
    """Of servers with 4 workers of 15 MiB, the best of which is b/y; the first table is `list`."""
    made = make_rounds(6, 0.0)

    def heavy(outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Measurement):
            return outcome
        memory = 60 * 2**20
        phases = tuple(
            replace(phase, server=replace(phase.use, memory_peak=memory))
            for phase in outcome.phases
        )
        return replace(outcome, phases=phases)

    stacks = tuple(replace(item, settings={"WORKERS": "4"}) for item in made.stacks)
    bench = replace(made, stacks=stacks, outcomes=tuple(map(heavy, made.outcomes)))
    Store(folder / "results").save(bench)
    return bench


def test_what_was_measured_is_taken_from_a_run_which_is_named(
    run: Run, folder: Path, stored: Bench
) -> None:
    write(folder, compose=f"{FINE}    mem_limit: 70m\n", more='"--workers", "4", ')
    assert "how much memory a worker takes" in run().out
    done = run("--from", stored.id)
    assert done.code == 1
    assert "4 workers of 15 MiB" in done.out
    said = " ".join(done.out.partition("Measured in run")[2].split())
    assert said.startswith(f"{stored.id}, b/y memory of a worker 15 MiB: the peak of 4 workers, by")
    assert "slowest request" in said
    assert f"{stored.id}, a/x" in run("--from", "latest", "--stack", "a/x").out


def test_what_is_typed_prevails_over_the_run_and_the_run_over_settings(
    run: Run, folder: Path, stored: Bench
) -> None:
    write(folder, compose=f"{FINE}    mem_limit: 70m\n", more='"--workers", "4", ')
    done = run("--from", stored.id, "--worker-memory", "10m")
    assert done.code == 0
    assert "memory of a worker 10 MiB, given by hand; measured: 15 MiB" in " ".join(
        done.out.split()
    )
    (folder / "toolkit.toml").write_text('[lint]\nworker_memory = "10m"\n')
    assert run().code == 0
    assert run("--from", stored.id).code == 1


def test_programs_are_told_where_numbers_come_from(run: Run, stored: Bench) -> None:
    document = json.loads(run("--from", "latest", "--format", "json").out)["measured"]
    assert (document["run"], document["stack"]) == (stored.id, "b/y")
    assert document["worker_memory"] == 15 * 2**20
    assert 0 < document["slowest_request"] < 60
    assert (
        f"Run {stored.id}, b/y: memory of a worker"
        in run("--from", "latest", "--format", "github").out
    )
    nothing = json.loads(run("--format", "json").out)["measured"]
    assert set(nothing.values()) == {None}


def test_the_slowest_request_of_a_run_must_end_in_time(
    run: Run, folder: Path, stored: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, compose=FINE, more="")
    assert run("--from", "latest").code == 0

    def slow(given: Bench, stack: str | None) -> Evidence:
        found = evidence_of(given, stack)
        return replace(found, under=tuple(replace(item, slowest=120.0) for item in found.under))

    monkeypatch.setattr("toolkit.deployment.evidence.evidence_of", slow)
    done = run("--from", "latest")
    assert done.code == 1
    assert "timeout-nesting" in done.out
    assert run("--from", "latest", "--slowest-request", "12s").code == 0


def test_nothing_is_taken_from_what_stands_beside_an_app(
    run: Run, folder: Path, stored: Bench
) -> None:
    Store(folder / "results").save(replace(stored, beside={"b/y": "list"}))
    done = run("--from", "latest", "--stack", "b/y")
    assert done.code == 2
    assert "b/y is none of your app's" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stack", "a/x"), "there is no run"),
        (("--from", "2027"), "'2027' is not a stored run in results"),
        (("--from", "latest", "--stack", "a/y"), "has no stack 'a/y'"),
    ],
)
def test_a_run_or_stack_that_is_not_there_is_one_clear_line(
    run: Run, stored: Bench, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[0]


def test_a_request_that_a_worker_does_not_live_to_end_is_an_error(run: Run, folder: Path) -> None:
    write(folder, compose=FINE, more="")
    assert run("--slowest-request", "12s").code == 0
    assert run("--slowest-request", "2m").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--worker-memory", "much"), "lint.worker_memory: 'much' is not a size"),
        (("--worker-memory", "0m"), "lint.worker_memory = '0m' is nothing"),
        (("--slowest-request", "long"), "lint.slowest_request: 'long' is not a duration"),
        (("--slowest-request", "0"), "lint.slowest_request = '0' is nothing"),
        (("--fail-on", "error"), "'error' is not 'warning'"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_clear_line(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('fail_on = ["errors"]', "lint.fail_on"),
        ('worker_memory = "x"', "toolkit.toml: lint.worker_memory: 'x'"),
        ("slowest_request = 12", "slowest_request"),
        ("ignored = []", "lint.ignored"),
    ],
)
def test_settings_that_make_no_sense_are_refused(folder: Path, text: str, said: str) -> None:
    (folder / "toolkit.toml").write_text(f"[lint]\n{text}\n")
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        load_config(folder)


def test_nothing_measured_is_none_and_not_zero() -> None:
    assert LintConfig().worker_memory_bytes is None
    assert LintConfig().slowest_request_seconds is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12s", 12), ("1.5 s", 1.5), ("800ms", 0.8), ("2m", 120), ("1h", 3600), (" 30 ", 30)],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 d", "1s2", "٣s", "1_0s", "nan", "1e3"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration"):
        parse_duration(text)


# what is shown


def test_places_are_named_from_where_the_command_was_called(run: Run, folder: Path) -> None:
    write(folder / "shop", compose=TOO_SHORT)
    assert "\nerror    shop/compose.yaml:4" in f"\n{run('shop').out}"


def test_json_is_one_document_with_the_exit_code(run: Run) -> None:
    done = run("--format", "json")
    found = json.loads(done.out)
    assert (found["exit_code"], found["errors"], done.err) == (1, 1, "")
    assert found["findings"][0]["path"] == "compose.yaml"


def test_github_gets_paths_from_the_top_of_the_repository(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "services").mkdir()
    write(folder / "services" / "shop", compose=TOO_SHORT)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    monkeypatch.chdir(folder / "services")
    expected = "::error file=services/shop/compose.yaml,line=4,title=toolkit lint%3A graceful"
    assert run("shop", "--format", "github").out.startswith(expected)
    assert run(str(folder / "services/shop"), "--format", "github").out.startswith(expected)


def test_github_gets_paths_as_they_were_named_outside_of_a_repository(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "shop", compose=TOO_SHORT)
    monkeypatch.setenv("GITHUB_WORKSPACE", "/elsewhere")
    assert run("shop", "--format", "github").out.startswith("::error file=shop/compose.yaml,")


def test_a_rule_is_explained_and_nothing_is_read(run: Run, folder: Path) -> None:
    (folder / "compose.yaml").unlink()
    (folder / "Dockerfile").unlink()
    for rule, _ in RULES:
        done = run("--rule", rule.name)
        assert done.code == 0
        assert " ".join(rule.reason.split()) in " ".join(done.out.split())


def test_all_rules_are_listed(run: Run) -> None:
    listed = run("--list").out
    assert [name for rule, _ in RULES if (name := rule.name) not in listed] == []


def test_the_help_names_the_exit_codes(run: Run) -> None:
    assert "Exit codes: 0 no errors, 1 errors" in " ".join(run("--help").out.split())


def test_the_help_of_all_commands_names_this_one_and_reads_no_yaml(folder: Path) -> None:
    script = (
        "import sys; from toolkit.cli import _run; code = _run(['--help']);"
        "print(sorted({'yaml', 'rich', 'toolkit.lint', 'toolkit.config'} & sys.modules.keys()));"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert "lint " in done.stdout
    assert "1 regression or lint error found" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "[]"
