"""URLs of the app."""

from django.urls import path

from inventory.views import assets, ops, rows, sessions, work

app_name = "inventory"

urlpatterns = [
    path("healthz", ops.HealthView.as_view(), name="health"),
    path("readyz", ops.ReadinessView.as_view(), name="readiness"),
    path("api/assets", assets.AssetListView.as_view(), name="asset-list"),
    path("api/assets/<int:number>", assets.AssetView.as_view(), name="asset"),
    path("api/export", assets.ExportView.as_view(), name="export"),
    path("assets", assets.asset_page, name="asset-page"),
    path("cpu", work.CpuView.as_view(), name="cpu"),
    path("stream", work.StreamView.as_view(), name="stream"),
    path("upload", work.UploadView.as_view(), name="upload"),
    path("upstream", work.UpstreamView.as_view(), name="upstream"),
    path("session", sessions.SessionView.as_view(), name="session"),
    path("session/pages/<int:number>", sessions.SessionPageView.as_view(), name="session-page"),
    path("db/assets", rows.RowListView.as_view(), name="row-list"),
    path("db/assets/<int:number>", rows.RowView.as_view(), name="row"),
    path("db/assets/<int:number>/moves", rows.MoveView.as_view(), name="move-list"),
    path("orm/assets/<int:number>", rows.ObjectView.as_view(), name="object"),
]
