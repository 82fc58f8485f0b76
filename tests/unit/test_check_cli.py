"""``toolkit check`` as a user types it: what is refused, what is shown where, how it ends."""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.made_up_checks import against_itself, made_up_check
from toolkit.check_store import check_path, load_check, save_check
from toolkit.checked import Check, Metric, Side
from toolkit.cli import _run
from toolkit.cli.checking import _duration, _naming, _workloads
from toolkit.cli.sides import (
    DEFAULT_STACK,
    Compared,
    Source,
    compare,
    refuse_idle_flags,
    refuse_same,
)
from toolkit.config import CheckConfig, Config, load_config
from toolkit.errors import ConfigError, StackError, ToolkitError
from toolkit.model import Placement
from toolkit.record import read
from toolkit.runtime.environments import InstallFault
from toolkit.version import Origin

CHECKS: dict[str, Callable[[], Check]] = {
    "no regression": made_up_check,
    "improved": lambda: made_up_check(ratio_cpu=0.7),
    "regression": lambda: made_up_check(ratio_cpu=1.3, confirming=6),
    "inconclusive": lambda: made_up_check(ratio_cpu=1.3, pairs=5),
    "invalid": lambda: made_up_check(pairs=0, failures=["the candidate died"] * 3),
}


@dataclass
class Typed:
    """What came of a command."""

    code: int
    out: str
    err: str


@dataclass
class Measured:
    """In place of measuring: what was asked for, and what comes of it."""

    check: Check = field(default_factory=made_up_check)
    asked: list[tuple[Config, bool, str]] = field(default_factory=list)
    named: tuple[str, ...] = ()

    def __call__(
        self, config: Config, *, against_itself: bool, again: str, named: tuple[str, ...]
    ) -> Check:
        self.asked.append((config, against_itself, again))
        self.named = named
        return self.check

    @property
    def config(self) -> CheckConfig:
        ((config, _, _),) = self.asked
        return config.check


