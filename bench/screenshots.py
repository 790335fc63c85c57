"""Pictures of the documentation, from runs of the real clients in Chromium.

python bench/screenshots.py [NAME]...

The names are those of the pictures; by default all are made again. The clients are installed
into the cache when they are first used.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

PROJECT: Final = Path(__file__).parent.parent
DOCS: Final = PROJECT / "docs"
WIDTH: Final = 1280
"""Width of a window on a small screen."""
OLD, NEW = "claude-code@2.1.112", "claude-code@2.1.332"
SCENARIO: Final = re.compile(r"```yaml\n(id: our-login\n.*?)```", re.DOTALL)
"""The scenario of the README."""


def main() -> int:
    """Make the pictures; return 4 if a name is unknown or Chromium is missing."""
    chromium, names = shutil.which("chromium"), sys.argv[1:] or list(PICTURES)
    if chromium is None:
        print("no `chromium` on PATH; install it to make pictures", file=sys.stderr)
        return 4
    if unknown := [name for name in names if name not in PICTURES]:
        print(f"{unknown[0]}: no such picture; use {', '.join(PICTURES)}", file=sys.stderr)
        return 4
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                make, height = PICTURES[name]
                _draw(browser, make(Path(folder)), height, DOCS / f"{name}.png")
        browser.close()
    return 0


def _draw(browser: Browser, page: Path, height: int, picture: Path) -> None:
    tab = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light")
    tab.goto(page.as_uri())
    tab.screenshot(path=picture)
    tab.close()
    print(f"{picture.relative_to(PROJECT)}: {picture.stat().st_size / 1000:.0f} kB")


def _versions(_: Path) -> Path:
    """Return the page of the versions of `claude`, which is part of the documentation."""
    return DOCS / "versions" / "claude-code.html"


def _passed(folder: Path) -> Path:
    """Return the report of all bundled scenarios, which takes as long as their run."""
    _run(folder, "run")
    return folder / "reports" / "report.html"


def _upgrade(folder: Path) -> Path:
    """Return the page of a diff of two versions."""
    _run(folder, "diff", OLD, NEW, "credentials-file/*", "--html", "diff.html")
    return folder / "diff.html"


def _regressed(folder: Path) -> Path:
    """Return the report of a run after an upgrade, as the recipe of the README makes it."""
    found = SCENARIO.search((PROJECT / "README.md").read_text(encoding="utf-8"))
    if found is None:
        sys.exit("no picture: README.md has no scenario with the id our-login")
    (folder / "auth").mkdir()
    (folder / "auth" / "login.yaml").write_text(found[1], encoding="utf-8")
    _run(folder, "run", "auth", "--client", OLD)
    _run(folder, "accept")
    _run(folder, "run", "auth", "--client", NEW)
    return folder / "reports" / "report.html"


def _run(folder: Path, *arguments: str) -> None:
    """Run authprobe in a folder; stop if it ends otherwise than with a result."""
    command = [sys.executable, "-m", "authprobe", *arguments]
    if subprocess.run(command, cwd=folder, check=False).returncode not in (0, 1):
        sys.exit(f"no picture: {' '.join(arguments)} has no result")


PICTURES: Final[Mapping[str, tuple[Callable[[Path], Path], int]]] = {
    "versions": (_versions, 1160),
    "report-passed": (_passed, 1100),
    "report-regressed": (_regressed, 640),
    "report-upgrade": (_upgrade, 900),
}
"""The function that makes the page of each picture in a folder, and the height that is shown."""


if __name__ == "__main__":
    sys.exit(main())
