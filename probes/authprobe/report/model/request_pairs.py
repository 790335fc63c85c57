"""Requests of two observations in one order, each beside its counterpart (pure)."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from authprobe.observation.fingerprint import normalize_text
from authprobe.observation.model import Exchange
from authprobe.report.model import phrases

MAX_PAIRED: Final = 500
"""Requests of each side, the first of them, that are paired: in quadratic time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPair:
    """A request of both sides, or of one: what was sent and how it was answered."""

    request: str
    before: str | None
    """None: this side did not make it here."""
    after: str | None
    times: int = 1
    """How often it follows itself, with the same answers."""

    @property
    def differs(self) -> bool:
        """True if the sides differ."""
        return self.before != self.after


def pair_requests(before: Sequence[Exchange], after: Sequence[Exchange]) -> tuple[RequestPair, ...]:
    """Return the requests in order, with repetitions folded; `unpaired` counts the last ones."""
    pairs = itertools.groupby(_pairs(before[:MAX_PAIRED], after[:MAX_PAIRED]))
    return tuple(
        RequestPair(
            request=pair.request,
            before=pair.before,
            after=pair.after,
            times=sum(1 for _ in repetitions),
        )
        for pair, repetitions in pairs
    )


def unpaired(before: Sequence[Exchange], after: Sequence[Exchange]) -> int:
    """Return how many requests of the longer side `pair_requests` leaves out."""
    return max(0, max(len(before), len(after)) - MAX_PAIRED)


def _pairs(before: Sequence[Exchange], after: Sequence[Exchange]) -> Iterator[RequestPair]:
    matcher = SequenceMatcher(
        None, list(map(_request, before)), list(map(_request, after)), autojunk=False
    )
    for _, start, end, new_start, new_end in matcher.get_opcodes():
        old, new = before[start:end], after[new_start:new_end]
        if list(map(_request, old)) == list(map(_request, new)):
            for one, other in zip(old, new, strict=True):
                yield RequestPair(request=_request(one), before=_words(one), after=_words(other))
            continue
        for one in old:
            yield RequestPair(request=_request(one), before=_words(one), after=None)
        for other in new:
            yield RequestPair(request=_request(other), before=None, after=_words(other))


def _request(exchange: Exchange) -> str:
    return normalize_text(f"{exchange.method} {exchange.host}{exchange.path}")


def _words(exchange: Exchange) -> str:
    """Return the credential and the answer."""
    error = f" {exchange.error_type}" if exchange.error_type else ""
    return f"{phrases.sent_words(exchange)}: {phrases.status_number(exchange)}{error}"
