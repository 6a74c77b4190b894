"""Draw the pictures of the guide from what ``examples/plot_inspection.py`` wrote.

``make pictures`` runs both. The screenshots need Chromium or Chrome.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
WRITTEN, PICTURES = ROOT / "demo_output", ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SCREENS = {  # page, width, height
    "report_wide": ("report.html", 1280, 1150),
    "report_narrow": ("report.html", 360, 740),
    "notebook": ("notebook.html", 1280, 260),
}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    shutil.copy(WRITTEN / "inspection.png", PICTURES)
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name, (page_name, width, height) in SCREENS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto((WRITTEN / page_name).as_uri())
            page.screenshot(path=PICTURES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
