"""Logging as JSON lines, one object per event, on the stream that the server collects."""

import json
import logging
import time
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from flask.signals import request_finished, request_started

requests = logging.getLogger("inventory.requests")


class JsonFormatter(logging.Formatter):
    """A line per record; ``extra={"fields": {...}}`` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line; a line break inside a message is escaped, so no message forges a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context() and "request_id" in g:
            line["request_id"] = g.request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(app: Flask) -> None:
    """Send all logging of this process through the formatter.

    Before anything touches ``app.logger``: Flask adds a handler of its own if there is none yet.
    """
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "handlers": {
                "wsgi": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://flask.logging.wsgi_errors_stream",
                    "formatter": "json",
                }
            },
            "root": {"level": "WARNING", "handlers": ["wsgi"]},
            "loggers": {"inventory": {"level": app.config["LOG_LEVEL"]}},
        }
    )


def install(app: Flask) -> None:
    """Log a line per request."""
    request_started.connect(_start, app)
    request_finished.connect(_log, app)


def _start(sender: Flask, **_: object) -> None:
    g.log_started = time.perf_counter()


def _log(sender: Flask, response: Response, **_: object) -> None:
    fields = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.log_started) * 1000, 2),
        "remote": request.remote_addr,
    }
    requests.info("request", extra={"fields": fields})
