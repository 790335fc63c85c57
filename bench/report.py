"""Benchmark of a large HTML report: writing it, opening it in Chromium, and searching it.

python bench/report.py [CASES]

The seconds of the clock depend on what else runs; those of the processor hardly do.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.make import make_run
from tests.support.page import many, page_of

ROUNDS = 5
TIME_LIMIT = 2.0
"""Seconds for opening and searching together, with 10,000 cases."""
OPEN_TIMEOUT_MS = 120_000
SEARCH = """words => new Promise(done => {
  const field = document.querySelector("#ap-search"), output = document.querySelector(".ap output");
  const start = performance.now();
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(
    () => done((performance.now() - start) / 1000)))).observe(output, {childList: true});
  field.value = words;
  field.dispatchEvent(new Event("input"));
})"""
"""Returns the seconds from the last key press until the matches are on the screen."""


def main() -> int:
    """Measure and print; return 1 if the limit is exceeded."""
    count = int(sys.argv[1]) if sys.argv[1:] else 10_000
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no `chromium` on PATH; install it to measure", file=sys.stderr)
        return 4
    run = make_run(*many(count))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        start = time.perf_counter()
        path = page_of(run, Path(folder))
        writing = time.perf_counter() - start
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        rounds = [_measure(browser, path) for _ in range(ROUNDS)]
        opening, searching, opening_cpu, searching_cpu = zip(*rounds, strict=True)
        browser.close()
        size = path.stat().st_size
    print(f"{count:,} cases: {size / 1e6:.1f} MB, written in {writing:.2f} s")
    print(f"opened in {_spread(opening)}, searched in {_spread(searching)}; limit {TIME_LIMIT} s")
    print(f"of it on the processor: {_spread(opening_cpu)}, and {_spread(searching_cpu)}")
    return int(statistics.median(opening) + statistics.median(searching) > TIME_LIMIT)


def _measure(browser: Browser, path: Path) -> tuple[float, float, float, float]:
    """Return the seconds for opening and for a search, by the clock, then of the processor."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    start = time.perf_counter()
    page.goto(path.as_uri(), timeout=OPEN_TIMEOUT_MS)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    opening = time.perf_counter() - start
    opening_cpu = _cpu_seconds(devtools)
    searching = float(page.evaluate(SEARCH, "credential-499 2.1.19"))
    searching_cpu = _cpu_seconds(devtools) - opening_cpu
    page.close()
    return opening, searching, opening_cpu, searching_cpu


def _cpu_seconds(devtools: CDPSession) -> float:
    """Return the seconds that the page's thread has spent on tasks."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def _spread(seconds: tuple[float, ...]) -> str:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"{middle:.2f} s ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
