"""A service of a compose file as a container."""

from collections.abc import Callable, Mapping
from posixpath import dirname, join, normpath

from toolkit.lint.amounts import docker_bytes, fraction, go_seconds
from toolkit.lint.dockerfiles.check_commands import asked_by
from toolkit.lint.facts import Container, Fact, Platform, Probe, ProbeRole
from toolkit.lint.manifests.compose_layers import listed, pairs
from toolkit.lint.manifests.compose_mounts import mounts_of
from toolkit.lint.manifests.compose_ports import addresses_of, ports_of, published_by
from toolkit.lint.manifests.nodes import Kind, Node
from toolkit.lint.splitting import split
from toolkit.lint.variables import read_env, unknown

GRACE = 10.0
"""Docker's default, https://docs.docker.com/reference/compose-file/services/#stop_grace_period"""


def container_of(
    name: str, service: Node, document: Node, find: Callable[[str], str | None]
) -> Container:
    """Read a service.

    Args:
        name: Of the service.
        service: What stands under it, with what it extends.
        document: Of the compose file.
        find: Gives the text of a file by its path from the folder.

    Raises:
        ReadError: A command in it has a quote that is not closed.
    """
    limits = service.at("deploy", "resources", "limits")
    mounts = mounts_of(service, document)
    ports = ports_of(service)
    context = _context(service)
    return Container(
        platform=Platform.COMPOSE,
        name=name,
        where=service.where,
        image=service.at("image").text_fact,
        dockerfile=_dockerfile(service, context),
        context=context,
        target=service.at("build", "target").text or None,
        build_args={name: fact.value for name, fact in _facts(service.at("build", "args")).items()},
        entrypoint=_command(service.at("entrypoint")),
        command=_command(service.at("command")),
        workdir=service.at("working_dir").text or "",
        env=_env(service, find),
        memory=_bytes(limits.at("memory")) or _bytes(service.at("mem_limit")),
        cpus=_cpus(service, limits),
        replicas=service.at("deploy", "replicas").integer_fact or service.at("scale").integer_fact,
        grace=_seconds(service.at("stop_grace_period")) or _default_grace(service),
        stop_signal=service.at("stop_signal").text_fact,
        read_only=service.at("read_only").truth_fact,
        writable=mounts.writable,
        memory_folders=mounts.in_memory,
        files=mounts.files,
        probes=_probes(service.at("healthcheck")),
        no_health_check=_is_switched_off(service.at("healthcheck")),
        ports=ports.named,
        published=published_by(service, ports),
        sysctls=_facts(service.at("sysctls")),
        networks=_networks(service),
        addresses=addresses_of(name, service),
        labels={**_facts(service.at("labels")), **_facts(service.at("deploy", "labels"))},
        init=service.at("init").truth_fact,
    )


def _command(node: Node) -> Fact[tuple[str, ...]] | None:
    """Read a command: a text is split as a shell does, but none is started for it.

    One that is empty takes away the image's.
    """
    if node.kind is Kind.SCALAR:
        node.steps.take(len(node.whole))  # split character by character
        return Fact(split(node.text or "", node.where.line), node.where)
    words = node.words
    return None if words is None else Fact(words, node.where)


# The image


def _context(service: Node) -> str | None:
    build = service.at("build")
    if not build.given:
        return None
    node = build if build.kind is Kind.SCALAR else build.at("context")
    context = node.text or "."
    if "://" in context or context.startswith(("/", "~", "git@", "github.com/")):
        return None
    return _inside(join(dirname(node.where.path), context))


def _dockerfile(service: Node, context: str | None) -> str | None:
    build = service.at("build")
    if context is None or build.at("dockerfile_inline").given:
        return None
    named = build.at("dockerfile").text or "Dockerfile"
    return None if named.startswith("/") else _inside(join(context, named))


def _inside(path: str) -> str | None:
    """Give a path in its shortest form, None if it leads out of the folder."""
    normal = normpath(path)
    return None if normal.startswith("..") else normal


# Limits and times


def _bytes(node: Node) -> Fact[int] | None:
    """Read a limit; 0 is none."""
    value = docker_bytes(node.text or "")
    return Fact(value, node.where) if value else None


def _cpus(service: Node, limits: Node) -> Fact[float] | None:
    for node in (limits.at("cpus"), service.at("cpus")):
        if value := fraction(node.text or ""):
            return Fact(value, node.where)
    quota = service.at("cpu_quota")
    share, period = fraction(quota.text or ""), fraction(service.at("cpu_period").text or "")
    return Fact(share / (period or 100_000.0), quota.where) if share else None


def _seconds(node: Node) -> Fact[float] | None:
    value = go_seconds(node.text or "")
    return None if value is None else Fact(value, node.where)


def _default_grace(service: Node) -> Fact[float] | None:
    if service.at("stop_grace_period").given:
        return None  # set, but to what is not known
    return Fact(GRACE, service.where, "docker")


# Variables and networks


def _env(service: Node, find: Callable[[str], str | None]) -> Mapping[str, Fact[str]]:
    found: dict[str, Fact[str]] = {}
    for entry in listed(service.at("env_file")):
        named = entry.text or entry.at("path").text
        path = _inside(join(dirname(entry.where.path), named)) if named else None
        text = find(path) if path is not None else None
        if path is not None and text is not None:
            service.steps.take(len(text) // 8)
            found.update(read_env(path, text))
    return {**found, **_facts(service.at("environment"))}


def _facts(node: Node) -> dict[str, Fact[str]]:
    """Give values by name; one without a value is passed on from whoever starts it."""
    return {
        name: Fact(value.whole if value.kind is Kind.SCALAR else unknown(name), value.where)
        for name, value in pairs(node).items()
    }


def _networks(service: Node) -> tuple[str, ...]:
    networks = service.at("networks")
    if networks.kind is Kind.LIST:
        return networks.words or ()
    return tuple(name for name, _ in networks.items())


# Health checks


def _is_switched_off(check: Node) -> bool:
    return check.at("disable").truth is True or check.at("test").words in {("NONE",), ()}


def _probes(check: Node) -> tuple[Probe, ...]:
    words = _test(check.at("test"))
    if words is None or _is_switched_off(check):
        return ()
    path, port = asked_by(words)
    where = check.at("test").where
    return (
        Probe(
            role=ProbeRole.HEALTH,
            where=where,
            words=words,
            path=path,
            port=port,
            period=_seconds(check.at("interval")) or Fact(30.0, where, "docker"),
            timeout=_seconds(check.at("timeout")) or Fact(30.0, where, "docker"),
            failures=check.at("retries").integer_fact or Fact(3, where, "docker"),
        ),
    )


def _test(test: Node) -> tuple[str, ...] | None:
    if test.kind is Kind.SCALAR:
        return ("/bin/sh", "-c", test.text or "")
    words = test.words
    if not words or words[0] == "NONE":
        return None
    if words[0] == "CMD-SHELL":
        return ("/bin/sh", "-c", " ".join(words[1:]))
    return words[1:] if words[0] == "CMD" else None
