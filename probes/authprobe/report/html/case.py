"""One case as static HTML: the expectation, the observation, and every request as evidence."""

from collections.abc import Sequence

from authprobe.core.targets import Target
from authprobe.observation.findings import finding_meanings
from authprobe.plan.case import COMMAND_FLOW
from authprobe.report.html.elements import Html, source, table, with_commands
from authprobe.report.html.login_strip import login_strip
from authprobe.report.html.rendering import render
from authprobe.report.html.requests import requests
from authprobe.report.model import phrases
from authprobe.report.model.case_facts import NOT_SEEN
from authprobe.report.model.login_life import lives
from authprobe.report.model.sequence import SequenceDiagram, sequence_of
from authprobe.report.model.timeline import timeline_facts
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.verdict.model import Mismatch, Status


def case(record: CaseRecord, content: Html) -> Html:
    """Return a case that opens to its content; open unless it passed or was skipped."""
    return render(
        "case.html",
        record=record,
        open=record.flow == COMMAND_FLOW
        or record.verdict.status not in (Status.PASSED, Status.SKIPPED),
        outcome=phrases.outcome_words(record.observation),
        anchor=phrases.anchor(record.id),
        content=content,
    )


def details(record: CaseRecord, command: str, past: Sequence[Point] = ()) -> Html:
    """Return everything recorded of a case.

    `command` runs it again; `past` holds its earlier results, the oldest first.
    """
    diagram = sequence_of(record)
    is_command = record.flow == COMMAND_FLOW
    return render(
        "case_details.html",
        why=why(record),
        command=None if record.verdict.status is Status.PASSED else command,
        changes=phrases.describe_changes(record),
        mismatches=mismatches(record.verdict.mismatches),
        expected=phrases.expected_facts(record.expectation),
        observed=phrases.observed_facts(record),
        setting=phrases.setting_facts(record),
        scenario_anchor=None if is_command else phrases.scenario_anchor(record.scenario),
        findings=_findings(record) if is_command else Html(),
        history=timeline_facts(record, past),
        strip=login_strip(lives(record, diagram)),
        requests=_requests(record, diagram),
    )


def _requests(record: CaseRecord, diagram: SequenceDiagram) -> Html:
    if not record.observation.exchanges and record.target is Target.LIVE:
        asked = NOT_SEEN if record.observation.evidence else "nothing was asked"
        return Html("<p>{}.</p>").format(asked[0].upper() + asked[1:])
    return requests(diagram)


def _findings(record: CaseRecord) -> Html:
    """Return the findings of a case with their meanings and the evidence."""
    meanings = finding_meanings()
    items = (
        Html("<li><code>{}</code> {} {}</li>").format(
            finding.name,
            meanings.get(finding.name, ""),
            Html("<small>{}</small>").format(finding.text),
        )
        for finding in record.findings
    )
    return Html("<ul>{}</ul>").format(Html().join(items)) if record.findings else Html()


def outline(record: CaseRecord) -> Html:
    """Return the one line that replaces the details where the page would become too long."""
    return Html("<p>{}</p><p>Details are in results.json.</p>").format(
        phrases.describe_outcome(record.observation)
    )


def mismatches(items: tuple[Mismatch, ...]) -> Html:
    """Return each expected value beside the actual one, or nothing if there are none."""
    rows = [(item.field, item.expected, item.actual) for item in items]
    return table("Mismatches", ("Field", "Expected", "Actual"), rows) if rows else Html()


def why(record: CaseRecord) -> Html:
    """Return what explains a failed or changed case: the reasons, then the cause of a refusal."""
    remedies: set[str] = set()
    reasons = [
        Html("<p><strong>{}:</strong> {}{}</p>").format(
            "Also" if number else "Why", reason.summary, _remedy(reason.remedy, remedies)
        )
        for number, reason in enumerate(record.reasons)
    ]
    return Html().join((*reasons, _diagnosis(record.diagnosis, remedies)))


def _remedy(text: str | None, told: set[str]) -> Html:
    """Return a remedy with its label, or nothing if it was told, and add it to those told."""
    if not text or text in told:
        return Html()
    label = phrases.remedy_label(len(told))
    told.add(text)
    return Html(" <strong>{}:</strong> {}").format(label, with_commands(text))


def _diagnosis(item: Diagnosis | None, remedies: set[str]) -> Html:
    """Return the cause of a refusal and its remedy, or nothing without a diagnosis."""
    if item is None:
        return Html()
    return render(
        "diagnosis.html",
        diagnosis=item,
        remedy=_remedy(item.remedy, remedies),
        label=phrases.cause_label(item),
        sources=Html(" ").join(map(source, item.sources)),
        others=phrases.other_causes(item),
    )
