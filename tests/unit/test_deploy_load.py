"""`toolkit deploy --component load`: what is valid, and whether the master gets what it needs."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from toolkit.cli import main
from toolkit.cli.targets import as_they_stand
from toolkit.config import AppConfig, BenchConfig, Config

AGAINST = "http://shop.front.svc:8000"
ASKED = (
    *(
        "deploy",
        "--component",
        "load",
        "--against",
        AGAINST,
        "--get",
        "/",
        "--get",
        "/items?page=2",
    ),
    *("--yes-this-is-mine", "--most-rate", "2000", "--load-workers", "3", "--keep-off", "shop"),
    *("--image-name", "registry.example.org/load:1.2"),
)
Render = Callable[..., Path]


@pytest.fixture
def render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Render:
    def run(*more: str) -> Path:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as end:
            main([*ASKED, "-o", "out", *more])
        assert end.value.code == 0
        return tmp_path / "out"

    return run


def objects(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "kubernetes").glob("*.yaml"))
    found = [item for file in files for item in yaml.safe_load_all(file.read_text())]
    return [item for item in found if item["kind"] != "Kustomization"]


def of_kind(folder: Path, kind: str, component: str = "") -> dict[str, Any]:
    (found,) = (
        item
        for item in objects(folder)
        if item["kind"] == kind and component in item["metadata"]["name"]
    )
    return found


def test_manifests_are_valid_and_named_by_their_kustomization(render: Render) -> None:
    folder = render()
    for item in objects(folder):
        for version in ("1.30.0", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(item, version, strict=True)
    kustomization = yaml.safe_load((folder / "kubernetes" / "kustomization.yaml").read_text())
    there = {file.name for file in (folder / "kubernetes").glob("*.yaml")}
    assert {*kustomization["resources"], "kustomization.yaml"} == there
    assert not (folder / "swarm").exists()


def test_the_master_is_given_what_was_asked_for(render: Render) -> None:
    """And bench understands it: what it makes of it is the same as here."""
    (container,) = of_kind(render(), "Job")["spec"]["template"]["spec"]["containers"]
    arguments = container["args"]
    assert arguments[:3] == ["bench", "--target", AGAINST]
    assert container["image"] == "registry.example.org/load:1.2"
    values = dict(pairwise(arguments))
    assert values["--most-rate"] == "2000"
    assert values["--load-join"] == "3"
    assert values["--load-address"] == "0.0.0.0"
    assert "--yes-this-is-mine" in arguments
    assert [b for a, b in pairwise(arguments) if a == "--get"] == [
        "/",
        "/items?page=2",
    ]
    assert "--quiet" in arguments  # or its log would not end with the run alone
    done = subprocess.run(
        [sys.executable, "-m", "toolkit", *arguments, "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_workers_find_the_master_and_keep_off_the_server(render: Render) -> None:
    folder = render()
    worker = of_kind(folder, "Deployment")["spec"]
    assert worker["replicas"] == 3
    pod = worker["template"]["spec"]
    (container,) = pod["containers"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    service = of_kind(folder, "Service")
    host, port = variables["TOOLKIT_LOAD_MASTER"].split(":")
    assert (host, int(port)) == (service["metadata"]["name"], service["spec"]["ports"][0]["port"])
    assert variables["TOOLKIT_LOAD_AGAIN"] == "1"
    master = of_kind(folder, "Job")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= master.items()
    (term,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"] == {"app.kubernetes.io/name": "shop"}
    assert container["resources"]["requests"] == container["resources"]["limits"]


def test_pods_keep_to_the_restricted_standard(render: Render) -> None:
    folder = render()
    for kind in ("Job", "Deployment"):
        pod = of_kind(folder, kind)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_load_goes_to_the_target_and_nobody_reaches_a_worker(render: Render) -> None:
    folder = render()
    worker = of_kind(folder, "NetworkPolicy", "worker")["spec"]
    assert worker["ingress"] == []
    ports = {port["port"] for rule in worker["egress"] for port in rule["ports"]}
    assert ports == {53, 5557, 8000}
    master = of_kind(folder, "NetworkPolicy", "master")["spec"]
    (rule,) = master["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "worker"


def test_a_locustfile_comes_along(render: Render, tmp_path: Path) -> None:
    text = "from locust import HttpUser\n\nclass Visitor(HttpUser):\n    note = '{{ d }}'\n"
    (tmp_path / "load.py").write_text(text)
    folder = render("--locustfile", "load.py", "--target", "kubernetes,swarm")
    for target in ("kubernetes", "swarm"):
        assert (folder / target / "locustfile.py").read_text().rstrip() == text.rstrip()
    job = of_kind(folder, "Job")["spec"]["template"]["spec"]
    assert "/load/locustfile.py" in job["containers"][0]["args"]
    (volume,) = (item["configMap"]["name"] for item in job["volumes"] if "configMap" in item)
    kustomization = yaml.safe_load((folder / "kubernetes" / "kustomization.yaml").read_text())
    (made,) = kustomization["configMapGenerator"]
    assert (made["name"], made["files"]) == (volume, ["locustfile.py"])


def test_a_stack_for_swarm_is_of_the_specification(render: Render) -> None:
    folder = render("--target", "swarm")
    file = folder / "swarm" / "stack.yaml"
    subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    stack = yaml.safe_load(file.read_text())
    master, worker = stack["services"]["master"], stack["services"]["worker"]
    assert worker["deploy"]["replicas"] == 3
    assert worker["environment"]["TOOLKIT_LOAD_MASTER"] == "master:5557"
    assert master["command"][:3] == ["bench", "--target", AGAINST]
    assert master["deploy"]["restart_policy"] == {"condition": "none"}
    # a dollar of the shell is none of compose's
    assert '"$$@"' in file.read_text()


def test_a_kustomization_builds(render: Render, tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl")
    (tmp_path / "load.py").write_text("x = 1\n")
    folder = render("--locustfile", "load.py")
    done = subprocess.run(
        [kubectl, "kustomize", str(folder / "kubernetes")],
        capture_output=True,
        text=True,
        check=True,
    )
    built = list(yaml.safe_load_all(done.stdout))
    (config,) = (item for item in built if item["kind"] == "ConfigMap")
    (job,) = (item for item in built if item["kind"] == "Job")
    named = [
        volume["configMap"]["name"]
        for volume in job["spec"]["template"]["spec"]["volumes"]
        if "configMap" in volume
    ]
    assert named == [config["metadata"]["name"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--component", "load", "--get", "/"), "--component load goes with --against"),
        (("--against", AGAINST, "--get", "/"), "--component load goes with --against"),
        (("--component", "load", "--against", AGAINST, "--get", "/"), "--yes-this-is-mine"),
        (("--component", "load", "--against", "shop", "--get", "/"), "--against shop is no URL"),
        (
            ("--component", "load", "--against", AGAINST, "--yes-this-is-mine", "--most-rate", "5"),
            "what is requested is not said",
        ),
        (
            (
                *("--component", "load", "--against", AGAINST, "--yes-this-is-mine"),
                *("--most-rate", "5", "--post", "/a=@body.json"),
            ),
            "the file is not in the cluster",
        ),
        (
            ("--component", "load", "--against", AGAINST, "--get", "/", "--target", "compose"),
            "load is not made by 'compose'",
        ),
    ],
)
def test_what_is_missing_is_said(
    arguments: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["deploy", "-o", "out", *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_guard_is_that_of_bench() -> None:
    config = Config(app=AppConfig(get=("/",)), bench=BenchConfig(most_rate=2000.0))
    assert as_they_stand(config, ["http://192.0.2.1:8000"], mine=True).targets