Run = Callable[..., Typed]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, on nobody's CI."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def typed(*arguments: str) -> Typed:
        monkeypatch.setattr(sys, "argv", ["toolkit", "check", *arguments])
        code = _run(["check", *arguments])
        out, err = capsys.readouterr()
        return Typed(code, out, err)

    return typed


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    found = Measured()
    monkeypatch.setattr("toolkit.cli.checking.measure", found)
    return found


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what would be started be an error of the toolkit itself."""

    def started(*_: object, **__: object) -> None:
        raise AssertionError("something is started")

    for name in ("_Ring", "Guardian", "step_aside"):
        monkeypatch.setattr(f"toolkit.cli.checking.{name}", started)


def stored(folder: Path, check: Check) -> str:
    path = folder / "stored.json"
    save_check(path, check)
    return str(path)


# how it ends


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("no regression", 0), ("improved", 0), ("inconclusive", 0), ("regression", 1), ("invalid", 4)],
)
def test_the_exit_code_says_what_the_verdict_is(
    run: Run, measured: Measured, verdict: str, code: int
) -> None:
    measured.check = CHECKS[verdict]()
    done = run("--aa")
    assert done.code == code
    assert verdict in done.out.lower()


@pytest.mark.parametrize("verdict", CHECKS)
def test_inconclusive_fails_where_it_was_asked_to_and_nothing_else_does(
    run: Run, measured: Measured, verdict: str
) -> None:
    measured.check = CHECKS[verdict]()
    plain, asked = run("--aa").code, run("--aa", "--fail-on", "inconclusive").code
    assert asked == (5 if verdict == "inconclusive" else plain)


def test_a_stored_check_ends_with_the_code_of_its_verdict(run: Run, folder: Path) -> None:
    for verdict, code in (("regression", 1), ("invalid", 4), ("inconclusive", 5)):
        path = stored(folder, CHECKS[verdict]())
        assert run("--from", path, "--fail-on", "inconclusive").code == code


# what is refused, before anything starts


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        ((), "what is compared is not said: give --base", "--base origin/main"),
        (("--candidate", "HEAD"), "what is compared is not said: give --base", "--aa"),
        (("--base-image", "a"), "give --base-image and --candidate-image", "--aa"),
        (("--candidate-image", "a"), "give --base-image and --candidate-image", "--aa"),
        (
            ("--stack", "flask/gunicorn-sync", "--base-requirements", "a.txt"),
            "give --base-requirements and --candidate-requirements",
            "--aa",
        ),
        (
            ("--base-requirements", "a.txt", "--candidate-requirements", "b.txt"),
            "requirements are compared on a stack",
            "--stack flask/gunicorn-gthread",
        ),
        *(
            (("--base", "main", "--get", "/", *flag), f"{flag[0]}: only for --stack", "--command")
            for flag in (
                *(("--workers", "2"), ("--threads", "2"), ("--connections", "9")),
                *(("--keep-alive", "9"), ("--backlog", "9"), ("--access-log",)),
                *(("--max-requests", "9"), ("--preload",), ("--database-pool", "9")),
                ("--network", "host"),
            )
        ),
        (("--aa", "--get", "/", "--no-preload"), "--preload: only for --stack", "--env"),
        (("--base", "main"), "what is requested is not said", "--get /"),
        (("--base", "main", "--locustfile", "none.py"), "none.py does not exist", ""),
        (("--aa", "--workload", "lst"), "no workload matches", "Did you mean list?"),
        (("--aa", "--output", "xml"), "--output 'xml' is no format", "json=report.json"),
        (("--aa", "--output", "json="), "--output 'json=' is no format", ""),
        (("--aa", "--output", "json", "--output", "junit"), "only one --output", "a file"),
        (("--aa", "--metric", "speed"), "check.metrics", "cpu, throughput, memory, p50, p99"),
        (("--aa", "--max-pairs", "5"), "check.max_pairs = 5", "6 to 100"),
        (("--aa", "--tolerance", "0%"), "check.tolerance = 0.0", "1%"),
        (("--aa", "--tolerance", "much"), "'much' is not a part", ""),
        (("--aa", "--seconds", "0.1"), "check.seconds = 0.1", "0.5"),
        (("--aa", "--users", "0"), "check.users = 0", "1 to 1000"),
        (("--aa", "--port", "0"), "check.port = 0", "1 to 65535"),
        (("--aa", "--health", "ready"), "check.health = 'ready'", "/healthz"),
        (("--aa", "--get", "items"), "check.get", "/items/1"),
        (("--aa", "--fail-on", "regression"), "'regression' is not", ""),
        (
            ("--base", "main", "--candidate-image", "a", "--get", "/"),
            "is said twice: by --base and --candidate and by --base-image and --candidate-image",
            "commits, or images, or requirements",
        ),
        (
            ("--candidate", "main", "--base-requirements", "a.txt"),
            "is said twice: by --base and --candidate and by --base-requirements",
            "",
        ),
        (
            ("--base-image", "a", "--candidate-image", "b", "--stack", "flask/gunicorn-sync"),
            "images are compared as they are",
            "Leave --stack out",
        ),
        (("--aa", "--base-requirements", "a.txt"), "compared on a stack", "--stack"),
        (("--aa", "--candidate-image", "a"), "give --base-image and --candidate-image", ""),
        (("--aa", "--command", "x"), "what is requested is not said", "--stack"),
        (("--aa", "--port", "8001"), "what is requested is not said", "--stack"),
        (("--aa", "--env", "NO_SUCH_NAME_HERE"), "there is no such variable", "NAME=VALUE"),
        (("--aa", "--env", "=x"), "--env without a name", ""),
        (("--from", "none.json"), "none.json", ""),
        (("--from", "."), "directory", ""),
        (("--aa", "--no-such-flag"), "No such option", ""),
        (("main",), "unexpected extra argument", ""),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_starts(
    run: Run, arguments: tuple[str, ...], said: str, hint: str
) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.err
    assert hint in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.usefixtures("nothing_starts")
def test_one_cpu_is_too_few_and_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invalid, not a regression: the machine cannot tell."""
    one = Placement(server_cpus=(0,), client_cpus=(0,), cpus=1.0, memory=2**29)
    monkeypatch.setattr("toolkit.cli.checking.placement", lambda config: one)
    done = run("--aa")
    assert done.code == 4
    assert "nothing can be said with one CPU" in done.err


