"""Stacks as local processes: for machines without a Docker engine."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import toolkit.delaying
import toolkit.runtime.probe
import toolkit.serve
from toolkit.config import ImageConfig
from toolkit.errors import ConfigError, StackError
from toolkit.measured import BackingFacts, RuntimeFacts, StackFacts, Usage
from toolkit.model import BackingImage, Knobs, Need, Placement, Project, Stack
from toolkit.ports import Observer
from toolkit.runtime import postgres
from toolkit.runtime.cluster import cluster
from toolkit.runtime.confined import (
    HAS_DATA_LIMIT,
    HAS_PSS,
    PYTHON,
    Command,
    ProcessTree,
    basic_environment,
    confined,
    run_to_end,
)
from toolkit.runtime.environments import ensure_environment, ensure_project_environment
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.once import ONCE_TIMEOUT, naming
from toolkit.runtime.proctree import descendants, read_cost
from toolkit.runtime.ready import (
    NO_SERVER_ERROR,
    PROJECT_HINT,
    as_fault,
    free_port,
    hint_for,
    most_status,
    wait_until_ready,
)
from toolkit.runtime.settings import (
    environment_of,
    facts_of,
    facts_of_project,
    project_command,
    project_environment,
)
from toolkit.runtime.upstream import upstream_facts

_START_TIMEOUT = 30.0
_STOP_PATIENCE = 5.0
_AT_HAND = "No --install: both versions run with the packages at hand, each on its own files."
_NO_PATIENCE = 0.0
"""Of a server that was measured nothing more is wanted; ``ProcessService.stop`` is patient."""


class ProcessService(ProcessTree):
    """A server's process tree that answers."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log: Path, url: str, start_seconds: float
    ) -> None:
        super().__init__(process, log)
        self.url = url
        self.start_seconds = start_seconds

    def stop(self) -> float | None:
        """See ``ports.Service``."""
        began = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - began


