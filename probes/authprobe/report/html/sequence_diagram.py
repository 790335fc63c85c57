"""The sequence of a case as HTML: a list of steps with arrows between lifelines.

The text is HTML, so that it wraps on a phone and a screen reader reads it as a list; lifelines and
arrows are SVG that stretches with it. Their shapes are in a page once: `symbols`.
"""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Final

from authprobe.emulator.rules.routes import RULES
from authprobe.observation.model import Exchange
from authprobe.report.html.elements import Html, code
from authprobe.report.html.login_strip import SHAPES
from authprobe.report.model import phrases
from authprobe.report.model.sequence import MAX_PARTICIPANTS, SequenceDiagram
from authprobe.report.model.sequence_words import (
    DECIDES,
    credential_words,
    loop_words,
    manner_words,
    message_words,
    repeat_words,
    response_words,
    target_words,
    time_words,
    unrecorded_words,
)
from authprobe.report.model.steps import Participant, Step

FlagSets = Sequence[tuple[str, ...]]
"""The first distinct sets of beta flags of a case, as many as there are letters."""
MAX_FLAG_SETS: Final = len(ascii_uppercase)

_BETWEEN: Final = " · "
_HEAD_RIGHT: Final = '<svg x="100%" class="q-o"><path d="M-8 1 0 5-8 9"/></svg>'
_HEAD_LEFT: Final = '<svg class="q-o"><path d="M8 11 0 15 8 19"/></svg>'
_REQUEST: Final = f'<g class="q-g"><line x2="100%" y1="5" y2="5"/>{_HEAD_RIGHT}</g>'
_CROSS: Final = '<svg x="{}" class="q-o"><path d="M-4 {}l8 8m0-8-8 8"/></svg>'
_ARROWS: Final = {
    "ok": f'{_REQUEST}<line class="q-d" x2="100%" y1="15" y2="15"/>{_HEAD_LEFT}',
    "lost": f'{_REQUEST}<line class="q-d" x1="50%" x2="100%" y1="15" y2="15"/>'
    f"{_CROSS.format('50%', 11)}",
    "cut": f'<line x2="50%" y1="10" y2="10"/>{_CROSS.format("50%", 6)}',
    "no": f'<line x2="100%" y1="10" y2="10"/>{_CROSS.format("100%", 6)}',
}
"""Answered; no response; no connection; refused by authprobe's proxy."""


def symbols() -> Html:
    """Return the shapes that all diagrams of a page share: once in each page."""
    arrows = (f'<symbol id="q-{name}">{shape}</symbol>' for name, shape in _ARROWS.items())
    lifelines = (
        f'<symbol id="q-l{count}">{"".join(_lifelines(count))}</symbol>'
        for count in range(2, MAX_PARTICIPANTS + 1)
    )
    shapes = Html("".join((*arrows, *lifelines, SHAPES)))
    return Html('<svg class="q-defs" aria-hidden="true">{}</svg>').format(shapes)


def _lifelines(count: int) -> Iterator[str]:
    for number in range(count):
        at = f"{100 * number / (count - 1):.4g}%"
        yield f'<line x1="{at}" x2="{at}" y2="100%"/>'


def sequence_diagram(diagram: SequenceDiagram, flags: FlagSets) -> Html:
    """Return the diagram, or nothing if no request matters for authentication."""
    people = diagram.participants
    if not people:
        return Html()
    return Html(
        '<div class="q q{0}"><div class="q-h">{1}</div>'
        '<svg class="q-l" aria-hidden="true"><use href="#q-l{0}"/></svg>'
        '<ol aria-label="{2}">{3}{4}</ol></div>'
    ).format(
        len(people),
        Html().join(map(_head, people)),
        f"Requests in order, between {', '.join(each.role for each in people)}",
        _note(unrecorded_words(diagram)),
        Html().join(_steps(diagram, flags)),
    )


def _head(participant: Participant) -> Html:
    return Html("<span><b>{}</b> {}</span>").format(participant.role, _breakable(participant.name))


