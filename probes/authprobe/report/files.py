"""The files of a report beside the results, by name, and its title."""

from collections.abc import Callable, Mapping
from typing import Final

from authprobe.report.formats.ctrf import ctrf
from authprobe.report.formats.junit import junit
from authprobe.report.markdown.summary import summary_markdown
from authprobe.run.model import Run
from authprobe.run.size_limit import fitting_text

TITLE: Final = "Compatibility of Claude clients"

HTML: Final = "report.html"
SUMMARY: Final = "summary.md"
JUNIT: Final = "junit.xml"
CTRF: Final = "ctrf.json"
RESULTS: Final = "results.json"
REPORTS: Final = (HTML, SUMMARY, JUNIT, CTRF)


TEXT_REPORTS: Final[Mapping[str, Callable[[Run], str]]] = {
    SUMMARY: summary_markdown,
    JUNIT: junit,
    CTRF: ctrf,
}
"""Every report except the HTML page, by file name."""


def report_texts(run: Run, page: Callable[[Run], str]) -> dict[str, str]:
    """Return every report, by file name; `page` returns the HTML."""
    makers = {**TEXT_REPORTS, HTML: page}
    return {name: fitting_text(run, make) for name, make in makers.items()}