# the settings file


def configured(folder: Path, text: str, name: str = "pyproject.toml") -> None:
    (folder / name).write_text(text)


def test_the_settings_file_says_the_same_as_the_flags(
    run: Run, measured: Measured, folder: Path
) -> None:
    configured(
        folder,
        """
        [tool.toolkit.check]
        base = "origin/main"
        get = ["/", "/items?page=2"]
        tolerance = "5%"
        max_pairs = 10
        metrics = ["cpu", "p99"]
        fail_on = ["inconclusive"]
        outputs = ["json=check.json"]
        same_answers = false
        confirm = false
        users = 4
        seconds = 3
        command = "gunicorn --bind {host}:{port} wsgi:app"
        environment = { MODE = "test" }
        """,
    )
    assert run().code == 0
    from_file = measured.config
    measured.asked.clear()
    (folder / "pyproject.toml").unlink()
    done = run(
        *("--base", "origin/main", "--get", "/", "--get", "/items?page=2", "--tolerance", "5%"),
        *("--max-pairs", "10", "--metric", "cpu,p99", "--fail-on", "inconclusive"),
        *("--output", "json=check.json", "--answers-may-differ", "--no-confirm", "--users", "4"),
        *("--seconds", "3", "--command", "gunicorn --bind {host}:{port} wsgi:app"),
    )
    assert done.code == 0
    assert from_file.environment == {"MODE": "test"}
    assert replace(from_file, environment={}) == measured.config
    settings = measured.config.settings
    assert settings.tolerance == 0.05
    assert settings.metrics == (Metric.CPU, Metric.P99)
    assert not settings.same_answers
    assert not settings.confirm


@pytest.mark.parametrize("text", ['"10%"', "0.1", '"10.0%"'])
def test_a_tolerance_may_be_spelt_in_percent(folder: Path, text: str) -> None:
    configured(folder, f"[check]\ntolerance = {text}\n", "toolkit.toml")
    assert load_config(folder).check.settings.tolerance == pytest.approx(0.1)


def test_a_flag_wins_over_the_settings_file(run: Run, measured: Measured, folder: Path) -> None:
    configured(folder, '[check]\nbase = "main"\ntolerance = "5%"\nget = ["/a"]\n', "toolkit.toml")
    run("--tolerance", "20%", "--get", "/b")
    assert (measured.config.base, measured.config.tolerance) == ("main", 0.2)
    assert measured.config.get == ("/b",)


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("tolerence = 0.1", "unknown key 'check.tolerence'", "Did you mean tolerance?"),
        ('tolerance = "ten%"', "tolerance", ""),
        ('tolerance = "10"', "tolerance", ""),
        ('tolerance = "-5%"', "check.tolerance = -0.05", "1%"),
        ('metrics = ["speed"]', "check.metrics", "cpu"),
        ("metrics = []", "check.metrics", "cpu"),
        ('fail_on = ["regression"]', "check.fail_on", "inconclusive"),
        ("max_pairs = 6.5", "max_pairs", ""),
        ('seed = "x"', "seed", ""),
    ],
)
def test_a_key_or_value_that_makes_no_sense_is_refused_with_its_file(
    run: Run, folder: Path, text: str, said: str, hint: str
) -> None:
    configured(folder, f"[tool.toolkit.check]\n{text}\n")
    done = run("--aa")
    assert done.code == 2
    assert "pyproject.toml" in done.err
    assert said in done.err
    assert hint in done.err
    assert len([line for line in done.err.splitlines() if "error:" in line]) == 1


