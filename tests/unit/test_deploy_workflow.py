"""The targets github and gitlab: what they may do, and what their scripts do."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.unit.made_up_deployments import (
    MIB,
    STACKS,
    evidence,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
    text_of,
)
from toolkit.catalog import root
from toolkit.deployment.assembling import Project
from toolkit.deployment.rendering import Written
from toolkit.deployment.writing import write
from toolkit.model import Production

FLASK = STACKS["flask/gunicorn-gthread"]
MEASURED = evidence(stack=FLASK.id, knobs=settings_of(FLASK.server) | {"workers": 2})
WORKFLOW = "github/workflows/image.yml"
DEPENDABOT = "github/dependabot.yml"
PIPELINE = "gitlab/image.gitlab-ci.yml"

Rendered = dict[str, Written]
Step = dict[str, Any]


@pytest.fixture(scope="module")
def files() -> Rendered:
    return files_of(FLASK, MEASURED, place(targets=("github", "gitlab", "kubernetes")))


@pytest.fixture
def own(tmp_path: Path) -> Rendered:
    """An app of somebody's own, deployed from a folder of its project, to its own registry."""
    home = tmp_path / "home"
    home.mkdir()
    production = Production(ready="/ready", secrets=("SECRET_KEY", "STRIPE_KEY"))
    stack = own_app(tmp_path / "laid", production=production, writable=("instance",))
    project = Project(folder=home, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(
        home / "deploy",
        targets=("github", "gitlab", "kubernetes"),
        image="registry.example.com/team/shop",
    )
    return files_of(stack, where=where, numbers=numbers_of(stack), project=project)


def jobs(files: Rendered) -> dict[str, Any]:
    found = yaml.safe_load(text_of(files, WORKFLOW))["jobs"]
    assert isinstance(found, dict)
    return found


def steps(files: Rendered) -> list[Step]:
    return [step for job in jobs(files).values() for step in job["steps"]]


def step(files: Rendered, name: str) -> Step:
    (found,) = (item for item in steps(files) if item.get("name") == name)
    return found


def uses(files: Rendered, action: str) -> list[Step]:
    return [item for item in steps(files) if item.get("uses", "").startswith(action)]


def expressions(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from re.findall(r"\$\{\{(.*?)\}\}", value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from expressions(item)


# validity


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        (WORKFLOW, "vendor.github-workflows"),
        (DEPENDABOT, "vendor.dependabot"),
        (PIPELINE, "vendor.gitlab-ci"),
    ],
)
def test_files_are_valid(
    name: str, schema: str, files: Rendered, own: Rendered, tmp_path: Path
) -> None:
    for number, found in enumerate((files, own)):
        write(found, tmp_path / str(number))
        run("check-jsonschema", "--builtin-schema", schema, str(tmp_path / str(number) / name))


@pytest.mark.parametrize("name", ["Start", "toolkit lint", "Say what it is"])
def test_scripts_are_clean(name: str, files: Rendered, own: Rendered, tmp_path: Path) -> None:
    for number, found in enumerate((files, own)):
        path = tmp_path / f"{number}.sh"
        path.write_text(f"#!/bin/bash\nset -eo pipefail\n{step(found, name)['run']}")
        run("shellcheck", str(path))


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# what it may do


def test_only_what_is_on_main_or_tagged_is_pushed_and_only_that_job_can_write(
    files: Rendered,
) -> None:
    said = yaml.safe_load(text_of(files, WORKFLOW))
    assert said["permissions"] == {"contents": "read"}
    # YAML 1.1 reads the key `on` as a boolean
    assert said[True]["push"] == {"branches": ["main"], "tags": ["v*"]}
    assert "pull_request_target" not in said[True]
    for name, job in jobs(files).items():
        if name == "push":
            assert job["permissions"] == {"contents": "read", "packages": "write"}
            assert job["if"] == "github.event_name == 'push'"
        else:
            assert "permissions" not in job
            assert not [text for text in expressions(job) if "secrets." in text]


def test_what_is_pushed_was_looked_at_before(files: Rendered) -> None:
    assert jobs(files)["push"]["needs"] == ["agreement", "image"]
    order = [item.get("name") for item in jobs(files)["image"]["steps"] if "name" in item]
    assert order == ["Build", "Start", "Scan"]


def test_no_expression_is_pasted_into_a_script(files: Rendered, own: Rendered) -> None:
    for found in (files, own):
        assert not [item for item in steps(found) if list(expressions(item.get("run", "")))]


def test_actions_are_named_by_their_commit(files: Rendered) -> None:
    """But for the toolkit's own, whose commit only who has a copy of it knows."""
    for item in steps(files):
        used = item.get("uses", "")
        if used and not used.startswith("OWNER/"):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", used)
    text = text_of(files, WORKFLOW)
    for commit in re.findall(r"@[0-9a-f]{40}.*", text):
        assert re.fullmatch(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+", commit), "which version it is"


def test_an_action_is_the_same_version_wherever_it_is_used(files: Rendered) -> None:
    used = {item["uses"] for item in steps(files) if "uses" in item}
    assert len({name.split("@")[0] for name in used}) == len(used)


def test_no_token_stays_in_a_checkout(files: Rendered) -> None:
    found = uses(files, "actions/checkout@")
    assert len(found) == len(jobs(files))
    assert not [item for item in found if item["with"]["persist-credentials"]]


def test_every_job_ends_by_itself(files: Rendered) -> None:
    assert all(job["timeout-minutes"] <= 30 for job in jobs(files).values())


# what it does


def test_the_image_goes_out_with_its_papers_and_without_what_an_earlier_job_left(
    files: Rendered,
) -> None:
    (checked, pushed) = (item["with"] for item in uses(files, "docker/build-push-action@"))
    assert checked["load"] is True
    assert "push" not in checked
    assert (pushed["push"], pushed["sbom"], pushed["provenance"]) == (True, True, "mode=max")
    assert not [name for name in pushed if name.startswith("cache")]
    assert {"VERSION", "REVISION"} == set(
        re.findall(r"^(\w+)=", pushed["build-args"], re.MULTILINE)
    )


def test_the_recipe_is_the_one_that_was_written(files: Rendered, own: Rendered) -> None:
    for found, recipe in ((files, "Dockerfile"), (own, "deploy/Dockerfile")):
        for item in uses(found, "docker/build-push-action@"):
            assert (item["with"]["context"], item["with"]["file"]) == (".", recipe)
        assert f"--file {recipe}\n" in text_of(found, PIPELINE)
        (check,) = uses(found, "OWNER/")
        assert f"--dockerfile={recipe}" in check["with"]["arguments"]


def test_it_is_started_within_the_limits_of_production_and_its_folders(
    files: Rendered, own: Rendered
) -> None:
    numbers = numbers_of(FLASK, MEASURED)
    words = step(files, "Start")["run"].split()
    assert words[words.index("--memory") + 1] == f"{numbers.memory_limit // MIB}m"
    assert words[words.index("--cpus") + 1] == f"{numbers.cpus:g}"
    assert words[words.index("--pids-limit") + 1] == str(numbers.pids_limit)
    assert {"--read-only", "--cap-drop"} <= set(words)
    assert "--tmpfs /srv/app/instance:uid=10001,gid=10001" in step(own, "Start")["run"]


def test_it_is_given_every_secret_that_it_has_and_each_time_another(own: Rendered) -> None:
    script = step(own, "Start")["run"]
    for name in ("SECRET_KEY", "STRIPE_KEY"):
        assert f'--env {name}="$(openssl rand -hex 32)"' in script


FAKE = """#!/bin/bash
printf '%s\\n' "$*" >>"$CALLS"
case $1 in
    inspect) echo "$STATE" ;;
    logs) echo 'entrypoint: cannot start: SECRET_KEY is not set' ;;
esac
"""


@pytest.mark.parametrize(
    ("state", "code", "says"),
    [
        ("running healthy", 0, ""),
        ("exited unhealthy", 1, "entrypoint: cannot start: SECRET_KEY is not set"),
    ],
)
def test_an_image_that_does_not_start_is_told_at_once_with_its_log(
    state: str, code: int, says: str, files: Rendered, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(files, "Start")["run"]],
        env={
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "CALLS": str(tmp_path / "calls"),
            "STATE": state,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert says in done.stdout
    assert (tmp_path / "calls").read_text().startswith("run --detach")


def test_the_summary_says_the_image_by_its_digest(files: Rendered, tmp_path: Path) -> None:
    subprocess.run(
        [
            "bash",
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            step(files, "Say what it is")["run"],
        ],
        env={
            "PATH": "/usr/bin:/bin",
            "IMAGE": "ghcr.io/Team/flask",
            "DIGEST": "sha256:abc",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        },
        check=True,
    )
    said = (tmp_path / "summary").read_text()
    # registries know small letters only
    assert said.startswith("ghcr.io/team/flask@sha256:abc\n")
    assert "`kubernetes/overlays/production/kustomization.yaml`" in said


def test_the_registry_is_that_of_the_image(files: Rendered, own: Rendered) -> None:
    (login,) = uses(files, "docker/login-action@")
    assert login["with"]["registry"] == "ghcr.io"
    assert "github.token" in login["with"]["password"]
    (login,) = uses(own, "docker/login-action@")
    assert login["with"]["registry"] == "registry.example.com"
    assert (
        yaml.safe_load(text_of(own, WORKFLOW))["env"]["IMAGE"] == "registry.example.com/team/shop"
    )


# what belongs together


def options(name: str) -> set[str]:
    command = import_module(f"toolkit.cli.{name}").command
    assert isinstance(command, click.Command)
    return {text for param in command.params for text in (*param.opts, *param.secondary_opts)}


def flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def test_the_commands_of_the_toolkit_have_these_options(files: Rendered, own: Rendered) -> None:
    for found in (files, own):
        (check,) = uses(found, "OWNER/")
        assert flags(check["with"]["arguments"]) <= options("check")
        linting = [step(found, "toolkit lint")["run"], text_of(found, PIPELINE)]
        for text in linting:
            (arguments,) = re.findall(r'/toolkit"? lint(.*)', text)
            assert flags(arguments) <= options("lint")


def test_the_action_of_the_toolkit_has_these_inputs(files: Rendered) -> None:
    (check,) = uses(files, "OWNER/")
    inputs = yaml.safe_load((root() / "action.yml").read_text())["inputs"]
    assert check["with"].keys() <= inputs.keys()


def test_they_name_the_version_of_the_toolkit_that_wrote_them(files: Rendered) -> None:
    for name in (WORKFLOW, PIPELINE):
        assert set(
            re.findall(r"flask-production-toolkit@v?(\S+?)[\"\s]", text_of(files, name))
        ) == {"1.2.3"}


def test_memory_that_lint_is_told_is_not_less_than_was_measured(files: Rendered) -> None:
    numbers = numbers_of(FLASK, MEASURED)
    (said,) = re.findall(r"--worker-memory (\d+)m", step(files, "toolkit lint")["run"])
    assert int(said) * MIB >= numbers.worker_memory > (int(said) - 1) * MIB


def test_on_gitlab_what_is_scanned_is_what_gets_the_name(files: Rendered) -> None:
    said = yaml.safe_load(text_of(files, PIPELINE))
    assert said["name"]["needs"] == ["agreement", "scan"]
    assert '--tag "$BUILT"' in said["build"]["script"][-1]
    assert '"registry:$BUILT"' in said["scan"]["script"][0]
    assert said["name"]["script"][0].endswith('"$BUILT"')
    assert {"--sbom=true", "--provenance=mode=max"} <= flags_with_values(
        said["build"]["script"][-1]
    )


def flags_with_values(text: str) -> set[str]:
    return {word for word in text.split() if word.startswith("--")}
