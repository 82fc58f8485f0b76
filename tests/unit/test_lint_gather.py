"""Files that belong together are found to, and what cannot be told for sure is left out."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Deployment, Fact, Platform, ServerKind, Unit, Where
from toolkit.lint.gather import gather
from toolkit.reading import MOST_BYTES, Files

DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY . .
EXPOSE 8000
CMD ["gunicorn", "-c", "gunicorn.conf.py", "shop:app"]
"""
CONFIG = 'bind = "0.0.0.0:8000"\nworkers = 3\n'
COMPOSE = "services:\n  web:\n    build: .\n"
APP = {"Dockerfile": DOCKERFILE, "gunicorn.conf.py": CONFIG, "shop.py": "app = None\n"}
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop:1.0
"""


def gathered(*several: Mapping[str, str], **named: str) -> Deployment:
    texts: dict[str, str] = {}
    for files in several:
        texts.update(files)
    return gather(Files.of_texts({**texts, **named}))


def one(*several: Mapping[str, str]) -> Unit:
    (unit,) = gathered(*several).units
    return unit


def workers(unit: Unit) -> Fact[int] | None:
    assert unit.server is not None
    return unit.server.workers


def names(deployment: Deployment) -> list[str]:
    return [unit.name for unit in deployment.units]


# a container, its image and the files in it


def test_a_service_has_the_server_of_its_image_with_the_configuration_file_in_it() -> None:
    unit = one(APP, {"compose.yaml": COMPOSE})
    assert unit.name == "service web"
    assert unit.image is not None
    assert unit.image.path == "Dockerfile"
    assert unit.server is not None
    assert unit.server.kind is ServerKind.GUNICORN
    assert workers(unit) == Fact(3, Where("gunicorn.conf.py", 2))


def test_a_build_takes_its_files_from_its_context() -> None:
    files = {f"backend/{path}": text for path, text in APP.items()}
    compose = "services:\n  web:\n    build: backend\n"
    unit = one(files, {"compose.yaml": compose, "gunicorn.conf.py": "workers = 9\n"})
    assert workers(unit) == Fact(3, Where("backend/gunicorn.conf.py", 2))


def test_a_dockerfile_in_a_folder_of_its_own_copies_from_the_folder_above() -> None:
    files = {path: text for path, text in APP.items() if path != "Dockerfile"}
    unit = one(files, {"docker/Dockerfile": DOCKERFILE})
    assert workers(unit) == Fact(3, Where("gunicorn.conf.py", 2))


def test_what_is_mounted_covers_what_is_in_the_image() -> None:
    compose = COMPOSE + "    volumes: ['./deploy/production.py:/app/gunicorn.conf.py:ro']\n"
    unit = one(APP, {"compose.yaml": compose, "deploy/production.py": "workers = 7\n"})
    assert workers(unit) == Fact(7, Where("deploy/production.py", 1))


def test_an_entry_point_script_is_followed_to_the_server_it_starts() -> None:
    files = {
        **APP,
        "Dockerfile": "FROM python:3.13\nWORKDIR /app\nCOPY . .\n"
        'COPY deploy/start.sh /usr/local/bin/start\nENTRYPOINT ["start"]\n',
        "deploy/start.sh": "#!/bin/sh\nset -e\nexec gunicorn -w 5 shop:app\n",
    }
    unit = one(files)
    assert unit.command is not None
    assert unit.command.where == Where("deploy/start.sh", 3)
    assert workers(unit) == Fact(5, Where("deploy/start.sh", 3))


def test_a_configuration_that_nobody_asks_for_is_read_only_where_gunicorn_looks() -> None:
    plain = {"Procfile": "web: gunicorn shop:app\n"}
    assert workers(one(plain, {"gunicorn.conf.py": CONFIG})) == Fact(
        3, Where("gunicorn.conf.py", 2)
    )
    elsewhere = workers(one(plain, {"other/gunicorn.conf.py": CONFIG}))
    assert elsewhere != Fact(3, Where("other/gunicorn.conf.py", 2))


def test_one_that_is_asked_for_is_the_only_one_of_that_name() -> None:
    asked = {"Procfile": "web: gunicorn -c /etc/shop/gunicorn.conf.py shop:app\n"}
    unit = one(asked, {"other/gunicorn.conf.py": CONFIG})
    assert workers(unit) == Fact(3, Where("other/gunicorn.conf.py", 2))


def test_a_command_of_the_service_replaces_that_of_the_image() -> None:
    compose = COMPOSE + "    command: gunicorn -w 8 shop:app\n"
    assert workers(one(APP, {"compose.yaml": compose})) == Fact(8, Where("compose.yaml", 4))


def test_an_entry_point_of_the_service_drops_the_command_of_the_image() -> None:
    files = {
        "Dockerfile": 'FROM python\nCMD ["shop:app"]\n',
        "compose.yaml": COMPOSE + "    entrypoint: [gunicorn, --workers=2]\n",
    }
    unit = one(files)
    assert unit.command is not None
    assert unit.command.words == ("gunicorn", "--workers=2")


def test_variables_of_the_service_win_over_those_of_the_image() -> None:
    files = {
        "Dockerfile": 'FROM python\nENV WEB_CONCURRENCY=2\nCMD ["gunicorn", "shop:app"]\n',
        "compose.yaml": COMPOSE + "    environment: {WEB_CONCURRENCY: 6}\n",
    }
    assert workers(one(files)) == Fact(6, Where("compose.yaml", 4))


def test_a_stage_that_is_asked_for_is_taken() -> None:
    dockerfile = 'FROM python AS prod\nCMD ["gunicorn", "a:b"]\nFROM prod AS dev\nCMD ["bash"]\n'
    compose = "services:\n  web:\n    build: {context: ., target: prod}\n"
    assert one({"Dockerfile": dockerfile, "compose.yaml": compose}).server is not None


def test_a_folder_of_several_projects_has_versions_for_each() -> None:
    files = {
        "a/Procfile": "web: gunicorn a:app\n",
        "a/requirements.txt": "gunicorn==23.0.0\n",
        "b/Procfile": "web: gunicorn b:app\n",
        "b/requirements/prod.txt": "gunicorn==27.0.1\n",
    }
    found = [unit.server.version for unit in gathered(files).units if unit.server]
    assert found == [
        Fact("23.0.0", Where("a/requirements.txt", 1)),
        Fact("27.0.1", Where("b/requirements/prod.txt", 1)),
    ]


def test_a_lock_above_is_for_all_below() -> None:
    files = {"a/Procfile": "web: gunicorn a:app\n", "requirements.txt": "gunicorn==23.0.0\n"}
    server = one(files).server
    assert server is not None
    assert server.version == Fact("23.0.0", Where("requirements.txt", 1))


# what the image says where the platform says nothing

CHECKED = DOCKERFILE + "STOPSIGNAL SIGQUIT\nHEALTHCHECK CMD curl -f localhost:8000/up\n"


def test_a_service_has_the_checks_ports_and_signal_of_its_image() -> None:
    container = one(APP, {"Dockerfile": CHECKED, "compose.yaml": COMPOSE}).container
    assert [probe.where for probe in container.probes] == [Where("Dockerfile", 7)]
    assert container.stop_signal == Fact("SIGQUIT", Where("Dockerfile", 6))
    assert container.ports == (Fact(8000, Where("Dockerfile", 4)),)


def test_its_own_come_before_them() -> None:
    compose = COMPOSE + (
        "    stop_signal: SIGTERM\n    expose: [9000]\n    healthcheck: {test: [CMD, 'true']}\n"
    )
    container = one(APP, {"Dockerfile": CHECKED, "compose.yaml": compose}).container
    assert [probe.where for probe in container.probes] == [Where("compose.yaml", 6)]
    assert container.stop_signal == Fact("SIGTERM", Where("compose.yaml", 4))
    assert [port.value for port in container.ports] == [9000]


def test_a_health_check_of_docker_means_nothing_to_kubernetes() -> None:
    container = one(APP, {"Dockerfile": CHECKED, "k8s.yaml": DEPLOYMENT}).container
    assert container.probes == ()
    assert container.stop_signal == Fact("SIGQUIT", Where("Dockerfile", 6))


# Kubernetes and Dockerfiles


def test_a_pod_is_made_from_the_only_dockerfile() -> None:
    unit = one(APP, {"k8s.yaml": DEPLOYMENT})
    assert unit.container.platform is Platform.KUBERNETES
    assert workers(unit) == Fact(3, Where("gunicorn.conf.py", 2))


def test_of_two_dockerfiles_the_one_that_makes_the_image_by_that_name() -> None:
    files = {
        **APP,
        "admin/Dockerfile": 'FROM python\nCMD ["gunicorn", "-w", "9", "admin:app"]\n',
        "compose.yaml": "services:\n"
        "  web: {build: ., image: 'registry.example.com/shop:latest'}\n"
        "  admin: {build: admin}\n",
        "k8s.yaml": DEPLOYMENT,
    }
    found = {unit.container.platform: unit for unit in gathered(files).units}
    assert workers(found[Platform.KUBERNETES]) == Fact(3, Where("gunicorn.conf.py", 2))


def test_of_two_dockerfiles_none_is_guessed() -> None:
    deployment = gathered(APP, {"b/Dockerfile": DOCKERFILE, "k8s.yaml": DEPLOYMENT})
    platforms = {unit.container.platform for unit in deployment.units}
    assert platforms == {Platform.DOCKER}


@pytest.mark.parametrize(
    "image", ["postgres:17", "docker.io/bitnami/redis", "nginxinc/nginx-unprivileged"]
)
def test_a_pod_of_a_program_that_everybody_knows_is_not_made_here(image: str) -> None:
    manifest = DEPLOYMENT.replace("registry.example.com/shop:1.0", image)
    assert names(gathered(APP, {"k8s.yaml": manifest})) == ["Dockerfile"]


def test_arguments_of_a_pod_take_the_place_of_the_images_command() -> None:
    manifest = DEPLOYMENT + "          args: [gunicorn, -w, '4', 'shop:app']\n"
    assert workers(one(APP, {"k8s.yaml": manifest})) == Fact(4, Where("k8s.yaml", 12))


# what is a unit


def test_a_dockerfile_that_nobody_refers_to_is_started_by_docker() -> None:
    unit = one(APP)
    assert unit.name == "Dockerfile"
    assert unit.container.platform is Platform.DOCKER
    assert unit.container.grace == Fact(10.0, Where("Dockerfile", 1), "docker")


def test_databases_proxies_and_workers_are_no_units() -> None:
    compose = COMPOSE + (
        "  db: {image: 'postgres:17'}\n"
        "  proxy: {image: nginx}\n"
        "  worker: {build: ., command: celery -A shop worker}\n"
    )
    deployment = gathered(APP, {"compose.yaml": compose})
    assert names(deployment) == ["service web"]
    assert [database.name for database in deployment.databases] == ["db"]


def test_what_is_built_here_and_starts_something_unknown_is_one() -> None:
    unit = one({"Dockerfile": 'FROM python\nENTRYPOINT ["/start.sh"]\n', "compose.yaml": COMPOSE})
    assert unit.command is None
    assert unit.server is None


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM nginx\nCOPY conf /etc/nginx\n",
        "FROM postgres:17\n",
        "FROM python\nRUN pip install x\n",
        'FROM python\nCMD ["/bin/bash"]\n',
        'FROM node\nCMD ["npm", "start"]\n',
    ],
)
def test_an_image_of_another_kind_is_none(dockerfile: str) -> None:
    assert names(gathered({"Dockerfile": dockerfile})) == []


def test_variants_that_say_the_same_are_one_unit() -> None:
    compose = "services:\n  web: {image: 'shop:1', command: gunicorn a:b}\n"
    deployment = gathered(
        {
            "compose.yaml": COMPOSE,
            "Dockerfile": DOCKERFILE,
            "compose.tools.yaml": "services:\n  adminer: {image: adminer}\n",
            "compose.prod.yaml": compose,
        }
    )
    found = [unit.container.where.path for unit in deployment.units]
    assert sorted(found) == ["compose.prod.yaml", "compose.yaml"]


def test_a_service_of_systemd_finds_its_configuration_in_the_project() -> None:
    service = """\