@pytest.mark.usefixtures("nothing_starts")
def test_an_output_in_the_settings_file_is_checked_like_a_flag(run: Run, folder: Path) -> None:
    configured(folder, '[tool.toolkit.check]\noutputs = ["html=x.html"]\n')
    done = run("--aa")
    assert done.code == 2
    assert "'html=x.html' is no format" in done.err


# which of flags and settings counts


def test_what_flags_compare_takes_the_place_of_what_the_file_compares_in_another_way(
    run: Run, measured: Measured, folder: Path
) -> None:
    configured(
        folder,
        """
        [check]
        base = "main"
        base_image = "a"
        candidate_image = "b"
        base_requirements = "a.txt"
        candidate_requirements = "b.txt"
        stack = "flask/gunicorn-sync"
        """,
        "toolkit.toml",
    )

    def compared(*arguments: str) -> CheckConfig:
        measured.asked.clear()
        assert run(*arguments).code == 0
        return measured.config

    found = compared("--base", "other")
    assert (found.base, found.base_image, found.candidate_image) == ("other", "", "")
    assert (found.base_requirements, found.candidate_requirements) == ("", "")
    assert found.stack == "flask/gunicorn-sync"
    # the other half of one kind stays
    found = compared("--candidate", "HEAD")
    assert (found.base, found.candidate, found.base_image) == ("main", "HEAD", "")
    found = compared("--candidate-image", "c")
    assert (found.base_image, found.candidate_image) == ("a", "c")
    assert (found.base, found.base_requirements, found.stack) == ("", "", "")
    found = compared("--base-requirements", "c.txt")
    assert (found.base_requirements, found.candidate_requirements) == ("c.txt", "b.txt")
    assert (found.base, found.base_image, found.stack) == ("", "", "flask/gunicorn-sync")
    found = compared("--stack", "flask/gunicorn-gthread")
    assert (found.base_image, found.base_requirements) == ("", "a.txt")
    # nothing of it is said by other flags
    found = compared("--users", "3")
    assert (found.base, found.base_image, found.base_requirements) == ("main", "a", "a.txt")


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (("--get", "/b"), (("/b",), "", ())),
        (("--locustfile", "b.py"), ((), "b.py", ())),
        (("--workload", "list"), ((), "", ("list",))),
        (("--get", "/b", "--workload", "list"), (("/b",), "", ("list",))),
        ((), (("/a",), "a.py", ("create",))),
    ],
)
def test_what_flags_request_takes_the_place_of_all_that_the_file_requests(
    run: Run, measured: Measured, folder: Path, flags: tuple[str, ...], left: tuple[object, ...]
) -> None:
    text = '[check]\nget = ["/a"]\nlocustfile = "a.py"\nworkloads = ["create"]\n'
    configured(folder, text, "toolkit.toml")
    run("--aa", *flags)
    found = measured.config
    assert (found.get, found.locustfile, found.workloads) == left


def test_a_knob_in_the_settings_file_is_no_mistake_for_a_project(
    run: Run, measured: Measured, folder: Path
) -> None:
    """It is there for other commands."""
    configured(folder, "[server]\nworkers = 2\n", "toolkit.toml")
    run("--base", "main", "--get", "/")
    assert "server_workers" not in measured.named
    run("--base", "main", "--get", "/", "--workers", "2")
    assert "server_workers" in measured.named


def test_a_package_index_is_for_processes_and_not_for_images_of_a_project() -> None:
    for flag in ("image_index_url", "image_ca_bundle"):
        refuse_idle_flags([flag])
        refuse_idle_flags([flag], docker=False)
        with pytest.raises(ConfigError, match="only for --stack"):
            refuse_idle_flags([flag], docker=True)


# what is compared


