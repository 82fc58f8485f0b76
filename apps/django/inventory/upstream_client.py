"""This process's client for the upstream service."""

import threading
from functools import cache

import upstream

_making = threading.Lock()


def upstream_client() -> upstream.Client:
    """Give the client, made by the first request: after the fork and after gevent's patches."""
    # a cache alone would let two threads make one each at the same time
    with _making:
        return _make_client()


_make_client = cache(upstream.make_client)
