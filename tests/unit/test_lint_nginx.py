"""What nginx passes on, to whom and for how long, as nginx itself would take the file."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Fact, Proxy, Where
from toolkit.lint.nginx.keeping import KEPT_BY_DEFAULT, Version, version_of
from toolkit.lint.nginx.nginx import is_nginx, read, read_all
from toolkit.lint.nginx.values import seconds
from toolkit.reading import ReadError

PATH = "nginx/default.conf"


def one(text: str) -> Proxy:
    (proxy,) = read(PATH, text)
    return proxy


def location(inside: str, around: str = "") -> Proxy:
    return one(f"server {{ {around} location / {{ {inside} }} }}")


def given_at(value: object, line: int) -> object:
    return Fact(value, Where(PATH, line))


# where it passes on to


@pytest.mark.parametrize(
    ("directive", "protocol", "target"),
    [
        ("proxy_pass http://app:8000;", "http", "app:8000"),
        ("proxy_pass http://app:8000/some/path;", "http", "app:8000"),
        ("proxy_pass http://app;", "http", "app:80"),
        ("proxy_pass https://app/;", "http", "app:443"),
        ("proxy_pass http://[::1]:8000;", "http", "[::1]:8000"),
        ("proxy_pass http://[::1];", "http", "[::1]:80"),
        ("proxy_pass http://unix:/run/app.sock;", "http", "unix:/run/app.sock"),
        ("proxy_pass http://unix:/run/app.sock:/path/;", "http", "unix:/run/app.sock"),
        ("uwsgi_pass app:3031;", "uwsgi", "app:3031"),
        ("uwsgi_pass unix:///tmp/uwsgi.sock;", "uwsgi", "unix:/tmp/uwsgi.sock"),
        ("uwsgi_pass unix:/tmp/uwsgi.sock;", "uwsgi", "unix:/tmp/uwsgi.sock"),
        ("grpc_pass grpc://app:50051;", "grpc", "app:50051"),
        ("fastcgi_pass 127.0.0.1:9000;", "fastcgi", "127.0.0.1:9000"),
    ],
)
def test_a_target_is_an_address_with_its_port(directive: str, protocol: str, target: str) -> None:
    proxy = location(directive)
    assert (proxy.protocol, proxy.targets) == (protocol, (target,))


def test_an_upstream_stands_for_its_servers() -> None:
    text = """\
