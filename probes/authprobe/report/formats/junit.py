"""A run as JUnit XML for CI systems: a suite for each scenario, a test for each case.

It follows Jenkins' junit-10.xsd, which actions on GitHub and GitLab read as well.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from authprobe.core.escaping import for_display, for_log
from authprobe.core.gates import Gate
from authprobe.report.model import news, phrases
from authprobe.run.gates import gate_words
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

_TAGS: Final = {
    Status.FAILED: "failure",
    Status.ERROR: "error",
    Status.SKIPPED: "skipped",
    Status.OBSERVED: "skipped",  # a test without any mark would count as passed
}
_ABSENT: Final = "absent: it is in the baseline, and no scenario has it any more"
_OTHER_GATES: Final = (Gate.CHANGED, Gate.ABSENT, Gate.FINDINGS, Gate.FLAKY)
"""Reasons to fail a run whose cases are no failures themselves."""


def junit(run: Run) -> str:
    """Return the text of `junit.xml`."""
    root = Element("testsuites", {"name": _printable(run.tool.name), **_numbers(run.cases)})
    del root.attrib["skipped"]  # the schema allows it on suites only
    started_at = f"{run.started_at:%Y-%m-%dT%H:%M:%S}"
    for scenario, cases in itertools.groupby(run.cases, key=lambda record: record.scenario):
        records = tuple(cases)
        values = {"name": _printable(scenario), "timestamp": started_at, **_numbers(records)}
        suite = SubElement(root, "testsuite", values)
        _add_clients(suite, records)
        for record in records:
            _add(suite, record)
    _add_run_results(root, run)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add_clients(suite: Element, records: Sequence[CaseRecord]) -> None:
    """Add the version of each client that ran, as a property."""
    versions = {r.client: r.client_version for r in records if r.client_version}
    if versions:
        properties = SubElement(suite, "properties")
        for client, version in versions.items():
            values = {"name": _printable(client), "value": _printable(version)}
            SubElement(properties, "property", values)


def _numbers(records: Sequence[CaseRecord]) -> Mapping[str, str]:
    statuses = [record.verdict.status for record in records]
    return {
        "tests": str(len(statuses)),
        "failures": str(statuses.count(Status.FAILED)),
        "errors": str(statuses.count(Status.ERROR)),
        "skipped": str(statuses.count(Status.SKIPPED) + statuses.count(Status.OBSERVED)),
        "time": f"{sum(record.observation.elapsed for record in records):.3f}",
    }


def _add(suite: Element, record: CaseRecord) -> None:
    name = record.id.removeprefix(f"{record.scenario}/")
    case = SubElement(
        suite,
        "testcase",
        classname=_printable(record.scenario),
        name=_printable(name),
        time=f"{record.observation.elapsed:.3f}",
    )
    if tag := _TAGS.get(record.verdict.status):
        _add_problem(case, tag, record)
    _add_attempts(case, record)
    if lines := tuple(_notes(record)):
        SubElement(case, "system-out").text = "\n".join(map(_printable, lines))


def _add_problem(case: Element, tag: str, record: CaseRecord) -> None:
    """Add why the case did not pass, beginning with what changed."""
    issue = record.verdict.known
    message = f"known failure: {issue}" if issue else news.problem_words(record)
    if record.verdict.status is Status.OBSERVED:
        message = f"nothing was expected: {message}"
    type_ = phrases.status_words(record.verdict)
    problem = SubElement(case, tag, type=type_, message=_printable(message))
    problem.text = "\n".join(map(_printable, news.problem_lines(record)))


def _add_attempts(case: Element, record: CaseRecord) -> None:
    """Add the attempts that failed beside the one that decided, as Surefire names them."""
    verdict = record.verdict
    tag = "flakyFailure" if verdict.flaky else "rerunFailure"
    for number, attempt in enumerate(verdict.attempts, start=1):
        is_last = number == len(verdict.attempts)
        if attempt.status is Status.FAILED and not is_last:
            lines = map(phrases.describe_mismatch, attempt.mismatches)
            message = f"attempt {number}: {'; '.join(lines)}"
            SubElement(case, tag, type="failed", message=_printable(message))


def _notes(record: CaseRecord) -> Iterator[str]:
    """Yield the changes of a case that passed, and the findings of any case."""
    verdict = record.verdict
    if verdict.status is Status.PASSED and (verdict.fixed or verdict.transitions):
        yield f"{phrases.change_word(verdict)} since the baseline"
        yield from phrases.describe_changes(record)
    yield from (f"finding: {finding.name}: {finding.text}" for finding in record.findings)


def _printable(text: str) -> str:
    """Return text from outside, harmless also where a CI log shows it."""
    return for_log(for_display(text))


def _add_suite(
    root: Element, name: str, tag: str, tests: Sequence[tuple[str, str]], type_: str
) -> None:
    """Add a suite of tests that are no cases, each with its name and message."""
    number = str(len(tests))
    is_failure = tag == _TAGS[Status.FAILED]
    numbers = {"tests": number, "failures": number if is_failure else "0", "errors": "0"}
    skipped = "0" if is_failure else number
    suite = SubElement(root, "testsuite", {"name": name, **numbers, "skipped": skipped})
    for test, message in tests:
        values = {"classname": name, "name": _printable(test), "time": "0.000"}
        case = SubElement(suite, "testcase", values)
        SubElement(case, tag, type=type_, message=_printable(message))
    for attribute in ("tests", "failures"):
        root.set(attribute, str(int(root.get(attribute, "0")) + int(numbers[attribute])))


def _add_run_results(root: Element, run: Run) -> None:
    """Add what concerns no single case: absent ones, and what else makes the run fail."""
    if run.absent:
        tests = [(case_id, _ABSENT) for case_id in run.absent]
        _add_suite(root, "absent", _TAGS[Status.SKIPPED], tests, "absent")
    complaints = [(text.split(": ", 1)[0], text) for text in run.complaints]
    if complaints:
        _add_suite(root, "known-failures", _TAGS[Status.FAILED], complaints, "failed")
    hits = [(gate, words) for gate in _OTHER_GATES if (words := gate_words(run, gate))]
    if gates := [(f"--fail-on {gate}", words) for gate, words in hits if gate in run.fail_on]:
        _add_suite(root, "fail-on", _TAGS[Status.FAILED], gates, "failed")
