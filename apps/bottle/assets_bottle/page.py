"""The page of assets, and files."""

from pathlib import Path

import work
from bottle import Bottle, HTTPResponse, static_file, template

from assets_bottle.api import store

app = Bottle()

# one list for all calls: Bottle caches a compiled template by its name and this very object
_VIEWS = [str(Path(__file__).parents[1] / "views")]


@app.get("/assets")
def assets_page() -> str:
    """Render the first page."""
    return template(
        "assets", template_lookup=_VIEWS, site_name=work.SITE_NAME, assets=store.first_page()
    )


@app.get("/static/<name:path>")
def static(name: str) -> HTTPResponse:
    """Send a file; Bottle lets nothing out that is not below the folder."""
    return static_file(name, root=str(work.STATIC))
