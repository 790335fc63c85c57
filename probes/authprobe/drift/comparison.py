"""The comparison of an answer of the service with that of the emulator, part by part."""

from collections.abc import Iterator, Mapping
from typing import Final

from authprobe.drift.model import Difference, DriftRow, Kind
from authprobe.drift.wording import comparable, is_placeholder
from authprobe.service.answer import Envelope, NotAsked, ServiceAnswer

NONE: Final = "none"
CLOCK_TOLERANCE_SECONDS: Final = 120
GONE_STATUSES: Final = frozenset({404, 410})
"""Statuses of an endpoint that is no longer there."""


def compare(
    row: DriftRow, live: ServiceAnswer, emulated: ServiceAnswer, others: Mapping[str, ServiceAnswer]
) -> tuple[Difference, ...]:
    """Return the differences of an answer of the service from that of the emulator.

    `others` are the emulator's answers to other rows, for a row whose order is compared.
    """
    if row.is_page:
        return tuple(_page_differences(live, emulated))
    if live.not_asked is not None:
        return ()
    order = _order(row, live, emulated, others)
    parts = (order,) if order is not None else tuple(_failing_parts(live, emulated))
    return (*parts, *(() if parts else _other_parts(live, emulated)))


def _order(
    row: DriftRow, live: ServiceAnswer, emulated: ServiceAnswer, others: Mapping[str, ServiceAnswer]
) -> Difference | None:
    """Return the difference if the rule of another row answers first."""
    if row.order_of is None or _signature(live) == _signature(emulated):
        return None
    if _signature(live) != _signature(others[row.order_of]):
        return None
    first, second = row.rules
    return Difference(
        part="order",
        kind=Kind.CHANGED,
        emulator=f"{first} before {second}",
        service=f"{second} before {first}",
    )


def _signature(answer: ServiceAnswer) -> tuple[object, ...]:
    return answer.status, answer.envelope, answer.error_type, answer.error_code


def _failing_parts(live: ServiceAnswer, emulated: ServiceAnswer) -> Iterator[Difference]:
    """Yield the differences that programs depend on."""
    parts = (
        ("status", emulated.status, live.status),
        ("envelope", _form(emulated), _form(live)),
        ("type", emulated.error_type, live.error_type),
        ("error_code", emulated.error_code, live.error_code),
    )
    for part, ours, theirs in parts:
        if ours != theirs:
            yield _difference(part, Kind.CHANGED, ours, theirs)


def _form(answer: ServiceAnswer) -> str:
    """Return the form of a body; those of successful responses are one, but for pages."""
    is_success = answer.status is not None and answer.status < 300
    if is_success and answer.envelope in (Envelope.EMPTY, Envelope.OTHER):
        return "data"
    return answer.envelope.value


def _other_parts(live: ServiceAnswer, emulated: ServiceAnswer) -> Iterator[Difference]:
    """Yield the differences that no program should depend on."""
    ours, theirs = emulated.message, live.message
    if is_placeholder(ours):
        if theirs:
            yield _difference("message", Kind.NOTICED, "not known", theirs)
    elif comparable(ours or "") != comparable(theirs or ""):
        yield _difference("message", Kind.REWORDED, ours, theirs)
    if emulated.request_id is not live.request_id:
        yield _difference("request_id", Kind.NOTICED, emulated.request_id, live.request_id)
    if missing := emulated.headers - live.headers:
        names = ", ".join(sorted(missing))
        yield _difference("headers", Kind.NOTICED, names, "absent")


def _page_differences(live: ServiceAnswer, emulated: ServiceAnswer) -> Iterator[Difference]:
    """Yield the differences of a web page, of which only the kind of the answer is kept.

    A challenge is a documented answer of the edge to a program that asks for a page (rule A34).
    """
    if live.not_asked is NotAsked.EDGE:
        yield _difference("answer", Kind.NOTICED, "a page", "a challenge")
    elif live.not_asked is not None or live.status is None:
        return
    elif live.status in GONE_STATUSES:
        yield _difference("status", Kind.CHANGED, emulated.status, live.status)
    elif 300 <= live.status < 400:
        yield _difference("answer", Kind.NOTICED, "a page", "a redirect")
    elif live.envelope is not Envelope.PAGE:
        yield _difference("envelope", Kind.CHANGED, emulated.envelope, live.envelope)
    elif live.status != emulated.status:
        yield _difference("status", Kind.NOTICED, emulated.status, live.status)


def compare_clock(live: ServiceAnswer, date_offset: float | None) -> tuple[Difference, ...]:
    """Return the difference of a host's clock from that of this machine, if it is large.

    `date_offset` is that of any answer of the host.
    """
    if live.not_asked is not None or date_offset is None:
        return ()
    if abs(date_offset) <= CLOCK_TOLERANCE_SECONDS:
        return ()
    direction = "ahead of" if date_offset > 0 else "behind"
    words = f"{abs(date_offset) / 60:.0f} minutes {direction} this machine's"
    return (_difference("clock", Kind.NOTICED, "", words),)


def _difference(part: str, kind: Kind, ours: object, theirs: object) -> Difference:
    return Difference(
        part=part,
        kind=kind,
        emulator=NONE if ours is None else str(ours),
        service=NONE if theirs is None else str(theirs),
    )
