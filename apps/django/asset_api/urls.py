"""Root of the URLs, and the views for what goes wrong on the way to a view."""

from django.urls import include, path

urlpatterns = [path("", include("inventory.urls"))]

handler400 = "inventory.errors.bad_request"
handler403 = "inventory.errors.permission_denied"
handler404 = "inventory.errors.page_not_found"
handler500 = "inventory.errors.server_error"
