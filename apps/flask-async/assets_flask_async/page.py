"""Blueprint of the page of assets; Flask itself serves the files under ``/static/``."""

import work
from flask import Blueprint, render_template

from assets_flask_async.api import store

blueprint = Blueprint("page", __name__)


@blueprint.get("/assets")
async def assets_page() -> str:
    """Render the first page."""
    return render_template("assets.html", site_name=work.SITE_NAME, assets=store.first_page())
