"""What deployment files say, each value with the place where it stands.

A reader (of a Dockerfile, a compose file ...) turns the text of one file into *parts*: an
``Image``, ``Container``s, ``Proxy``s. ``gather`` fits the parts together into a ``Deployment``,
whose ``Unit``s are the processes that serve an app, whatever starts them. Rules see only that.

Times are in seconds, memory in bytes, CPU in cores. A value that cannot be known without running
something (an expression, a variable that is set elsewhere) is None, as one that is not given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")

NONE: Mapping[str, "Fact[str]"] = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place.

    Attributes:
        path: Of the file, from the folder that is looked at, with ``/``.
        line: From 1; 0: the whole file.
    """

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value and where it stands.

    Attributes:
        value: In the units of this module.
        where: Where it is set; of a default: where what has the default stands.
        default: Whose default it is, such as "gunicorn"; empty: it is written there.
    """

    value: T
    where: Where
    default: str = ""

    @property
    def said(self) -> str:
        """Whether it was chosen, for messages: "" or " (gunicorn's default)"."""
        return f" ({self.default}'s default)" if self.default else ""


# Commands and servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a container or a unit starts.

    Attributes:
        words: The program and its arguments, without the shell, ``exec`` and assignments around
            them, and without wrappers (``tini --``, ``dumb-init``, ``env``, ``poetry run``, ``uv
            run``, ``python -m``); the name of the program is the base name.
        where: Where the program stands: in an entry point script if that starts it.
        shell: Whether a shell stays above the program and keeps signals from it: the shell form of
            a Dockerfile, ``sh -c`` or a script without ``exec``.
        env: What is assigned in front of it, or exported by the script.
        workdir: That a script changes to before, "" if none does; may be relative.
        places: Where each of the words stands, as the arguments may be those of CMD or of a
            platform's file behind an ENTRYPOINT; empty: all where the program does.
    """

    words: tuple[str, ...]
    where: Where
    shell: bool = False
    env: Mapping[str, Fact[str]] = field(default_factory=lambda: NONE)
    workdir: str = ""
    places: tuple[Where, ...] = ()


