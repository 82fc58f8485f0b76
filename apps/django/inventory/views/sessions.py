"""Sessions, which live in a signed cookie."""

from http import HTTPStatus

from accounts import check_password
from django.http import HttpRequest, HttpResponse, JsonResponse

from inventory.errors import Refusal
from inventory.forms import Login
from inventory.views.base import JsonView, cleaned, json_body


class SessionView(JsonView):
    """The session of whoever asks."""

    def post(self, request: HttpRequest) -> JsonResponse:
        """Log in."""
        login = cleaned(Login(json_body(request)))
        if not check_password(login["name"], login["password"]):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "name or password is wrong")
        # nothing of the session before is taken along, as in django.contrib.auth
        request.session.flush()
        request.session["user"] = login["name"]
        return JsonResponse({"user": login["name"]})

    def delete(self, request: HttpRequest) -> HttpResponse:
        """Log out."""
        request.session.flush()
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


class SessionPageView(JsonView):
    """A page for whoever is logged in."""

    def get(self, request: HttpRequest, number: int) -> JsonResponse:
        """Say whose page it is."""
        user = request.session.get("user")
        if user is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "log in first")
        return JsonResponse({"user": user, "page": number})
