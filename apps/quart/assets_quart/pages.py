"""Blueprint of the page for people."""

import work
from assets import AssetStore
from quart import Blueprint, render_template


def create_pages(store: AssetStore) -> Blueprint:
    """Bind the page to a store."""
    pages = Blueprint("pages", __name__)

    @pages.get("/assets")
    async def asset_page() -> str:
        return await render_template(
            "assets.html", site_name=work.SITE_NAME, assets=store.first_page()
        )

    return pages
