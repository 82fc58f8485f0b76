"""Assets in the database: by SQL and through the ORM."""

from http import HTTPStatus
from typing import Any

from django.forms import model_to_dict
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from settings import DATABASE_URL

from inventory import rows
from inventory.errors import error_response
from inventory.forms import AssetIds, Move
from inventory.models import Asset
from inventory.views.base import JsonView, cleaned, json_body


class DatabaseView(JsonView):
    """A view that has nothing to say without a database."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401 - Django's
        """Answer 503 where none is configured."""
        if not DATABASE_URL:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, "there is no database")
        return super().dispatch(request, *args, **kwargs)


class RowListView(DatabaseView):
    """Several rows."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Read those of ``ids``."""
        numbers = cleaned(AssetIds(request.GET))["ids"]
        return JsonResponse(rows.read_assets(numbers), safe=False)


class RowView(DatabaseView):
    """One row."""

    def get(self, request: HttpRequest, number: int) -> JsonResponse:
        """Read it."""
        row = rows.read_asset(number)
        if row is None:
            raise Http404
        return JsonResponse(row)


class MoveView(DatabaseView):
    """Moves of an asset."""

    def post(self, request: HttpRequest, number: int) -> JsonResponse:
        """Move it to another site."""
        change = rows.move_asset(number, cleaned(Move(json_body(request)))["site"])
        if change is None:
            raise Http404
        return JsonResponse(change)


class ObjectView(DatabaseView):
    """The same row as an object."""

    def get(self, request: HttpRequest, number: int) -> JsonResponse:
        """Read it."""
        return JsonResponse(model_to_dict(get_object_or_404(Asset, pk=number)))
