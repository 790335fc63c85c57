"""A run as JUnit XML for CI systems: a suite for each scenario, a test for each case.

It follows Jenkins' junit-10.xsd, which actions on GitHub and GitLab read as well.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from authprobe.core.escaping import for_display, for_log
from authprobe.report.model import phrases
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

_TAGS: Final = {Status.FAILED: "failure", Status.ERROR: "error", Status.SKIPPED: "skipped"}


def junit(run: Run) -> str:
    """Return the text of `junit.xml`."""
    root = Element("testsuites", {"name": _printable(run.tool.name), **_numbers(run.cases)})
    del root.attrib["skipped"]  # the schema allows it on suites only
    started_at = f"{run.started_at:%Y-%m-%dT%H:%M:%S}"
    for scenario, cases in itertools.groupby(run.cases, key=lambda record: record.scenario):
        records = tuple(cases)
        values = {"name": _printable(scenario), "timestamp": started_at, **_numbers(records)}
        suite = SubElement(root, "testsuite", values)
        for record in records:
            _add(suite, record)
    if run.complaints:
        _add_complaints(root, run.complaints)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _numbers(records: Sequence[CaseRecord]) -> Mapping[str, str]:
    statuses = [record.verdict.status for record in records]
    return {
        "tests": str(len(statuses)),
        "failures": str(statuses.count(Status.FAILED)),
        "errors": str(statuses.count(Status.ERROR)),
        "skipped": str(statuses.count(Status.SKIPPED)),
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
    tag = _TAGS.get(record.verdict.status)
    if tag is None:
        return
    lines = [_printable(line) for line in phrases.describe_problem(record)]
    issue = record.verdict.known
    message = _printable(f"known failure: {issue}") if issue else lines[0]
    problem = SubElement(case, tag, type=phrases.status_words(record.verdict), message=message)
    changes = phrases.describe_changes(record)
    problem.text = "\n".join((*lines, *(f"changed: {_printable(line)}" for line in changes)))


def _printable(text: str) -> str:
    """Return text from outside, harmless also where a CI log shows it."""
    return for_log(for_display(text))


def _add_complaints(root: Element, complaints: Sequence[str]) -> None:
    """Add a suite for known failures that no longer reproduce: they fail the run."""
    number = str(len(complaints))
    suite = SubElement(
        root, "testsuite", name="known-failures", tests=number, failures=number, errors="0"
    )
    for complaint in complaints:
        message = _printable(complaint)
        location = message.split(": ", 1)[0]
        case = SubElement(
            suite, "testcase", classname="known-failures", name=location, time="0.000"
        )
        SubElement(case, "failure", type="failed", message=message)
    for name in ("tests", "failures"):
        root.set(name, str(int(root.get(name, "0")) + len(complaints)))
