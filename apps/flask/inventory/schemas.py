"""What the REST API takes and gives; ``/api/openapi.json`` is made of this."""

import assets
import marshmallow as ma
from marshmallow import fields, validate

_MOST_CENTS = 2**31 - 1
# the one character that PostgreSQL cannot store
_STORABLE = validate.ContainsNoneOf("\0")


class AssetSchema(ma.Schema):
    """An asset: checks what comes in, shapes what goes out."""

    id = fields.Integer(dump_only=True)
    name = fields.String(required=True, validate=[validate.Length(1, 80), _STORABLE])
    kind = fields.String(required=True, validate=validate.OneOf(assets.KINDS))
    site = fields.String(required=True, validate=[validate.Length(1, 32), _STORABLE])
    value_cents = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, _MOST_CENTS)
    )
    moves = fields.Integer(dump_only=True)


class FilterSchema(ma.Schema):
    """What a list can be narrowed to."""

    class Meta:
        """The page numbers stand in the same query string."""

        unknown = ma.EXCLUDE

    kind = fields.String(validate=validate.OneOf(assets.KINDS))
    site = fields.String(validate=_STORABLE)


class ErrorSchema(ma.Schema):
    """How ``errors.show`` answers, for the documentation."""

    error = fields.String()
    errors = fields.Dict()
