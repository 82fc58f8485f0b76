"""Settings common to every gunicorn worker class; what differs is on the command line."""

from pathlib import Path

# The control interface (on by default since 25.1) wants a writable home; the root is read-only.
control_socket_disable = True

# The heartbeat file must not live on a disk: on overlayfs a slow fsync stalls a worker for
# seconds. https://docs.gunicorn.org/en/stable/faq.html#blocking-os-fchmod
if Path("/dev/shm").is_dir():  # noqa: S108 - a tmpfs, that is the point
    worker_tmp_dir = "/dev/shm"  # noqa: S108

loglevel = "warning"
