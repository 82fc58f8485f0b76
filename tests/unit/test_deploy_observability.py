"""The target observability: thresholds are those derived, and nothing asks for what nobody has.

tests/integration/test_deploy_metrics.py holds the names against a running app. Where promtool is
installed, it reads the rules and says when they fire.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.made_up_deployments import (
    MIB,
    STACKS,
    evidence,
    figure,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
    text_of,
    under,
)
from tests.unit.promql import selectors_of
from toolkit.deployment.assembling import Project
from toolkit.deployment.evidence import Evidence
from toolkit.deployment.rendering import Written
from toolkit.deployment.sizing import Wishes, derive
from toolkit.deployment.writing import write
from toolkit.model import Interface, Production

FLASK = STACKS["flask/gunicorn-gthread"]
MEASURED = evidence(stack=FLASK.id, knobs=settings_of(FLASK.server) | {"workers": 2})
NUMBERS = numbers_of(FLASK, MEASURED)
RULES = "observability/prometheus/rules.yml"
DASHBOARD = "observability/grafana/dashboards/app.json"
COMPOSE = "compose.observability.yaml"

Rendered = dict[str, Written]
Rule = dict[str, Any]


def rendered(*targets: str, said: Evidence | None = MEASURED, stack: str = FLASK.id) -> Rendered:
    where = place(targets=("observability", *targets), database=True)
    return files_of(STACKS[stack], said, where)


def own(folder: Path, interface: Interface = Interface.WSGI, **production: str) -> Rendered:
    home = folder / "home"
    home.mkdir()
    stack = own_app(
        folder / "laid",
        interface=interface,
        production=Production(**production),  # type: ignore[arg-type]
    )
    project = Project(folder=home, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(home / "deploy", targets=("observability", "compose"))
    return files_of(stack, where=where, numbers=numbers_of(stack), project=project)


def rules_of(files: Rendered) -> list[Rule]:
    groups = yaml.safe_load(text_of(files, RULES))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts(files: Rendered) -> dict[str, Rule]:
    return {rule["alert"]: rule for rule in rules_of(files) if "alert" in rule}


def records(files: Rendered) -> dict[str, Rule]:
    return {rule["record"]: rule for rule in rules_of(files) if "record" in rule}


def threshold(rule: Rule) -> float:
    (found,) = re.findall(r"(?:>=?|<) ([\d.]+)$", rule["expr"])
    return float(found)


def panels(files: Rendered) -> dict[str, Any]:
    return {panel["title"]: panel for panel in json.loads(text_of(files, DASHBOARD))["panels"]}


def lines(panel: Any) -> list[float]:  # noqa: ANN401 - it is JSON
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step["value"] for step in steps if step["value"] is not None]


# numbers


def test_p99_is_told_of_where_it_leaves_the_objective_that_was_measured_by() -> None:
    assert threshold(alerts(rendered())["AppSlow"]) == MEASURED.objective == NUMBERS.alert_latency


def test_a_replica_is_told_of_before_it_leaves_the_objective() -> None:
    assert threshold(alerts(rendered())["AppNearCapacity"]) == 0.9 * 800.0
    assert figure(NUMBERS, "alert_rate").inputs == {"carried": "800/s"}


def test_without_rates_within_the_objective_a_part_of_the_most_is_taken() -> None:
    said = evidence(under(carried=None), under("db", carried=None), knobs=MEASURED.knobs)
    assert threshold(alerts(rendered(said=said))["AppNearCapacity"]) == 0.7 * 1000.0


@pytest.mark.parametrize("wishes", [Wishes(cpus=1.0), Wishes(knobs={"threads": 16})])
def test_what_another_size_carries_was_not_measured_and_nothing_is_said(wishes: Wishes) -> None:
    assert derive(MEASURED, wishes, settings_of(FLASK.server)).alert_rate is None
    assert "AppNearCapacity" not in alerts(rendered(said=None))


def test_memory_is_told_of_halfway_from_the_peak_to_the_limit() -> None:
    # 120 MiB at the peak, 160 MiB allowed
    assert NUMBERS.memory_limit == 160 * MIB
    assert NUMBERS.alert_memory == 140 * MIB
    (spec,) = kubernetes_groups(rendered("kubernetes"))[-1:]
    (memory,) = [rule for rule in spec["rules"] if rule["alert"] == "AppMemory"]
    assert threshold(memory) == NUMBERS.alert_memory


def test_all_busy_is_all_threads_of_all_workers() -> None:
    assert threshold(alerts(rendered())["AppAllBusy"]) == 2 * 4


@pytest.mark.parametrize("stack", ["flask/gunicorn-gevent", "flask/gunicorn-sync"])
def test_where_it_would_always_or_never_fire_it_is_left_out(stack: str) -> None:
    """An event loop has no such limit, and of one worker the scrape itself is all."""
    assert "AppAllBusy" not in alerts(rendered(stack=stack, said=None))


def test_the_dashboard_shows_the_thresholds_of_the_alerts() -> None:
    found = panels(rendered("kubernetes"))
    assert lines(found["Requests of a replica"]) == [0.9 * 800.0]
    assert lines(found["Time in the app"]) == lines(found["p99"]) == [NUMBERS.alert_latency]
    assert lines(found["Memory of a pod"]) == [NUMBERS.alert_memory, NUMBERS.memory_limit]
    assert lines(found["Requests under way"]) == [2 * 4]
    assert lines(found["Replicas that answer"]) == [1, NUMBERS.replicas]


# names


@pytest.mark.parametrize("targets", [(), ("compose",), ("kubernetes",)])
def test_alerts_and_dashboard_ask_for_what_is_recorded_or_known_to_prometheus(
    targets: tuple[str, ...],
) -> None:
    files = rendered(*targets)
    known = {"up", "container_memory_working_set_bytes", *records(files)}
    asked = [rule["expr"] for rule in alerts(files).values()]
    asked += [target["expr"] for panel in panels(files).values() for target in panel["targets"]]
    for expression in asked:
        assert selectors_of(expression).keys() <= known, expression
        assert selectors_of(expression), expression


def test_probes_and_scrapes_are_not_counted_as_requests() -> None:
    for name, rule in records(rendered()).items():
        if name != "instance:requests_running:sum":
            assert 'route!~"/healthz|/readyz|/metrics"' in rule["expr"]


def test_a_home_page_that_is_asked_for_health_is_counted(tmp_path: Path) -> None:
    assert 'path!~"/metrics"' in text_of(own(tmp_path, metrics="/metrics"), RULES)


@pytest.mark.parametrize(
    ("interface", "library", "name"),
    [
        (Interface.WSGI, "prometheus-flask-exporter", "flask_http_request_duration_seconds_count"),
        (Interface.ASGI, "prometheus-fastapi-instrumentator", "http_requests_total"),
    ],
)
def test_of_an_app_that_is_not_ours_the_commonest_names_are_taken_and_that_is_said(
    interface: Interface, library: str, name: str, tmp_path: Path
) -> None:
    files = own(tmp_path, interface, metrics="/metrics")
    assert f"The names are those of {library}" in text_of(files, RULES)
    assert library in text_of(files, "README.md")
    assert name in selectors_of(records(files)["instance:requests:rate5m"]["expr"])


def test_an_app_without_metrics_gets_no_file_and_is_told_what_to_do(tmp_path: Path) -> None:
    files = own(tmp_path)
    assert not [name for name in files if "observability" in name]
    assert "deploy again with `--metrics /metrics`" in text_of(files, "README.md")


def test_numbers_in_the_dashboard_are_ids_once() -> None:
    ids = [panel["id"] for panel in panels(rendered("kubernetes")).values()]
    assert ids == sorted(set(ids))


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(rendered("kubernetes")).values():
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


# in Kubernetes


def kubernetes_groups(files: Rendered) -> list[Rule]:
    name = "kubernetes/components/monitoring/prometheusrule.yaml"
    found = yaml.safe_load(text_of(files, name))["spec"]["groups"]
    assert isinstance(found, list)
    return found


def test_the_operators_rules_are_the_same_and_a_few_more() -> None:
    files = rendered("kubernetes")
    common = yaml.safe_load(text_of(files, RULES))["groups"]
    *same, pods = kubernetes_groups(files)
    assert same == common
    assert [rule["alert"] for rule in pods["rules"]] == [
        "AppMemory",
        "AppRestarts",
        "AppCannotGrow",
        "AppMigrationFailed",
    ]


def test_pods_are_scraped_under_the_name_that_rules_choose_by() -> None:
    files = rendered("kubernetes")
    monitor = yaml.safe_load(text_of(files, "kubernetes/components/monitoring/podmonitor.yaml"))
    deployment = yaml.safe_load(text_of(files, "kubernetes/base/deployment.yaml"))
    pod = deployment["spec"]["template"]
    job = pod["metadata"]["labels"][monitor["spec"]["jobLabel"]]
    assert f'job="{job}"' in text_of(files, RULES)
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == pod["spec"]["containers"][0]["ports"][0]["name"]
    assert endpoint["path"] == "/metrics"


# with compose


def test_every_replica_of_compose_is_scraped_where_compose_has_it() -> None:
    files = rendered("compose")
    said = yaml.safe_load(text_of(files, "observability/prometheus/prometheus.yml"))
    app = said["scrape_configs"][0]
    services = yaml.safe_load(text_of(files, "compose.yaml"))["services"]
    replicas = [name for name in services if re.fullmatch(r"app-\d+", name)]
    assert app["static_configs"] == [{"targets": [f"{name}:8000" for name in replicas]}]
    assert f'job="{app["job_name"]}"' in text_of(files, RULES)
    hosts = yaml.safe_load(text_of(files, COMPOSE))["services"]["prometheus"]["extra_hosts"]
    assert hosts == [
        f"{name}:{services[name]['networks']['back']['ipv4_address']}" for name in replicas
    ]


def test_it_lies_over_the_compose_file_without_changing_the_app() -> None:
    files = rendered("compose")
    base, over = (yaml.safe_load(text_of(files, name)) for name in ("compose.yaml", COMPOSE))
    assert not base["services"].keys() & over["services"].keys()
    assert not base["volumes"].keys() & over["volumes"].keys()
    joined = {name for item in over["services"].values() for name in item["networks"]}
    assert joined <= {*base["networks"], *over["networks"]}


def test_what_asks_for_no_password_is_published_for_this_machine_only() -> None:
    for service in yaml.safe_load(text_of(rendered("compose"), COMPOSE))["services"].values():
        (port,) = service["ports"]
        assert re.fullmatch(r"\$\{\w+:-127\.0\.0\.1:\d+\}:\d+", port)
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"] == service["memswap_limit"]


def test_files_that_are_mounted_are_there() -> None:
    files = rendered("compose")
    mounted = [
        volume.split(":")[0].removeprefix("./")
        for service in yaml.safe_load(text_of(files, COMPOSE))["services"].values()
        for volume in service["volumes"]
        if volume.startswith("./")
    ]
    assert mounted
    for folder in mounted:
        assert [name for name in files if name.startswith(f"{folder}/")]


def test_the_compose_file_is_valid(tmp_path: Path) -> None:
    write(rendered("compose"), tmp_path)
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(tmp_path / COMPOSE))


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# promtool

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool reads them")


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@needs_promtool
@pytest.mark.parametrize("stack", ["flask/gunicorn-gthread", "flask/gunicorn-gevent"])
def test_prometheus_takes_its_configuration_and_the_rules(stack: str, tmp_path: Path) -> None:
    files = rendered("compose", "kubernetes", stack=stack, said=None)
    write(files, tmp_path)
    in_kubernetes = tmp_path / "kubernetes.yml"
    in_kubernetes.write_text(yaml.safe_dump({"groups": kubernetes_groups(files)}))
    for arguments in (
        ("config", tmp_path / "observability" / "prometheus" / "prometheus.yml"),
        ("rules", in_kubernetes),
    ):
        done = promtool("check", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    chosen = ",".join(f'{key}="{value}"' for key, value in {"job": "flask", **labels}.items())
    return {"series": f"{name}{{{chosen}}}", "values": values}


def counted(status: str, rate: float) -> dict[str, str]:
    """Have a replica count so many requests/s, scraped once a minute."""
    labels = {"instance": "a", "method": "GET", "route": "/", "status": status}
    return series("http_requests_total", f"0+{60 * rate:g}x40", **labels)


def bucket(le: str, rate: float) -> dict[str, str]:
    labels = {"instance": "a", "method": "GET", "route": "/", "le": le}
    return series("http_request_seconds_bucket", f"0+{60 * rate:g}x40", **labels)


UP = (series("up", "1x40", instance="a"), series("up", "1x40", instance="b"))


@needs_promtool
@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([*UP, counted("200", 100), bucket("0.05", 100), bucket("+Inf", 100)], set()),
        # 2 % slower than 50 ms
        (
            [*UP, counted("200", 100), bucket("0.05", 98), bucket("0.1", 100), bucket("+Inf", 100)],
            {"AppSlow"},
        ),
        ([*UP, counted("200", 98), counted("500", 2)], {"AppErrors"}),
        ([*UP, counted("200", 730)], {"AppNearCapacity"}),
        ([UP[0], series("up", "0x40", instance="b")], {"AppReplicasMissing"}),
        ([series("up", "0x40", instance="a")], {"AppDown"}),
        ([], {"AppDown"}),
        # probes and scrapes
        ([*UP, series("http_requests_total", "0+90000x40", route="/healthz", status="500")], set()),
        ([*UP, series("http_requests_running", "8x40", instance="a")], {"AppAllBusy"}),
        ([*UP, series("http_requests_running", "7x40", instance="a")], set()),
    ],
)
def test_alerts_fire_for_what_they_are_for_and_nothing_else(
    seen: list[dict[str, str]], expected: set[str], tmp_path: Path
) -> None:
    write(rendered(), tmp_path)
    names = alerts(rendered())
    # what is expected is given with its labels and texts; whether it fires is all that is asked
    cases = [
        {
            "interval": "1m",
            "input_series": seen,
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                    "eval_time": "40m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if name in expected else [],
                }
                for name in names
            ],
        }
    ]
    test = tmp_path / "test.yml"
    test.write_text(yaml.safe_dump({"rule_files": [RULES], "tests": cases}))
    done = promtool("test", "rules", test)
    assert done.returncode == 0, done.stdout + done.stderr
