"""What a probe saw, as facts: one scene for each exchange that failed, and one for the rest."""

import re
from collections.abc import Iterator
from typing import Final

from authprobe.core.claude_api import HOSTS, MESSAGES_PATH, TOKEN_PATH_SUFFIX
from authprobe.diagnosis.phrases import Phrase
from authprobe.diagnosis.symptom import Evidence, FactKind, Scene, Symptom, collect
from authprobe.observation.model import Exchange, LoginState, Observation, Outcome

CLOCK_OFFSET: Final = 60.0
"""Seconds of a clock that matter: less is the time that an answer takes."""
USUAL_BYTES: Final = 32 * 1024 * 1024
"""More than any answer of the API."""
ERROR_CODE: Final = re.compile(r"\b([A-Z][A-Z_]{4,}|ConnectionRefused|FailedToOpenSocket)\b")

Fact = tuple[FactKind, str, Evidence]


def observed(seen: Observation) -> Symptom:
    """The facts of an observation. What the emulator's rules are called is none of them."""
    # Telemetry and the like is refused in every run, which is no cause of anything.
    known = {exchange.host for exchange in seen.exchanges} & set(HOSTS)
    scenes = [
        _exchange(exchange)
        for exchange in seen.exchanges
        if _failed(exchange) and (not known or exchange.host in known)
    ]
    return Symptom(scenes=(*scenes, _told(seen)), version=_version(seen))


def _failed(exchange: Exchange) -> bool:
    return (
        exchange.status is None
        or exchange.status >= 400
        or exchange.error_type is not None
        or not exchange.complete
        or bool(list(_events(exchange)))
    )


def _exchange(exchange: Exchange) -> Scene:
    said = exchange.message or ""
    return Scene(facts=collect(_facts(exchange)), text=said, words=Phrase(said))


def _facts(exchange: Exchange) -> Iterator[Fact]:
    shown = _line(exchange)
    if exchange.status is not None and exchange.method != "CONNECT":
        yield FactKind.STATUS, str(exchange.status), shown
    if exchange.error_type:
        yield FactKind.ERROR_TYPE, exchange.error_type, shown
    yield FactKind.HOST, exchange.host, shown
    yield FactKind.PATH, exchange.path, shown
    slot = re.sub(r"-\d+$", "", exchange.credential or "none")
    yield FactKind.CREDENTIAL, slot, shown
    yield FactKind.HEADER, exchange.credential_header or "none", shown
    for flag in exchange.betas or ("none",):
        yield FactKind.BETA, flag, shown
    if exchange.content_type:
        yield FactKind.CONTENT, exchange.content_type.partition(";")[0], shown
    elif exchange.size_bytes == 0:
        yield FactKind.CONTENT, "none", shown
    for event in _events(exchange):
        yield FactKind.EVENT, event, shown


def _events(exchange: Exchange) -> Iterator[str]:
    if exchange.method == "CONNECT" and exchange.status is None:
        yield "no-handshake"
    elif exchange.method == "CONNECT":
        yield "proxy-refused"
    elif exchange.status is None or not exchange.complete:
        yield "broke-off"
    if abs(exchange.clock_offset) >= CLOCK_OFFSET:
        yield "clock-offset"
    if exchange.status == 200 and exchange.path == MESSAGES_PATH:
        if exchange.size_bytes == 0:
            yield "empty-answer"
        if (exchange.size_bytes or 0) > USUAL_BYTES:
            yield "huge-answer"
        if (exchange.content_type or "").startswith("text/html"):
            yield "page-answer"


def _line(exchange: Exchange) -> Evidence:
    """One exchange in a line, as evidence."""
    sent = (
        f"with {exchange.credential} in {exchange.credential_header}, "
        if exchange.credential
        else ""
    )
    told = ": ".join(part for part in (exchange.error_type, exchange.message) if part)
    answer = str(exchange.status) if exchange.status is not None else "no answer"
    if not exchange.complete:
        answer += ", which broke off"
    if abs(exchange.clock_offset) >= CLOCK_OFFSET:
        answer += f", dated {exchange.clock_offset:+.0f} s from this machine's clock"
    target = f"{exchange.method} {exchange.host}{exchange.path}"
    return Evidence(f"{target}, {sent}answered {answer}" + (f" ({told})" if told else ""))


def _told(seen: Observation) -> Scene:
    """What the user was told, and what the whole of it shows."""
    text = "\n".join(part for part in (seen.message, seen.detail) if part)
    return Scene(facts=collect(_whole(seen, text)), text=text, words=Phrase(text))


def _whole(seen: Observation, text: str) -> Iterator[Fact]:
    yield FactKind.OUTCOME, seen.outcome.value, Evidence(f"outcome {seen.outcome}")
    for found in ERROR_CODE.finditer(text):
        yield FactKind.CODE, found[1], Evidence(text.strip())
    if not seen.exchanges and seen.outcome is not Outcome.ACCEPTED:
        yield FactKind.EVENT, "nothing-asked", Evidence("no request reached the backend")
    stored = seen.stored_login
    # A client empties the record when its refresh was refused: that is the consequence then.
    refused = any(
        e.path.endswith(TOKEN_PATH_SUFFIX) and (e.status or 0) >= 400 for e in seen.exchanges
    )
    if stored is not None and stored.state is LoginState.BLANKED and not refused:
        yield (
            FactKind.EVENT,
            "blanked",
            Evidence("the stored login is there and its tokens are empty"),
        )


def _version(seen: Observation) -> str | None:
    """The version of Claude Code that ran."""
    named = (product for exchange in seen.exchanges for product in exchange.products)
    cli = re.compile(r"claude-(?:cli|code)/(\d+\.\d+\.\d+)")
    return next((found[1] for product in named if (found := cli.match(product))), None)
