"""The live cases of a run as HTML: whom they asked, and each answer beside the emulator's."""

from authprobe.report.html.elements import Html, case_link, status, table
from authprobe.report.model import phrases
from authprobe.report.model.live import Pair, has_pairs, live_words, pair_counts
from authprobe.report.model.live import pairs as live_pairs
from authprobe.run.model import CaseRecord, Run


def live_section(run: Run) -> Html:
    """Return the section about the real service, or nothing if it was not asked."""
    words = live_words(run)
    if words is None:
        return Html()
    both = has_pairs(run)
    title = f"Emulator and live ({pair_counts(run)})" if both else "Live"
    heads = ["Question", *(["Emulator"] if both else []), "Live", *(["Difference"] if both else [])]
    rows = [_row(pair, both=both) for pair in live_pairs(run)]
    return Html('<section id="live"><h2>{}</h2><p>{}</p>{}</section>').format(
        title, words, table("Emulator and live" if both else "Live", [*heads, "Evidence"], rows)
    )


def _row(pair: Pair, *, both: bool) -> list[str]:
    cells: list[str] = [Html("<code>{}</code>").format(pair.id)]
    if both:
        cells.append(_cell(pair.emulator))
    cells.append(_cell(pair.live))
    if both:
        cells.append(pair.difference)
    return [*cells, phrases.evidence_words(pair.live.observation) or "nothing was asked"]


def _cell(record: CaseRecord | None) -> Html:
    """Return the verdict and the answer, linked to the details of the case."""
    if record is None:
        return Html("not asked")
    words = case_link(record, phrases.outcome_words(record.observation))
    detail = record.observation.error_type or ""
    return Html("{}<br>{} {}").format(status(record), words, detail)
