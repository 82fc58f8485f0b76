"""Compose files mean what Docker Compose takes them for."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Address, Container, Copied, Fact, ProbeRole, Published, Where
from toolkit.lint.manifests.compose import is_compose, projects, read
from toolkit.reading import ReadError

PATH = "app/compose.yaml"


def services(text: str, files: Mapping[str, str] | None = None) -> dict[str, Container]:
    found = read(PATH, text, find=(files or {}).get)
    return {container.name: container for container in found}


def web(lines: str, *, top: str = "", files: Mapping[str, str] | None = None) -> Container:
    """Read a service, whose lines begin at line 4."""
    text = "services:\n  web:\n    labels: {}\n" + _indented(lines) + top
    return services(text, files)["web"]


def _indented(lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines.splitlines())


def at(line: int) -> Where:
    return Where(PATH, line)


# names of files


@pytest.mark.parametrize(
    "path",
    [
        "compose.yaml",
        "a/docker-compose.yml",
        "docker-compose.prod.yml",
        "compose.override.yaml",
        "docker-compose-dev.yaml",
    ],
)
def test_a_compose_file_is_known_by_its_name(path: str) -> None:
    assert is_compose(path)


@pytest.mark.parametrize(
    "path", ["composer.yaml", "my-compose.yml", "compose.json", "compose.yml.j2"]
)
def test_a_file_that_is_only_called_alike_is_none(path: str) -> None:
    assert not is_compose(path)


WHOLE = "services: {web: {image: web}}\n"
LAYER = "services: {web: {restart: always}}\n"


def test_what_compose_takes_by_itself_is_read_with_its_override() -> None:
    texts = {"compose.yaml": WHOLE, "compose.override.yaml": LAYER}
    assert projects(texts) == (("compose.yaml", "compose.override.yaml"),)


def test_of_several_names_compose_takes_the_first() -> None:
    assert projects({"docker-compose.yml": WHOLE, "compose.yml": WHOLE}) == (("compose.yml",),)


def test_a_production_file_that_cannot_stand_alone_is_what_is_deployed() -> None:
    texts = {
        "docker-compose.yml": WHOLE,
        "docker-compose.override.yml": LAYER,
        "docker-compose.prod.yml": LAYER,
    }
    assert projects(texts) == (("docker-compose.yml", "docker-compose.prod.yml"),)


def test_a_file_that_can_stand_alone_is_read_alone() -> None:
    texts = {"docker-compose.yml": WHOLE, "docker-compose.prod.yml": WHOLE}
    assert projects(texts) == (("docker-compose.yml",), ("docker-compose.prod.yml",))


def test_files_are_read_alone_where_there_is_none_that_compose_takes_by_itself() -> None:
    texts = {"docker-compose.local.yml": WHOLE, "docker-compose.production.yml": LAYER}
    assert projects(texts) == (("docker-compose.local.yml",), ("docker-compose.production.yml",))


def test_a_layer_for_development_is_left_out() -> None:
    assert projects({"compose.yml": WHOLE, "compose.dev.yml": LAYER}) == (("compose.yml",),)


def test_a_layer_that_is_neither_is_read_beside_the_file_below() -> None:
    assert projects({"compose.yml": WHOLE, "compose.gpu.yml": LAYER}) == (
        ("compose.yml",),
        ("compose.yml", "compose.gpu.yml"),
    )


def test_files_of_different_folders_do_not_belong_together() -> None:
    texts = {"a/compose.yml": WHOLE, "b/compose.override.yml": LAYER}
    assert projects(texts) == (("a/compose.yml",), ("b/compose.override.yml",))


def test_a_file_that_is_no_yaml_is_read_alone_so_that_this_is_reported() -> None:
    assert projects({"compose.yml": WHOLE, "compose.x.yml": "a: b: c"}) == (
        ("compose.yml",),
        ("compose.x.yml",),
    )


# commands


def test_a_command_in_a_line_is_split_and_started_without_a_shell() -> None:
    found = web("command: gunicorn -b '0.0.0.0:80' \"a b\" && x")
    assert found.command == Fact(("gunicorn", "-b", "0.0.0.0:80", "a b", "&&", "x"), at(4))
    assert found.entrypoint is None


def test_a_command_over_several_lines_is_one() -> None:
    found = web("command: >\n  gunicorn\n  --workers 4")
    assert found.command == Fact(("gunicorn", "--workers", "4"), at(4))


def test_a_command_as_a_list_is_taken_word_by_word() -> None:
    found = web('entrypoint: ["sh", "-c"]\ncommand:\n- a b\n- 1')
    assert found.entrypoint == Fact(("sh", "-c"), at(4))
    assert found.command == Fact(("a b", "1"), at(5))


@pytest.mark.parametrize("empty", ["[]", "''"])
def test_an_empty_command_takes_away_the_images(empty: str) -> None:
    assert web(f"command: {empty}").command == Fact((), at(4))


@pytest.mark.parametrize("lines", ["command: null", "command:", "image: x"])
def test_without_a_command_the_images_stays(lines: str) -> None:
    assert web(lines).command is None


@pytest.mark.parametrize("command", ["'a \"b'", "|\n  " + "a" * 30_000])
def test_a_command_that_cannot_be_split_makes_the_file_unreadable(command: str) -> None:
    with pytest.raises(ReadError, match="a command") as error:
        web(f"command: {command}")
    assert error.value.line == 4


# the image


def test_a_build_tells_the_dockerfile_the_context_and_the_stage() -> None:
    found = web("build:\n  context: ..\n  dockerfile: docker/Dockerfile\n  target: app")
    assert (found.context, found.dockerfile, found.target) == (".", "docker/Dockerfile", "app")


@pytest.mark.parametrize(
    ("build", "dockerfile"), [(".", "app/Dockerfile"), ("./web", "app/web/Dockerfile")]
)
def test_a_build_may_be_only_the_context(build: str, dockerfile: str) -> None:
    assert web(f"build: {build}").dockerfile == dockerfile


@pytest.mark.parametrize(
    "build",
    ["https://example.org/a.git", "../..", "/srv", "{context: ., dockerfile_inline: FROM x}"],
)
def test_what_is_built_from_elsewhere_has_no_dockerfile_here(build: str) -> None:
    assert web(f"build: {build}").dockerfile is None


# limits and times


def test_the_limits_of_deploy_win_over_the_older_ones() -> None:
    lines = "mem_limit: 1g\ncpus: 4\ndeploy:\n  resources:\n    limits: {cpus: '0.5', memory: 512M}"
    found = web(lines)
    assert (found.memory, found.cpus) == (Fact(2**29, at(8)), Fact(0.5, at(8)))


def test_the_older_limits_count_too() -> None:
    found = web("mem_limit: 1g\ncpu_quota: 150000\ncpu_period: 100000\nscale: 3")
    assert found.memory == Fact(2**30, at(4))
    assert found.cpus == Fact(1.5, at(5))
    assert found.replicas == Fact(3, at(7))


@pytest.mark.parametrize("limit", ["0", "${MEMORY}", "${MEMORY:-0}", "lots"])
def test_a_limit_of_nought_or_that_is_not_known_is_none(limit: str) -> None:
    found = web(f"mem_limit: {limit}\ncpus: {limit}")
    assert (found.memory, found.cpus) == (None, None)


def test_docker_gives_ten_seconds_to_stop() -> None:
    assert web("image: x").grace == Fact(10.0, at(2), "docker")


def test_a_service_may_be_given_more_or_less_time_to_stop() -> None:
    assert web("stop_grace_period: 1m30s").grace == Fact(90.0, at(4))
    assert web("stop_grace_period: '0'").grace == Fact(0.0, at(4))


def test_a_time_to_stop_that_is_set_elsewhere_is_not_the_default() -> None:
    assert web("stop_grace_period: ${GRACE}").grace is None


def test_what_is_said_of_the_process_is_read() -> None:
    found = web("stop_signal: SIGINT\nread_only: true\ninit: true\nworking_dir: /srv")
    assert found.stop_signal == Fact("SIGINT", at(4))
    assert found.read_only == Fact(value=True, where=at(5))
    assert found.init == Fact(value=True, where=at(6))
    assert found.workdir == "/srv"


# folders


def folders(facts: tuple[Fact[str], ...]) -> list[str]:
    return [fact.value for fact in facts]


def test_files_of_the_project_are_known_by_where_they_are_mounted() -> None:
    lines = (
        "volumes:\n- ./conf.py:/app/conf.py:ro\n- ..:/src\n- {type: bind, source: ./x, target: /x}"
    )
    assert web(lines).files == (
        Copied(source="app/conf.py", target="/app/conf.py"),
        Copied(source=".", target="/src"),
        Copied(source="app/x", target="/x"),
    )


@pytest.mark.parametrize("source", ["../../etc", "/etc", "~/x", "${WHERE}/x", "data"])
def test_what_is_not_of_the_project_is_none_of_its_files(source: str) -> None:
    assert web(f"volumes: ['{source}:/x']").files == ()


def test_volumes_can_be_written_to_unless_they_are_read_only() -> None:
    lines = (
        "volumes:\n- data:/data\n- /anonymous\n- ./a:/a:ro\n- ./b:/b:z,ro\n"
        "- {type: volume, source: c, target: /c, read_only: true}\n"
        "- {type: volume, source: d, target: /d/}"
    )
    assert folders(web(lines).writable) == ["/data", "/anonymous", "/d"]


def test_a_tmpfs_is_in_memory() -> None:
    lines = "tmpfs: /tmp:size=64m\nvolumes:\n- {type: tmpfs, target: /run}"
    found = web(lines)
    assert found.memory_folders == (Fact("/run", at(6)), Fact("/tmp", at(4)))
    assert found.writable == found.memory_folders


def test_a_tmpfs_may_be_one_of_a_list() -> None:
    assert folders(web("tmpfs:\n- /tmp\n- /run").memory_folders) == ["/tmp", "/run"]


def test_configs_are_files_of_the_project() -> None:
    lines = "configs:\n- plain\n- {source: nginx, target: /etc/nginx.conf}"
    top = "configs:\n  plain: {file: ./a}\n  nginx: {file: ./b}\n"
    assert web(lines, top=top).files == (
        Copied(source="app/a", target="/plain"),
        Copied(source="app/b", target="/etc/nginx.conf"),
    )


# ports


@pytest.mark.parametrize(
    ("port", "containers"),
    [
        ("8000", [8000]),
        ("80:8000", [8000]),
        ("0.0.0.0:80:8000", [8000]),
        ("'[::]:80:8000'", [8000]),
        ("80:8000/tcp", [8000]),
        ("80-81:8000-8001", [8000, 8001]),
        ("{target: 8000, published: 80}", [8000]),
        ("${PORT:-80}:8000", [8000]),
        ("80:${PORT}", [None]),
        ("192.168.0.1:80:8000", [8000]),
    ],
)
def test_a_port_is_published(port: str, containers: list[int | None]) -> None:
    found = web(f"ports:\n- {port}")
    assert found.published == tuple(
        Published(container=number, where=at(5), by="ports") for number in containers
    )


@pytest.mark.parametrize(
    "port",
    [
        "127.0.0.1:80:8000",
        "'[::1]:80:8000'",
        "{target: 8000, published: 80, host_ip: 127.0.0.1}",
        "${WHERE:-127.0.0.1:80}:8000",
        "${WHERE}:8000",
        "${IP}:80:8000",
    ],
)
def test_a_port_of_the_machine_itself_is_not_published_but_named(port: str) -> None:
    found = web(f"ports:\n- {port}")
    assert (found.published, found.ports) == ((), (Fact(8000, at(5)),))


@pytest.mark.parametrize("port", ["53:53/udp", "{target: 53, protocol: udp}", "x", "80:99999999"])
def test_what_is_no_port_of_tcp_is_none(port: str) -> None:
    assert web(f"ports:\n- {port}").ports == ()


def test_what_is_exposed_is_named_but_not_published() -> None:
    found = web("expose:\n- 8000\n- '9000/tcp'")
    assert (found.published, found.ports) == ((), (Fact(8000, at(5)), Fact(9000, at(6))))


def test_in_the_network_of_the_machine_nothing_is_published() -> None:
    assert web("network_mode: host\nports: ['80:80']").published == ()


def test_a_service_is_reached_by_its_names() -> None:
    lines = "container_name: shop\nnetworks:\n  back:\n    aliases: [api]\n  front: {}"
    found = web(lines)
    assert found.addresses == (
        Address(name="web", where=at(2)),
        Address(name="shop", where=at(4)),
        Address(name="api", where=at(7)),
    )
    assert found.networks == ("back", "front")


# variables


def test_variables_are_a_map_or_a_list() -> None:
    of_map = web("environment:\n  A: 1\n  B:").env
    of_list = web("environment:\n- A=1\n- B").env
    assert of_map == of_list == {"A": Fact("1", at(5)), "B": Fact("${B}", at(6))}


def test_what_a_service_sets_wins_over_its_file_of_variables() -> None:
    files = {"app/web.env": "A=1\nB=1\n"}
    found = web("env_file: web.env\nenvironment: [B=2]", files=files)
    assert found.env == {"A": Fact("1", Where("app/web.env", 1)), "B": Fact("2", at(5))}


def test_files_of_variables_may_be_several_and_missing() -> None:
    files = {"app/a.env": "A=1\n", "b.env": "A=2\n"}
    lines = "env_file:\n- a.env\n- {path: ../b.env, required: false}\n- no.env\n- ../../x.env"
    assert web(lines, files=files).env == {"A": Fact("2", Where("b.env", 1))}


def test_variables_in_the_file_come_from_dot_env_beside_it() -> None:
    files = {"app/.env": "TAG=1.2\n", ".env": "TAG=no\n"}
    assert web("image: web:${TAG}", files=files).image == Fact("web:1.2", at(4))


def test_a_variable_that_nobody_gives_stays() -> None:
    found = web("command: gunicorn -w ${WORKERS} -t ${TIME:-30} $$X")
    assert found.command is not None
    assert found.command.value == ("gunicorn", "-w", "${WORKERS}", "-t", "30", "$X")


def test_kernel_parameters_are_a_map_or_a_list() -> None:
    for lines in ("sysctls:\n  net.core.somaxconn: 1024", "sysctls:\n- net.core.somaxconn=1024"):
        assert web(lines).sysctls == {"net.core.somaxconn": Fact("1024", at(5))}


# health checks


def test_a_health_check_is_read_with_dockers_defaults() -> None:
    lines = (
        'healthcheck:\n  test: ["CMD", "curl", "-f", "http://localhost:8000/up"]\n  interval: 5s'
    )
    (probe,) = web(lines).probes
    assert (probe.role, probe.where) == (ProbeRole.HEALTH, at(5))
    assert probe.words == ("curl", "-f", "http://localhost:8000/up")
    assert (probe.path, probe.port) == ("/up", "8000")
    assert probe.period == Fact(5.0, at(6))
    assert probe.timeout == Fact(30.0, at(5), "docker")
    assert probe.failures == Fact(3, at(5), "docker")


@pytest.mark.parametrize("test", ["curl x || exit 1", '["CMD-SHELL", "curl x || exit 1"]'])
def test_a_health_check_in_a_line_is_run_by_a_shell(test: str) -> None:
    (probe,) = web(f"healthcheck:\n  test: {test}").probes
    assert probe.words == ("/bin/sh", "-c", "curl x || exit 1")


@pytest.mark.parametrize("check", ["{disable: true}", "{test: [NONE]}"])
def test_a_health_check_can_be_switched_off(check: str) -> None:
    found = web(f"healthcheck: {check}")
    assert (found.probes, found.no_health_check) == ((), True)


def test_times_alone_leave_the_images_health_check() -> None:
    found = web("healthcheck: {interval: 5s}")
    assert (found.probes, found.no_health_check) == ((), False)


# one over another


BASE = """\
x-env: &env {A: 1}
services:
  web:
    image: base
    command: [a, b]
    environment:
      <<: *env
      B: 1
    ports: ['80:80']
    stop_grace_period: 20s
    healthcheck: {test: [CMD, x], interval: 5s}
    build: .
