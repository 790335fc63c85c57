"""A report as a file, made without a run."""

from pathlib import Path

from authprobe.observation.findings import Finding
from authprobe.report.html.report import finished, summary
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record

PAGE = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"/><title>Report</title></head>'
    '<body><h1 id="title">Report</h1><div id="environment-header"></div>{}</body></html>'
)


def page_of(run: Run, folder: Path) -> Path:
    """The page of this run, in as much of pytest-html's as it stands in."""
    path = folder / "report.html"
    path.write_text(finished(PAGE.format(summary(run)), alone=True), encoding="utf-8")
    return path


def many(count: int) -> tuple[CaseRecord, ...]:
    """So many cases, 500 auth paths at as many versions as it takes."""
    betas = ("one", "two")
    asked = tuple(make_exchange(path=f"/v1/{number}", betas=betas) for number in range(8))
    return tuple(
        make_record(
            id=f"scenario-{path % 25}/claude-code@2.1.{version}/default/credential-{path}",
            scenario=f"scenario-{path % 25}",
            credential=f"credential-{path}",
            client=f"claude-code@2.1.{version}",
            client_version=f"2.1.{version}",
            observation=make_observation(message=f"said {path}", exchanges=asked),
            verdict=Verdict(status=Status.FAILED if path % 50 == 0 else Status.PASSED),
            findings=(Finding(name="crashes", text="no"),) if path == 7 else (),
        )
        for version in range(count // 500)
        for path in range(500)
    )