class ProcessBacking(ProcessTree):
    """The process tree of a backing service that answers."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log: Path, url: str, facts: BackingFacts
    ) -> None:
        super().__init__(process, log, name=f"the {facts.need}")
        self.url = self.url_for_servers = url
        self.facts = facts

    def usage(self) -> Usage:
        """See ``ports.Backing``.

        Only CPU time and memory, see ``read_cost``: a database has a process for each connection,
        and reading everything of them takes tens of milliseconds of somebody's CPU.
        """
        at = time.monotonic()
        pids = descendants(self._process.pid)
        cost = None if pids is None else read_cost((self._process.pid, *pids))
        if cost is None:
            return super().usage()
        return Usage(
            at=at,
            cpu_user=cost.cpu_user,
            cpu_system=cost.cpu_system,
            memory=cost.memory,
            processes=cost.processes,
        )


class ProcessRuntime:
    """Makes virtual environments and runs the same command in them as the images do.

    Args:
        image: How packages are installed.
        knobs: Settings of every server.
        placement: CPUs and limits of every server.
        reason: Why no container was taken.
        guardian: Told what to end should this process be killed.
        port: Fixed port on loopback, 0 for any.

    Close it, and the environments that are not kept are removed.
    """

    def __init__(
        self,
        *,
        image: ImageConfig,
        knobs: Knobs,
        placement: Placement,
        reason: str,
        guardian: Guardian,
        port: int = 0,
    ) -> None:
        self._image = image
        self._knobs = knobs
        self._placement = placement
        self._guardian = guardian
        self._port = port
        self._environments: dict[str, Path] = {}
        self._probed: dict[Path, dict[str, Any]] = {}
        self._not_kept = contextlib.ExitStack()
        self.facts = RuntimeFacts(
            name="process",
            reason=reason,
            network="loopback",
            memory_kind="PSS of the process tree" if HAS_PSS else "USS of the process tree",
            notes=tuple(_shortfalls(placement)),
        )

    def close(self) -> None:
        """Remove the environments that are not kept."""
        self._not_kept.close()

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        """See ``ports.Runtime``."""
        folder = ensure_environment(stack, self._image, observer)
        self._environments[stack.id] = folder
        knobs = stack.knobs(self._knobs)
        settings = environment_of(knobs, host="127.0.0.1", port=self._port or 8000)
        # a stack in other settings has the same environment
        if folder not in self._probed or self._image.rebuild:
            self._probed[folder] = self._made_of(folder, stack.id)
        return facts_of(stack, settings, self._probed[folder])

    def _made_of(self, folder: Path, name: str) -> dict[str, Any]:
        """Ask an environment what is installed in it."""
        done = subprocess.run(
            [str(folder / "bin" / "python"), toolkit.runtime.probe.__file__],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise StackError(f"the environment of {name} is broken", log=done.stderr.strip())
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @contextlib.contextmanager
    def backing(self, need: Need, observer: Observer) -> Iterator[ProcessBacking]:
        """See ``ports.Runtime``."""
        observer.noted(f"Starting the {need} ...")
        if need is Need.DATABASE:
            with cluster(self._placement.backing_cpus, self._guardian) as made:
                found = postgres.facts(made.version, made.where)
                yield ProcessBacking(made.process, made.log, made.url, found)
            return
        with self._scratch("toolkit-upstream-") as scratch:
            port = free_port()
            command = Command(
                argv=(PYTHON, "-I", toolkit.delaying.__file__, "127.0.0.1", str(port)),
                environment=basic_environment(),
                folder=scratch,
                cpus=self._placement.backing_cpus,
            )
            with confined(command, self._guardian) as (process, tree):
                with as_fault("the upstream cannot be started"):
                    wait_until_ready(
                        port=port,
                        path="/healthz",
                        death=tree.death,
                        log_tail=tree.log_tail,
                        timeout=_START_TIMEOUT,
                    )
                url = f"http://127.0.0.1:{port}"
                yield ProcessBacking(
                    process,
                    command.log,
                    url,
                    upstream_facts(f"one process, Python {platform.python_version()}"),
                )

    def backing_image(
        self, image: BackingImage, observer: Observer
    ) -> contextlib.AbstractContextManager[ProcessBacking]:
        """See ``ports.Platform``; a process is no image.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"the service {image.name} is an image, and servers run as processes",
            hint="Take --runtime docker; or start it yourself, leave it out of the settings and "
            "give its address with --env.",
        )

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """See ``ports.Runtime``."""
        with self._scratch("toolkit-command-") as scratch, naming(stack, command):
            variables = {**self._environment(stack, self._port, scratch), **environment}
            wanted = self._command(stack, scratch, variables, ("--", *command))
            run_to_end(wanted, self._guardian, timeout=ONCE_TIMEOUT)

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator[ProcessService]:
        """See ``ports.Runtime``."""
        port = free_port(self._port)
        with self._scratch("toolkit-server-") as scratch:
            began = time.monotonic()
            variables = {**self._environment(stack, port, scratch), **environment}
            command = self._command(stack, scratch, variables)
            with confined(command, self._guardian) as (process, tree):
                wait_until_ready(
                    port=port,
                    path=stack.app.health,
                    most=most_status(stack),
                    hint=hint_for(stack),
                    death=tree.death,
                    log_tail=tree.log_tail,
                    timeout=_START_TIMEOUT,
                )
                yield ProcessService(
                    process, command.log, f"http://127.0.0.1:{port}", time.monotonic() - began
                )

    def prepare_project(self, project: Project, observer: Observer) -> StackFacts:
        """See ``ports.Runtime``."""
        if project.folder is None or not project.command:
            raise ConfigError(
                f"how {project.name} is started without a container is not known",
                hint="Give its command, as --command 'gunicorn --bind {host}:{port} wsgi:app', and "
                "what pip installs, as --install '-r requirements.txt'; or take --runtime docker.",
            )
        if not project.install:
            observer.noted(f"{project.name} runs with the packages at hand: there is no --install.")
            self.facts = replace(self.facts, notes=(*self.facts.notes, _AT_HAND))
            return facts_of_project(project, _at_hand(project))
        folder = ensure_project_environment(
            project,
            self._image,
            observer,
            lambda: self._not_kept.enter_context(self._scratch("toolkit-environment-")),
        )
        self._environments[project.name] = folder
        _require_installed(project, folder / "bin")
        return facts_of_project(project, self._made_of(folder, project.name))

    @contextlib.contextmanager
    def serve_project(self, project: Project) -> Iterator[ProcessService]:
        """See ``ports.Runtime``."""
        port = free_port(self._port)
        listening = {"host": "127.0.0.1", "port": str(port)}
        with self._scratch("toolkit-server-") as scratch:
            began = time.monotonic()
            command = Command(
                argv=project_command(project, **listening),
                environment={
                    **self._project_environment(project, scratch),
                    **project_environment(project, **listening),
                },
                folder=scratch,
                cwd=project.folder,
                cpus=self._placement.server_cpus,
                memory=self._placement.memory,
                patience=_NO_PATIENCE,
            )
            with confined(command, self._guardian) as (process, tree):
                wait_until_ready(
                    port=port,
                    path=project.health,
                    most=NO_SERVER_ERROR,
                    death=tree.death,
                    log_tail=tree.log_tail,
                    timeout=_START_TIMEOUT,
                    hint=PROJECT_HINT,
                )
                yield ProcessService(
                    process, command.log, f"http://127.0.0.1:{port}", time.monotonic() - began
                )

    @contextlib.contextmanager
    def _scratch(self, prefix: str) -> Iterator[Path]:
        with (
            tempfile.TemporaryDirectory(prefix=prefix) as folder,
            self._guardian.watching_folder(folder),
        ):
            yield Path(folder)

    def _command(
        self,
        stack: Stack,
        scratch: Path,
        variables: Mapping[str, str],
        arguments: Sequence[str] = (),
    ) -> Command:
        python = self._environments[stack.id] / "bin" / "python"
        return Command(
            argv=(str(python), toolkit.serve.__file__, *arguments),
            environment=variables,
            folder=scratch,
            cpus=self._placement.server_cpus,
            memory=self._placement.memory,
            patience=_NO_PATIENCE,
        )

    def _environment(self, stack: Stack, port: int, scratch: Path) -> dict[str, str]:
        return {
            **self._python_environment(stack.id, scratch),
            **environment_of(stack.knobs(self._knobs), host="127.0.0.1", port=port),
            "APP_DIR": str(stack.app.path),
            "SERVER_DIR": str(stack.server.path),
        }

    def _python_environment(self, name: str, scratch: Path) -> dict[str, str]:
        binaries = self._environments[name] / "bin"
        return {
            **_python_variables(scratch),
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(binaries.parent),
        }

    def _project_environment(self, project: Project, scratch: Path) -> dict[str, str]:
        if project.install:
            return self._python_environment(project.name, scratch)
        return {**_python_variables(scratch), "PATH": _path_at_hand()}


