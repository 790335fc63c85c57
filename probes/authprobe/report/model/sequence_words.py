"""Words for the steps of a sequence (pure), and the sequence as a Mermaid diagram."""

import re
from collections.abc import Iterator
from typing import Final

from authprobe.core.claude_api import LOOPBACK
from authprobe.core.escaping import one_line, truncate
from authprobe.report.model import phrases
from authprobe.report.model.sequence import SequenceDiagram
from authprobe.report.model.steps import Participant, Step

DECIDES: Final = "decides the outcome"
UNKNOWN_HOST: Final = "deny:host"
"""Rule of a host that is not emulated."""
SLOW_SECONDS: Final = 1.0
"""Seconds from which the time of a response is stated."""
_MAX_PATH: Final = 120
_MAX_MESSAGE: Final = 200
_MAX_MERMAID_LINE: Final = 160


def time_words(seconds: float) -> str:
    """Return a time since the start of a case, such as `0.93` or `58.2`, in seconds."""
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"


def target_words(step: Step) -> str:
    """Return the method and path of a request, with the host unless the receiver is named so."""
    exchange = step.exchange
    is_named = exchange.host in (step.target.name, LOOPBACK)
    host = "" if is_named and exchange.path else exchange.host
    return f"{exchange.method} {host}{truncate(exchange.path, _MAX_PATH)}"


def repeat_words(step: Step) -> str:
    """Return how often a request was sent, and in which time; empty for a single one."""
    if step.count == 1:
        return ""
    words = f"{step.count:,} times in {time_words(step.last_at - step.exchange.at)} s"
    bodies = len(step.bodies)
    return f"{words}, {bodies:,} different bodies" if bodies > 1 else words


def credential_words(step: Step) -> str:
    """Return the credential of a request and its header; empty for a connection, which has none."""
    return "" if step.is_connection else phrases.sent_words(step.exchange)


def loop_words(step: Step) -> str:
    """Return how often the steps from this one on were repeated; empty outside loops."""
    if not step.loop:
        return ""
    return f"The next {step.loop} steps were repeated: {step.rounds:,} rounds."


def response_words(step: Step) -> str:
    """Return the status and error type of a response, or that there was none."""
    exchange = step.exchange
    if exchange.status is None:
        return "no response"
    if step.is_connection:
        return f"{exchange.status} refused"
    return f"{exchange.status} {exchange.error_type or ''}".rstrip()


def message_words(step: Step) -> str:
    """Return the message of a response, on one line; empty without one.

    What authprobe says of a request that it does not know is not a message of the service.
    """
    rule = step.exchange.rule or ""
    if rule.startswith("deny:"):
        return "authprobe does not emulate this host" if rule == UNKNOWN_HOST else ""
    return one_line(step.exchange.message or "", _MAX_MESSAGE)


def manner_words(step: Step) -> str:
    """Return what is unusual in the way of a request and its response; empty for most."""
    exchange = step.exchange
    parts = (
        "" if exchange.complete else "cut off",
        f"after {time_words(exchange.elapsed)} s" if exchange.elapsed >= SLOW_SECONDS else "",
        f"Retry-After: {exchange.retry_after}" if exchange.retry_after else "",
        f"gateway: {' and '.join(exchange.gateway)}" if exchange.gateway else "",
    )
    return ", ".join(part for part in parts if part)


def unrecorded_words(diagram: SequenceDiagram) -> str:
    """Return which requests are not in a diagram because nothing records them; empty if none."""
    name = diagram.unrecorded
    return f"Requests to {name} are not recorded, only what reaches the servers." if name else ""


def mermaid(diagram: SequenceDiagram) -> str:
    """Return the sequence in the notation of Mermaid, which GitHub draws in a block of code.

    Every text is reduced to characters that mean nothing to Mermaid: 11.17 reads the sequences of
    all bundled scenarios, and of hostile texts.
    """
    return "\n".join(("sequenceDiagram", *_mermaid_lines(diagram)))


def _mermaid_lines(diagram: SequenceDiagram) -> Iterator[str]:
    ids = {each: f"p{number}" for number, each in enumerate(diagram.participants)}
    for each, name in ids.items():
        yield f"  participant {name} as {_plain(participant_words(each))}"
    if note := unrecorded_words(diagram):
        yield f"  Note over p0: {_plain(note)}"
    last = len(diagram.steps) - 1
    ends = {min(n + s.loop - 1, last) for n, s in enumerate(diagram.steps) if s.loop}
    for number, step in enumerate(diagram.steps):
        if step.loop:
            yield f"  loop {step.rounds} rounds"
        source, target = ids[step.source], ids[step.target]
        sent = (target_words(step), credential_words(step), repeat_words(step))
        yield f"  {source}->>{target}: {_plain(', '.join(filter(None, sent)))}"
        got = (response_words(step), manner_words(step), DECIDES if step.decides else "")
        arrow = "-->>" if step.is_answered else "--x"
        yield f"  {target}{arrow}{source}: {_plain(', '.join(filter(None, got)))}"
        if number in ends:
            yield "  end"
    if omitted := omitted_words(diagram):
        yield f"  Note over p0: {_plain(omitted)}"


def participant_words(participant: Participant) -> str:
    """Return the role of a participant with its name."""
    return f"{participant.role} {participant.name}".strip()


def omitted_words(diagram: SequenceDiagram) -> str:
    """Return how many requests a diagram leaves out; empty if none."""
    more, others = diagram.omitted_requests, diagram.background_requests
    parts = (
        phrases.plural(more, "more request") if more else "",
        f"{phrases.plural(others, 'request')} in the background" if others else "",
    )
    return ", and ".join(part for part in parts if part)


def _plain(text: str) -> str:
    """Return text that Mermaid and Markdown take as nothing but text.

    In Mermaid `;` ends a statement and `#` begins an entity; `<` begins HTML, a grave accent could
    end the block, and `@` addresses somebody.
    """
    return re.sub(r"[^\w .,:/?=&+()'…-]", "·", one_line(text, _MAX_MERMAID_LINE))
