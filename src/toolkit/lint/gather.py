"""All that the deployment files in a folder say, put together.

A compose service or a pod's container is linked with the Dockerfile that it is built from, that
with the scripts and configuration files that it copies, the server in it with the proxies that name
it. What cannot be told for sure is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from toolkit.lint import platforms, traefik
from toolkit.lint.dockerfiles import dockerfile
from toolkit.lint.facts import Container, Deployment, Unit, Unread, Where
from toolkit.lint.images import Images, is_known, repository_of
from toolkit.lint.linking import link
from toolkit.lint.nginx import files as nginx_files
from toolkit.lint.nginx.keeping import version_of
from toolkit.lint.pinning import Pins
from toolkit.lint.python import files as python_files
from toolkit.lint.units import Assembler, Found, bare
from toolkit.reading import Files, ReadError


def gather(files: Files) -> Deployment:
    """Read and link everything in a folder.

    Args:
        files: Of the folder.
    """
    images = Images(files)
    described = platforms.read_folder(files)
    assembler = Assembler(files, images, Pins(files))
    found = [assembler.assemble(item) for item in _with_images(images, described.containers)]
    found += [assembler.assemble(item) for item in _bare(images, found)]
    found += [assembler.assemble(item) for item in _on_machines(described.programs, found)]
    units = _once(unit for item in found for unit in item.units)
    configured = nginx_files.read_folder(files, _nginx_hosts(found))
    routed = traefik.read_folder(files, (item.container for item in found))
    proxies = (*configured.proxies, *routed.proxies)
    sources = python_files.read_folder(files)
    databases = described.databases
    server = bool(databases) or any(_is_database(item.container) for item in found)
    return Deployment(
        units=link(
            units,
            proxies,
            [item.container for item in found if not item.units],
        ),
        proxies=proxies,
        databases=databases,
        hops=sources.hops,
        pools=sources.pools(server=server),
        routes=sources.routes,
        reads_forwarded=sources.reads_forwarded,
        patches_gevent=sources.patches_gevent,
        files=_kinds(
            {
                "Dockerfile": [path for path in images.paths if path not in images.unread],
                **described.files,
                "nginx": configured.paths,
                traefik.NAME: routed.paths,
                "Python": sources.files,
            }
        ),
        unread=_unread(
            files,
            images.unread.values(),
            described.unread,
            [_of(path, error) for path, error in configured.unread.items()],
            [_of(path, error) for path, error in routed.unread.items()],
            [_of(path, error) for path, error in sources.unread.items()],
        ),
    )


def _with_images(images: Images, containers: Sequence[Container]) -> list[Container]:
    """Say of containers that name an image that is built here, from which Dockerfile."""
    built = images.built(containers)
    made_of = {item.dockerfile for item in containers}
    only = images.only_one(containers)
    linked: list[Container] = []
    for item in containers:
        name = repository_of(item.image.value) if item.image is not None else ""
        if item.dockerfile is not None or not name:
            linked.append(item)
        elif name in built:
            of = built[name]
            linked.append(
                replace(
                    item,
                    dockerfile=of.dockerfile,
                    context=of.context,
                    target=of.target,
                    build_args=of.build_args,
                )
            )
        elif only and only[1] == name and only[0] not in made_of:
            linked.append(replace(item, dockerfile=only[0]))
        else:
            linked.append(item)
    return linked


def _bare(images: Images, found: Sequence[Found]) -> list[Container]:
    """Give Dockerfiles that no platform refers to."""
    used = {item.container.dockerfile for item in found}
    read = [images.stage(path) for path in images.paths if path not in used]
    return [bare(image) for image in read if image is not None]


def _on_machines(programs: Iterable[Container], found: Sequence[Found]) -> list[Container]:
    """Give the programs of supervisord that none of the containers runs."""
    inside = {path for item in found for path in item.configured}
    return [item for item in programs if item.where.path not in inside]


def _once(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """Leave out what variants of a compose file say once more."""
    kept: dict[str, list[Unit]] = {}
    for unit in units:
        same = kept.setdefault(unit.name, [])
        if unit not in same:
            same.append(unit)
    return tuple(unit for same in kept.values() for unit in same)


def _nginx_hosts(found: Sequence[Found]) -> list[nginx_files.Host]:
    hosts: list[nginx_files.Host] = []
    for item in found:
        named = item.container.image.value if item.container.image is not None else ""
        base = item.image.base if item.image is not None else named
        if "nginx" in base or (not item.units and "nginx" in named):
            hosts.append(
                nginx_files.Host(
                    path=item.container.where.path,
                    version=version_of(base),
                    variables={
                        name: fact.value
                        for name, fact in item.container.env.items()
                        if "$" not in fact.value
                    },
                    files=nginx_files.files_of(item.locator),
                )
            )
    return hosts


def _is_database(container: Container) -> bool:
    image = container.image.value if container.image is not None else ""
    return is_known(image) and any(
        name in image for name in ("postg", "mysql", "mariadb", "percona", "pgvector")
    )


def _kinds(found: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({kind: tuple(paths) for kind, paths in found.items() if paths})


def _of(path: str, error: ReadError) -> Unread:
    return Unread(where=Where(path, error.line), reason=str(error))


def _unread(files: Files, *several: Iterable[Unread]) -> tuple[Unread, ...]:
    """Give what could not be read, with files that were left out but would have been looked at."""
    left_out = [
        Unread(where=Where(path), reason=reason)
        for path, reason in files.left_out.items()
        if path == "." or dockerfile.is_dockerfile(path) or platforms.is_of_platform(path)
    ]
    every = [*left_out, *(item for items in several for item in items)]
    return tuple(sorted(dict.fromkeys(every), key=lambda item: (item.where, item.reason)))
