"""For those who operate the app."""

import logging
from http import HTTPStatus

import psycopg
from django.http import HttpRequest, JsonResponse
from settings import DATABASE_URL

from inventory import rows
from inventory.views.base import JsonView

_log = logging.getLogger(__name__)


class HealthView(JsonView):
    """Does the process serve?"""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer, and ask nothing else: a slow database must not get the process killed."""
        return JsonResponse({"status": "ok"})


class ReadinessView(JsonView):
    """Could it do what it is asked for?"""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Ask the database, where there is one."""
        if DATABASE_URL:
            try:
                rows.ping()
            except psycopg.Error as error:
                _log.warning("not ready: %s", error)
                status = HTTPStatus.SERVICE_UNAVAILABLE
                return JsonResponse({"status": "not ready"}, status=status)
        return JsonResponse({"status": "ready"})
