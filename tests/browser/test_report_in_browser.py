"""The report as people meet it: in Chromium, from a file, without a network."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.browser.screenshots import chromium as chromium_program
from toolkit.report.browser.document import Library
from toolkit.report.browser.drawing import library
from toolkit.report.browser.page import page
from toolkit.store import Store

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
CHROMIUM = chromium_program()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="there is no Chromium here"
    ),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of two runs: one with ranks and latencies, one with several delays."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for name in ("two-cores", "io"):
        found[name] = folder / f"{name}.html"
        run = Store(REFERENCE).load(str(REFERENCE / name))
        found[name].write_text(page(run, Library(text=library())), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page that was opened, with what it asked for and said."""

    def __init__(
        self, browser: Browser, file: Path, *, width: int = 1400, dark: bool = False
    ) -> None:
        self.context = browser.new_context(
            offline=True,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._see)
        self.page.goto(file.as_uri())
        self.page.locator(".chart svg").first.wait_for()

    def _hear(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)

    def _see(self, request: Request) -> None:
        self.asked.append(request.url)

    def stacks(self) -> list[str]:
        """The stacks of the first table, as they are seen."""
        rows = self.page.locator("section[data-workload] table").first.locator(
            "tbody tr:visible th"
        )
        return rows.all_inner_texts()

    def draw_all(self) -> None:
        """Scroll through it, so that every chart is drawn."""
        for chart in self.page.locator(".chart").all():
            chart.scroll_into_view_if_needed()
            if chart.is_visible():
                chart.locator("svg").first.wait_for()


@pytest.fixture
def opened(chromium: Browser, files: dict[str, Path]) -> Iterator[Opened]:
    found = Opened(chromium, files["two-cores"])
    yield found
    found.context.close()


def test_it_asks_for_nothing_and_complains_of_nothing(
    opened: Opened, files: dict[str, Path]
) -> None:
    opened.draw_all()
    assert opened.asked == [files["two-cores"].as_uri()]
    assert opened.said == []


def test_a_click_on_a_title_sorts(opened: Opened) -> None:
    best_first = opened.stacks()
    button = opened.page.locator("table.sortable").first.get_by_role("button", name="req/s")
    button.click()
    assert opened.stacks() == best_first[::-1]
    button.click()
    assert opened.stacks() == best_first


def test_a_title_sorts_from_the_keyboard(opened: Opened) -> None:
    button = opened.page.locator("table.sortable").first.get_by_role("button", name="stack")
    button.focus()
    opened.page.keyboard.press("Enter")
    assert opened.stacks() == sorted(opened.stacks())
    heading = opened.page.locator("table.sortable").first.locator("th[aria-sort]")
    assert heading.get_attribute("aria-sort") == "ascending"


def test_filters_leave_what_is_asked_for(opened: Opened) -> None:
    opened.page.select_option("#by-app", "flask")
    assert all(stack.startswith("flask/") for stack in opened.stacks())
    opened.page.select_option("#by-workload", "list")
    assert opened.page.locator("section[data-workload]:visible").count() == 1
    assert opened.page.locator("#shown").inner_text() == "3 rows"
    chart = opened.page.locator('[data-chart="throughput"] svg:visible').first
    chart.get_by_text("flask/gunicorn-sync").first.wait_for()
    assert chart.get_by_text("fastapi/uvicorn").count() == 0


def test_filters_leave_of_the_matrix_whom_is_asked_for(opened: Opened) -> None:
    matrix = opened.page.locator("section[data-workload] .duels").first
    whole = matrix.locator("tbody tr:visible").count()
    assert matrix.locator("thead th:visible").count() == whole + 1
    opened.page.select_option("#by-app", "flask")
    kept = matrix.locator("tbody tr:visible th").all_inner_texts()
    assert 1 < len(kept) < whole
    assert all(stack.startswith("flask/") for stack in kept)
    assert matrix.locator("thead th:visible").count() == len(kept) + 1
    assert matrix.locator("tbody td:visible").count() == len(kept) ** 2


def test_a_trial_tells_its_number(opened: Opened) -> None:
    opened.page.locator('[data-chart="throughput"] svg .mark-symbol path').first.hover()
    tip = opened.page.locator("#vg-tooltip-element")
    tip.wait_for()
    assert "requests/s" in tip.inner_text()


def test_the_rate_of_the_curves_can_be_chosen(opened: Opened) -> None:
    button = opened.page.get_by_role("button", name="50%").first
    button.click()
    assert button.get_attribute("aria-pressed") == "true"


def test_the_theme_can_be_switched(opened: Opened) -> None:
    def ground() -> str:
        found = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return str(found)

    light = ground()
    opened.page.get_by_role("button", name="Dark").click()
    assert ground() != light


@pytest.mark.parametrize("name", ["two-cores", "io"])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1920])
def test_nobody_is_kept_out(
    chromium: Browser, files: dict[str, Path], name: str, width: int, *, dark: bool
) -> None:
    found = Opened(chromium, files[name], width=width, dark=dark)
    found.draw_all()
    violations = Axe().run(found.page).response["violations"]
    wide = found.page.evaluate("document.documentElement.scrollWidth")
    found.context.close()
    assert [item["id"] for item in violations] == []
    assert wide == width
