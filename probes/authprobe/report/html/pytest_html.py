"""Adapter for pytest-html, which writes the page of a run; nothing else knows its hooks and files.

pytest-html and pytest-metadata fill the page with a table drawn by script, and with facts about the
machine. The adapter replaces both by the report, and stages the file until it has been searched for
credentials.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe.report.files import HTML, TITLE

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
        """Stage the page, unless the user chose a file of their own with `--html`.

        `content` returns the HTML of the report when the page is written, None without a run;
        `is_case` is True for the test reports that the content covers.
        """
        self._config = config
        self._content = content
        self._is_case = is_case
        self._has_other_tests = False
        self._folder = tempfile.TemporaryDirectory(prefix="authprobe-report-")
        self._path = Path(self._folder.name, HTML)
        if not config.option.collectonly:
            if getattr(config.option, "htmlpath", None) is None:
                config.option.htmlpath = str(self._path)
            config.option.self_contained_html = True

    def text(self) -> str | None:
        """Return the finished page, or None if pytest-html wrote none here."""
        if not self._path.is_file():
            return None
        page = self._path.read_text(encoding="utf-8")
        return with_landmarks(page, has_other_tests=self._has_other_tests)

    def move_to(self, path: Path) -> None:
        """Make pytest-html print the final path instead of the staged one."""
        for plugin in self._config.pluginmanager.get_plugins():
            # pytest-html has no option for it: it prints where it wrote.
            if getattr(plugin, "_report_path", None) == self._path:
                plugin._report_path = path.resolve()

    def close(self) -> None:
        """Remove the staged page."""
        self._folder.cleanup()

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
        from authprobe.report.html.rendering import asset, render

        styles = asset("report.css") + asset("pytest_html.css")
        script = asset("report.js")
        prefix.append(render("pytest_html.html", styles=styles, content=content, script=script))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """Remove the cases from pytest-html's table, which would repeat the report by script."""
        if self._is_case(report):
            cells.clear()
        else:
            self._has_other_tests = True


def with_landmarks(page: str, *, has_other_tests: bool) -> str:
    """Return pytest-html's page with a language, a viewport and landmarks.

    Its own table is hidden unless it has rows: `has_other_tests`.
    """
    viewport = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    replacements = (
        ("<html>", '<html lang="en">'),
        ("<head>", f"<head>{viewport}"),
        ('<h1 id="title">', '<header><h1 id="title">'),
        ('<div id="environment-header">', '</header><div id="environment-header">'),
        ("<body>", "<body>" if has_other_tests else '<body class="ap-alone">'),
    )
    for old, new in replacements:
        page = page.replace(old, new, 1)
    return page
