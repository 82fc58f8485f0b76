"""What the views of the API have in common."""

import json
from http import HTTPStatus
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import View

from inventory.errors import Refusal, error_response


class JsonView(View):
    """A view whose refusals are JSON; Django adds HEAD (of ``get``), OPTIONS and Allow."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401 - Django's
        """Call the method's handler."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refusal as refusal:
            return error_response(refusal.status, str(refusal))

    def http_method_not_allowed(
        self,
        request: HttpRequest,
        *args: Any,  # noqa: ANN401 - Django's
        **kwargs: Any,  # noqa: ANN401 - Django's
    ) -> HttpResponse:
        """Give Django's answer, which names the methods in Allow, a body."""
        response = super().http_method_not_allowed(request, *args, **kwargs)
        response.content = json.dumps({"error": HTTPStatus.METHOD_NOT_ALLOWED.phrase})
        response["Content-Type"] = "application/json"
        return response


def json_body(request: HttpRequest) -> dict[str, Any]:
    """Decode the body, an object.

    Raises:
        Refusal: It is something else.
    """
    if request.content_type != "application/json":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/json is needed")
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "a JSON object is needed")
    return value


def cleaned(form: Form) -> dict[str, Any]:
    """Validate a form and give its values.

    Raises:
        Refusal: A field is missing or wrong; the reason names it.
    """
    if not form.is_valid():
        reasons = [f"{field}: {' '.join(errors)}" for field, errors in form.errors.items()]
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(reasons))
    return form.cleaned_data
