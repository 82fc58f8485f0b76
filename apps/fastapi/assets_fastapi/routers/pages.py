"""Pages for people."""

from pathlib import Path

import work
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from assets_fastapi.store import store

router = APIRouter()
templates = Jinja2Templates(Path(__file__).parents[1] / "templates")


@router.get("/assets", response_class=HTMLResponse)
async def show_assets(request: Request) -> HTMLResponse:
    """Show the first page."""
    return templates.TemplateResponse(
        request, "assets.html", {"site_name": work.SITE_NAME, "assets": store.first_page()}
    )
