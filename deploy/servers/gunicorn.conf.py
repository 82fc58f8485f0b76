"""Settings common to every gunicorn worker class; what differs is on the command line."""

import importlib.util
import itertools
import os
from pathlib import Path
from typing import Any

# The control interface (on by default since 25.1) wants a writable home; the root is read-only.
control_socket_disable = True

# The heartbeat file must not live on a disk: on overlayfs a slow fsync stalls a worker for
# seconds. https://docs.gunicorn.org/en/stable/faq.html#blocking-os-fchmod
if Path("/dev/shm").is_dir():  # noqa: S108 - a tmpfs, that is the point
    worker_tmp_dir = "/dev/shm"  # noqa: S108

# Less than the 30 s after which Kubernetes kills what it asked to stop, so that workers end first.
graceful_timeout = 25

loglevel = "warning"

_metrics = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
if _metrics and importlib.util.find_spec("prometheus_client"):
    # https://prometheus.github.io/client_python/multiprocess/

    def on_starting(server: Any) -> None:  # noqa: ANN401 - gunicorn is not typed
        """Begin with no metrics: the files of a run before would be added to those of this one."""
        Path(_metrics).mkdir(parents=True, exist_ok=True)
        for file in Path(_metrics).glob("*.db"):
            file.unlink()

    def pre_fork(server: Any, worker: Any) -> None:  # noqa: ANN401 - likewise
        """Give a worker the lowest number that is free, which its files of metrics are kept by.

        By process id, each worker that is replaced would leave its files behind for good.
        """
        taken = {other.number for other in server.WORKERS.values()}
        worker.number = next(number for number in itertools.count() if number not in taken)

    def post_fork(server: Any, worker: Any) -> None:  # noqa: ANN401 - likewise
        """Go on where the last worker with this number has ended."""
        from prometheus_client import values  # noqa: PLC0415 - only where it is there

        values.ValueClass = values.MultiProcessValue(lambda: worker.number)

    def child_exit(server: Any, worker: Any) -> None:  # noqa: ANN401 - likewise
        """Take the gauges of a worker that has ended out of the metrics."""
        from prometheus_client import multiprocess  # noqa: PLC0415 - likewise

        multiprocess.mark_process_dead(worker.number)