def itself(folder: Path, **settings: object) -> Compared:
    return compare(CheckConfig(**settings), folder, against_itself=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"get": ("/",)},
        {"locustfile": "x.py"},
        {"command": "python app.py"},
        {"install": "-r requirements.txt"},
        {"health": "/healthz"},
        {"environment": {"A": "1"}},
        {"dockerfile": "deploy/Dockerfile"},
    ],
)
def test_a_project_without_a_base_is_compared_with_itself_as_it_is_now(
    folder: Path, settings: dict[str, object]
) -> None:
    found = itself(folder, **settings)
    assert found.sources == dict.fromkeys(Side, Source(ref="worktree"))
    assert (found.stack, found.remark, found.against_itself) == ("", "", True)


def test_a_dockerfile_speaks_of_a_project(folder: Path) -> None:
    (folder / "Dockerfile").write_text("")
    assert itself(folder).sources[Side.BASE] == Source(ref="worktree")


def test_where_nothing_speaks_of_a_project_the_reference_stack_is_taken_and_named(
    folder: Path,
) -> None:
    found = itself(folder)
    assert found.stack == DEFAULT_STACK
    assert found.sources == dict.fromkeys(Side, Source())
    assert DEFAULT_STACK in found.remark
    asked = itself(folder, stack="flask/gunicorn-sync", get=("/",))
    assert (asked.stack, asked.remark) == ("flask/gunicorn-sync", "")


def test_a_version_with_itself_by_its_name_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        refuse_same(("main (c0ffee)", "c0ffee00"), ("working tree (c0ffee)", "c0ffee00"))
    assert "main (c0ffee) and working tree (c0ffee)" in str(raised.value)
    assert "--aa" in raised.value.hint
    refuse_same(("image a", ""), ("image b", ""))  # not known yet
    refuse_same(("main", "c0ffee00"), ("working tree", "c0ffee00+1"))


@pytest.mark.parametrize("error", [StackError("x", log="y"), InstallFault("x", log="y")])
def test_what_cannot_be_built_names_its_side_and_is_invalid(error: ToolkitError) -> None:
    with pytest.raises(StackError) as raised, _naming(Side.CANDIDATE, Origin(label="main")):
        raise error
    assert str(raised.value) == "the candidate (main): x"
    assert (raised.value.exit_code, raised.value.log) == (4, "y")


def test_how_long_it_takes_is_said_as_least_and_most() -> None:
    said = _duration(CheckConfig().settings, 1)
    part = (
        r"6 to 20 pairs, about \d+ s to \d min \d\d s \(twice that for a regression\), without .*"
    )
    assert re.fullmatch(part, said)
    one = _duration(CheckConfig(max_pairs=6, confirm=False).settings, 1)
    assert re.fullmatch(r"6 pairs, about \d+ s, without building\.", one)


# variables of the servers


