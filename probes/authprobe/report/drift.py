"""Words, text and Markdown for a comparison with the service."""

from collections.abc import Iterator, Sequence
from typing import Final

from authprobe.drift.model import Difference, Drift, DriftRow, Kind, RowResult
from authprobe.drift.plan import Plan
from authprobe.drift.rows import ROWS
from authprobe.emulator.rules.routes import RULES
from authprobe.report.markdown.summary import escaped, row
from authprobe.report.model.phrases import plural
from authprobe.service.answer import REMEDIES, Envelope, ServiceAnswer

SYMBOLS: Final = {
    Kind.CHANGED: "✗",
    Kind.NOT_ASKED: "?",
    Kind.REWORDED: "~",
    Kind.NOTICED: "i",
    Kind.SAME: "✓",
}
KIND_WORDS: Final = {kind: kind.value.replace("-", " ") for kind in Kind}
MEANINGS: Final = {
    Kind.CHANGED: "status, form, type, error code or order differ: programs depend on them",
    Kind.NOT_ASKED: "no answer of the service itself: its rows say nothing",
    Kind.REWORDED: "only the wording differs, which programs should not depend on",
    Kind.NOTICED: "a header, a request id, a page or a clock differs",
    Kind.SAME: "the service answers as the emulator does",
}
HEADS: Final = ("Row", "Asked", "Rule", "Emulator", "Service", "Result")


def headline(drift: Drift) -> str:
    """Return the answer in one sentence."""
    changed, missing = drift.of_kind(Kind.CHANGED), drift.of_kind(Kind.NOT_ASKED)
    certain = [result for result in changed if result.confirmed is not False]
    if certain:
        verb = "answers" if len(certain) == 1 else "answer"
        seen = " in both comparisons" if drift.confirms else ""
        return f"{plural(len(certain), 'row')} {verb} otherwise than the emulator{seen}."
    if changed:
        return f"{plural(len(changed), 'change')} that the earlier comparison did not have."
    if not drift.rows or len(missing) == len(drift.rows):
        reasons = {_reason(result.answer) for result in missing}
        why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
        return f"Nothing could be asked{why}; this says nothing about the service."
    if missing:
        rest = len(drift.rows) - len(missing)
        others = "one is" if rest == 1 else f"{rest} are"
        return f"{plural(len(missing), 'row')} of {len(drift.rows)} could not be asked; " + (
            f"the other {others} as the emulator says."
        )
    return f"The service answers as the emulator says, in {plural(len(drift.rows), 'row')}."


def _reason(answer: ServiceAnswer) -> str:
    return ": ".join(filter(None, (answer.not_asked, answer.problem)))


def next_step(drift: Drift, path: str) -> str | None:
    """Return what to do about the result; None: nothing."""
    changed = drift.of_kind(Kind.CHANGED)
    if any(result.confirmed is None for result in changed):
        return (
            "The service or our emulator is new here; this says nothing about a credential of "
            f"yours. To be sure, repeat it in 15 minutes with --confirm {path}."
        )
    if any(result.confirmed for result in changed):
        return "Report the rows that changed: the emulator's rules are no longer true."
    if changed:
        return "Run it again in 15 minutes: a change that does not last is no change of rules."
    reasons = dict.fromkeys(result.answer.not_asked for result in drift.of_kind(Kind.NOT_ASKED))
    return next((REMEDIES[each] for each in reasons if each in REMEDIES), None)


def counts(drift: Drift) -> str:
    """Return the number of rows of each kind."""
    return ", ".join(
        f"{len(drift.of_kind(kind))} {KIND_WORDS[kind]}" for kind in Kind if drift.of_kind(kind)
    )


def plan_lines(plan: Plan, key_name: str | None) -> Iterator[str]:
    """Yield what is sent where, before anything is."""
    yield f"drift asks the real service, with {plural(plan.requests, 'request')}:"
    for host, number in plan.hosts.items():
        yield f"  {host:<22} {plural(number, 'request') if number else 'a TLS connection only'}"
    if key_name is None:
        yield "Every credential in them is made up; they cost nothing, and none is repeated."
    else:
        yield f"The API key in {key_name} goes to api.anthropic.com only."
        yield "They cost nothing: no message is sent to a model. None is repeated."


