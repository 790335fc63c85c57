"""A run in the Common Test Report Format (ctrf.io), which tools for any test runner read."""

import uuid
from typing import Any, Final

from authprobe.core.escaping import for_json
from authprobe.core.serialization import to_json
from authprobe.report.model import news, phrases
from authprobe.report.model.version_changes import VersionChange, version_changes
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

FORMAT_VERSION: Final = "0.0.0"
_STATUSES: Final = {
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.SKIPPED: "skipped",
    Status.ERROR: "other",
    Status.OBSERVED: "other",
}
"""Statuses of the format; a case that could not be tested, or of which nothing was expected, is
neither passed nor failed nor skipped."""


def ctrf(run: Run) -> str:
    """Return the text of `ctrf.json`."""
    start = round(run.started_at.timestamp() * 1000)
    tests = [_test(record) for record in run.cases]
    statuses = [test["status"] for test in tests]
    report = {
        "reportFormat": "CTRF",
        "specVersion": FORMAT_VERSION,
        "reportId": _report_id(run),
        "timestamp": run.started_at,
        "generatedBy": run.tool.name,
        "results": {
            "tool": {"name": run.tool.name, "version": run.tool.version},
            "summary": {
                "tests": len(tests),
                **{status: statuses.count(status) for status in _STATUSES.values()},
                "pending": 0,
                "flaky": sum(record.verdict.flaky for record in run.cases),
                "start": start,
                "stop": start + round(run.elapsed * 1000),
            },
            "tests": tests,
            "extra": {
                "complaints": run.complaints,
                "absent": run.absent,
                "fail_on": run.fail_on,
                "version_changes": [_version_change(each) for each in version_changes(run)],
            },
        },
    }
    return for_json(to_json(report, indent=1).decode()) + "\n"


def _report_id(run: Run) -> str:
    """Return the id of the run as a UUID; a results file from elsewhere may have another form."""
    try:
        return str(uuid.UUID(run.id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"authprobe:run:{run.id}"))


def _test(record: CaseRecord) -> dict[str, Any]:
    verdict = record.verdict
    test: dict[str, Any] = {
        # The same in every run, so that tools can follow a case over time.
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"authprobe:{record.id}")),
        "name": record.id,
        "status": _STATUSES[verdict.status],
        "rawStatus": phrases.status_words(verdict),
        "duration": round(record.observation.elapsed * 1000),
        "suite": [record.scenario],
        "extra": {
            "client": record.client,
            "client_version": record.client_version,
            "baseline": verdict.baseline,
            "client_change": news.client_change(record),
            "known": verdict.known,
        },
    }
    if verdict.status is not Status.PASSED:
        test["message"] = "\n".join(news.problem_lines(record))
    if verdict.attempts:
        test["flaky"] = verdict.flaky
        test["retries"] = len(verdict.attempts) - 1
        test["retryAttempts"] = [
            {
                "attempt": number,
                "status": _STATUSES[attempt.status],
                "duration": round(attempt.elapsed * 1000),
                "message": "\n".join(map(phrases.describe_mismatch, attempt.mismatches)),
            }
            for number, attempt in enumerate(verdict.attempts[:-1], start=1)
        ]
    test["extra"].update({name: lines for name, lines in _lists(record).items() if lines})
    return test


def _lists(record: CaseRecord) -> dict[str, Any]:
    """Return what a few cases have, by name."""
    return {
        "transitions": phrases.describe_changes(record),
        "reasons": [reason.summary for reason in record.reasons],
        "findings": [finding.name for finding in record.findings],
        "failed_attempts": news.flaky_lines(record),
    }


def _version_change(change: VersionChange) -> dict[str, Any]:
    """Return a change between neighbouring versions, with the cases at the newer one."""
    return {
        "flow": news.flow_of(change),
        "client": change.client,
        "versions": change.versions,
        "subject": change.subject,
        "before": change.before,
        "after": change.after,
        "cases": [after.id for _, after in change.pairs],
    }
