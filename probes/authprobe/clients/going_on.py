"""The proof that a client goes on asking, which ends a case before its time limit."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import is_inference_path
from authprobe.observation.model import Exchange
from authprobe.scenario.model import Expectation, Until
from authprobe.verdict.judge import compare_requests

REFUSED: Final = 400
"""Least status of a refusal."""


@dataclass(slots=True)
class Proof:
    """The requests that `until` of a case asks for, and those that are expected."""

    until: Until
    expectation: Expectation | None
    """Expectation of a client that goes on; None: what it does is to be found out."""
    read: Callable[[], tuple[Exchange, ...]]
    """Returns the requests of the case so far."""
    repeats: int = 0
    """Number of equal requests that were the proof; 0: there was none."""

    def is_complete(self) -> bool:
        """Return True if the client has gone on asking long enough.

        Raises:
            ClientError: the emulator has ended.
        """
        exchanges = self.read()
        count = most_repeats(exchanges)
        is_complete = count >= self.until.requests and not (
            self.expectation and any(compare_requests(self.expectation, exchanges))
        )
        self.repeats = count if is_complete else 0
        return is_complete


def most_repeats(exchanges: Sequence[Exchange]) -> int:
    """Return how often the most frequent request to a model was refused in the same way.

    The credential may differ, as a client may renew it before it asks again. A failed connection
    does not show what was to be asked, so it does not count. An answer ends the repetition: the
    client has what it asked for.
    """
    repeats = Counter[tuple[object, ...]]()
    for exchange in exchanges:
        question = exchange.host, exchange.path, exchange.body
        if not is_inference_path(exchange.path) or exchange.status is None:
            continue
        if exchange.status >= REFUSED:
            repeats[*question, exchange.status] += 1
        else:
            for refused in [each for each in repeats if each[:-1] == question]:
                del repeats[refused]
    return max(repeats.values(), default=0)
