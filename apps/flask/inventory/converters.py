"""Types of URL parts, in both directions: a view gets a value, ``url_for`` makes the text of it."""

from flask import Flask
from werkzeug.routing import BaseConverter


class TagConverter(BaseConverter):
    """The tag glued on an asset, ``asset-00042``, as its number, 42."""

    regex = r"asset-\d{5,9}"

    def to_python(self, value: str) -> int:
        """Read the number of a tag."""
        return int(value.removeprefix("asset-"))

    def to_url(self, value: int) -> str:
        """Write the tag of a number."""
        return f"asset-{value:05}"


def install(app: Flask) -> None:
    """Let routes say ``<tag:number>``."""
    app.url_map.converters["tag"] = TagConverter
