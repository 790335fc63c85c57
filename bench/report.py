"""How long a report of many cases takes to be drawn, to open in Chromium, and to be searched.

python bench/report.py [CASES]
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.make import make_run
from tests.support.page import many, page_of

ROUNDS = 5
LIMIT = 2.0
"""Seconds that opening and searching may take together, with 10,000 cases."""
SEARCH = """words => new Promise(done => {
  const field = document.querySelector("#ap-search"), told = document.querySelector(".ap output");
  const began = performance.now();
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(
    () => done((performance.now() - began) / 1000)))).observe(told, {childList: true});
  field.value = words;
  field.dispatchEvent(new Event("input"));
})"""
"""Seconds from the last key until what was found is on the screen."""


def main() -> int:
    """Measure and print; 1 if the limit is passed."""
    count = int(sys.argv[1]) if sys.argv[1:] else 10_000
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium on PATH", file=sys.stderr)
        return 4
    run = make_run(*many(count))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        began = time.perf_counter()
        path = page_of(run, Path(folder))
        drawn = time.perf_counter() - began
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened, searched = zip(*(_look(browser, path) for _ in range(ROUNDS)), strict=True)
        browser.close()
        size = path.stat().st_size
    print(f"{count:,} cases: {size / 1e6:.1f} MB, drawn in {drawn:.2f} s")
    print(f"opened in {_words(opened)}, searched in {_words(searched)}; together at most {LIMIT} s")
    return int(statistics.median(opened) + statistics.median(searched) > LIMIT)


def _look(browser: Browser, path: Path) -> tuple[float, float]:
    """Seconds until the page is there, and until a search has been answered."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    opened = time.perf_counter() - began
    searched = float(page.evaluate(SEARCH, "credential-499 2.1.19"))
    page.close()
    return opened, searched


def _words(seconds: tuple[float, ...]) -> str:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"{middle:.2f} s ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
