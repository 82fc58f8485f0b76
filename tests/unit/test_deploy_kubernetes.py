"""The target kubernetes: its manifests are valid, agree with each other, carry what was derived.

What no schema is at hand for (Gateway API and the gateways' own policies, the Prometheus operator)
is held against what it is to say. Where kubectl is installed, overlays are built by it.
"""

import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.unit.made_up_deployments import (
    STACKS,
    evidence,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
    text_of,
    under,
)
from toolkit.deployment.assembling import Project
from toolkit.deployment.rendering import Written
from toolkit.deployment.sizing import Numbers
from toolkit.deployment.writing import write
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import judge
from toolkit.model import Production, Stack
from toolkit.reading import Files
from toolkit.units import parse_size

FLASK = STACKS["flask/gunicorn-gthread"]
MEASURED = evidence(stack=FLASK.id, knobs=settings_of(FLASK.server) | {"workers": 2})
NUMBERS = numbers_of(FLASK, MEASURED)
CRDS = ("gateway.networking.k8s.io/", "gateway.envoyproxy.io/", "gateway.nginx.org/", "monitoring.")
OVERLAYS = ("production", "staging")
PODS = ("Deployment", "Job", "StatefulSet")

Object = Mapping[str, Any]
Rendered = dict[str, Written]


def rendered(
    stack: Stack = FLASK, *, database: bool = True, numbers: Numbers | None = None
) -> Rendered:
    where = place(targets=("kubernetes",), database=database)
    return files_of(stack, where=where, numbers=numbers or numbers_of(stack))


@pytest.fixture
def own(tmp_path: Path) -> Rendered:
    """An app of somebody's own: two steps of preparation, a folder to write to, one health path."""
    home = tmp_path / "home"
    home.mkdir()
    stack = own_app(
        tmp_path / "laid",
        prepare=(("flask", "db", "upgrade"), ("python", "-m", "seed", "--yes")),
        writable=("instance",),
        production=Production(secrets=("STRIPE_KEY",)),
    )
    project = Project(folder=home, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(home / "deploy", targets=("kubernetes",), database=False)
    return files_of(stack, where=where, numbers=numbers_of(stack), project=project)


def of_kind(files: Rendered, kind: str) -> list[Object]:
    return [item for item in objects(files) if item["kind"] == kind]


def objects(files: Rendered) -> list[Object]:
    """Give what is applied, without what is said of it: kustomizations, patches of overlays."""
    return [
        item
        for name in manifests(files)
        if not (is_kustomization(name) or "/overlays/" in name)
        for item in documents(files, name)
    ]


def manifests(files: Rendered) -> list[str]:
    return [name for name in files if name.startswith("kubernetes/") and name.endswith(".yaml")]


def is_kustomization(name: str) -> bool:
    return name.endswith("/kustomization.yaml")


def documents(files: Rendered, name: str) -> list[Object]:
    return parsed(text_of(files, name))


@cache
def parsed(text: str) -> list[Object]:
    return list(yaml.safe_load_all(text))


def beside(file: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path))


def one(files: Rendered, kind: str, name: str = "") -> Object:
    found = [item for item in of_kind(files, kind) if name in ("", item["metadata"]["name"])]
    return found[0]


def pod_of(item: Object) -> Object:
    pod = item["spec"]["template"]["spec"]
    assert isinstance(pod, dict)
    return pod


