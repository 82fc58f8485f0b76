"""./rollout with the real kubectl, against a server that knows just enough of Kubernetes' API."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
import yaml

from tests.unit.made_up_deployments import STACKS, files_of, place
from toolkit.deployment.writing import write

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is what is tried")

Object = dict[str, Any]

KINDS = {
    "v1": ["Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "batch/v1": ["Job"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "policy/v1": ["PodDisruptionBudget"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "gateway.networking.k8s.io/v1": ["HTTPRoute"],
}


def plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


class Cluster(ThreadingHTTPServer):
    """What is in it, and what was asked of it that changes something, in this order."""

    def __init__(self, job: str) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.job = job
        self.objects: dict[str, Object] = {}
        self.changes: list[tuple[str, str]] = []
        self.lock = threading.Lock()


class Api(BaseHTTPRequestHandler):
    server: Cluster
    groups: ClassVar[list[str]] = [version for version in KINDS if "/" in version]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.rstrip("/")
        said = self.discovery(path) or self.listed(path) or self.server.objects.get(path)
        self.answer(200 if said else 404, said or {"kind": "Status", "reason": "NotFound"})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.changes.append(("create", said["kind"]))
            self.server.objects[f"{path}/{said['metadata']['name']}"] = self.lived(said)
        self.answer(201, said)

    def do_DELETE(self) -> None:
        path = urlsplit(self.path).path
        found = self.server.objects.pop(path, None)
        if found:
            self.server.changes.append(("delete", found["kind"]))
        self.answer(200 if found else 404, {"kind": "Status", "reason": "NotFound"})

    def lived(self, said: Object) -> Object:
        """Give what becomes of an object: a Job ends, a Deployment gets its pods."""
        said["metadata"] |= {"generation": 1, "resourceVersion": "1", "uid": "1"}
        if said["kind"] == "Job":
            said["status"] = {"conditions": [{"type": self.server.job, "status": "True"}]}
        if said["kind"] == "Deployment":
            said["status"] = {
                "observedGeneration": 1,
                **dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1),
            }
        return said

    def listed(self, path: str) -> Object | None:
        """Give the one object of a kind, for those who watch it."""
        kind, found = path.rpartition("/")[2], None
        if kind in {plural(name) for names in KINDS.values() for name in names}:
            items = [item for at, item in self.server.objects.items() if at.startswith(f"{path}/")]
            found = {"metadata": {"resourceVersion": "1"}, "items": items}
            for version, names in KINDS.items():
                found |= {
                    "apiVersion": version,
                    "kind": next((f"{name}List" for name in names if plural(name) == kind), ""),
                }
                if found["kind"]:
                    break
        return found

    def discovery(self, path: str) -> Object | None:
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            versions = [
                {"groupVersion": name, "version": name.split("/")[1]} for name in self.groups
            ]
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [
                    {
                        "name": version["groupVersion"].split("/")[0],
                        "versions": [version],
                        "preferredVersion": version,
                    }
                    for version in versions
                ],
            }
        found = re.fullmatch(r"/apis?/(.*)", path)
        names = KINDS.get(found[1]) if found else None
        if found is None or names is None:
            return None
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": found[1],
            "resources": [
                {
                    "name": plural(name),
                    "singularName": name.lower(),
                    "kind": name,
                    "namespaced": name != "Namespace",
                    "verbs": ["create", "delete", "get", "list", "patch", "watch"],
                }
                for name in names
            ],
        }

    def answer(self, code: int, said: Object) -> None:
        body = json.dumps({"apiVersion": "v1", "code": code, **said}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with Cluster(getattr(request, "param", "Complete")) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def rollout(cluster: Cluster, folder: Path) -> "subprocess.CompletedProcess[str]":
    files = files_of(
        STACKS["flask/gunicorn-gthread"],
        where=place(targets=("kubernetes",), database=True),
    )
    write(files, folder / "out")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "nobody"}}],
        "clusters": [
            {"name": "fake", "cluster": {"server": f"http://127.0.0.1:{cluster.server_port}"}}
        ],
        "users": [{"name": "nobody", "user": {}}],
    }
    (folder / "config").write_text(yaml.safe_dump(config))
    # it asks for no schema of the server where it is told not to validate
    wrapper = folder / "bin" / "kubectl"
    wrapper.parent.mkdir()
    wrapper.write_text(
        '#!/bin/sh\ncase " $* " in *" apply "*) set -- "$@" --validate=false ;; esac\n'
        f'exec {shutil.which("kubectl")} "$@"\n'
    )
    wrapper.chmod(0o755)
    return subprocess.run(
        [str(folder / "out" / "kubernetes" / "rollout"), "staging"],
        env={
            "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
            "KUBECONFIG": str(folder / "config"),
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


SECRET = "/api/v1/namespaces/flask-staging/secrets/flask"


def with_secret(cluster: Cluster) -> None:
    cluster.objects[SECRET] = {"kind": "Secret", "metadata": {"name": "flask"}}


def test_settings_then_the_migration_then_the_app_reach_the_cluster(
    cluster: Cluster, tmp_path: Path
) -> None:
    with_secret(cluster)
    done = rollout(cluster, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [kind for _, kind in cluster.changes]
    job = kinds.index("Job")
    assert {"Namespace", "ConfigMap", "NetworkPolicy", "StatefulSet"} <= set(kinds[:job])
    assert set(kinds[job + 1 :]) == {
        "Deployment",
        "HTTPRoute",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "Service",
    }
    assert kinds.count("Deployment") == kinds.count("Job") == 1


def test_the_job_of_the_release_before_makes_way(cluster: Cluster, tmp_path: Path) -> None:
    with_secret(cluster)
    job = "/apis/batch/v1/namespaces/flask-staging/jobs/flask-migrate"
    cluster.objects[job] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "flask-migrate", "namespace": "flask-staging", "uid": "0"},
    }
    done = rollout(cluster, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.changes.index(("delete", "Job")) < cluster.changes.index(("create", "Job"))


@pytest.mark.parametrize("cluster", ["Failed"], indirect=True)
def test_after_a_failed_migration_the_app_is_not_touched(cluster: Cluster, tmp_path: Path) -> None:
    with_secret(cluster)
    done = rollout(cluster, tmp_path)
    assert done.returncode == 1
    assert "the migration failed" in done.stderr
    assert ("create", "Deployment") not in cluster.changes


def test_without_its_secret_there_is_no_migration(cluster: Cluster, tmp_path: Path) -> None:
    done = rollout(cluster, tmp_path)
    assert done.returncode == 1
    assert "there is no Secret flask" in done.stderr
    assert ("create", "Job") not in cluster.changes
