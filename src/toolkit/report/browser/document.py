"""A page as a document: its style, its script, its data, what draws its charts, what may run."""

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files

from toolkit.report.elements import Markup, element

_OWN = files("toolkit.report.browser")


@dataclass(frozen=True, slots=True)
class Library:
    """JavaScript that defines ``vegaEmbed``.

    Attributes:
        text: The code, which becomes part of the page, or ...
        address: ... where it lies, relative to the page, for pages that share it.
    """

    text: str = ""
    address: str = ""


def document(title: str, library: Library, content: object, *parts: Markup) -> str:
    """Write a page.

    Args:
        title: Of its window.
        library: What draws its charts.
        content: What script.js takes its charts from.
        parts: Of its body.
    """
    script = _OWN.joinpath("script.js").read_text(encoding="utf-8")
    style = _OWN.joinpath("style.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(library, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(style)),
    )
    drawing = (
        element("script", src=library.address)
        if library.address
        else element("script", Markup(library.text))
    )
    body = element(
        "body",
        *parts,
        element("script", _as_json(content), type="application/json", id="data"),
        drawing,
        element("script", Markup(script)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _policy(library: Library, script: str) -> str:
    """Allow the page's own scripts and nothing else, and no request but for its library.

    Vega compiles its expressions, hence unsafe-eval; what text a result may hold is never one.
    """
    # a file has no origin that 'self' could mean
    drawing = "'self' file:" if library.address else _hash(library.text)
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src {drawing} {_hash(script)} 'unsafe-eval'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _as_json(content: object) -> Markup:
    """Write JSON so that no text in it can end the script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))
