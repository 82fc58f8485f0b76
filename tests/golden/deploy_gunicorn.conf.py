"""gunicorn, as measured in run 20261125-025630-e80c (flask/gunicorn-gthread). Where each number comes from: DERIVATION.md."""

import itertools
import os
import select
from pathlib import Path

# Every interface of the container: what reaches it is decided by its networks.
bind = "0.0.0.0:8000"

# gunicorn, gthread workers: a pool of threads per process, keep-alive
worker_class = "gthread"

# Processes. The entry point says how many: 1 for each CPU of the quota that it finds, 1 with 1 CPU.
workers = int(os.environ.get("WORKERS", "1"))

# Requests that a process works on at the same time. They share one CPU: more help where requests wait.
threads = 4

# Connections that a process has at once; further ones wait in the backlog.
worker_connections = 1000

# Seconds that an idle connection is kept: longer than the proxy in front keeps it (60 s). A server that closes first
# meets the proxy's next request with a reset, which is a 502 for somebody.
keepalive = 75

# Connections that wait to be accepted; the kernel takes no more than net.core.somaxconn.
backlog = 2048

# Seconds without a sign of life after which a process is killed: twice the slowest answer, at least gunicorn's own 30. It is
# the process that is watched and not each request.
timeout = 30

# Seconds for the requests under way when it stops; the container is killed after 30 s.
graceful_timeout = 25

# Processes are not replaced after a number of requests: nothing measured calls for it. Where memory grows, set both, as
# 10000 and 1000.
max_requests = 0
max_requests_jitter = 0

# Each process loads the app for itself, so that connections and threads which the app opens are its own.
preload_app = False

# The control interface (on by default since 25.1) wants a writable home; the root is read-only.
control_socket_disable = True

# The heartbeat file must not lie on a disk: on overlayfs a slow fsync stalls a process for seconds.
# https://docs.gunicorn.org/en/stable/faq.html#blocking-os-fchmod
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"

# Whose X-Forwarded-Proto is believed. Only the proxy reaches this container: the server publishes no port, and shares
# the network with nothing else.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")

# No line for each request: the proxy writes one, and it was measured without.
accesslog = None
# Faults go to the container's log.
errorlog = "-"
loglevel = "warning"

# Whether the socket is systemd's and stays when this ends; gunicorn takes the variable away when it has the socket.
socket_stays = "LISTEN_FDS" in os.environ


def post_worker_init(worker):
    """Have it answer who has connected when it is told to stop, and then refuse connections.

    By itself it leaves new ones waiting while it finishes its requests, and resets them when it ends (27.0.1): a proxy
    may not send a POST again that it has sent already, but asks the next replica where it is refused.
    """
    if socket_stays:
        # who has connected waits for the next server
        return
    enable_accepting = worker.set_accept_enabled

    def set_accept_enabled(enabled):
        enable_accepting(enabled)
        if enabled or worker.alive:
            return
        for listener in worker.sockets:
            # one that is only replaced leaves them to the others
            while worker.nr < worker.max_requests and select.select([listener], [], [], 0)[0]:
                worker.accept(listener)
            listener.close()

    worker.set_accept_enabled = set_accept_enabled


def on_starting(server):
    """Begin with no metrics: the files of a run before would be added to those of this one."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file in Path(folder).glob("*.db"):
            file.unlink()


def pre_fork(server, worker):
    """Give a process the lowest number that is free, which its files of metrics are kept by.

    By process id, each process that is replaced would leave its files behind for good.
    """
    taken = {other.number for other in server.WORKERS.values()}
    worker.number = next(number for number in itertools.count() if number not in taken)


def post_fork(server, worker):
    """Go on where the last process with this number has ended."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import values

        values.ValueClass = values.MultiProcessValue(lambda: worker.number)


def child_exit(server, worker):
    """Take the gauges of a process that has ended out of the metrics."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.number)
