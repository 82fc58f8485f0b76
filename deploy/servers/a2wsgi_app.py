"""The app named by ``APP_TARGET``, a WSGI app, as an ASGI app: requests run in a pool of threads.

``THREADS`` is the size of the pool.
"""

import os
import pkgutil
from collections.abc import Iterable
from typing import Any

from a2wsgi import WSGIMiddleware

_wsgi_app = pkgutil.resolve_name(os.environ["APP_TARGET"])


def _terminated(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
    """Tell the app that ``wsgi.input`` ends with the body, as a2wsgi's does without saying so.

    Without it Werkzeug takes a chunked body, which has no length, for an empty one.
    """
    environ["wsgi.input_terminated"] = True
    return _wsgi_app(environ, start_response)


app = WSGIMiddleware(_terminated, workers=int(os.environ["THREADS"]))
