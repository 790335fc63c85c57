"""Adapter for pytest-html, which writes the page of a run; nothing else knows its hooks and files.

pytest-html and pytest-metadata fill the page with a table drawn by script, and with facts about the
machine. The adapter replaces both by the report, and keeps the page in memory until it has been
searched for credentials.
"""

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe.report.files import HTML, TITLE
from authprobe.report.html.policy import content_policy

PLUGINS: Final = ("metadata", "html")
"""Names under which pytest loads pytest-metadata and pytest-html."""


class PytestHtmlPage:
    """The plugin that makes pytest-html's page the report of a run."""

    def __init__(
        self,
        config: pytest.Config,
        *,
        content: Callable[[], str | None],
        is_case: Callable[[pytest.TestReport], bool],
    ) -> None:
        """Take the page, unless the user chose a file of their own with `--html`.

        `content` returns the HTML of the report when the page is written, None without a run;
        `is_case` is True for the test reports that the content covers.
        """
        self._config = config
        self._content = content
        self._is_case = is_case
        self._has_other_tests = False
        self._page: str | None = None
        self._report: str | None = None
        """The report, which replaces `PLACEHOLDER` in the finished page."""
        self._is_taken = False
        if not config.option.collectonly:
            if getattr(config.option, "htmlpath", None) is None:
                self._is_taken = True
                config.option.htmlpath = str(Path.cwd() / HTML)  # never written: `_take_page`
            config.option.self_contained_html = True

    def text(self) -> str | None:
        """Return the finished page, or None if pytest-html wrote none here."""
        if self._page is None:
            return None
        page = with_landmarks(self._page, has_other_tests=self._has_other_tests)
        page = with_policy(page, self._own_assets(), has_style_attributes=self._has_other_tests)
        return page if self._report is None else page.replace(PLACEHOLDER, self._report, 1)

    def _writers(self) -> Iterator[Any]:
        """Yield pytest-html's writer of the page: it has no option for where to write."""
        if self._is_taken:
            for plugin in self._config.pluginmanager.get_plugins():
                if hasattr(plugin, "_write_report") and hasattr(plugin, "_report_path"):
                    yield plugin

    def _take_page(self, page: str) -> None:
        self._page = page

    def _own_assets(self) -> tuple[str, ...]:
        """Return the style sheets and scripts that the page may have."""
        from authprobe.report.html.rendering import asset

        package = find_spec("pytest_html")
        resources = Path(str(package and package.origin)).parent / "resources"
        own = (_styles(), asset("report.js"))
        sheets = (str(getattr(writer, "css", "")) for writer in self._writers())
        return (*own, *sheets, (resources / "app.js").read_text(encoding="utf-8"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Take over the writing of the page before anything can write it."""
        for writer in self._writers():
            writer._write_report = self._take_page

    @pytest.hookimpl(optionalhook=True)
    def pytest_metadata(self, metadata: dict[str, Any]) -> None:
        """Remove what pytest-metadata collects: CI variables name people and machines."""
        metadata.clear()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        report.title = TITLE

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put the report before everything else on the page."""
        content = self._content()
        if content is None:
            return
        # Imported late: jinja2 is not needed before there is something to draw.
        from authprobe.report.html.elements import Html
        from authprobe.report.html.rendering import asset, render

        if self._is_taken:  # each step to the page would copy it
            self._report, content = content, PLACEHOLDER
        script, content = asset("report.js"), Html(content)
        prefix.append(render("pytest_html.html", styles=_styles(), content=content, script=script))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """Remove the cases from pytest-html's table, which would repeat the report by script."""
        if self._is_case(report):
            cells.clear()
        else:
            self._has_other_tests = True


def _styles() -> str:
    """Return the style sheets of the report, as one."""
    from authprobe.report.html.elements import Html
    from authprobe.report.html.rendering import asset

    return Html().join(map(asset, ("report.css", "sequence.css", "pytest_html.css")))


def with_landmarks(page: str, *, has_other_tests: bool) -> str:
    """Return pytest-html's page with a language, a viewport and landmarks.

    Its own table is hidden unless it has rows: `has_other_tests`.
    """
    viewport = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    referrer = '<meta name="referrer" content="no-referrer">'
    replacements = (
        ("<html>", '<html lang="en">'),
        ("<head>", f"<head>{viewport}{referrer}"),
        (' onclick="location.reload()"', ""),  # for a page that is written during the tests
        ("<body>", "<body>" if has_other_tests else '<body class="ap-alone">'),
    )
    for old, new in replacements:
        page = page.replace(old, new, 1)
    return _with_title_last(page)


TITLE_LINES: Final = re.compile(
    r'<h1 id="title">(?P<title>.*?)</h1>(?P<line>.*?)(?=<div id="environment-header">)', re.DOTALL
)
HEADING: Final = '<h1 class="ap-verdict">'
"""Heading of the report."""
PLACEHOLDER: Final = f"{HEADING}</h1>"
"""Heading in place of the report while the page is made; what comes before it has none."""


def _with_title_last(page: str) -> str:
    """Return the page with pytest-html's title and date at its foot: the verdict comes first.

    They stay at the head of a page without a report, in a landmark.
    """
    found = TITLE_LINES.search(page)
    if found is None:
        return page
    before, after = page[: found.start()], page[found.end() :]
    if HEADING not in page:
        return f"{before}<header>{found[0]}</header>{after}"
    title = f'<footer><p id="title">{found["title"]}</p>{found["line"]}'
    return before + after.replace("<footer>", title, 1)


ELEMENT: Final = re.compile(r"<(style|script)[^>]*>(.*?)</\1>", re.DOTALL)


def with_policy(page: str, assets: tuple[str, ...], *, has_style_attributes: bool) -> str:
    """Return the page with a policy that allows those of its styles and scripts that are ours.

    pytest-html indents what it inserts, so that the hash must be that of the text in the page.
    """
    known = {text.strip() for text in assets}
    allowed: dict[str, list[str]] = {"style": [], "script": []}
    for tag, text in ELEMENT.findall(page):
        if text.strip() in known:
            allowed[tag].append(text)
    policy = content_policy(
        styles=allowed["style"],
        scripts=allowed["script"],
        has_style_attributes=has_style_attributes,
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return page.replace("<head>", f"<head>{meta}", 1)