def _python_variables(scratch: Path) -> dict[str, str]:
    return {
        **basic_environment(),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _require_installed(project: Project, binaries: Path) -> None:
    """See that the program of a project is that of its environment, not another's of that name.

    Raises:
        ConfigError: The environment has none.
    """
    program = project.command[0]
    if "/" not in program and shutil.which(program, path=str(binaries)) is None:
        raise ConfigError(
            f"{program} is not installed by --install for {project.name}",
            hint=f"Add {program} to what --install names. A program from elsewhere is named with "
            "its path, as /bin/sh.",
        )


def _path_at_hand() -> str:
    """Give the caller's search path; what lies beside this Python is found as well."""
    return f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(PYTHON).parent}"


def _at_hand(project: Project) -> dict[str, Any]:
    """Ask the Python that a project's program belongs to what is installed; empty if unknown."""
    assert project.folder is not None  # noqa: S101 - a process has its sources
    path = _path_at_hand()
    program = shutil.which(project.command[0], path=path)
    python = str(Path(program).with_name("python")) if program else ""
    if not os.access(python, os.X_OK):
        python = shutil.which("python", path=path) or PYTHON
    done = subprocess.run(
        [python, toolkit.runtime.probe.__file__],
        check=False,
        capture_output=True,
        text=True,
        cwd=project.folder,
    )
    found: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        found = json.loads(done.stdout)
    return found


def _shortfalls(placement: Placement) -> Iterator[str]:
    """Say which limits a plain process does not have."""
    if placement.cpus != int(placement.cpus):
        yield f"{placement.cpus:g} CPUs: a process is pinned to whole cores, there is no quota."
    if HAS_DATA_LIMIT:
        yield "The memory limit applies to each process of a server, not to their sum."
    else:
        yield "There is no memory limit on this platform without Docker."