def _breakable(name: str) -> Html:
    """Return a host name that may break before its dots."""
    return Html("<wbr>.").join(name.split("."))


def _steps(diagram: SequenceDiagram, flags: FlagSets) -> Iterator[Html]:
    """Yield the steps, each message only where it comes first."""
    told: set[tuple[str, str]] = set()
    for step in diagram.steps:
        answer = response_words(step), message_words(step)
        yield _note(loop_words(step))
        yield _step(step, diagram.participants, flags, message="" if answer in told else answer[1])
        told.add(answer)


def _note(words: str) -> Html:
    return Html('<li class="q-n">{}</li>').format(words) if words else Html()


def _step(step: Step, people: Sequence[Participant], flags: FlagSets, *, message: str) -> Html:
    """Return a request, its arrow, and its response."""
    return Html(
        '<li class="{}"><b>{}</b><div>{}{}</div>'
        '<svg class="q-f{} q-t{}" role="img" aria-label="{}"><use href="#q-{}"/></svg>'
        "<div><strong>{}</strong>{}{}</div></li>"
    ).format(
        f"{_colour(step)} q-x" if step.decides else _colour(step),
        time_words(step.exchange.at),
        code(target_words(step)),
        _details(credential_words(step), repeat_words(step), _sent(step, flags), first=" "),
        people.index(step.source),
        people.index(step.target),
        f"{step.source.role} to {step.target.role}",
        _arrow(step),
        response_words(step),
        f": {message}" if message else "",
        _details(manner_words(step), _rule(step.exchange), _faults(step.exchange), _decides(step)),
    )


def _details(*parts: str, first: str = _BETWEEN) -> Html:
    """Return what is not empty, each behind a dot, and `first` before the first."""
    words = Html(_BETWEEN).join(part for part in parts if part)
    return Html(first) + words if words else Html()


def _colour(step: Step) -> str:
    """Return the class of a response: its colour repeats what the text says."""
    status = step.exchange.status
    if status is None or step.is_connection:
        return "q-bad"
    if status < 300:
        return "q-ok"
    if status < 400:
        return "q-go"
    return "q-bad" if status < 429 else "q-odd"


def _arrow(step: Step) -> str:
    if step.is_connection:
        return "cut" if step.exchange.status is None else "no"
    return "ok" if step.is_answered else "lost"


def _sent(step: Step, sets: FlagSets) -> str:
    """Describe the beta flags or the scopes of a request."""
    if any(step.betas):
        letters = [
            f"{flag_letter(sets, each)} ({len(each)})" if each else "none"
            for each in step.betas[:MAX_FLAG_SETS]
            if not each or each in sets
        ]
        more = len(step.betas) - len(letters)
        return f"flags {' or '.join((*letters, *([f'{more:,} others'] if more else [])))}"
    scopes = step.exchange.scopes
    return f"scopes: {', '.join(scopes)}" if scopes else ""


def flag_letter(sets: FlagSets, flags: tuple[str, ...]) -> str:
    """Return the letter of a set of flags: most requests of a client repeat the same set."""
    return ascii_uppercase[sets.index(flags)]


def _rule(exchange: Exchange) -> Html:
    """Return the rule that answered, or the one that came nearest."""
    if exchange.rule is None:
        return Html()
    nearest = phrases.nearest_words(exchange) if exchange.nearest else ""
    return Html("rule {}").format(rule_link(exchange.rule)) + _details(nearest)


def rule_link(rule: str) -> Html:
    """Return the id of a rule, as a link to the list of rules if it is one of the emulator's."""
    if rule not in RULES:
        return code(rule)
    return Html('<a href="#rule-{0}">{0}</a>').format(rule)


def _faults(exchange: Exchange) -> str:
    others = [fault for fault in exchange.faults if fault != exchange.rule]
    return f"fault: {', '.join(others)}" if others else ""


def _decides(step: Step) -> Html:
    return Html("<em>{}</em>").format(DECIDES) if step.decides else Html()
