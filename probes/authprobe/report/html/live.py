"""The live cases of a run as HTML: whom they asked, and each answer beside the emulator's."""

from authprobe.report.html.elements import Html, case_link, lines, mark, status, table
from authprobe.report.model import phrases
from authprobe.report.model.live import (
    Pair,
    has_pairs,
    live_words,
    pair_counts,
    pair_note,
    secret_verdicts,
)
from authprobe.report.model.live import pairs as live_pairs
from authprobe.run.model import CaseRecord, Run


def live_section(run: Run) -> Html:
    """Return the section about the real service, or nothing if it was not asked."""
    words = live_words(run)
    if words is None:
        return Html()
    both = has_pairs(run)
    title = f"Emulator and live ({pair_counts(run)})" if both else "Live"
    heads = ["Question", *(["Emulator", "Live, and the difference"] if both else ["Live"])]
    rows = [_row(pair, both=both) for pair in live_pairs(run)]
    answers = table("Emulator and live" if both else "Live", heads, rows)
    return Html('<section id="live"><h2>{}</h2>{}<p>{}</p>{}{}</section>').format(
        title, _verdicts(run), words, _note(run), answers
    )


def _verdicts(run: Run) -> Html:
    """Return how the service took each secret of the user's own, a line each."""
    return Html().join(
        Html("<p>{} <strong>{}</strong></p>").format(mark(status), line)
        for line, status in secret_verdicts(run)
    )


def _note(run: Run) -> Html:
    note = pair_note(run)
    return Html("<p>{}</p>").format(note) if note else Html()


def _row(pair: Pair, *, both: bool) -> list[str]:
    cells: list[str] = [Html("<code>{}</code>").format(pair.id)]
    if both:
        cells.append(_cell(pair.emulator))
    evidence = phrases.evidence_words(pair.live.observation) or "nothing was asked"
    live = [_cell(pair.live), *([Html.escape(pair.difference)] if both else [])]
    return [*cells, Html("{}<small>{}</small>").format(lines(live), evidence)]


def _cell(record: CaseRecord | None) -> Html:
    """Return the verdict and the answer, linked to the details of the case."""
    if record is None:
        return Html("not asked")
    words = case_link(record, phrases.outcome_words(record.observation))
    detail = record.observation.error_type or ""
    return Html("{}<br>{} {}").format(status(record), words, detail)
