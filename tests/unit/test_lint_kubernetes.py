"""Manifests mean what Kubernetes takes them for, and belong together as their labels say."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Address, Container, Fact, ProbeRole, Published, Where
from toolkit.lint.manifests.kubernetes import containers_of, is_manifest, read
from toolkit.reading import ReadError

PATH = "k8s/web.yaml"


def at(line: int, path: str = PATH) -> Where:
    return Where(path, line)


def deployment(container: str = "", pod: str = "", spec: str = "", name: str = "web") -> str:
    """Write a Deployment.

    The lines of its container come first, from line 12 on, then those of the pod and of the spec.
    """
    return (
        "apiVersion: apps/v1\nkind: Deployment\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n  selector: {matchLabels: {app: web}}\n  template:\n"
        "    metadata: {labels: {app: web, tier: front}}\n    spec:\n      containers:\n"
        "      - name: app\n        image: web:1\n"
        + textwrap.indent(textwrap.dedent(container), " " * 8)
        + textwrap.indent(textwrap.dedent(pod), " " * 6)
        + textwrap.indent(textwrap.dedent(spec), " " * 2)
    )


def service(ports: str, *, kind: str = "ClusterIP", selector: str = "{app: web}") -> str:
    """Write a Service; its type stands in line 5, its first port in line 8."""
    return (
        "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec:\n"
        f"  type: {kind}\n  selector: {selector}\n  ports:\n"
        + textwrap.indent(textwrap.dedent(ports), "  ")
    )


def all_of(*texts: str, **files: str) -> tuple[Container, ...]:
    """Read manifests: the first of PATH, others of files of those names."""
    read_files = [read(PATH, text) for text in texts]
    read_files += [read(f"k8s/{name}.yaml", text) for name, text in files.items()]
    return containers_of(read_files)


def one(*texts: str, **files: str) -> Container:
    (container,) = all_of(*texts, **files)
    return container


# files


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (PATH, deployment()),
        ("x.yml", "# a comment\n---\nkind: Service\napiVersion: v1\n"),
        ("kustomization.yaml", "resources: []\n"),
    ],
)
def test_a_manifest_is_known_by_its_version_and_kind(path: str, text: str) -> None:
    assert is_manifest(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Chart.yaml", "apiVersion: v2\nname: x\n"),
        ("x.yaml", "a:\n  apiVersion: v1\n  kind: x\n"),
        ("x.json", '{"apiVersion": "v1", "kind": "Pod"}'),
    ],
)
def test_other_yaml_is_no_manifest(path: str, text: str) -> None:
    assert not is_manifest(path, text)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (3, 'kind: Deployment\nmetadata:\n  name: "{{ .Values.name }}"\n'),
        (2, 'kind: Service\nmetadata: {{- include "labels" . }}\n'),
        (2, "kind: Service\n{{ if x }}\nspec: {}\n{{ end }}\n"),
    ],
)
def test_a_template_of_helm_is_to_be_rendered_first(line: int, text: str) -> None:
    with pytest.raises(ReadError, match="helm template") as error:
        read(PATH, text)
    assert error.value.line == line


def test_braces_of_other_programs_are_no_templates_of_helm() -> None:
    rules = (
        'apiVersion: v1\nkind: ConfigMap\ndata: {a: "{{ $labels.job }} {{ template \\"x\\" . }}"}\n'
    )
    assert all_of(f"{rules}---\n{deployment()}") != ()


def test_lists_hold_manifests() -> None:
    items = textwrap.indent(deployment(), "  ").replace("  apiVersion", "- apiVersion", 1)
    assert one(f"apiVersion: v1\nkind: List\nitems:\n{items}").name == "deployment/web"


@pytest.mark.parametrize("kind", ["Job", "CronJob", "ConfigMap"])
def test_what_serves_nothing_has_no_containers(kind: str) -> None:
    assert all_of(deployment().replace("Deployment", kind)) == ()


def test_a_pod_of_its_own_has_containers() -> None:
    found = one(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{image: y}]}\n"
    )
    assert (found.name, found.replicas) == ("pod/x", None)


# containers


def test_a_container_is_read_with_the_defaults_of_kubernetes() -> None:
    found = one(deployment())
    assert (found.name, found.container, found.where) == ("deployment/web", "app", at(10))
    assert found.image == Fact("web:1", at(11))
    assert found.grace == Fact(30.0, at(8), "kubernetes")
    assert found.replicas == Fact(1, at(4), "kubernetes")
    assert found.no_health_check
    assert (found.entrypoint, found.command, found.memory, found.cpus) == (None,) * 4


def test_command_stands_for_the_entry_point_and_args_for_the_command() -> None:
    found = one(deployment("command: [gunicorn]\nargs:\n- --workers\n- '4'\n"))
    assert found.entrypoint == Fact(("gunicorn",), at(12))
    assert found.command == Fact(("--workers", "4"), at(13))


def test_limits_are_read_but_no_requests() -> None:
    found = one(
        deployment("resources:\n  limits: {cpu: 500m, memory: 512Mi}\n  requests: {cpu: 2}\n")
    )
    assert (found.cpus, found.memory) == (Fact(0.5, at(13)), Fact(2**29, at(13)))


def test_what_the_pod_says_holds_for_its_containers() -> None:
    pod = """\
        terminationGracePeriodSeconds: 60
        shareProcessNamespace: true
        securityContext:
          sysctls:
          - {name: net.core.somaxconn, value: "1024"}
        """
    found = one(deployment(pod=pod))
    assert found.grace == Fact(60.0, at(12))
    assert found.init == Fact(value=True, where=at(13))
    assert found.sysctls == {"net.core.somaxconn": Fact("1024", at(16))}
    assert found.pods == {"app": "web", "tier": "front"}


def test_a_read_only_root_has_folders_that_can_be_written_to() -> None:
    container = """\
        securityContext: {readOnlyRootFilesystem: true}
        volumeMounts:
        - {name: tmp, mountPath: /tmp/}
        - {name: data, mountPath: /data}
        - {name: data, mountPath: /other, readOnly: true}
        - {name: config, mountPath: /etc/app}
        """
    pod = """\
        volumes:
        - {name: tmp, emptyDir: {medium: Memory}}
        - {name: data, persistentVolumeClaim: {claimName: data}}
        - {name: config, configMap: {name: app}}
        """
    found = one(deployment(container, pod))
    assert found.read_only == Fact(value=True, where=at(12))
    assert found.writable == (Fact("/tmp", at(14)), Fact("/data", at(15)))
    assert found.memory_folders == (Fact("/tmp", at(14)),)


def test_ports_have_numbers_and_names() -> None:
    ports = """\
        ports:
        - {name: http, containerPort: 8000}
        - {name: dns, containerPort: 53, protocol: UDP}
        - containerPort: 9000
          hostPort: 80
        """
    found = one(deployment(ports))
    assert found.ports == (Fact(8000, at(13)), Fact(9000, at(15)))
    assert found.port_names["http"] == 8000
    assert found.published == (Published(container=9000, where=at(16), by="hostPort"),)


# variables


def test_variables_come_from_the_manifest_and_from_config_maps() -> None:
    container = """\
        envFrom:
        - {configMapRef: {name: conf}, prefix: X_}
        env:
        - {name: A, value: "1"}
        - {name: B, value: $(A)-$(NONE)-$$(A)}
        - {name: C, valueFrom: {configMapKeyRef: {name: conf, key: c}}}
        - {name: D, valueFrom: {secretKeyRef: {name: s, key: d}}}
        """
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata:\n  c: '3'\n"
    found = one(deployment(container), conf=config)
    assert found.env == {
        "X_c": Fact("3", at(5, "k8s/conf.yaml")),
        "A": Fact("1", at(15)),
        "B": Fact("1-$(NONE)-$(A)", at(16)),
        "C": Fact("3", at(17)),
        "D": Fact("${D}", at(18)),
    }


def test_variables_are_put_into_commands() -> None:
    found = one(deployment("args: [--workers, $(N)]\nenv: [{name: N, value: '4'}]\n"))
    assert found.command == Fact(("--workers", "4"), at(12))


# probes and hooks


def test_probes_are_read_with_the_defaults_of_kubernetes() -> None:
    container = """\
        livenessProbe:
          httpGet: {path: /live, port: http}
          periodSeconds: 5
        readinessProbe:
          httpGet: {port: 8000}
        startupProbe:
          exec: {command: [curl, "http://localhost:8000/up"]}
        """
    startup, readiness, liveness = one(deployment(container)).probes
    assert (liveness.role, liveness.path, liveness.port) == (ProbeRole.LIVENESS, "/live", "http")
    assert liveness.where == at(12)
    assert liveness.period == Fact(5.0, at(14))
    assert liveness.timeout == Fact(1.0, at(12), "kubernetes")
    assert liveness.failures == Fact(3, at(12), "kubernetes")
    assert (readiness.role, readiness.path, readiness.port) == (ProbeRole.READINESS, "/", "8000")
    assert readiness.period == Fact(10.0, at(15), "kubernetes")
    assert startup.words == ("curl", "http://localhost:8000/up")
    assert (startup.path, startup.port) == ("/up", "8000")


def test_a_probe_that_only_connects_has_no_path() -> None:
    (probe,) = one(deployment("livenessProbe: {tcpSocket: {port: 8000}}\n")).probes
    assert (probe.words, probe.path, probe.port) == ((), None, "8000")


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ("{sleep: {seconds: 15}}", 15),
        ("{exec: {command: [sleep, '15']}}", 15),
        ("{exec: {command: [/bin/sleep, 1m]}}", 60),
        ("{exec: {command: [sh, -c, 'sleep 10 && nginx -s quit; sleep 5']}}", 15),
        ("{exec: {command: [python, -c, 'import time; time.sleep(15)']}}", 15),
        ("{exec: {command: [sh, -c, 'while true; do sleep 1; done']}}", None),
        ("{exec: {command: [/stop.sh]}}", None),
        ("{httpGet: {path: /stop}}", None),
    ],
)
def test_what_a_hook_sleeps_before_the_stop_is_read(hook: str, seconds: float | None) -> None:
    found = one(deployment(f"lifecycle: {{preStop: {hook}}}\n")).pre_stop
    assert found == (None if seconds is None else Fact(seconds, at(12)))


def test_a_container_may_have_a_stop_signal() -> None:
    found = one(deployment("lifecycle: {stopSignal: SIGINT}\n"))
    assert found.stop_signal == Fact("SIGINT", at(12))


# replicas


def test_replicas_are_those_that_are_asked_for() -> None:
    assert one(deployment(spec="replicas: 3\n")).replicas == Fact(3, at(12))


@pytest.mark.parametrize(
    ("kind", "most"),
    [("HorizontalPodAutoscaler", "maxReplicas"), ("ScaledObject", "maxReplicaCount")],
)
def test_of_an_autoscaler_the_most_replicas_count(kind: str, most: str) -> None:
    scaler = (
        f"apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n"
        f"  scaleTargetRef: {{kind: Deployment, name: web}}\n  {most}: 9\n"
    )
    found = one(deployment(spec="replicas: 3\n"), hpa=scaler)
    assert found.replicas == Fact(9, at(6, "k8s/hpa.yaml"))


def test_an_autoscaler_of_something_else_does_not_count() -> None:
    scaler = (
        "apiVersion: x/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec:\n"
        "  scaleTargetRef: {kind: StatefulSet, name: web}\n  maxReplicas: 9\n"
    )
    assert one(deployment(), hpa=scaler).replicas == Fact(1, at(4), "kubernetes")


# Services


NAMED = "ports: [{name: http, containerPort: 8000}]\n"


@pytest.mark.parametrize(
    ("port", "target"),
    [
        ("- {port: 80, targetPort: 8000}\n", 8000),
        ("- {port: 80, targetPort: http}\n", 8000),
        ("- {port: 80}\n", 80),
        ("- {port: 80, targetPort: other}\n", None),
    ],
)
def test_a_service_leads_to_a_port_of_its_pods(port: str, target: int | None) -> None:
    found = one(deployment(NAMED), svc=service(port))
    where = at(8, "k8s/svc.yaml")
    assert found.addresses == (Address(name="shop", where=where, port=80, container=target),)
    assert found.published == ()


def test_without_an_address_of_its_own_a_service_gives_those_of_the_pods() -> None:
    text = service("- {port: 80, targetPort: 8000}\n").replace("type: ClusterIP", "clusterIP: None")
    (address,) = one(deployment(NAMED), svc=text).addresses
    assert (address.port, address.container) == (None, None)


@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
def test_some_services_are_reachable_from_outside(kind: str) -> None:
    found = one(deployment(NAMED), svc=service("- {port: 80, targetPort: http}\n", kind=kind))
    where = at(5, "k8s/svc.yaml")
    assert found.published == (Published(container=8000, where=where, by=kind, direct=True),)


@pytest.mark.parametrize("selector", ["{app: other}", "{app: web, tier: back}", "{}"])
def test_a_service_of_other_pods_leads_elsewhere(selector: str) -> None:
    text = service("- {port: 80}\n", kind="LoadBalancer", selector=selector)
    found = one(deployment(NAMED), svc=text)
    assert (found.addresses, found.published) == ((), ())


def test_a_service_of_another_namespace_leads_elsewhere() -> None:
    first = deployment(NAMED).replace("{name: web}", "{name: web, namespace: a}")
    second = service("- {port: 80}\n").replace("{name: shop}", "{name: shop, namespace: b}")
    assert one(first, svc=second).addresses == ()


def test_a_service_means_the_pods_beside_it_where_several_folders_have_some() -> None:
    files = [
        read("a/web.yaml", deployment(NAMED)),
        read("b/web.yaml", deployment(NAMED)),
        read("b/svc.yaml", service("- {port: 80, targetPort: http}\n")),
    ]
    assert [len(found.addresses) for found in containers_of(files)] == [0, 1]


def test_of_a_pods_containers_the_one_that_has_the_port_is_meant() -> None:
    pod = "- {name: proxy, image: nginx, ports: [{containerPort: 80}]}\n"
    first, second = all_of(
        deployment(NAMED, pod=pod), svc=service("- {port: 80}\n", kind="LoadBalancer")
    )
    assert (first.published, len(second.published)) == ((), 1)


def test_of_several_containers_none_is_meant_if_none_has_the_port() -> None:
    pod = "- {name: proxy, image: nginx}\n"
    found = all_of(deployment(pod=pod), svc=service("- {port: 80}\n"))
    assert [container.addresses for container in found] == [(), ()]


# Ingresses


SHOP = service("- {name: http, port: 80, targetPort: 8000}\n")


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Ingress", "defaultBackend: {service: {name: shop, port: {number: 80}}}"),
        (
            "Ingress",
            "rules: [{http: {paths: [{backend: {service: {name: shop, port: {name: http}}}}]}}]",
        ),
        ("Ingress", "rules: [{http: {paths: [{backend: {serviceName: shop, servicePort: 80}}]}}]"),
        ("HTTPRoute", "rules: [{backendRefs: [{name: shop, port: 80}]}]"),
        ("Route", "to: {kind: Service, name: shop}"),
    ],
)
def test_what_stands_before_a_service_publishes_it_but_not_directly(kind: str, spec: str) -> None:
    gate = f"apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n  {spec}\n"
    found = one(deployment(NAMED), svc=SHOP, gate=gate)
    where = at(5, "k8s/gate.yaml")
    assert found.published == (Published(container=8000, where=where, by=kind, direct=False),)


@pytest.mark.parametrize(
    "backend", ["{name: other, port: {number: 80}}", "{name: shop, port: {number: 81}}"]
)
def test_an_ingress_of_another_service_or_port_publishes_nothing(backend: str) -> None:
    gate = f"apiVersion: x/v1\nkind: Ingress\nspec:\n  defaultBackend: {{service: {backend}}}\n"
    assert one(deployment(NAMED), svc=SHOP, gate=gate).published == ()


def test_a_port_of_the_nodes_is_meant_for_the_ingress_if_there_is_one() -> None:
    gate = "apiVersion: x/v1\nkind: Ingress\nspec: {defaultBackend: {service: {name: shop}}}\n"
    found = one(deployment(NAMED), svc=SHOP.replace("ClusterIP", "NodePort"), gate=gate)
    assert [published.by for published in found.published] == ["Ingress"]


# Kustomize


KUSTOMIZATION = "resources: []\n"


def patch(spec: str) -> str:
    return (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"
        + textwrap.indent(textwrap.dedent(spec), "  ")
    )


def overlaid(*overlays: tuple[str, str]) -> tuple[Container, ...]:
    container = "args: [a]\nenv: [{name: A, value: '1'}]\n"
    files = [
        read("base/kustomization.yaml", KUSTOMIZATION),
        read("base/web.yaml", deployment(container, spec="replicas: 1\n")),
    ]
    for folder, text in overlays:
        files.append(read(f"overlays/{folder}/kustomization.yaml", KUSTOMIZATION))
        files.append(read(f"overlays/{folder}/patches/web.yaml", text))
    return containers_of(files)


def test_a_patch_is_merged_into_what_it_patches() -> None:
    text = """\
        replicas: 5
        template:
          spec:
            terminationGracePeriodSeconds: 60
            containers:
            - name: app
              args: [b]
              env: [{name: B, value: '2'}]
        """
    (found,) = overlaid(("prod", patch(text)))
    path = "overlays/prod/patches/web.yaml"
    assert found.replicas == Fact(5, at(5, path))
    assert found.grace == Fact(60.0, at(8, path))
    assert found.command == Fact(("b",), at(11, path))
    assert {name: fact.value for name, fact in found.env.items()} == {"A": "1", "B": "2"}
    assert found.image == Fact("web:1", at(11, "base/web.yaml"))


def test_a_patch_can_take_something_away() -> None:
    text = """\
        template:
          spec:
            containers:
            - name: app
              args: null
              env: [{name: A, $patch: delete}]
            - {name: new, image: x}
        """
    first, second = overlaid(("prod", patch(text)))
    assert (first.command, first.env, second.container) == (None, {}, "new")


def test_each_overlay_is_read_by_itself_and_the_base_only_with_one() -> None:
    found = overlaid(("prod", patch("replicas: 5\n")), ("staging", patch("replicas: 2\n")))
    assert [item.replicas and item.replicas.value for item in found] == [5, 2]


def test_an_overlay_for_development_is_left_out_if_there_is_another() -> None:
    found = overlaid(("dev", patch("replicas: 5\n")), ("prod", patch("replicas: 2\n")))
    assert [item.replicas and item.replicas.value for item in found] == [2]
    (only,) = overlaid(("dev", patch("replicas: 5\n")))
    assert only.replicas is not None
    assert only.replicas.value == 5


def test_what_an_overlay_adds_belongs_to_that_overlay() -> None:
    files = [
        read("base/web.yaml", deployment(NAMED)),
        read("a/kustomization.yaml", KUSTOMIZATION),
        read("a/web.yaml", patch("replicas: 5\n")),
        read("b/kustomization.yaml", KUSTOMIZATION),
        read("b/web.yaml", patch("replicas: 2\n")),
        read("b/svc.yaml", service("- {port: 80, targetPort: 8000}\n")),
    ]
    assert [len(found.addresses) for found in containers_of(files)] == [0, 1]


def test_a_patch_of_what_is_elsewhere_is_read_as_it_is() -> None:
    found = one(patch("template: {spec: {containers: [{name: app, args: [b]}]}}\n"))
    assert found.command == Fact(("b",), at(5))


def kustomized(
    text: str, files: dict[str, str] | None = None, **bases: str
) -> tuple[Container, ...]:
    """Read a base and an overlay upon it, whose kustomization begins at line 1."""
    kustomizations = {"base": "resources: [web.yaml]\n", **bases, "prod": text}
    found = [read("base/web.yaml", deployment("args: [a, b]\n", spec="replicas: 1\n"))]
    found += [
        read(f"{folder}/kustomization.yaml", textwrap.dedent(kustomization), (files or {}).get)
        for folder, kustomization in kustomizations.items()
    ]
    return containers_of(found)


CHANGE = "- {op: add, path: /spec/template/spec/terminationGracePeriodSeconds, value: 60}\n"


def test_a_patch_that_stands_in_a_kustomization_is_merged() -> None:
    text = """\
        resources: [../base]
        patches:
        - patch: |-
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec: {template: {spec: {terminationGracePeriodSeconds: 60}}}
        """
    (found,) = kustomized(text)
    assert found.grace == Fact(60.0, at(7, "prod/kustomization.yaml"))


@pytest.mark.parametrize("target", ["{kind: Deployment, name: web}", "{kind: Deployment}"])
def test_a_list_of_changes_in_a_kustomization_is_followed(target: str) -> None:
    text = f"""\
        resources: [../base]
        patches:
        - target: {target}
          patch: |-
            - op: replace
              path: /spec/template/spec/containers/0/args/1
              value: c
            - op: remove
              path: /spec/replicas
        """
    (found,) = kustomized(text)
    assert found.command is not None
    assert found.command.value == ("a", "c")
    assert found.replicas is not None
    assert found.replicas.default == "kubernetes"


def test_a_list_of_changes_in_a_file_is_followed() -> None:
    text = "patchesJson6902: [{target: {kind: Deployment, name: web}, path: p.yaml}]\n"
    (found,) = kustomized(text, {"prod/p.yaml": CHANGE})
    assert found.grace == Fact(60.0, at(1, "prod/p.yaml"))


def test_changes_of_something_else_change_nothing() -> None:
    text = "patches: [{target: {kind: Deployment, name: api}, path: p.yaml}]\n"
    (found,) = kustomized(text, {"prod/p.yaml": CHANGE})
    assert found.grace == Fact(30.0, at(8, "base/web.yaml"), "kubernetes")


@pytest.mark.parametrize(
    "change",
    [
        "{op: add}",
        "{op: add, path: /spec/nowhere/at/all, value: 1}",
        "{op: add, path: /spec/template/spec/containers/x/args, value: 1}",
        "{op: remove, path: /spec/template/spec/containers/9}",
        "{op: move, from: /spec/replicas, path: /spec/other}",
    ],
)
def test_changes_that_make_no_sense_change_nothing(change: str) -> None:
    text = "patches: [{target: {kind: Deployment, name: web}, path: p.yaml}]\n"
    (found,) = kustomized(text, {"prod/p.yaml": f"[{change}]\n"})
    assert (found.command, found.replicas) == (
        Fact(("a", "b"), at(12, "base/web.yaml")),
        Fact(1, at(13, "base/web.yaml")),
    )


def test_an_overlay_has_the_patches_of_what_it_builds_upon() -> None:
    middle = "resources: [../base]\npatches: [{target: {kind: Deployment}, path: p.yaml}]\n"
    (found,) = kustomized("resources: [../middle]\n", {"middle/p.yaml": CHANGE}, middle=middle)
    assert found.grace == Fact(60.0, at(1, "middle/p.yaml"))


def test_overlays_that_build_upon_each_other_hide_nothing() -> None:
    circle = "resources: [../prod]\n"
    patched = "resources: [../base]\npatches: [{target: {kind: Deployment}, path: p.yaml}]\n"
    assert kustomized(patched, {"prod/p.yaml": CHANGE}, base=circle)


# what cannot be read


VALUES = st.recursive(
    st.sampled_from(["x", "80", "null", "true", "$(A)", "-1", "512Mi"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(["name", "port", "exec", "command", "limits", "emptyDir", "httpGet"]),
            inner,
        ).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        *["command", "args", "env", "envFrom", "ports", "resources", "lifecycle", "volumeMounts"],
        *["livenessProbe", "readinessProbe", "securityContext", "workingDir"],
    ]
)


@given(st.dictionaries(KEYS, VALUES), VALUES, VALUES)
def test_manifests_whatever_they_say_are_read(
    container: dict[str, str], spec: str, ports: str
) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in container.items())
    found = all_of(
        deployment(lines),
        odd=f"apiVersion: x/v1\nkind: StatefulSet\nmetadata: {spec}\nspec: {spec}\n",
        svc=f"apiVersion: v1\nkind: Service\nspec: {{selector: {{app: web}}, ports: {ports}}}\n",
    )
    assert "deployment/web" in {item.name for item in found}
