"""Work for the server: computing, streaming, receiving, asking another service."""

from http import HTTPStatus

import upstream
import work
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from settings import MOST_BODY, UPSTREAM_URL
from upstream_error import UpstreamError

from inventory.errors import Refusal
from inventory.forms import Call, Chunks, Rounds
from inventory.upstream_client import upstream_client
from inventory.views.base import JsonView, cleaned

_ROUNDS = 40_000
_CHUNKS = 100
_PIECE = 64 * 1024


class CpuView(JsonView):
    """Computing."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Compute for a while."""
        rounds = cleaned(Rounds(request.GET))["rounds"]
        if rounds is None:
            rounds = _ROUNDS
        return JsonResponse({"rounds": rounds, "checksum": work.burn(rounds)})


class StreamView(JsonView):
    """A streamed answer."""

    def get(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send pieces as they are made."""
        count = cleaned(Chunks(request.GET))["chunks"]
        pieces = work.chunks(_CHUNKS if count is None else count)
        return StreamingHttpResponse(pieces, content_type="text/plain")


class UploadView(JsonView):
    """An upload."""

    def post(self, request: HttpRequest) -> JsonResponse:
        """Read it in pieces; a body in chunks, whose length nobody knows, watches its own size.

        Raises:
            RequestDataTooBig: It is too large.
        """
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BODY:
            raise RequestDataTooBig("The body exceeds MOST_BODY.")
        size = crc32 = 0
        while piece := request.read(_PIECE):
            size += len(piece)
            crc32 = work.checksum(piece, crc32)
        return JsonResponse({"bytes": size, "crc32": crc32})


class UpstreamView(JsonView):
    """Another service."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Call it and pass its answer on."""
        if not UPSTREAM_URL:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "there is no upstream service")
        call = cleaned(Call(request.GET))
        try:
            answer = upstream.call(upstream_client(), call["delay_ms"], call["token"])
        except UpstreamError as error:
            raise Refusal(HTTPStatus.BAD_GATEWAY, "the upstream service failed") from error
        return JsonResponse(answer)
