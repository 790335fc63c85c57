"""The page of a comparison: what broke, was fixed and changed, and the answers side by side."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from authprobe.diff.judgement import Effect
from authprobe.diff.model import CaseDiff, Diff, Group
from authprobe.observation.fingerprint import is_auth_request
from authprobe.observation.model import Exchange, Observation
from authprobe.report import diff as words
from authprobe.report.html import elements
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, code
from authprobe.report.html.rendering import render
from authprobe.report.model import phrases
from authprobe.report.model.request_pairs import RequestPair, pair_requests, unpaired

MAX_REQUESTS: Final = 100
"""Rows of requests of one question."""


def diff_page(diff: Diff, command: str | None) -> Html:
    """Return the whole page."""
    body = render(
        "diff.html",
        diff=diff,
        effects=tuple(Effect),
        told=words.TOLD_EFFECTS,
        count=lambda effect: len(diff.having(Effect(effect))),
        about=_about(diff, command),
        anchor=phrases.anchor,
        changes=_changes,
        search=lambda group: words.bisect_command(diff, group.cases[0]),
        same=[case.case for case in diff.having(Effect.SAME)],
        background=elements.bullets(words.background_parts(diff)),
        one_sided=(("Only before", diff.only_before), ("Only after", diff.only_after)),
        details=[
            (case, _sides(case, case.before, case.after), _requests(case.before, case.after))
            for effect in words.TOLD_EFFECTS
            for case in diff.having(effect)
            if case.before and case.after
        ],
    )
    return document(diff.title, body, style="diff.css")


def _about(diff: Diff, command: str | None) -> Iterator[tuple[str, str]]:
    yield "Before", diff.before
    yield "After", diff.after
    if len(diff.clients) > 1:
        yield "Clients", elements.lines(diff.clients)
    if command:
        yield "Run again", code(command)


def _changes(group: Group) -> Html:
    """Return the changes of a group; folded if there are many."""
    lines = words.group_lines(group)
    if len(lines) <= MAX_LINES_SHOWN + 2:
        return elements.bullets(lines)
    return elements.bullets(lines[:MAX_LINES_SHOWN]) + Html(
        "<details><summary>{}</summary>{}</details>"
    ).format(
        phrases.plural(len(lines) - MAX_LINES_SHOWN, "more difference"),
        elements.bullets(lines[MAX_LINES_SHOWN:]),
    )


MAX_LINES_SHOWN: Final = 6
"""Differences of a group that are shown at once."""


def _sides(case: CaseDiff, before: Observation, after: Observation) -> Html:
    """Return the results of both sides; only the fields that a side has."""
    rows = [
        (name, old or "none", new or "none")
        for (name, old), (_, new) in zip(_facts(before), _facts(after), strict=True)
        if old or new
    ]
    return _table(f"Results of {case.case}", ("Result", *_heads(before, after)), rows)


def _facts(observation: Observation) -> Iterable[tuple[str, str | None]]:
    sessions = map(phrases.session_words, observation.sessions)
    return (
        ("Outcome", phrases.outcome_words(observation)),
        ("Error type", observation.error_type),
        ("Message", observation.message),
        ("Exit code", None if observation.exit_code is None else str(observation.exit_code)),
        ("Detail", observation.detail),
        ("Sessions", "; ".join(sessions)),
        ("Stored login", phrases.login_words(observation.stored_login)),
        ("Tokens left in", ", ".join(observation.leaks)),
        ("Refused hosts", ", ".join(observation.egress_refused)),
    )


def _requests(before: Observation, after: Observation) -> Html:
    """Return the requests of both sides in one order; the side requests are folded."""
    if not (before.exchanges or after.exchanges):
        return Html("<p>No request reached the backend.</p>")
    auth = _request_table("Requests, in order", before, after, is_auth_request)
    side = _request_table("Side requests", before, after, lambda each: not is_auth_request(each))
    if not side:
        return auth
    return auth + Html("<details><summary>Side requests</summary>{}</details>").format(side)


def _request_table(
    name: str, before: Observation, after: Observation, is_shown: Callable[[Exchange], bool]
) -> Html:
    old, new = (list(filter(is_shown, side.exchanges)) for side in (before, after))
    pairs = pair_requests(old, new)
    if not pairs:
        return Html()
    rows = [
        (_request_words(pair), pair.before or "not made", pair.after or "not made")
        for pair in pairs[:MAX_REQUESTS]
    ]
    more = max(len(pairs) - MAX_REQUESTS, 0) + unpaired(old, new)
    rest = Html("<p>{}</p>").format(f"… and {more:,} more") if more > 0 else Html()
    return _table(name, (name, *_heads(before, after)), rows) + rest


def _heads(before: Observation, after: Observation) -> tuple[str, str]:
    """Return the heads of both sides, with the versions that ran."""
    versions = (side.client_version for side in (before, after))
    old, new = (f" ({version})" if version else "" for version in versions)
    return f"Before{old}", f"After{new}"


def _request_words(pair: RequestPair) -> Html:
    times = f", {pair.times} times" if pair.times > 1 else ""
    return code(pair.request) + times


def _table(name: str, heads: Iterable[str], rows: Iterable[tuple[str, str, str]]) -> Html:
    """Return a table of both sides, in which the rows that differ are marked."""
    body = Html().join(
        Html('<tr{}><th scope="row">{}{}</th><td>{}</td><td>{}</td></tr>').format(
            Html(' class="d-differs"') if old != new else Html(),
            Html("≠ ") if old != new else Html(),
            label,
            old,
            new,
        )
        for label, old, new in rows
    )
    return Html(
        '<div class="ap-scroll ap-words d-sides" tabindex="0" role="group" aria-label="{}">'
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(name, Html().join(map(Html('<th scope="col">{}</th>').format, heads)), body)