[Service]
WorkingDirectory=/srv/shop
ExecStart=/srv/shop/.venv/bin/gunicorn -c deploy/gunicorn.conf.py shop:app
"""
    unit = one({"etc/shop.service": service, "deploy/gunicorn.conf.py": CONFIG})
    assert unit.name == "shop.service"
    assert workers(unit) == Fact(3, Where("deploy/gunicorn.conf.py", 2))


# proxies

SITE = """\
upstream app { server web:8000; }
server { location / { proxy_pass http://app; } }
"""


def test_a_proxy_is_in_front_of_the_service_that_it_names() -> None:
    compose = COMPOSE + "  proxy: {image: 'nginx:1.28'}\n"
    unit = one(APP, {"compose.yaml": compose, "nginx/site.conf": SITE})
    assert [proxy.where for proxy in unit.proxies] == [Where("nginx/site.conf", 2)]
    assert unit.proxies[0].kept is None


def test_the_image_of_the_proxy_tells_what_it_does_by_default() -> None:
    compose = COMPOSE + "  proxy: {image: 'nginx:1.31'}\n"
    (proxy,) = one(APP, {"compose.yaml": compose, "nginx/site.conf": SITE}).proxies
    assert proxy.kept == Fact(32, Where("nginx/site.conf", 1), "nginx")


def test_a_configuration_includes_what_its_image_copies_there() -> None:
    files = {
        **APP,
        "compose.yaml": COMPOSE + "  proxy: {build: proxy}\n",
        "proxy/Dockerfile": "FROM nginx\nCOPY main.conf /etc/nginx/nginx.conf\n"
        "COPY shop.conf /etc/nginx/conf.d/default.conf\n",
        "proxy/main.conf": "http { proxy_read_timeout 5s; include /etc/nginx/conf.d/*.conf; }",
        "proxy/shop.conf": SITE,
    }
    deployment = gathered(files)
    assert names(deployment) == ["service web"]
    (proxy,) = deployment.proxies
    assert proxy.read_timeout == Fact(5.0, Where("proxy/main.conf", 1))
    assert deployment.units[0].proxies == (proxy,)


def test_a_file_beside_a_configuration_is_included() -> None:
    files = {
        "nginx/nginx.conf": "http { include snippets/*.conf; include sites/shop; }",
        "nginx/snippets/times.conf": "proxy_read_timeout 7s;",
        "nginx/sites/shop": SITE,
    }
    (proxy,) = gathered(APP, files).proxies
    assert proxy.read_timeout == Fact(7.0, Where("nginx/snippets/times.conf", 1))


def test_of_files_that_include_each_other_one_is_read() -> None:
    files = {
        "nginx/conf.d/a.conf": f"include conf.d/*.conf;\n{SITE}",
        "nginx/conf.d/b.conf": "include conf.d/*.conf;\nserver {}",
    }
    assert len(gathered(APP, files).proxies) == 1


def test_a_site_beside_the_main_file_is_included_by_it() -> None:
    """Its times would be taken for nginx's defaults otherwise."""
    main = "include modules/*.conf;\nhttp { proxy_read_timeout 9s; include conf.d/*.conf; }"
    (proxy,) = gathered(APP, {"nginx/nginx.conf": main, "nginx/shop.conf": SITE}).proxies
    assert proxy.read_timeout == Fact(9.0, Where("nginx/nginx.conf", 2))


def test_a_template_has_the_variables_of_the_proxys_environment() -> None:
    compose = COMPOSE + "  proxy: {image: nginx, environment: {APP: 'web:8000'}}\n"
    template = "server { location / { proxy_pass http://${APP}; } }"
    unit = one(APP, {"compose.yaml": compose, "nginx/site.conf.template": template})
    assert len(unit.proxies) == 1


# Python

POOL = "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"
UP = "@app.get('/up')\ndef up():\n    return 'ok'\n"
ASKS = "@app.get('/up')\ndef up():\n    db.session.execute(q)\n"


@pytest.mark.parametrize(
    "path", ["tests/test_app.py", "app/tests/x.py", "conftest.py", "docs/conf.py", "app_test.py"]
)
def test_tests_and_documentation_are_not_the_app(path: str) -> None:
    deployment = gathered({path: POOL + UP})
    assert deployment.pools == ()
    assert deployment.routes == ()


@pytest.mark.parametrize("path", ["migrations/env.py", "scripts/import.py"])
def test_pools_of_what_runs_beside_the_app_do_not_count(path: str) -> None:
    assert gathered({path: POOL}).pools == ()
    assert len(gathered({"app.py": POOL}).pools) == 1


def test_a_path_that_one_app_asks_at_and_another_does_not_is_unclear() -> None:
    assert gathered({"a.py": UP, "b.py": ASKS}).routes == ()
    assert len(gathered({"a.py": ASKS, "b.py": ASKS}).routes) == 2


@pytest.mark.parametrize("image", ["postgres:17", "mysql", "mariadb:11"])
def test_a_database_that_is_started_is_the_one_that_is_meant(image: str) -> None:
    config = "URI = os.environ.get('URL', 'sqlite:///x.db')\nSQLALCHEMY_DATABASE_URI = URI\n"
    files = {"app.py": POOL, "config.py": config}
    assert gathered(files).pools == ()
    assert len(gathered(files, {"compose.yaml": f"services: {{db: {{image: '{image}'}}}}"}).pools)


# what could not be read


def test_files_that_cannot_be_read_are_told_and_the_others_are_read() -> None:
    deployment = gathered(
        APP,
        {
            "compose.yaml": "services: [\n",
            "broken/Dockerfile": "CMD x\n",
            "nginx.conf": "server {\n",
            "k8s/web.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\n",
            "bad.service": "[Service]\nExecStart=/bin/x 'open\n",
            "old.py": "import werkzeug.middleware.proxy_fix as p\nprint p.ProxyFix\n",
        },
    )
    assert [str(unread.where) for unread in deployment.unread] == [
        "bad.service:2",
        "broken/Dockerfile:1",
        "compose.yaml:2",
        "k8s/web.yaml:2",
        "nginx.conf:1",
        "old.py:2",
    ]
    assert names(deployment) == ["Dockerfile"]
    assert deployment.files == {"Dockerfile": ("Dockerfile",)}


def test_a_deployment_file_that_was_left_out_is_told_and_a_picture_is_not(tmp_path: Path) -> None:
    for name in ("Dockerfile", "picture.png"):
        (tmp_path / name).write_bytes(b"x" * (MOST_BYTES + 1))
    deployment = gather(Files.of(tmp_path))
    assert [unread.where.path for unread in deployment.unread] == ["Dockerfile"]


def test_an_empty_folder_says_nothing() -> None:
    assert gathered({}) == Deployment()


WHOLE = {
    **APP,
    "compose.yaml": COMPOSE + "  proxy: {image: 'nginx:1.31'}\n",
    "nginx/site.conf": SITE,
    "k8s.yaml": DEPLOYMENT,
    "shop.service": "[Service]\nExecStart=gunicorn -c gunicorn.conf.py shop:app\n",
    "Procfile": "web: ./start.sh\n",
    "start.sh": "#!/bin/sh\nexec gunicorn shop:app\n",
    "shop.py": POOL + ASKS,
    "requirements.txt": "gunicorn==27.0.1\n",
}


@given(
    path=st.sampled_from(sorted(WHOLE)),
    cut=st.integers(0, 400),
    length=st.integers(0, 40),
    inserted=st.text(alphabet="{}[]'\"$\\\n:&*!-#()|>;= ax0", max_size=20),
)
def test_a_file_that_is_damaged_is_read_or_told(
    path: str, cut: int, length: int, inserted: str
) -> None:
    text = WHOLE[path]
    damaged = text[:cut] + inserted + text[cut + length :]
    deployment = gathered(WHOLE, {path: damaged})
    assert {unread.where.path for unread in deployment.unread} <= {path, "."}


# what is told of strangers' idioms


def test_a_script_that_another_account_runs_once_more_is_followed_once() -> None:
    """As the entry points of the official images do."""
    script = '#!/bin/sh\nif [ "$(id -u)" = 0 ]; then\n  exec gosu app "$0" "$@"\nfi\nexec "$@"\n'
    dockerfile = (
        "FROM python\nWORKDIR /app\nCOPY . .\n"
        'ENTRYPOINT ["/app/run.sh"]\nCMD ["gunicorn", "-w", "3", "shop:app"]\n'
    )
    unit = one({"Dockerfile": dockerfile, "run.sh": script})
    assert workers(unit) == Fact(3, Where("Dockerfile", 5))


def test_a_setting_stands_where_its_argument_does_not_where_the_server_is_named() -> None:
    dockerfile = 'FROM python\nENTRYPOINT ["gunicorn"]\nCMD ["shop:app"]\n'
    compose = COMPOSE + '    command: ["-w", "5", "shop:app"]\n'
    assert workers(one({"Dockerfile": dockerfile, "compose.yaml": compose})) == Fact(
        5, Where("compose.yaml", 4)
    )


@pytest.mark.parametrize("base", ["alpine:3.23", "registry.access.redhat.com/ubi9/python-312"])
def test_a_shell_that_is_not_dash_makes_way_for_an_only_command(base: str) -> None:
    unit = one({"Dockerfile": f"FROM {base}\nEXPOSE 8000\nCMD gunicorn shop:app\n"})
    assert unit.command is not None
    assert not unit.command.shell


def test_the_shell_of_an_image_from_elsewhere_is_known_by_its_name() -> None:
    service = '    command: sh -c "gunicorn shop:app"\n'
    shells = {
        image: one({"compose.yaml": f"services:\n  web:\n    image: {image}\n{service}"}).command
        for image in ("python:3.13", "python:3.13-alpine")
    }
    assert [command and command.shell for command in shells.values()] == [True, False]


def test_a_package_that_is_run_is_read_at_its_main_module() -> None:
    dockerfile = 'FROM python\nWORKDIR /app\nCOPY . .\nCMD ["python", "-m", "shop"]\n'
    main = 'import uvicorn\nuvicorn.run("shop.app:app", host="0.0.0.0", port=9000)\n'
    unit = one({"Dockerfile": dockerfile, "shop/__main__.py": main})
    assert unit.server is not None
    assert unit.server.binds == (Fact("0.0.0.0:9000", Where("shop/__main__.py", 2)),)


def test_a_file_for_docker_stack_deploy_is_read() -> None:
    stack = "services:\n  web:\n    image: shop\n    command: gunicorn -w 2 shop:app\n"
    assert workers(one({"docker-stack.yml": stack})) == Fact(2, Where("docker-stack.yml", 4))


def test_another_tools_stack_file_is_none() -> None:
    assert gathered({"stack.yaml": "resolver: lts-22.0\n"}).files == {}


def test_a_service_of_a_profile_for_development_is_not_deployed() -> None:
    debug = "  debug:\n    build: .\n    profiles: [dev]\n    command: flask run --debug\n"
    assert names(gathered(APP, {"compose.yaml": COMPOSE + debug})) == ["service web"]


def test_an_image_is_built_with_the_arguments_of_its_service() -> None:
    dockerfile = "FROM python\nARG N=1\nENV WEB_CONCURRENCY=$N\nCMD gunicorn shop:app\n"
    compose = "services:\n  web:\n    build: {context: ., args: [N=6]}\n"
    assert workers(one({"Dockerfile": dockerfile, "compose.yaml": compose})) == Fact(
        6, Where("Dockerfile", 3)
    )


@pytest.mark.parametrize(
    ("source", "patches"),
    [
        ("import gevent.monkey\ngevent.monkey.patch_all()\n", True),
        ("# gevent.monkey.patch_all()\n", False),
        ("from shop.forms import patch_all\npatch_all()\n", False),
    ],
)
def test_a_configuration_that_has_gevent_patch_is_known(source: str, patches: bool) -> None:
    assert gathered(APP, {"gunicorn.conf.py": source}).patches_gevent is patches


def test_a_source_that_reads_forwarded_headers_by_itself_is_known() -> None:
    own = 'scheme = environ.get("HTTP_X_FORWARDED_PROTO")\n'
    assert gathered(APP, {"shop.py": own}).reads_forwarded
    assert not gathered(APP).reads_forwarded


def test_a_configuration_of_nginx_among_the_documentation_is_of_nobody() -> None:
    site = "server { location / { proxy_pass http://web:8000; } }\n"
    assert len(gathered({"nginx/a.conf": site}).proxies) == 1
    assert gathered({"docs/a.conf": site}).proxies == ()
