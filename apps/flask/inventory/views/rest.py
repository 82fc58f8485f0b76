"""``/api/v1/assets``: a REST resource on the models, described by ``/api/openapi.json``."""

from typing import Any

import marshmallow as ma
from flask import Flask, abort, url_for
from flask.views import MethodView
from flask_login import login_required
from flask_smorest import Api, Blueprint
from sqlalchemy import func, select

from inventory.extensions import db, require_database
from inventory.models import Asset
from inventory.schemas import AssetSchema, ErrorSchema, FilterSchema

blueprint = Blueprint("rest", __name__, url_prefix="/api/v1", description="Assets")
blueprint.before_request(require_database)


class DocumentedApi(Api):
    """Flask-Smorest's API; errors are answered by ``errors.show``, which is what it documents."""

    ERROR_SCHEMA: type[ma.Schema] = ErrorSchema


def install(app: Flask) -> None:
    """Add the resource and its description. Needs ``Feature.LOGIN``: users alone may write."""
    DocumentedApi(app).register_blueprint(blueprint)


@blueprint.route("/assets")
class Assets(MethodView):
    """All assets."""

    @blueprint.arguments(FilterSchema, location="query")
    @blueprint.response(200, AssetSchema(many=True))
    @blueprint.paginate(page_size=20, max_page_size=100)
    def get(self, wanted: dict[str, str], pagination_parameters: Any) -> list[Asset]:  # noqa: ANN401 - Flask-Smorest has no types
        """List assets, by page; ``X-Pagination`` tells how many there are."""
        query = select(Asset).filter_by(**wanted)
        pagination_parameters.item_count = db.session.scalar(
            select(func.count()).select_from(query.subquery())
        )
        page = query.order_by(Asset.id).offset(pagination_parameters.first_item)
        return list(db.session.scalars(page.limit(pagination_parameters.page_size)))

    @login_required
    @blueprint.arguments(AssetSchema)
    @blueprint.response(201, AssetSchema)
    def post(self, fields: dict[str, Any]) -> tuple[Asset, int, dict[str, str]]:
        """Create an asset."""
        asset = Asset(**fields)
        db.session.add(asset)
        db.session.commit()
        return asset, 201, {"Location": url_for("rest.OneAsset", number=asset.id)}


@blueprint.route("/assets/<int:number>")
class OneAsset(MethodView):
    """One asset."""

    @blueprint.response(200, AssetSchema)
    def get(self, number: int) -> Asset:
        """Give an asset."""
        return _found(number)

    @login_required
    @blueprint.arguments(AssetSchema)
    @blueprint.response(200, AssetSchema)
    def put(self, fields: dict[str, Any], number: int) -> Asset:
        """Replace what is known of an asset."""
        asset = _found(number)
        for name, value in fields.items():
            setattr(asset, name, value)
        db.session.commit()
        return asset

    @login_required
    @blueprint.response(204)
    def delete(self, number: int) -> None:
        """Remove an asset."""
        db.session.delete(_found(number))
        db.session.commit()


def _found(number: int) -> Asset:
    asset = db.session.get(Asset, number)
    if asset is None:
        abort(404, f"there is no asset {number}")
    return asset