"""


def laid_over(text: str) -> Container:
    (container,) = read(PATH, BASE, over=[("app/over.yaml", text)])
    return container


def over(line: int) -> Where:
    return Where("app/over.yaml", line)


def test_maps_are_merged_and_lists_joined() -> None:
    found = laid_over("services:\n  web:\n    environment: [B=2, C=2]\n    ports: ['81:81']\n")
    assert {name: fact.value for name, fact in found.env.items()} == {"A": "1", "B": "2", "C": "2"}
    assert found.env["B"].where == over(3)
    assert [fact.value for fact in found.ports] == [80, 81]
    assert found.where == at(3)


def test_what_is_not_said_again_stays_and_what_is_wins() -> None:
    found = laid_over("services:\n  web:\n    command: c\n    healthcheck: {interval: 9s}\n")
    assert found.command == Fact(("c",), over(3))
    assert found.grace == Fact(20.0, at(10))
    (probe,) = found.probes
    assert (probe.words, probe.period) == (("x",), Fact(9.0, over(4)))


def test_a_build_in_a_line_is_merged_with_one_of_several() -> None:
    found = laid_over("services:\n  web:\n    build: {target: prod}\n")
    assert (found.dockerfile, found.target) == ("app/Dockerfile", "prod")


def test_a_value_can_be_taken_away_or_replaced() -> None:
    found = laid_over(
        "services:\n  web:\n    ports: !override ['81:81']\n    command: !reset null\n"
    )
    assert [fact.value for fact in found.ports] == [81]
    assert found.command is None


def test_a_file_above_can_bring_services_of_its_own() -> None:
    found = read(PATH, BASE, over=[("app/over.yaml", "services: {proxy: {image: nginx}}")])
    assert [container.name for container in found] == ["web", "proxy"]


def test_a_service_can_extend_another() -> None:
    text = "services:\n  a: {image: x, stop_grace_period: 5s}\n  b: {extends: a, image: y}\n"
    found = services(text)["b"]
    assert (found.image, found.grace) == (Fact("y", at(3)), Fact(5.0, at(2)))
    assert found.where == at(3)


def test_a_service_can_extend_one_of_another_file_whose_paths_are_from_there() -> None:
    files = {"base/common.yml": "services:\n  a: {build: ./web}\n"}
    text = "services:\n  b:\n    extends: {file: ../base/common.yml, service: a}\n"
    assert services(text, files)["b"].dockerfile == "base/web/Dockerfile"


@pytest.mark.parametrize(
    "extends", ["b", "{service: b}", "nobody", "{file: no.yml, service: a}", "[x]"]
)
def test_a_service_that_extends_itself_or_nothing_is_read_as_it_is(extends: str) -> None:
    text = f"services:\n  b: {{extends: {extends}, image: y}}\n"
    assert services(text)["b"].image == Fact("y", at(2))


# what cannot be read


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "a: b: c\n", 'services: {web: {command: "\'"}}']
)
def test_what_is_no_compose_file_is_refused(text: str) -> None:
    with pytest.raises(ReadError):
        read(PATH, text)


@pytest.mark.parametrize(
    "text", ["[]", "x", "services:", "services: []", "services: {web: }", "services: x"]
)
def test_a_file_without_services_has_none(text: str) -> None:
    assert read(PATH, text) == ()


VALUES = st.recursive(
    st.sampled_from(["", "x", "1", "${A:-b}", "null", "true", "/a:/b", "127.0.0.1:1:2", "'"]).map(
        lambda text: "'" + text.replace("'", "''") + "'"
    )
    | st.just("null"),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["test", "target", "limits", "path", "file"]), inner).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        *["image", "build", "command", "entrypoint", "environment", "env_file", "ports", "expose"],
        *["volumes", "tmpfs", "configs", "deploy", "healthcheck", "sysctls", "networks", "extends"],
        *["stop_grace_period", "mem_limit", "cpus", "scale", "init", "network_mode", "hostname"],
    ]
)


@given(st.dictionaries(KEYS, VALUES))
def test_a_service_whatever_it_says_is_read_or_refused(said: dict[str, str]) -> None:
    text = "services:\n  web:\n    x: y\n" + "".join(
        f"    {key}: {value}\n" for key, value in said.items()
    )
    try:
        (found,) = read(PATH, text)
    except ReadError:
        return
    assert found.name == "web"
