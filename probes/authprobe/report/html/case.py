"""One case as static HTML: what was expected, what was seen, and every request that proves it."""

from collections.abc import Sequence

from authprobe.report.html.elements import (
    bullets,
    code,
    facts,
    safe,
    section,
    source,
    status,
    table,
)
from authprobe.report.html.requests import requests
from authprobe.report.model import phrases
from authprobe.report.model.timeline import timeline_facts
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.verdict.model import Mismatch, Status


def case(record: CaseRecord, content: str) -> str:
    """A case that opens to its details; one that did not pass is open."""
    name = record.verdict.status
    shut = name in (Status.PASSED, Status.SKIPPED)
    return (
        f'<details class="ap-case" data-status="{name}"{"" if shut else " open"}>'
        f"<summary>{status(record)} <code>{safe(record.id)}</code> "
        f"<small>{safe(phrases.outcome_words(record.observation))}</small></summary>"
        # Within, so that following a link to it opens the case (HTML, "ancestor revealing").
        f'<div id="{phrases.anchor(record.id)}">{content}</div></details>'
    )


def details(record: CaseRecord, again: str, past: Sequence[Point] = ()) -> str:
    """Everything known about one case; `again` is the command that runs it again, `past` what it
    has shown before.
    """
    history = timeline_facts(record, past)
    passed = record.verdict.status is Status.PASSED
    parts = (
        diagnosis(record.diagnosis),
        "" if passed else f'<p class="ap-again">Run it again: <code>{safe(again)}</code></p>',
        section("Changed since the baseline", bullets(phrases.describe_changes(record))),
        section("Mismatches", mismatches(record.verdict.mismatches)),
        '<div class="ap-pair">',
        f"<div>{section('Expected', facts(phrases.expected_facts(record.expectation)))}</div>",
        f"<div>{section('Observed', facts(phrases.observed_facts(record)))}</div>",
        f"<div>{section('Set-up', facts(phrases.setting_facts(record)))}"
        f"{_about(record)}</div></div>",
        section("History", facts(history) if history else ""),
        section("Requests, in order", requests(record.observation.exchanges)),
    )
    return "".join(parts)


def outline(record: CaseRecord) -> str:
    """The little that stands for the details where the page would become too long."""
    seen = phrases.describe_outcome(record.observation)
    return f"<p>{safe(seen)}</p><p>The rest is in results.json.</p>"


def mismatches(found: tuple[Mismatch, ...]) -> str:
    """What was expected and what was seen instead."""
    rows = [(safe(x.field), safe(x.expected), safe(x.actual)) for x in found]
    return table("Mismatches", ("Field", "Expected", "Seen"), rows) if rows else ""


def diagnosis(found: Diagnosis | None) -> str:
    """The cause of a refusal, and what to do about it."""
    if found is None:
        return ""
    links = " ".join(map(source, found.sources))
    cause, remedy = safe(found.summary), safe(found.remedy)
    others = bullets(phrases.other_causes(found))
    return (
        f"<p><strong>{safe(phrases.cause_label(found))}:</strong> {cause} ({code(found.id)}) "
        f"<strong>Remedy:</strong> {remedy} {links}</p>{bullets(found.evidence)}"
        + (f"<p>It may also be:</p>{others}" if others else "")
    )


def _about(record: CaseRecord) -> str:
    target = phrases.scenario_anchor(record.scenario)
    return f'<p><a href="#{target}">Why this is asked, and who says so</a></p>'