def containers(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def app_of(files: Rendered) -> Object:
    (container,) = pod_of(one(files, "Deployment"))["containers"]
    assert isinstance(container, dict)
    return container


def variants(own: Rendered) -> Iterator[Rendered]:
    yield rendered(numbers=NUMBERS)
    yield rendered(STACKS["fastapi/uvicorn"])
    yield rendered(STACKS["django/gunicorn-sync"], database=False)
    yield own


# validity


def test_manifests_are_valid_for_every_version_that_is_asked_for(own: Rendered) -> None:
    """From 1.30 on, as the README says."""
    versions = ("1.30.0", kubernetes_validate.latest_version())
    for files in variants(own):
        for item in objects(files):
            if item["kind"] in ("Kustomization", "Component") or item["apiVersion"].startswith(
                CRDS
            ):
                continue
            for version in versions:
                kubernetes_validate.validate(dict(item), version, strict=True)


def test_a_kustomization_names_files_that_are_there(own: Rendered) -> None:
    for files in variants(own):
        for name in manifests(files):
            if not is_kustomization(name):
                continue
            (found,) = documents(files, name)
            named = [*found.get("resources", ()), *found.get("components", ())]
            named += [patch["path"] for patch in found.get("patches", ()) if "path" in patch]
            assert named
            for path in named:
                there = beside(name, path)
                assert there in files or f"{there}/kustomization.yaml" in files, (name, path)


def test_every_file_is_named_by_a_kustomization(own: Rendered) -> None:
    for files in variants(own):
        named = {
            beside(name, path)
            for name in manifests(files)
            if is_kustomization(name)
            for found in documents(files, name)
            for path in (
                *found.get("resources", ()),
                *(patch.get("path", "") for patch in found.get("patches", ())),
            )
        }
        rest = {name for name in manifests(files) if not is_kustomization(name)}
        assert rest <= named


def test_components_that_are_offered_are_there(own: Rendered) -> None:
    """In comments, as a cluster has them or not."""
    for files in variants(own):
        for overlay in OVERLAYS:
            text = text_of(files, f"kubernetes/overlays/{overlay}/kustomization.yaml")
            offered = re.findall(r"- \.\./\.\./components/(\S+)", text)
            assert "envoy-gateway" in offered
            for name in offered:
                assert f"kubernetes/components/{name}/kustomization.yaml" in files


def test_patches_are_of_something_that_is_there(own: Rendered) -> None:
    for files in variants(own):
        (size,) = documents(files, "kubernetes/overlays/staging/size.yaml")
        assert one(files, size["kind"])["metadata"]["name"] == size["metadata"]["name"]
        (staging,) = documents(files, "kubernetes/overlays/staging/kustomization.yaml")
        for patch in staging["patches"]:
            for change in yaml.safe_load(patch.get("patch", "[]")):
                (*_, target) = of_kind(files, patch["target"]["kind"])
                value: Any = target
                for key in change["path"].split("/")[1:]:
                    value = value[int(key) if isinstance(value, list) else key]
                assert value == "app.example.com"


needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds them")


def built(files: Rendered, folder: Path, overlay: str, *components: str) -> list[Object]:
    write(files, folder)
    path = folder / "kubernetes" / "overlays" / overlay / "kustomization.yaml"
    if components:
        said = yaml.safe_load(path.read_text())
        said["components"] = [
            *said.get("components", ()),
            *(f"../../components/{name}" for name in components),
        ]
        path.write_text(yaml.safe_dump(said))
    done = subprocess.run(
        ["kubectl", "kustomize", str(path.parent)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_build_with_all_that_a_cluster_may_have(overlay: str, tmp_path: Path) -> None:
    offered = ("envoy-gateway", "nginx-gateway-fabric", "monitoring")
    found = built(rendered(), tmp_path, overlay, *offered)
    assert {"BackendTrafficPolicy", "ProxySettingsPolicy", "PrometheusRule", "PodMonitor"} <= {
        item["kind"] for item in found
    }
    namespace = "flask" if overlay == "production" else "flask-staging"
    for item in found:
        if item["kind"] == "Namespace":
            assert item["metadata"]["name"] == namespace
            assert item["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        else:
            assert item["metadata"]["namespace"] == namespace


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_changed_setting_is_a_rollout_and_reaches_app_and_migration(
    overlay: str, tmp_path: Path
) -> None:
    found = built(rendered(), tmp_path, overlay)
    (settings,) = (item for item in found if item["kind"] == "ConfigMap")
    assert re.fullmatch(r"flask-[a-z0-9]{10}", settings["metadata"]["name"])
    assert "{DATABASE_PASSWORD}" in settings["data"]["DATABASE_URL"]
    for kind in ("Deployment", "Job"):
        (item,) = (item for item in found if item["kind"] == kind)
        (container,) = pod_of(item)["containers"]
        assert container["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
        assert container["image"].startswith("registry.example.com/flask:")


# pods


def test_pods_keep_to_the_restricted_standard(own: Rendered) -> None:
    """See https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted ."""
    allowed = {"configMap", "emptyDir", "secret"}
    count = 0
    for files in variants(own):
        for item in chain.from_iterable(of_kind(files, kind) for kind in PODS):
            pod = pod_of(item)
            assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["runAsUser"] > 0
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert all(allowed & volume.keys() for volume in pod["volumes"])
            for container in containers(pod):
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                # beyond the standard
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert container["resources"]["limits"]["memory"]
                count += 1
    assert count >= 9


def test_pods_are_not_given_what_they_do_not_use(own: Rendered) -> None:
    for files in variants(own):
        for item in chain.from_iterable(of_kind(files, kind) for kind in PODS):
            assert pod_of(item)["automountServiceAccountToken"] is False
            # variables such as PORT and DATABASE_PORT
            assert pod_of(item)["enableServiceLinks"] is False


def test_what_is_written_to_is_mounted(own: Rendered) -> None:
    for item in (one(own, "Deployment"), one(own, "Job")):
        for container in containers(pod_of(item)):
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert {"/tmp", "/srv/app/instance"} <= mounted


def test_limits_are_those_derived() -> None:
    resources = app_of(rendered(numbers=NUMBERS))["resources"]
    assert parse_size(resources["limits"]["memory"].removesuffix("i")) == NUMBERS.memory_limit
    assert parse_size(resources["requests"]["memory"].removesuffix("i")) == NUMBERS.memory_request
    # the entry point counts workers by it
    assert float(resources["limits"]["cpu"]) == NUMBERS.cpus
    assert float(resources["requests"]["cpu"]) == NUMBERS.cpu_request


def test_what_is_written_in_memory_fits_into_the_limit() -> None:
    volumes = pod_of(one(rendered(numbers=NUMBERS), "Deployment"))["volumes"]
    sizes = [volume["emptyDir"]["sizeLimit"] for volume in volumes if "emptyDir" in volume]
    total = sum(parse_size(size.removesuffix("i")) for size in sizes)
    assert 0 < total <= NUMBERS.memory_limit // 4


# probes and times


def test_liveness_asks_no_database_and_readiness_does() -> None:
    app = app_of(rendered())
    assert app["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert app["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_without_a_path_that_is_known_to_ask_nothing_liveness_only_looks_for_the_port(
    own: Rendered,
) -> None:
    app = app_of(own)
    assert app["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert "httpGet" not in app["livenessProbe"]
    assert app["readinessProbe"]["httpGet"]["path"] == "/"


def test_probes_name_the_host_for_apps_that_check_it() -> None:
    app = app_of(rendered())
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert app[probe]["httpGet"]["httpHeaders"] == [
            {"name": "Host", "value": "app.example.com"}
        ]
        assert app[probe]["httpGet"]["port"] == app["ports"][0]["name"]


@pytest.mark.parametrize("slowest", [0.3, 40.0])
def test_the_server_may_replace_what_hangs_before_the_pod_is_restarted(slowest: float) -> None:
    numbers = numbers_of(FLASK, evidence(under(slowest=slowest)))
    probe = app_of(rendered(numbers=numbers))["livenessProbe"]
    patience = probe["periodSeconds"] * probe["failureThreshold"]
    assert patience >= 2 * numbers.worker_timeout


@pytest.mark.parametrize("start", [0.5, 20.0])
def test_a_slow_start_is_waited_for(start: float) -> None:
    numbers = numbers_of(FLASK, evidence(start=start))
    probe = app_of(rendered(numbers=numbers))["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 3 * 3 * start


@pytest.mark.parametrize("slowest", [0.3, 40.0])
def test_a_pod_goes_on_then_ends_its_requests_and_is_killed_last(slowest: float) -> None:
    numbers = numbers_of(FLASK, evidence(under(slowest=slowest)))
    pod = pod_of(one(rendered(numbers=numbers), "Deployment"))
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep > 0
    assert sleep + numbers.graceful_timeout < pod["terminationGracePeriodSeconds"]


def test_a_rollout_never_has_fewer_than_before() -> None:
    deployment = one(rendered(), "Deployment")
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "replicas" not in deployment["spec"], "the autoscaler's"


def test_the_autoscaler_has_the_derived_numbers() -> None:
    spec = one(rendered(numbers=NUMBERS), "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (NUMBERS.replicas, NUMBERS.most_replicas)
    (metric,) = spec["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == NUMBERS.hpa_target
    assert spec["scaleTargetRef"]["name"] == one(rendered(), "Deployment")["metadata"]["name"]


def test_a_disruption_takes_one_at_a_time() -> None:
    spec = one(rendered(), "PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert "minAvailable" not in spec, "with one replica it would keep a machine for ever"


# who belongs to whom


def labels(item: Object) -> dict[str, str]:
    found = item["spec"]["template"]["metadata"]["labels"]
    assert isinstance(found, dict)
    return found


def test_requests_and_scrapes_go_to_the_app_and_not_to_a_migration() -> None:
    files = rendered()
    deployment, job = one(files, "Deployment"), one(files, "Job")
    selectors = [
        one(files, "Service", "flask")["spec"]["selector"],
        one(files, "PodMonitor")["spec"]["selector"]["matchLabels"],
        one(files, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        deployment["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels(deployment).items()
        assert not selector.items() <= labels(job).items()


def test_the_network_policy_is_for_the_app_and_its_migration() -> None:
    files = rendered()
    policy = one(files, "NetworkPolicy", "flask")["spec"]
    for kind in ("Deployment", "Job"):
        assert policy["podSelector"]["matchLabels"].items() <= labels(one(files, kind)).items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["from"] for rule in policy["ingress"]), "an empty one lets everybody in"
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 5432]


def test_only_the_app_reaches_the_database_of_staging() -> None:
    files = rendered()
    policy = one(files, "NetworkPolicy", "database")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels(one(files, "StatefulSet"))
    (rule,) = policy["ingress"]
    (who,) = rule["from"]
    assert who["podSelector"]["matchLabels"].items() <= labels(one(files, "Job")).items()
    assert policy["egress"] == []


def test_no_policy_lets_anybody_in_where_there_is_no_database(own: Rendered) -> None:
    policy = one(own, "NetworkPolicy")["spec"]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53]
    assert not [name for name in own if "components/database" in name]


# secrets


def test_secrets_are_files_that_are_mounted_and_their_values_are_nowhere() -> None:
    files = rendered()
    for kind in ("Deployment", "Job"):
        pod = pod_of(one(files, kind))
        (container,) = pod["containers"]
        env = {item["name"]: item["value"] for item in container["env"]}
        assert env["SECRETS"].split() == ["DATABASE_PASSWORD", "SECRET_KEY"]
        (mount,) = (item for item in container["volumeMounts"] if item["name"] == "secrets")
        assert mount["readOnly"] is True
        for name in env["SECRETS"].split():
            assert env[f"{name}_FILE"] == f"{mount['mountPath']}/{name}"
            assert name not in env
        (volume,) = (item for item in pod["volumes"] if item["name"] == "secrets")
        # for the group of the app, and not for others
        assert volume["secret"]["defaultMode"] == 0o440
        assert pod["securityContext"]["fsGroup"] == 10001
    assert of_kind(files, "Secret") == []


def test_the_readme_makes_exactly_the_secrets_that_are_read() -> None:
    (made,) = re.findall(r"create secret generic flask (.*)", text_of(rendered(), "README.md"))
    assert re.findall(r"--from-literal=(\w+)=", made) == ["DATABASE_PASSWORD", "SECRET_KEY"]


# the gateway


def rules(files: Rendered) -> list[Object]:
    found = one(files, "HTTPRoute", "flask")["spec"]["rules"]
    assert isinstance(found, list)
    return found


def test_metrics_and_readiness_are_nobodys_business_outside() -> None:
    hidden, everything = rules(rendered())
    assert [match["path"]["value"] for match in hidden["matches"]] == ["/metrics", "/readyz"]
    assert "backendRefs" not in hidden
    assert everything["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


def test_the_app_believes_nothing_that_a_client_may_have_made_up() -> None:
    """It trusts one hop in each of them, and gateways set the address and the scheme only."""
    (*_, everything) = rules(rendered())
    (filtered,) = everything["filters"]
    removed = filtered["requestHeaderModifier"]["remove"]
    assert {"X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Port"} <= set(removed)


def test_forwarded_headers_are_believed_of_a_network_and_never_of_everybody() -> None:
    """With `*` uvicorn takes the leftmost address, which is the client's own word."""
    (base,) = documents(rendered(), "kubernetes/base/kustomization.yaml")
    (said,) = (text for text in base["configMapGenerator"][0]["literals"] if "FORWARDED" in text)
    assert "*" not in said


def test_the_gateway_waits_longer_than_the_app_and_closes_connections_earlier() -> None:
    files = rendered(numbers=NUMBERS)
    (*_, everything) = rules(files)
    assert everything["timeouts"] == {"backendRequest": f"{NUMBERS.proxy_timeout}s"}
    assert NUMBERS.proxy_timeout > NUMBERS.worker_timeout
    envoy = one(files, "BackendTrafficPolicy")["spec"]
    idle = envoy["timeout"]["http"]["connectionIdleTimeout"]
    assert NUMBERS.keep_alive is not None
    assert int(idle.removesuffix("s")) < NUMBERS.keep_alive
    assert one(files, "UpstreamSettingsPolicy")["spec"]["keepAlive"]["timeout"] == idle


def test_slow_clients_are_the_gateways_to_wait_for_where_they_would_take_a_thread() -> None:
    envoy = one(rendered(numbers=NUMBERS), "BackendTrafficPolicy")["spec"]
    assert int(envoy["requestBuffer"]["limit"]) == NUMBERS.body_limit
    size = one(rendered(numbers=NUMBERS), "ClientSettingsPolicy")["spec"]["body"]["maxSize"]
    assert parse_size(size) == NUMBERS.body_limit
    # WebSockets could not pass
    assert "requestBuffer" not in one(rendered(STACKS["fastapi/uvicorn"]), "BackendTrafficPolicy")


# the migration


def test_steps_of_preparation_run_one_after_the_other(own: Rendered) -> None:
    pod = pod_of(one(own, "Job"))
    assert [item["args"] for item in pod["initContainers"]] == [["flask", "db", "upgrade"]]
    assert [item["args"] for item in pod["containers"]] == [["python", "-m", "seed", "--yes"]]


def test_a_migration_ends_and_a_wrong_setting_ends_it_at_once() -> None:
    spec = one(rendered(), "Job")["spec"]
    assert spec["activeDeadlineSeconds"] > 0
    (rule,) = spec["podFailurePolicy"]["rules"]
    # the entry point's code for what cannot start as it is configured
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [78])


def test_an_app_without_preparation_has_no_migration(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    stack = own_app(tmp_path / "laid")
    project = Project(folder=home, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(home / "deploy", targets=("kubernetes",))
    files = files_of(stack, where=where, numbers=numbers_of(stack), project=project)
    assert of_kind(files, "Job") == []
    assert "migrat" not in text_of(files, "kubernetes/rollout")


# capacity


def test_the_readme_says_how_many_replicas_carry_a_rate() -> None:
    text = text_of(files_of(FLASK, MEASURED, place(targets=("kubernetes",))), "README.md")
    # 800 req/s each, and one to spare; 2 CPUs each
    assert "| 4,000 | 6 | 12 |" in text


def test_the_readme_says_what_the_database_has_to_take_at_the_autoscalers_end() -> None:
    # (10 replicas + 1 more while one is replaced) x 2 workers x 16 connections x 2 pools + 10
    assert NUMBERS.most_connections == 11 * 2 * 16 * 2 + 10
    assert f"{NUMBERS.most_connections} connections" in text_of(
        rendered(numbers=NUMBERS), "README.md"
    )


# lint


@pytest.mark.parametrize(
    "name", ["flask/gunicorn-gthread", "flask/gunicorn-sync", "flask/uwsgi", "fastapi/uvicorn"]
)
def test_lint_finds_nothing(name: str, tmp_path: Path) -> None:
    stack = STACKS[name]
    numbers = numbers_of(stack, evidence(stack=name, knobs=settings_of(stack.server)))
    assert lint(rendered(stack, numbers=numbers), tmp_path, numbers) == []


def test_lint_would_find_something(tmp_path: Path) -> None:
    files = rendered(numbers=NUMBERS)
    name = "kubernetes/base/deployment.yaml"
    text = text_of(files, name).replace("path: /healthz", "path: /readyz")
    text = re.sub(r"(terminationGracePeriodSeconds:) \d+", r"\1 20", text)
    files[name] = Written(text.encode())
    found = {line.split()[-1] for line in lint(files, tmp_path, NUMBERS)}
    assert {"graceful-nesting", "liveness-independent"} <= found


def lint(files: Rendered, folder: Path, numbers: Numbers) -> list[str]:
    write(files, folder)
    gathered = gather(Files.of(folder))
    assert gathered.unread == ()
    assert any(unit.container.published for unit in gathered.units), "the route leads to the app"
    measured = Measured(worker_memory=numbers.worker_memory or None, slowest_request=10.0)
    return [f"{found.where} {found.rule}" for found in judge(gathered, measured).findings]


# ./rollout

FAKE = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in
    *"get job"*) printf '%s' "$JOB" ;;
    *"get secret"*) exit "$SECRET" ;;
    *"logs"*) echo 'relation "asset" does not exist' ;;
    *"rollout status"*) exit "$STATUS" ;;
esac
"""


class Cluster:
    """A kubectl that writes down what it is asked."""

    def __init__(self, files: Rendered, folder: Path) -> None:
        write(files, folder / "out")
        self.folder = folder
        program = folder / "bin" / "kubectl"
        program.parent.mkdir()
        program.write_text(FAKE)
        program.chmod(0o755)

    def rollout(self, *arguments: str, **says: str) -> "subprocess.CompletedProcess[str]":
        (self.folder / "calls").write_text("")
        return subprocess.run(
            [str(self.folder / "out" / "kubernetes" / "rollout"), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "CALLS": str(self.folder / "calls"),
                "JOB": "SuccessCriteriaMet Complete",
                "SECRET": "0",
                "STATUS": "0",
                **says,
            },
        )

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(rendered(), tmp_path)


def test_a_rollout_applies_settings_then_the_migration_then_the_app(cluster: Cluster) -> None:
    assert cluster.rollout("staging").returncode == 0
    label = "app.kubernetes.io/component"
    calls = [call.removeprefix("--namespace flask-staging ") for call in cluster.calls]
    assert [call.split(" --output")[0] for call in calls] == [
        f"apply --kustomize overlays/staging --selector {label} notin (web, migration)",
        "get secret flask",
        "delete job flask-migrate --ignore-not-found --wait",
        f"apply --kustomize overlays/staging --selector {label}=migration",
        "get job flask-migrate",
        f"apply --kustomize overlays/staging --selector {label}=web",
        "rollout status deployment/flask",
    ]


def test_every_object_is_of_one_step_of_a_rollout() -> None:
    """What has neither label goes first, so pods and routes must have one."""
    component = "app.kubernetes.io/component"
    steps: dict[str, set[str]] = {}
    for item in objects(rendered()):
        step = item["metadata"].get("labels", {}).get(component, "first")
        steps.setdefault(step, set()).add(item["kind"])
    assert steps["migration"] == {"Job"}
    assert {"Deployment", "Service", "HTTPRoute"} <= steps["web"]
    assert not {"Deployment", "Job"} & steps["first"]
    assert {"Namespace", "ServiceAccount", "NetworkPolicy", "StatefulSet"} <= steps["first"]
    assert steps.keys() == {"first", "migration", "web"}


def test_a_failed_migration_shows_its_log_and_leaves_the_app_alone(cluster: Cluster) -> None:
    done = cluster.rollout("production", JOB="FailureTarget Failed")
    assert done.returncode == 1
    assert 'relation "asset" does not exist' in done.stderr
    assert "the migration failed" in done.stderr
    assert not [call for call in cluster.calls if "component=web" in call]


def test_without_its_secret_nothing_is_started(cluster: Cluster) -> None:
    done = cluster.rollout("staging", SECRET="1")
    assert done.returncode == 1
    assert "there is no Secret flask in the namespace flask-staging" in done.stderr
    assert not [call for call in cluster.calls if "=web" in call or "=migration" in call]


def test_pods_that_do_not_get_ready_are_said_with_the_way_back(cluster: Cluster) -> None:
    done = cluster.rollout("production", STATUS="1")
    assert done.returncode == 1
    assert "kubectl -n flask rollout undo deployment/flask" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("prod",), ("staging", "production")])
def test_an_overlay_that_is_not_there_is_said_with_those_that_are(
    arguments: tuple[str, ...], cluster: Cluster
) -> None:
    done = cluster.rollout(*arguments)
    assert (done.returncode, done.stderr) == (2, "rollout: say which: production staging\n")
    assert cluster.calls == []


def test_the_script_is_clean(tmp_path: Path, own: Rendered) -> None:
    for number, files in enumerate(variants(own)):
        path = tmp_path / f"rollout-{number}"
        path.write_bytes(files["kubernetes/rollout"].content)
        assert files["kubernetes/rollout"].executable
        done = subprocess.run(
            [str(Path(sys.executable).with_name("shellcheck")), str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
