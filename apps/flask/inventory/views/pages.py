"""Blueprint of the pages that anybody may see."""

from collections.abc import Iterator

import work
from flask import Blueprint, Response, abort, render_template, stream_with_context
from sqlalchemy import select

from inventory import csvfile
from inventory.extensions import db, require_database
from inventory.models import Asset
from inventory.views.api import store

blueprint = Blueprint("pages", __name__, static_folder="../static", static_url_path="/pages/static")


@blueprint.app_template_filter("money")
def money(cents: int) -> str:
    """Write cents as ``12.34``."""
    return f"{cents // 100}.{cents % 100:02}"


@blueprint.get("/assets")
def list_assets() -> str:
    """Show the first page of assets."""
    return render_template("assets.html", site=work.SITE_NAME, assets=store().first_page())


@blueprint.get("/assets/<tag:number>")
def show_asset(number: int) -> str:
    """Show the asset with a tag, from the database."""
    require_database()
    asset = db.session.get(Asset, number)
    if asset is None:
        abort(404, "No asset has this tag.")
    return render_template("asset.html", asset=asset)


@blueprint.get("/assets.csv")
def export_assets() -> Response:
    """Give all assets as a file, row by row: neither the database nor the app holds all of them."""
    require_database()
    lines = stream_with_context(csvfile.write(_all_assets()))
    headers = {"Content-Disposition": "attachment; filename=assets.csv"}
    return Response(lines, mimetype="text/csv", headers=headers)


def _all_assets() -> Iterator[Asset]:
    # The query belongs in the generator: the session of the view is closed when the view has
    # returned, the stream then gets another one, which is closed at its end.
    query = select(Asset).order_by(Asset.id)
    yield from db.session.scalars(query, execution_options={"yield_per": 500})
