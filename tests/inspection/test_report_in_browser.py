"""The report in a real browser, on a wide and a narrow screen, with axe's check of accessibility.

``make report-check`` installs what it needs, but for the browser itself: Chromium or Chrome.
"""

from __future__ import annotations

import os
import shutil

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install 'stackens[browser]'"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="needs axe-playwright-python: pip install 'stackens[browser]'",
)
pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow

SCREENS = {"wide": (1280, 900), "narrow": (360, 740)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is on the path")
    with sync_api.sync_playwright() as playwright:
        # Without a user namespace, as in containers, Chromium has no sandbox.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(rnn_stack, digits, tmp_path_factory):
    X, y = digits
    path = tmp_path_factory.mktemp("report") / "report.html"
    return rnn_stack.report(path, X[:60], y[:60])


@pytest.fixture(params=SCREENS)
def page(request, browser, report):
    width, height = SCREENS[request.param]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(report.as_uri())
    yield page
    page.close()


def test_it_fits_on_the_screen_and_needs_nothing_else(page, report):
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in page.asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.said == []
    sizes = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.width])")
    assert len(sizes) == 8
    assert all(done and natural > 0 and 0 < shown <= width for done, natural, shown in sizes)


def test_the_leaderboard_sorts_by_any_column(page, rnn_stack, digits):
    X, y = digits
    board = rnn_stack.leaderboard(X[:60], y[:60])
    names = "[...document.querySelectorAll('.sortable tbody th')].map(cell => cell.textContent)"
    assert page.evaluate(names) == list(board.index)

    def click(column):
        page.locator(".sortable thead button", has_text=column).first.click()
        return page.evaluate(names)

    assert click("name") == sorted(board.index)
    assert click("name") == sorted(board.index, reverse=True)
    assert page.locator(".sortable th[aria-sort=descending]").inner_text().startswith("name")
    tests = [board.loc[name, "test"] for name in click("test")]
    assert tests == sorted(tests, reverse=True)
    assert click("parameters")[-1] == "forest"  # has none, which is not the least
    assert click("parameters")[-1] == "forest"
    page.locator(".sortable thead button").nth(1).focus()
    page.keyboard.press("Enter")
    scores = [board.loc[name, "out_of_fold"] for name in page.evaluate(names)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
def test_axe_finds_nothing(page, is_open):
    if is_open:
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        controls = "document.querySelectorAll('.sk-toggleable__control')"
        page.evaluate(f"{controls}.forEach(control => control.click())")
    results = axe.Axe().run(page).response
    found = [(v["id"], v["nodes"][0]["html"][:200]) for v in results["violations"]]
    assert found == []


def test_scores_are_beside_the_diagram_in_a_notebook(browser, rnn_stack):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_content(rnn_stack._repr_html_())
    diagram = page.locator(".sk-top-container").bounding_box()
    scores = page.locator(".stackens-scores > .scroll table").bounding_box()
    assert scores["x"] >= diagram["x"] + diagram["width"]
    assert abs(scores["y"] - diagram["y"]) < 100
    page.close()
