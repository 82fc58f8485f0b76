"""What the reference apps read from their environment; the toolkit sets it alike for all."""

import os

SECRET_KEY = os.environ.get("SECRET_KEY", "")
"""Signs sessions. Every worker of a server needs the same one; there is no default."""

DATABASE_URL = os.environ.get("DATABASE_URL", "")
"""``postgresql://user@host:port/name``; empty: there is no database."""

DATABASE_POOL = int(os.environ.get("DATABASE_POOL", "16"))
"""Most database connections of one process."""

DATABASE_TIMEOUT = 10.0
"""Seconds that a request waits for a connection of the pool."""

UPSTREAM_URL = os.environ.get("UPSTREAM_URL", "")
"""``http://host:port`` of the service that ``/upstream`` calls; empty: there is none."""

UPSTREAM_CONNECTIONS = int(os.environ.get("UPSTREAM_CONNECTIONS", "256"))
"""Most connections of one process to that service, all of them kept open."""

UPSTREAM_TIMEOUT = 10.0
"""Seconds that a call of that service may take."""

LOG_LEVEL = os.environ.get("LOG_LEVEL", "WARNING").upper()
"""Of the app's own logging: no line per request."""

MOST_BODY = 2 * 1024 * 1024
"""Bytes from which the body of a request is refused (413)."""