def answer_words(answer: ServiceAnswer | None) -> str:
    """Return an answer in a few words."""
    if answer is None:
        return ""
    if answer.not_asked is not None:
        status = f" ({answer.status})" if answer.status else ""
        return f"{answer.not_asked}{status}"
    if answer.status is None:
        return answer.tls.version if answer.tls else "connected"
    form = answer.error_type or ("" if answer.envelope is Envelope.OTHER else answer.envelope)
    code = f" ({answer.error_code})" if answer.error_code else ""
    return f"{answer.status} {form}{code}".strip()


def result_words(result: RowResult) -> str:
    """Return the kind of a result, with the doubt that a confirmation left."""
    doubt = ", not confirmed" if result.confirmed is False else ""
    return f"{KIND_WORDS[result.kind]}{', confirmed' if result.confirmed else doubt}"


def difference_words(difference: Difference) -> str:
    """Return both values of a part, or that of the service if there is no other."""
    if not difference.emulator:
        return f"{difference.part}: {difference.service}"
    return f"{difference.part}: emulator {difference.emulator}, service {difference.service}"


def details(result: RowResult) -> Iterator[str]:
    """Yield the differences of a row, or why it was not asked."""
    yield from map(difference_words, result.differences)
    if result.kind is Kind.NOT_ASKED:
        yield _reason(result.answer)


def asked_words(asked: DriftRow) -> str:
    """Return what a row asks, and of whom; most titles name the credential."""
    return f"{asked.title} ({asked.host})"


def last_seen(asked: DriftRow) -> str:
    """Return the day on which the answer of a rule was last seen, or nothing."""
    return RULES[asked.rules[0]].last_seen if asked.rules else ""


def sorted_rows(drift: Drift) -> tuple[RowResult, ...]:
    """Return the results, the worst first, and of one kind the rule that is seen longest ago."""
    order = tuple(Kind)
    return tuple(
        sorted(
            drift.rows,
            key=lambda result: (order.index(result.kind), last_seen(result.row) or "9"),
        )
    )


def folded(drift: Drift) -> tuple[tuple[RowResult, ...], ...]:
    """Return the results in order; those that were not asked for the same reason are one entry."""
    entries: dict[object, list[RowResult]] = {}
    for result in sorted_rows(drift):
        is_unasked = result.kind is Kind.NOT_ASKED
        entries.setdefault(_reason(result.answer) if is_unasked else result.row, []).append(result)
    return tuple(tuple(sorted(each, key=lambda r: r.row.id)) for each in entries.values())


def rows_words(results: Sequence[RowResult]) -> str:
    """Return the numbers of several rows: `L01 to L13`, if all between them are among these."""
    numbers = list(dict.fromkeys(result.row.number for result in results))
    order = list(dict.fromkeys(row.number for row in ROWS.values()))
    first, last = order.index(numbers[0]), order.index(numbers[-1])
    between = [
        each
        for each in order[first : last + 1]
        if each in numbers or any(row.number == each and row.is_documented for row in ROWS.values())
    ]
    if len(numbers) > 2 and between == numbers:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(numbers)


def markdown(drift: Drift, path: str) -> Iterator[str]:
    """Yield the lines of `drift.md`."""
    yield f"# Drift on {drift.day.isoformat()}"
    yield ""
    yield f"**{headline(drift)}**"
    if (step := next_step(drift, path)) is not None:
        yield from ("", escaped(step))
    yield ""
    yield f"authprobe {drift.authprobe}, {plural(drift.requests, 'request')}: {counts(drift)}."
    if drift.confirms:
        yield f"Compared with the run of {drift.confirms:%Y-%m-%d %H:%M} UTC."
    yield ""
    yield row(("", *HEADS))
    yield row(["---"] * (len(HEADS) + 1))
    for result in sorted_rows(drift):
        cells = (*cells_of(result)[:-1], "; ".join((result_words(result), *details(result))))
        yield row((SYMBOLS[result.kind], *map(escaped, cells)))


def cells_of(result: RowResult) -> tuple[str, ...]:
    """Return the cells of a result in a table."""
    asked = result.row
    return (
        asked.id,
        asked_words(asked),
        ", ".join(asked.rules),
        answer_words(result.expected),
        answer_words(result.answer),
        result_words(result),
    )
