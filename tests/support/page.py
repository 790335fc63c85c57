"""Write reports without a run."""

from pathlib import Path

from authprobe.observation.findings import Finding
from authprobe.report.html.report import report_page
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record


def page_of(run: Run, folder: Path) -> Path:
    """Write the report of this run as a page of its own, and return its path."""
    path = folder / "report.html"
    path.write_text(report_page(run), encoding="utf-8")
    return path


def many(count: int) -> tuple[CaseRecord, ...]:
    """Return this number of cases: 500 auth paths at as many versions as necessary."""
    betas = ("one", "two")
    exchanges = tuple(make_exchange(path=f"/v1/{number}", betas=betas) for number in range(8))
    return tuple(
        make_record(
            id=f"scenario-{path % 25}/claude-code@2.1.{version}/default/credential-{path}",
            scenario=f"scenario-{path % 25}",
            credential=f"credential-{path}",
            client=f"claude-code@2.1.{version}",
            client_version=f"2.1.{version}",
            observation=make_observation(message=f"said {path}", exchanges=exchanges),
            verdict=Verdict(status=Status.FAILED if path % 50 == 0 else Status.PASSED),
            findings=(Finding(name="crashes", text="no"),) if path == 7 else (),
        )
        for version in range(count // 500)
        for path in range(500)
    )
