"""What several rules count: processes, and requests that one of them works on at once."""

from toolkit.lint.facts import Fact, Server, ServerKind

_SINGLE = (ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.GEVENT)
"""Servers of one process."""

_THREADED = (ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.UWSGI)

_SHORT = {
    "SyncWorker": "sync",
    "ThreadWorker": "gthread",
    "GeventWorker": "gevent",
    "GeventPyWSGIWorker": "gevent",
    "EventletWorker": "gevent",
    "eventlet": "gevent",
    "gevent_pywsgi": "gevent",
    "gevent_wsgi": "gevent",
}
"""Of gunicorn's worker classes, to the one that counts the same way."""


def processes(server: Server) -> Fact[int] | None:
    """Give the number of processes that serve, None if it is not known."""
    if server.kind in _SINGLE:
        return Fact(1, server.where, server.kind)
    if server.workers_by_cpus is not None or server.kind is ServerKind.DEVELOPMENT:
        return None
    return server.workers


def at_once(server: Server) -> Fact[int] | None:
    """Give the number of requests that a process works on at once, None if it is not known.

    It is not of servers of coroutines, which do not say how many they take.
    """
    if server.kind is ServerKind.GUNICORN:
        name = worker_class(server)
        if name == "gthread":
            return server.threads
        if name == "gevent":
            return server.worker_connections
        return Fact(1, server.where, server.kind) if name == "sync" else None
    if server.kind is ServerKind.GRANIAN:
        # the default is for WSGI, and is not a limit that anybody chose
        return server.threads if server.threads and not server.threads.default else None
    return server.threads if server.kind in _THREADED else None


def worker_class(server: Server) -> str:
    """Give the class of gunicorn's workers by its short name, "" if it is another or not known."""
    if server.kind is not ServerKind.GUNICORN or server.worker_class is None:
        return ""
    name = server.worker_class.value
    return _SHORT.get(name.rpartition(".")[2], name)