def test_variables_are_added_to_those_of_the_settings_file(
    run: Run, measured: Measured, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[check]\nenvironment = { A = "file", B = "file" }\n'
    configured(folder, text, "toolkit.toml")
    monkeypatch.setenv("SECRET", "of the caller")
    run("--aa", "--env", "A=x=y", "--env", "SECRET", "--env=EMPTY=")
    assert measured.config.environment == {
        "A": "x=y",
        "B": "file",
        "SECRET": "of the caller",
        "EMPTY": "",
    }


def test_a_value_is_not_in_the_command_that_does_it_again(run: Run, measured: Measured) -> None:
    run("--aa", "--env", "KEY=hush", "--env=OTHER=hush", "--env", "HOME")
    ((_, _, again),) = measured.asked
    assert again == "toolkit check --aa --env KEY --env OTHER --env HOME"


# what is requested


def test_each_path_is_a_workload_of_its_own_beside_a_locustfile_and_our_own(folder: Path) -> None:
    (folder / "shop.py").write_text("")
    check = CheckConfig(get=("/", "/items", "/"), locustfile="shop.py", workloads=("list",))
    names = [workload.id for workload in _workloads(check, with_stack=True)]
    assert names == ["GET /", "GET /items", "shop", "list"]


def test_a_stack_has_a_workload_unless_another_is_named() -> None:
    (usual,) = _workloads(CheckConfig(), with_stack=True)
    assert usual.name == "list"
    (own,) = _workloads(CheckConfig(get=("/x",)), with_stack=True)
    assert own.id == "GET /x"
    with pytest.raises(ConfigError):
        _workloads(CheckConfig(), with_stack=False)


# what is measured again


def test_the_command_that_does_it_again_has_all_but_the_seed(run: Run, measured: Measured) -> None:
    run("--base", "main", "--seed", "9", "--get", "/a b", "--tolerance=5%")
    run("--base", "main", "--seed=9", "--get", "/a b", "--tolerance=5%")
    again = {again for _, _, again in measured.asked}
    assert again == {"toolkit check --base main --get '/a b' --tolerance=5%"}


def test_the_command_that_does_it_again_leaves_out_where_its_results_went(
    run: Run, measured: Measured
) -> None:
    run(
        *("--output", "json=a.json", "--output=junit=b.xml", "--record", "--base", "main"),
        *("--record=c.jsonl", "--debug", "--results", "elsewhere", "--record", "d.jsonl", "--aa"),
    )
    ((_, _, again),) = measured.asked
    assert again == "toolkit check --base main --aa"


def test_a_version_against_itself_is_asked_for_as_such(run: Run, measured: Measured) -> None:
    measured.check = against_itself()
    run("--aa")
    run("--base", "main")
    assert [aa for _, aa, _ in measured.asked] == [True, False]


# what is shown where


def test_people_read_standard_output(run: Run, measured: Measured, folder: Path) -> None:
    done = run("--aa")
    assert "no regression" in done.out.lower()
    path = check_path(Path("results"), measured.check.id)
    assert f"toolkit check --from {path}" in done.err
    assert list(folder.iterdir()) == []


def test_programs_read_standard_output_where_a_format_goes_there(
    run: Run, measured: Measured
) -> None:
    plain = run("--aa")
    done = run("--aa", "--output", "json")
    found = json.loads(done.out)
    assert (found["verdict"], found["exit_code"]) == ("no regression", 0)
    # people then read all the same on the other
    assert plain.out.strip() in done.err


def test_several_formats_go_to_their_files(run: Run, measured: Measured, folder: Path) -> None:
    measured.check = CHECKS["regression"]()
    plain = run("--aa")
    done = run(
        *("--aa", "--output", "json=out/check.json", "--output", "junit=check.xml"),
        *("--output", "markdown=check.md"),
    )
    assert (done.code, done.out) == (1, plain.out)
    assert json.loads((folder / "out/check.json").read_text())["verdict"] == "regression"
    assert load_check(folder / "out/check.json") == measured.check
    suite = ET.parse(folder / "check.xml").getroot()
    assert suite.tag in ("testsuites", "testsuite")
    assert list(suite.iter("failure"))
    assert "egression" in (folder / "check.md").read_text()


@pytest.mark.parametrize("kind", ["json", "markdown", "junit"])
def test_a_format_is_the_same_in_a_file_and_on_standard_output(
    run: Run, measured: Measured, folder: Path, kind: str
) -> None:
    on_output = run("--aa", "--output", kind).out
    run("--aa", "--output", f"{kind}=file")
    assert (folder / "file").read_text() == on_output
    assert on_output.endswith("\n")
    assert not on_output.endswith("\n\n")


def test_a_file_that_cannot_be_written_is_a_fault_of_the_environment(
    run: Run, measured: Measured, folder: Path
) -> None:
    (folder / "file").write_text("")
    done = run("--aa", "--output", "json=file/check.json")
    assert done.code == 3
    assert "file/check.json" in done.err


@pytest.mark.parametrize("flags", [("--output", "json=file/x"), ("--record", "file/x")])
def test_a_file_that_cannot_be_written_hides_no_regression(
    run: Run, measured: Measured, folder: Path, flags: tuple[str, ...]
) -> None:
    """And keeps no other file from being written."""
    measured.check = CHECKS["regression"]()
    (folder / "file").write_text("")
    done = run("--aa", *flags, "--output", "junit=there.xml")
    assert done.code == 1
    assert "error: cannot write" in done.err
    assert "file/x" in done.err
    assert (folder / "there.xml").is_file()


def test_an_output_may_be_a_pipe_or_a_link_which_stay_what_they_are(
    run: Run, measured: Measured, folder: Path
) -> None:
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (folder / "target.md").write_text("")
    (folder / "link.md").symlink_to("target.md")
    try:
        run("--aa", "--output", "junit=pipe", "--output", "markdown=link.md")
        assert ET.fromstring(os.read(reader, 2**16)).tag in ("testsuites", "testsuite")
    finally:
        os.close(reader)
    assert (folder / "pipe").is_fifo()
    assert (folder / "link.md").is_symlink()
    assert (folder / "target.md").read_text() != ""


def test_the_log_of_ci_has_no_colours_and_an_annotation(
    run: Run, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured.check = CHECKS["regression"]()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = run("--aa")
    assert "\x1b" not in done.out
    assert re.search(r"^::error .*Performance regression", done.out, re.MULTILINE)


# a stored check


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("verdict", CHECKS)
def test_a_stored_check_is_shown_as_it_was_and_nothing_is_measured(
    run: Run, folder: Path, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = CHECKS[verdict]()
    path = stored(folder, check)
    shown = run("--from", path, "--output", f"json={folder}/again.json")
    assert "Stored in" not in shown.err
    assert load_check(folder / "again.json") == check
    monkeypatch.setattr("toolkit.cli.checking.measure", Measured(check))
    measured = run("--aa")
    assert (shown.out, shown.code) == (measured.out, measured.code)


@pytest.mark.usefixtures("nothing_starts")
def test_a_file_that_is_no_check_is_one_line_and_a_hint(run: Run, folder: Path) -> None:
    (folder / "no.json").write_text("{}")
    done = run("--from", "no.json")
    assert done.code == 2
    message, hint = done.err.splitlines()
    assert "no.json is not a check" in message
    assert "results/checks/" in hint


# the history


@pytest.mark.parametrize(
    ("flag", "name"), [(("--record",), "toolkit-history.jsonl"), (("--record=x.jsonl",), "x.jsonl")]
)
def test_a_check_is_recorded_where_it_was_asked_to(
    run: Run, measured: Measured, folder: Path, flag: tuple[str, ...], name: str
) -> None:
    done = run("--aa", *flag)
    assert f"Recorded in {name}" in done.err
    assert len(read(folder / name)) == 1
    assert [item.name for item in folder.iterdir()] == [name]


def test_a_history_that_cannot_be_read_is_refused_before_anything_is_measured(
    run: Run, measured: Measured, folder: Path
) -> None:
    (folder / "x.jsonl").write_text("nonsense\nnonsense\n")
    done = run("--aa", "--record", "x.jsonl")
    assert done.code == 2
    assert "x.jsonl" in done.err
    assert measured.asked == []


def test_an_invalid_check_is_not_recorded(run: Run, measured: Measured, folder: Path) -> None:
    measured.check = CHECKS["invalid"]()
    done = run("--aa", "--record")
    assert "Not recorded" in done.err
    assert list(folder.iterdir()) == []


def test_without_being_asked_nothing_is_recorded(
    run: Run, measured: Measured, folder: Path
) -> None:
    run("--aa")
    assert list(folder.iterdir()) == []


def test_the_help_names_every_exit_code(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    text = " ".join(done.out.split())
    for said in ("1 regression", "4 invalid", "5 inconclusive with --fail-on inconclusive"):
        assert said in text
