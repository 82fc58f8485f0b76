"""Assets in memory: as JSON and as a page."""

import work
from assets import AssetStore
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inventory.forms import NewAsset, Rows
from inventory.views.base import JsonView, cleaned, json_body

_store = AssetStore()


class AssetListView(JsonView):
    """The list."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """List the first page."""
        return JsonResponse(_store.first_page(), safe=False)

    def post(self, request: HttpRequest) -> JsonResponse:
        """Create an asset."""
        new = cleaned(NewAsset(json_body(request)))
        return JsonResponse(_store.create(**new), status=201)


class AssetView(JsonView):
    """One of the list."""

    def get(self, request: HttpRequest, number: int) -> JsonResponse:
        """Look it up."""
        for asset in _store.first_page():
            if asset["id"] == number:
                return JsonResponse(asset)
        raise Http404


class ExportView(JsonView):
    """A large answer."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Give so many assets."""
        rows = cleaned(Rows(request.GET))["rows"]
        return JsonResponse(work.export(rows), safe=False)


@require_safe
def asset_page(request: HttpRequest) -> HttpResponse:
    """Render the first page for people."""
    context = {"site_name": work.SITE_NAME, "assets": _store.first_page()}
    return render(request, "inventory/assets.html", context)
