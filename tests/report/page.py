"""A report as a file, made without a run."""

from pathlib import Path

from probes.report.html import finished, summary
from probes.run import Run

PAGE = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"/><title>Report</title></head>'
    '<body><h1 id="title">Report</h1><div id="environment-header"></div>{}</body></html>'
)


def page_of(run: Run, folder: Path) -> Path:
    """The page of this run, in as much of pytest-html's as it stands in."""
    path = folder / "report.html"
    path.write_text(finished(PAGE.format(summary(run)), alone=True), encoding="utf-8")
    return path
