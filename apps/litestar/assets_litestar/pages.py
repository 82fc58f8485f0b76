"""The page for people."""

import work
from assets import AssetStore
from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template


@get("/assets", sync_to_thread=False)
def asset_page(store: NamedDependency[AssetStore]) -> Template:
    """Show the first page as a table."""
    return Template(
        template_name="assets.html",
        context={"site_name": work.SITE_NAME, "assets": store.first_page()},
    )
