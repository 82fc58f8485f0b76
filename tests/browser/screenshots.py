"""Pictures of a page as people see it, to look at: narrow and wide, light and dark, printed.

``scripts/screenshots FOLDER [PAGE]``; PAGE is a file that `toolkit report --html` wrote (default:
docs/report.html).
"""

import argparse
import shutil
import sys
from itertools import product
from pathlib import Path
from typing import Literal

import click
from playwright.sync_api import Browser, sync_playwright

WIDTHS = (360, 768, 1920)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_REPORT = Path(__file__).parents[2] / "docs" / "report.html"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Find Chromium, None: there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def picture(
    browser: Browser, page: Path, file: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    """Write the whole page as it looks at a width, with all of its charts."""
    context = browser.new_context(
        offline=True, viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    try:
        opened = context.new_page()
        opened.goto(page.absolute().as_uri())
        # a chart is drawn when it comes near
        for chart in opened.locator(".chart").all():
            if chart.is_visible():
                chart.scroll_into_view_if_needed()
        opened.evaluate("scrollTo(0, 0)")
        opened.screenshot(path=file, full_page=True)
    finally:
        context.close()


def printed(browser: Browser, page: Path, file: Path) -> None:
    """Write the page as it is printed."""
    context = browser.new_context(offline=True)
    try:
        opened = context.new_page()
        opened.goto(page.absolute().as_uri())
        opened.evaluate("dispatchEvent(new Event('beforeprint'))")
        opened.wait_for_function(
            "[...document.querySelectorAll('.chart')].every("
            "(c) => c.parentElement.hidden || c.querySelector('svg'))"
        )
        opened.pdf(path=file, format="A4", print_background=True)
    finally:
        context.close()


def main() -> int:
    """Write them all; give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path, nargs="?", default=_REPORT)
    given = parser.parse_args()
    program = chromium()
    if program is None:
        click.echo("screenshots: there is no Chromium here; install one.", err=True)
        return 3
    if not given.page.is_file():
        click.echo(
            f"screenshots: {given.page} is not there; `toolkit report --html` writes it.", err=True
        )
        return 2
    given.folder.mkdir(parents=True, exist_ok=True)
    name = given.page.stem
    with sync_playwright() as playwright:
        # a sandbox is refused to root
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for width, scheme in product(WIDTHS, SCHEMES):
            file = given.folder / f"{name}-{width}-{scheme}.png"
            picture(browser, given.page, file, width, scheme)
            click.echo(file)
        file = given.folder / f"{name}.pdf"
        printed(browser, given.page, file)
        click.echo(file)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
