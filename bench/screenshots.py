"""Pictures of the documentation, from runs of the real clients in Chromium.

python bench/screenshots.py [NAME]...

The names are those of the pictures; by default all are made again. The clients are installed
into the cache when they are first used.
"""

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
OLD, NEW = "claude-code@2.1.31", "claude-code@2.1.332"
SCENARIO: Final = """\
id: stored-login
title: A stored login of claude
why: A job of ours is logged in once, and upgrades the client every month.
sources: [https://code.claude.com/docs/en/authentication]
credentials:
  fresh: {{token: login, via: credentials-file}}
  expired: {{token: login, state: expired, via: credentials-file}}
  scopes-as-text: {{token: login, via: credentials-file, form: scopes-as-text}}
  revoked: {{token: login, state: revoked, via: credentials-file}}
backends:
  default: {{counts_as_claude_code: true, standing: {standing}}}
matrix: {{client: [{client}], credential: [fresh, expired, scopes-as-text, revoked]}}
expect: {{outcome: accepted}}
"""


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
    """Return the report of bundled scenarios at several versions, which all pass."""
    names = ("cli-login", "credentials-file", "credentials-helper")
    _run(folder, "run", *(str(PROJECT / "scenarios" / f"{name}.yaml") for name in names))
    return folder / "reports" / "report.html"


def _upgrade(folder: Path) -> Path:
    """Return the report of a run after the pin of the client was moved to a newer version."""
    _run(folder, "run", _write(folder, OLD))
    _run(folder, "accept")
    _run(folder, "run", _write(folder, NEW))
    return folder / "reports" / "report.html"


def _regressed(folder: Path) -> Path:
    """Return the report of a run in which the same client is refused for another reason."""
    _run(folder, "run", _write(folder, NEW))
    _run(folder, "accept")
    _run(folder, "run", _write(folder, NEW, standing="oauth-not-allowed"))
    return folder / "reports" / "report.html"


def _write(folder: Path, client: str, standing: str = "active") -> str:
    text = SCENARIO.format(client=client, standing=standing)
    (folder / "stored-login.yaml").write_text(text, encoding="utf-8")
    return "stored-login.yaml"


def _run(folder: Path, *arguments: str) -> None:
    """Run authprobe in a folder; stop if it ends otherwise than with a result."""
    command = [sys.executable, "-m", "authprobe", *arguments]
    if subprocess.run(command, cwd=folder, check=False).returncode not in (0, 1):
        sys.exit(f"no picture: {' '.join(arguments)} has no result")


PICTURES: Final[Mapping[str, tuple[Callable[[Path], Path], int]]] = {
    "versions": (_versions, 1160),
    "report-passed": (_passed, 1000),
    "report-regressed": (_regressed, 1000),
    "report-upgrade": (_upgrade, 1000),
}
"""The function that makes the page of each picture in a folder, and the height that is shown."""


if __name__ == "__main__":
    sys.exit(main())