class ServerKind(StrEnum):
    """What serves an app."""

    GUNICORN = "gunicorn"
    UVICORN = "uvicorn"
    HYPERCORN = "hypercorn"
    GRANIAN = "granian"
    WAITRESS = "waitress"
    UWSGI = "uwsgi"
    CHEROOT = "cheroot"
    GEVENT = "gevent.pywsgi"
    DEVELOPMENT = "development server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server and its settings, from its command line, its configuration file and variables.

    A setting that the server has and that is not given is its default, as a fact that says so. One
    that it does not have, or whose value is computed, is None.

    Attributes:
        kind: Which.
        where: Its command.
        version: That the project pins, as "27.0.1"; None: not pinned, or no file says so.
        worker_class: Of gunicorn: "sync", "gthread" (also where threads turn sync into it),
            "gevent", "asgi", "tornado" or the path of a class.
        workers: Processes ...
        workers_by_cpus: ... or the expression that computes them from the CPUs of the machine
            (``multiprocessing.cpu_count() * 2 + 1``), which does not see a container's limit.
        threads: Of each process; of granian its blocking threads.
        worker_connections: That a process holds at most.
        timeout: After which a silent worker is killed (gunicorn), a request is (uWSGI's harakiri).
        graceful_timeout: That requests have to end when the server stops.
        keep_alive: For which an idle connection is kept open.
        backlog: Connections that may wait to be accepted.
        max_requests: After which a worker is replaced, 0: never.
        max_requests_jitter: By which that varies.
        preload: Whether the app is imported before the workers are forked.
        binds: Addresses, as written: "0.0.0.0:8000", "unix:/run/app.sock".
        trusted_proxies: Addresses whose forwarded headers are believed, as written.
        control_socket: Whether gunicorn (25.1 and later) opens its control socket.
        heartbeat_folder: Of gunicorn's ``worker_tmp_dir``; value "" for the default, which is the
            system's temporary folder.
        drops_on_term: Whether SIGTERM drops requests in flight: uWSGI's ``die-on-term``; as its
            default (it loads everything anew, and does not end) where that is not set. False for a
            script that serves by itself and handles signals.
        reloads: Whether it watches files to start anew (``--reload``), or debugs.
    """

    kind: ServerKind
    where: Where
    version: Fact[str] | None = None
    worker_class: Fact[str] | None = None
    workers: Fact[int] | None = None
    workers_by_cpus: Fact[str] | None = None
    threads: Fact[int] | None = None
    worker_connections: Fact[int] | None = None
    timeout: Fact[float] | None = None
    graceful_timeout: Fact[float] | None = None
    keep_alive: Fact[float] | None = None
    backlog: Fact[int] | None = None
    max_requests: Fact[int] | None = None
    max_requests_jitter: Fact[int] | None = None
    preload: Fact[bool] | None = None
    binds: tuple[Fact[str], ...] = ()
    trusted_proxies: Fact[str] | None = None
    control_socket: Fact[bool] | None = None
    heartbeat_folder: Fact[str] | None = None
    drops_on_term: Fact[bool] | None = None
    reloads: Fact[bool] | None = None


# Parts: what one file says


class ProbeRole(StrEnum):
    """What a check of an app decides."""

    HEALTH = "health check"
    """Docker's: shown, and in Swarm it replaces the container."""
    STARTUP = "startup probe"
    READINESS = "readiness probe"
    LIVENESS = "liveness probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A check of an app.

    Attributes:
        role: What for.
        where: Where it stands.
        words: The command, as a list; of a shell form ("sh", "-c", text). Empty: an HTTP request.
        path: Of an HTTP request, or of the one that the command plainly makes; None of a probe
            without a command: it only opens a connection.
        port: Likewise; a number, or the name of a port.
        period: Seconds between two.
        timeout: Of one.
        failures: After how many it acts.
    """

    role: ProbeRole
    where: Where
    words: tuple[str, ...] = ()
    path: str | None = None
    port: str | None = None
    period: Fact[float] | None = None
    timeout: Fact[float] | None = None
    failures: Fact[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A file or folder that an image takes from its build context: ``COPY SOURCE TARGET``."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What the last stage of a Dockerfile makes, with what it inherits from stages before it.

    Attributes:
        path: The Dockerfile.
        where: Its last FROM.
        base: Name of the image that it is made from in the end.
        entrypoint: None: none is set.
        cmd: Likewise. Both as written: of a shell form ("/bin/sh", "-c", text).
        workdir: Absolute, "" where it is not known.
        stages: Names of all stages, to find what ``target:`` of a compose file means.
    """

    path: str
    where: Where
    base: str = ""
    entrypoint: Fact[tuple[str, ...]] | None = None
    cmd: Fact[tuple[str, ...]] | None = None
    workdir: str = ""
    env: Mapping[str, Fact[str]] = field(default_factory=lambda: NONE)
    probe: Probe | None = None
    stop_signal: Fact[str] | None = None
    exposes: tuple[Fact[int], ...] = ()
    copies: tuple[Copied, ...] = ()
    stages: tuple[str, ...] = ()


class Platform(StrEnum):
    """What starts a unit."""

    DOCKER = "docker"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    SYSTEMD = "systemd"
    PROCFILE = "procfile"
    SUPERVISORD = "supervisord"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A port that is reachable from outside: of every address of the machine, or of a cluster.

    Attributes:
        container: Port in the container; None: that of the same name is not known.
        by: How: "ports" of a compose file, a Service of type "LoadBalancer" or "NodePort", an
            "Ingress".
        direct: Whether nothing stands in between that rewrites headers: not for an Ingress.
    """

    container: int | None
    where: Where
    by: str
    direct: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A name by which other containers reach one: of a compose service, of a Kubernetes Service.

    Attributes:
        port: That they ask; None: whichever they like, it is the container's own.
        container: Port in the container that this leads to, None: the same, or not known (a port
            name that the container does not have).
    """

    name: str
    where: Where
    port: int | None = None
    container: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container or service as a platform describes it: a service, a pod's container, a unit.

    Attributes:
        name: As the platform names it; of Kubernetes "deployment/NAME".
        container: Of a pod with several: which.
        image: Name of its image, None where it is only built.
        dockerfile: That it is built from, from the folder that is looked at; None: not built here.
        context: Folder whose files the build copies, from the folder that is looked at.
        target: The stage that is taken, None: the last one.
        build_args: Values of ``ARG`` that the build is given.
        entrypoint: In place of the image's; as ``Image.entrypoint``.
        command: In place of the image's CMD.
        memory: Limit.
        cpus: Limit.
        replicas: That are started; of an autoscaler the most.
        grace: Between asking it to stop and killing it.
        pre_stop: Seconds that a hook sleeps before it is asked to.
        read_only: Whether its root file system is.
        writable: Folders in it that can be written nevertheless, tmpfs or volume.
        memory_folders: Of those, the ones in memory (tmpfs, ``emptyDir`` with ``medium: Memory``).
        files: Files and folders of the project that are put into it when it starts: bind mounts
            of a compose file.
        no_health_check: Whether the HEALTHCHECK of the image does not count, because it is switched
            off or because the platform knows no such thing (Kubernetes).
        ports: That it names, by number ...
        port_names: ... and what they are called.
        sysctls: That are set for it.
        pods: Labels of a pod, by which Services find it.
        networks: With which other services share it; empty: the default.
        addresses: By which others reach it.
        labels: Of a compose service, those for Swarm among them.
        init: Whether a small init is process 1 of it, not its command (``init: true``).
        kill_mode: Of systemd: whom it asks to stop, "control-group", "mixed" or "process".
        supervisor: What starts and stops the command in its place, in a container or on a machine:
            "supervisord", "s6"; "": nothing does.
        stops_group: Whether that sends its signal to all processes of the command, a shell above
            the server and the server alike.
        grace_setting: How ``grace`` is set, where it is the supervisor's patience: with
            ``{seconds}`` or ``{milliseconds}`` in it.
    """

    platform: Platform
    name: str
    where: Where
    container: str = ""
    image: Fact[str] | None = None
    dockerfile: str | None = None
    context: str | None = None
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    entrypoint: Fact[tuple[str, ...]] | None = None
    command: Fact[tuple[str, ...]] | None = None
    workdir: str = ""
    env: Mapping[str, Fact[str]] = field(default_factory=lambda: NONE)
    memory: Fact[int] | None = None
    cpus: Fact[float] | None = None
    replicas: Fact[int] | None = None
    grace: Fact[float] | None = None
    pre_stop: Fact[float] | None = None
    stop_signal: Fact[str] | None = None
    read_only: Fact[bool] | None = None
    writable: tuple[Fact[str], ...] = ()
    memory_folders: tuple[Fact[str], ...] = ()
    files: tuple[Copied, ...] = ()
    probes: tuple[Probe, ...] = ()
    no_health_check: bool = False
    ports: tuple[Fact[int], ...] = ()
    port_names: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    published: tuple[Published, ...] = ()
    sysctls: Mapping[str, Fact[str]] = field(default_factory=lambda: NONE)
    pods: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    networks: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    labels: Mapping[str, Fact[str]] = field(default_factory=lambda: NONE)
    init: Fact[bool] | None = None
    kill_mode: Fact[str] | None = None
    supervisor: str = ""
    stops_group: bool = False
    grace_setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A place in a proxy's configuration that passes requests on, such as an nginx ``location``.

    Attributes:
        where: The ``proxy_pass`` or the like.
        protocol: "http", "uwsgi", "fastcgi" or "grpc".
        targets: Servers that it passes on to, upstreams resolved: "app:8000", "unix:/run/a.sock".
        read_timeout: That the app has for each part of its answer.
        kept: Idle connections to the app that are kept open, None or 0: none, each is closed.
        keep_alive: For which they are.
        sets_forwarded: Whether X-Forwarded-For is set by it, whatever the client sent.
        appends_forwarded: Whether it is added to what the client sent.
        buffers: Whether it reads a whole request before it bothers the app (nginx does so unless
            told otherwise).
        health_path: None, or the path of the location if it is plainly one of health checks.
        software: Whose words a fix is to be said in: "nginx", "Traefik".
    """

    where: Where
    protocol: str = "http"
    targets: tuple[str, ...] = ()
    read_timeout: Fact[float] | None = None
    kept: Fact[int] | None = None
    keep_alive: Fact[float] | None = None
    sets_forwarded: Fact[bool] | None = None
    appends_forwarded: Fact[bool] | None = None
    buffers: Fact[bool] | None = None
    software: str = "nginx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hops:
    """A ``ProxyFix(app, x_for=1, ...)``: how many proxies are believed, by header.

    Attributes:
        always: Whether that is so in any case: it stands under no condition and in no class, which
            may be a configuration for another place.
    """

    where: Where
    x_for: int | None
    x_proto: int | None
    x_host: int | None
    always: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Connections to a database that a process may open.

    Attributes:
        where: Where it is made.
        size: That are kept; 0 with SQLAlchemy: without limit.
        overflow: Beyond them, -1: without limit; 0 for pools that have no such thing.
    """

    where: Where
    size: Fact[int]
    overflow: Fact[int]

    @property
    def most(self) -> int | None:
        """Connections at most, None: without limit."""
        if self.size.value <= 0 or self.overflow.value < 0:
            return None
        return self.size.value + self.overflow.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A view: its path and whether its code plainly asks a database or another service.

    Attributes:
        asks: What shows it, such as "db.session.execute"; None: nothing does.
    """

    path: str
    where: Where
    asks: Fact[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL server that the files start.

    Attributes:
        max_connections: That it takes; PostgreSQL's default is 100 ...
        reserved: ... of which superusers keep 3.
    """

    name: str
    where: Where
    max_connections: Fact[int]
    reserved: int = 3


# All of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A process that serves an app, whatever starts it, with what image and platform say together.

    Attributes:
        name: For messages: "service web", "deployment/web", "Dockerfile", "web.service".
        container: What the platform says; of a bare Dockerfile one that says only what Docker does
            by default. Where a platform says nothing of its own, it has what the image says
            (probes of HEALTHCHECK, STOPSIGNAL, ports of EXPOSE, env, each where it stands).
        image: What it is made from, None: not known.
        command: What is started in the end, None: not known.
        server: That the command is, None: none that is known.
        proxies: That pass requests on to it.
    """

    name: str
    container: Container
    image: Image | None = None
    command: Command | None = None
    server: Server | None = None
    proxies: tuple[Proxy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file that could not be read.

    Attributes:
        reason: Why, such as "line 3: not YAML: mapping values are not allowed here".
    """

    where: Where
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """All that the files in a folder say.

    Attributes:
        units: Those that serve an app, and those of which that is not known.
        reads_forwarded: Whether the source names forwarded headers, or another middleware than
            ProxyFix that believes them: it may read them by itself.
        patches_gevent: Whether the source has gevent patch the standard library by itself.
        files: That were read, by kind, such as {"Dockerfile": ("Dockerfile",)}.
        unread: That could not be.
    """

    units: tuple[Unit, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    databases: tuple[Database, ...] = ()
    hops: tuple[Hops, ...] = ()
    pools: tuple[Pool, ...] = ()
    routes: tuple[Route, ...] = ()
    reads_forwarded: bool = False
    patches_gevent: bool = False
    files: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unread: tuple[Unread, ...] = ()
