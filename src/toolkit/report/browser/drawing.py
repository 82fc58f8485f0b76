"""The library that draws charts, in a browser and without one: the extra ``html``."""

from functools import cache
from typing import Any

from toolkit.errors import EnvironmentFault
from toolkit.report.browser.charts import LIGHT

VEGA_LITE = "6.4"
_WIDTH = 900


@cache
def library() -> str:
    """Give JavaScript that defines ``vegaEmbed``: Vega, Vega-Lite and vega-embed in one text.

    Raises:
        EnvironmentFault: The extra is not installed.
    """
    source = "window.vegaEmbed = vegaEmbed;"
    return str(_converter().javascript_bundle(source, VEGA_LITE)).replace("</script", "<\\/script")


def png(spec: dict[str, Any], datasets: dict[str, list[dict[str, Any]]]) -> bytes:
    """Draw a chart as PNG, on white.

    Raises:
        EnvironmentFault: The extra is not installed.
    """
    return bytes(_converter().vegalite_to_png(_whole(spec, datasets), VEGA_LITE, scale=2))


def svg(spec: dict[str, Any], datasets: dict[str, list[dict[str, Any]]]) -> str:
    """Draw a chart as SVG, on white.

    Raises:
        EnvironmentFault: The extra is not installed.
    """
    return str(_converter().vegalite_to_svg(_whole(spec, datasets), VEGA_LITE))


def _whole(spec: dict[str, Any], datasets: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    # there is no container whose width it could take
    return {**spec, "width": _WIDTH, "datasets": datasets, "config": LIGHT}


def _converter() -> Any:  # noqa: ANN401 - a compiled module without types
    try:
        import vl_convert  # noqa: PLC0415 - of an extra, and slow to load
    except ImportError as error:
        raise EnvironmentFault(
            "what draws charts is not installed",
            hint="pip install 'flask-production-toolkit[html]'",
        ) from error
    return vl_convert