upstream app {
    server web1:5000 weight=2;
    server web2;
    server web3:5000 down;
    server unix:/run/app.sock;
}
server { location / { proxy_pass http://app/x; } }
"""
    assert one(text).targets == ("web1:5000", "web2:80", "unix:/run/app.sock")


def test_a_variable_that_is_set_stands_for_its_value() -> None:
    assert location("proxy_pass $up;", "set $up http://app:8000;").targets == ("app:8000",)
    assert location("set $host app; proxy_pass http://${host}:80/;").targets == ("app:80",)


@pytest.mark.parametrize("url", ["$backend", "http://$host", "${APP}", "http://${APP}:8000"])
def test_of_a_variable_that_nobody_sets_no_target_is_known(url: str) -> None:
    assert location(f"proxy_pass {url};").targets == ()


def test_variables_of_the_environment_are_put_into_templates() -> None:
    text = "server { location / { proxy_pass http://${APP}:$PORT; set $x $PORTS; } }"
    (proxy,) = read_all([(PATH, text)], variables={"APP": "web", "PORT": "8000"}).proxies
    assert proxy.targets == ("web:8000",)


def test_places_stay_where_they_are_whatever_is_put_in() -> None:
    text = "server {\n # $A\n location / {\n proxy_pass http://app; } }"
    (proxy,) = read_all([(PATH, text)], variables={"A": "1\n2\n3"}).proxies
    assert proxy.where == Where(PATH, 4)


def test_what_is_no_http_is_no_proxy_of_an_app() -> None:
    assert read(PATH, "stream { server { listen 5432; proxy_pass db:5432; } }") == ()


def test_each_location_is_a_proxy_those_in_locations_and_conditions_too() -> None:
    text = """\
server {
    location / {
        proxy_pass http://a:1;
        location /x { proxy_pass http://b:2; }
        if ($arg_y) { proxy_pass http://c:3; }
    }
    location /static { root /srv; }
}
"""
    found = [proxy.targets[0] for proxy in read(PATH, text)]
    assert found == ["a:1", "b:2", "c:3"]


# times and buffering


def test_without_a_time_it_waits_a_minute() -> None:
    proxy = one("server {\nlocation / {\nproxy_pass http://app:80; } }")
    assert proxy.read_timeout == Fact(60.0, Where(PATH, 3), "nginx")


def test_a_time_holds_in_all_blocks_within() -> None:
    text = """\
http {
    proxy_read_timeout 10s;
    server {
        location /a { proxy_pass http://app:80; }
        location /b { proxy_read_timeout 20s; proxy_pass http://app:80; }
    }
    server {
        proxy_read_timeout 30s;
        location /c { location /d { proxy_pass http://app:80; } }
    }
}
"""
    found = [proxy.read_timeout for proxy in read(PATH, text)]
    assert found == [given_at(10.0, 2), given_at(20.0, 5), given_at(30.0, 8)]


def test_a_time_of_another_protocol_does_not_count() -> None:
    proxy = location("proxy_read_timeout 5s; uwsgi_read_timeout 7s; uwsgi_pass app:3031;")
    assert proxy.read_timeout == given_at(7.0, 1)


def test_a_time_that_is_a_variable_is_not_known() -> None:
    assert location("proxy_read_timeout ${TIMEOUT}; proxy_pass http://app;").read_timeout is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 60.0),
        ("60s", 60.0),
        ("500ms", 0.5),
        ("1m", 60.0),
        ("1M", 30 * 86_400.0),
        ("1h30m", 5400.0),
        ("1d 12h", 129_600.0),
        ("", None),
        ("on", None),
        ("5x", None),
        ("s", None),
        ("-1", None),
        ("1" * 50 + "x", None),
    ],
)
def test_times_are_read_as_nginx_reads_them(text: str, value: float | None) -> None:
    assert seconds(text) == value


def test_requests_are_buffered_unless_told_otherwise() -> None:
    assert location("proxy_pass http://app;").buffers == Fact(True, Where(PATH, 1), "nginx")
    off = location("proxy_pass http://app;", "proxy_request_buffering off;")
    assert off.buffers == given_at(False, 1)
    assert location("uwsgi_request_buffering off; uwsgi_pass app:1;").buffers == given_at(False, 1)


def test_of_grpc_nothing_is_said_about_buffering() -> None:
    assert location("grpc_pass app:1;").buffers is None


# forwarded headers


@pytest.mark.parametrize(
    ("value", "sets", "appends"),
    [
        ("$proxy_add_x_forwarded_for", False, True),
        ("$remote_addr", True, False),
        ("$realip_remote_addr", True, False),
        ("$http_x_forwarded_for", False, False),
        ('"$http_x_forwarded_for, $remote_addr"', False, True),
        ('""', False, False),
    ],
)
def test_what_becomes_of_forwarded_for(value: str, sets: bool, appends: bool) -> None:
    proxy = location(f"proxy_set_header X-Forwarded-For {value}; proxy_pass http://app;")
    assert proxy.sets_forwarded == given_at(sets, 1)
    assert proxy.appends_forwarded == given_at(appends, 1)


def test_without_a_header_that_of_the_client_is_passed_on() -> None:
    proxy = location("proxy_pass http://app;")
    assert proxy.sets_forwarded == Fact(False, Where(PATH, 1), "nginx")
    assert proxy.appends_forwarded == Fact(False, Where(PATH, 1), "nginx")


def test_headers_of_the_levels_above_are_lost_where_a_level_sets_one() -> None:
    text = """\
server {
    proxy_set_header X-Forwarded-For $remote_addr;
    location /kept { proxy_pass http://app; }
    location /lost { proxy_set_header Host $host; proxy_pass http://app; }
}
"""
    kept, lost = read(PATH, text)
    assert kept.sets_forwarded == given_at(True, 2)
    assert lost.sets_forwarded == Fact(False, Where(PATH, 4), "nginx")


def test_names_of_headers_have_no_case() -> None:
    proxy = location("proxy_set_header x-forwarded-FOR $remote_addr; proxy_pass http://app;")
    assert proxy.sets_forwarded == given_at(True, 1)


def test_of_uwsgi_headers_say_nothing() -> None:
    proxy = location("include uwsgi_params; uwsgi_pass app:3031;")
    assert proxy.sets_forwarded is proxy.appends_forwarded is None


# connections that are kept

UPSTREAM = "upstream app {{ server web:8000; {upstream} }}\nserver {{ location / {{ {inside} }} }}"
NEW, OLD = KEPT_BY_DEFAULT, (1, 28, 0)
ASKED = 'proxy_http_version 1.1; proxy_set_header Connection "";'


def keeping(upstream: str, inside: str = "", version: Version | None = None) -> Proxy:
    text = UPSTREAM.format(upstream=upstream, inside=f"proxy_pass http://app; {inside}")
    (proxy,) = read_all([(PATH, text)], version=version).proxies
    return proxy


@pytest.mark.parametrize("version", [None, OLD, NEW])
def test_what_an_upstream_keeps_is_kept_for_a_minute(version: Version | None) -> None:
    proxy = keeping("keepalive 16;", ASKED, version)
    assert proxy.kept == given_at(16, 1)
    assert proxy.keep_alive == Fact(60.0, Where(PATH, 1), "nginx")


def test_an_upstream_says_for_how_long() -> None:
    assert keeping("keepalive 16; keepalive_timeout 5s;", ASKED).keep_alive == given_at(5.0, 1)


def test_before_1_29_7_a_connection_is_closed_unless_both_lines_are_there() -> None:
    assert keeping("keepalive 16;", "proxy_http_version 1.1;", OLD).kept is None
    assert keeping("keepalive 16;", "", NEW).kept == given_at(16, 1)


def test_since_1_29_7_an_upstream_keeps_connections_by_itself() -> None:
    proxy = keeping("", "", NEW)
    assert proxy.kept == Fact(32, Where(PATH, 1), "nginx")
    assert keeping("", "", OLD).kept is None
    assert keeping("", "", None).kept is None


def test_keepalive_0_keeps_none() -> None:
    proxy = keeping("keepalive 0;", "", NEW)
    assert proxy.kept == given_at(0, 1)


@pytest.mark.parametrize(
    "inside",
    [
        "proxy_http_version 1.0;",
        "proxy_set_header Connection close;",
        "proxy_set_header Connection $connection_upgrade;",
    ],
)
def test_what_tells_the_app_to_close_keeps_none(inside: str) -> None:
    assert keeping("keepalive 16;", inside, NEW).kept is None


def test_without_an_upstream_none_is_kept() -> None:
    text = "server { keepalive_timeout 65; location / { proxy_pass http://app:80; } }"
    (proxy,) = read_all([(PATH, text)], version=NEW).proxies
    assert proxy.kept is None
    assert proxy.keep_alive is None


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("nginx", KEPT_BY_DEFAULT),
        ("nginx:alpine", KEPT_BY_DEFAULT),
        ("nginx:stable-alpine-slim", KEPT_BY_DEFAULT),
        ("docker.io/library/nginx:latest", KEPT_BY_DEFAULT),
        ("localhost:5000/nginx", KEPT_BY_DEFAULT),
        ("nginx:1.25.3-alpine", (1, 25, 3)),
        ("nginx:1.29", (1, 29, 99)),
        ("nginxinc/nginx-unprivileged:1.31.5@sha256:00", (1, 31, 5)),
        ("nginx:$TAG", None),
        ("nginx:1.2.3.4", None),
        ("caddy:2", None),
        ("tiangolo/uwsgi-nginx-flask:1.29", None),
        ("", None),
    ],
)
def test_an_image_tells_the_version(image: str, version: Version | None) -> None:
    assert version_of(image) == version


# several files


def including(files: dict[str, str], *roots: str) -> list[Proxy]:
    def include(path: str, pattern: str) -> list[tuple[str, str]]:
        return [(name, files[name]) for name in files if name == pattern]

    return list(read_all([(root, files[root]) for root in roots], include=include).proxies)


def test_what_is_included_stands_where_it_is_included() -> None:
    files = {
        "nginx.conf": "http { proxy_read_timeout 5s; include site.conf; }",
        "site.conf": "server { location / { include proxy.conf; proxy_pass http://app; } }",
        "proxy.conf": "# headers\nproxy_set_header X-Forwarded-For $remote_addr;",
    }
    (proxy,) = including(files, "nginx.conf")
    assert proxy.where == Where("site.conf", 1)
    assert proxy.read_timeout == Fact(5.0, Where("nginx.conf", 1))
    assert proxy.sets_forwarded == Fact(True, Where("proxy.conf", 2))


def test_a_file_that_includes_itself_ends() -> None:
    files = {"nginx.conf": "include nginx.conf; server { location / { proxy_pass http://a; } }"}
    assert including(files, "nginx.conf")


def test_what_a_missing_file_may_set_is_not_known() -> None:
    proxy = location("include snippets/app.conf; proxy_pass http://app;")
    assert proxy.read_timeout is proxy.buffers is proxy.sets_forwarded is None
    inner = location("proxy_pass http://app;", "include snippets/app.conf;")
    assert inner.read_timeout is None


@pytest.mark.parametrize("name", ["/etc/nginx/mime.types", "uwsgi_params", "conf.d/*.conf"])
def test_files_of_the_package_set_nothing_of_interest(name: str) -> None:
    proxy = location("proxy_pass http://app;", f"include {name};")
    assert proxy.read_timeout == Fact(60.0, Where(PATH, 1), "nginx")


def test_debians_proxy_params_appends_to_the_header() -> None:
    proxy = location("include proxy_params; proxy_pass http://app;")
    assert proxy.appends_forwarded == given_at(True, 1)


def test_files_share_upstreams_but_prefer_their_own() -> None:
    server = "server { location / { proxy_pass http://app; } }"
    files = {
        "dev.conf": f"upstream app {{ server dev:1; }} {server}",
        "prod.conf": f"upstream app {{ server prod:2; }} {server}",
        "other.conf": "server { location / { proxy_pass http://only; } }",
        "upstream.conf": "upstream only { server shared:3; }",
    }
    found = [proxy.targets for proxy in including(files, *files)]
    assert found == [("dev:1",), ("prod:2",), ("shared:3",)]


# what it is, and what it is not


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("nginx.conf", "http {\n}"),
        ("deploy/app.conf.template", "server {\n listen ${PORT};\n}"),
        ("nginx/sites-available/app", "  server {\n}"),
        ("conf", "upstream app\n{\n server a;\n}"),
        ("nginx/app.example.com", "server {}"),
        ("x.conf", "location ~ ^/api {\n}"),
    ],
)
def test_a_file_with_blocks_of_nginx_is_a_configuration(path: str, text: str) -> None:
    assert is_nginx(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("entrypoint.sh", "server {\n}"),
        ("nginx/start.sh", "cat <<E\nserver {\n}\nE"),
        ("entrypoint", "#!/bin/sh\ncat <<E\nserver {\n}\nE"),
        ("README.md", "server {\n}"),
        ("app.conf", "[server]\nport = 1"),
        ("main.tf", "server {\n}"),
        ("app.conf", "server {"[:-1]),
    ],
)
def test_other_files_are_not(path: str, text: str) -> None:
    assert not is_nginx(path, text)


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("server {\n listen 80;\n", 'expecting "}"', 2),
        ("server { }\n}", 'unexpected "}"', 2),
        ('server {\n proxy_pass "http://a;\n}', "expecting", 2),
        ("server {\n{% if tls %}\n}", "a template ({% if tls %}): render it first", 2),
        ("server { server_name {{ host }}; }", "a template ({{ host }})", 1),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, reason: str, line: int) -> None:
    with pytest.raises(ReadError) as caught:
        read(PATH, text)
    assert reason in caught.value.reason
    assert caught.value.line == line


@pytest.mark.parametrize("text", ["a {" * 5000 + "}" * 5000, "{" * 9000, "x" * 200_000])
def test_nesting_without_end_is_refused_or_read_but_does_no_harm(text: str) -> None:
    with suppress(ReadError):
        assert read(PATH, text) == ()


@given(st.text(alphabet="server{};#\"'\\$ \nproxy_pass http://a:1", max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    is_nginx(PATH, text)
    with suppress(ReadError):
        lines = text.count("\n") + 1
        assert all(1 <= proxy.where.line <= lines for proxy in read(PATH, text))
