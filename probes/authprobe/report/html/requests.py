"""The requests of a case as static HTML, and the emulator's rules that answered them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from authprobe.emulator.catalogue import CatalogueRow
from authprobe.emulator.catalogue import rows as catalogue
from authprobe.observation.model import Exchange
from authprobe.report.html.elements import Html, code, facts, source, table
from authprobe.report.html.sequence_diagram import (
    MAX_FLAG_SETS,
    FlagSets,
    flag_letter,
    rule_link,
    sequence_diagram,
)
from authprobe.report.model import phrases
from authprobe.report.model.sequence import SequenceDiagram
from authprobe.report.model.sequence_words import (
    credential_words,
    message_words,
    response_words,
    time_words,
)
from authprobe.report.model.steps import Step

MAX_ROWS: Final = 100
"""Rows of a table of requests."""


def requests(diagram: SequenceDiagram) -> Html:
    """Return the requests as a diagram, and those that it leaves out as folded tables."""
    steps = (*diagram.steps, *diagram.omitted)
    if not steps and not diagram.background:
        return Html("<p>None reached the backend.</p>")
    flags = dict.fromkeys(each for step in diagram.steps for each in step.betas if each)
    return Html().join(_parts(diagram, tuple(flags)[:MAX_FLAG_SETS]))


def _parts(diagram: SequenceDiagram, flags: FlagSets) -> Iterator[Html]:
    if not diagram.steps:
        yield Html("<p>None that matters for authentication.</p>")
    yield sequence_diagram(diagram, flags)
    if diagram.omitted:
        words = phrases.plural(diagram.omitted_requests, "more request")
        yield _folded(f"… {words}", _table("More requests", diagram.omitted))
    if diagram.background:
        words = phrases.plural(diagram.background_requests, "request")
        yield _folded(
            f"{words} in the background",
            _table("Requests in the background", diagram.background),
        )
    if flags:
        pairs = ((f"Flags {flag_letter(flags, each)}", ", ".join(each)) for each in flags)
        yield _folded("Beta flags", facts(pairs))


def _folded(title: str, content: Html) -> Html:
    return Html('<details class="ap-more"><summary>{}</summary>{}</details>').format(title, content)


def _table(name: str, steps: Sequence[Step]) -> Html:
    """Return a row for each request, or for those that do not differ."""
    heads = ("At (s)", "Times", "Request", "Credential", "Response", "Rule")
    listed = table(name, heads, map(_row, steps[:MAX_ROWS]), kind="ap-wire")
    rest = sum(step.count for step in steps[MAX_ROWS:])
    if not rest:
        return listed
    words = phrases.plural(rest, "more request")
    return listed + Html("<p>… ({} in results.json)</p>").format(words)


def _row(step: Step) -> tuple[str, ...]:
    exchange = step.exchange
    is_denied = exchange.rule is not None and exchange.rule.startswith("deny:")
    return (
        time_words(exchange.at)
        if step.count == 1
        else f"{time_words(exchange.at)} to {time_words(step.last_at)}",
        str(step.count),
        code(f"{exchange.method} {exchange.host}{exchange.path}"),
        credential_words(step),
        phrases.status_number(exchange) if is_denied else _response(step),
        rule_link(exchange.rule) if exchange.rule else "none",
    )


def _response(step: Step) -> str:
    return ": ".join(filter(None, (response_words(step), message_words(step))))


def rules(exchanges: Iterable[Exchange]) -> Html:
    """Return the emulator's rules that answered, folded, with their sources; nothing if none did.

    Rules with the same condition are one row: most are of what Claude Code asks beside its task.
    """
    ids = {exchange.rule for exchange in exchanges}
    listed = [row for row in catalogue() if row.id in ids]
    if not listed:
        return Html()
    alike: dict[tuple[str, str, str], list[CatalogueRow]] = {}
    for row in listed:
        alike.setdefault((row.condition_text, row.last_seen, row.certainty), []).append(row)
    rows = (
        (
            Html(" ").join(Html('<code id="rule-{0}">{0}</code>').format(row.id) for row in group),
            *words,
            Html(" ").join(map(source, dict.fromkeys(s for row in group for s in row.sources))),
        )
        for words, group in alike.items()
    )
    heads = ("Rule", "Condition", "Last seen", "Certainty", "Sources")
    return Html("<h2>Rules of the emulator that answered ({})</h2>{}").format(
        len(listed), _folded("Conditions and sources", table("Rules of the emulator", heads, rows))
    )
