"""The life of each credential of a case (pure): given or issued, sent, exchanged, stored.

Its time is that of the steps of the sequence: each step takes the same room.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import TOKEN_PATH_SUFFIX
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.model import FOREIGN, StoredLogin
from authprobe.report.model.case_facts import given_slots
from authprobe.report.model.sequence import SequenceDiagram
from authprobe.report.model.sequence_words import time_words
from authprobe.report.model.steps import Step
from authprobe.run.model import CaseRecord

MAX_LIVES: Final = 8
"""Credentials of one case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A step in which a credential was sent."""

    position: float
    status: int | None
    """None: no response."""
    count: int

    @property
    def is_success(self) -> bool:
        """True if the credential was accepted."""
        return self.status is not None and self.status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One credential; positions are between 0, the start of the case, and 1, its end."""

    slot: str
    state: str | None
    """State at the start of the case; None: it was issued during the case, or is foreign."""
    start: float = 0.0
    end: float = 1.0
    issued_at: float | None = None
    """Seconds; None: it was there at the start, or is foreign."""
    exchanged_at: float | None = None
    """Seconds at which it was exchanged for others; None: never."""
    uses: tuple[Use, ...] = ()
    is_stored: bool = False
    """True: the client's stored login holds it at the end."""

    @property
    def is_dead(self) -> bool:
        """True if it was not valid even at the start."""
        return self.state not in (None, TokenState.VALID) or self.slot == FOREIGN


def lives(record: CaseRecord, diagram: SequenceDiagram) -> tuple[Life, ...]:
    """Return the life of each credential, the earliest first.

    Nothing for a case with one credential and no request to a token endpoint: it has no history.
    """
    steps = (*diagram.steps, *diagram.omitted)
    given, held = given_slots(record), _held(record.observation.stored_login)
    sent = (slot for step in steps for slot in step.exchange.sent_slots)
    slots = tuple(dict.fromkeys((*given, *sent, *held)))
    if len(slots) + any(map(_is_token_request, steps)) < 2:
        return ()
    # In order of first use; one that the backend did not issue is there from the start.
    first = dict.fromkeys((*slots[:MAX_LIVES], *(FOREIGN,) * (FOREIGN in slots), *held))
    made = (_life(slot, given.get(slot), steps, is_stored=slot in held) for slot in first)
    return tuple(sorted(made, key=lambda life: life.start))[:MAX_LIVES]


def life_words(life: Life) -> str:
    """Describe the life of a credential in a few words."""
    return "; ".join(_words(life))


def _held(stored: StoredLogin | None) -> tuple[str, ...]:
    """Return the slots that a stored login holds."""
    return tuple(slot for slot in (stored.access, stored.refresh) if slot) if stored else ()


def _life(slot: str, state: str | None, steps: Sequence[Step], *, is_stored: bool) -> Life:
    room = len(steps) + 1
    sent = [(n, step) for n, step in enumerate(steps) if slot in step.exchange.sent_slots]
    issued = None if state or slot == FOREIGN else _issued_at(sent[0][1] if sent else None, steps)
    exchanged = _exchanged_at(slot, [step for _, step in sent])
    return Life(
        slot=slot,
        state=state,
        start=0.0 if issued is None else _steps_until(issued, steps) / room,
        end=1.0 if exchanged is None else _steps_until(exchanged, steps) / room,
        issued_at=issued,
        exchanged_at=exchanged,
        uses=tuple(
            Use(position=(n + 0.5) / room, status=step.exchange.status, count=step.count)
            for n, step in sent
        ),
        is_stored=is_stored,
    )


def _issued_at(first: Step | None, steps: Sequence[Step]) -> float | None:
    """Return the time of the response that issued a credential: the last before its first use."""
    times = [_answered_at(step) for step in steps if _issues_tokens(step)]
    return max((at for at in times if first is None or at <= first.exchange.at), default=None)


def _exchanged_at(slot: str, sent: Sequence[Step]) -> float | None:
    """Return the time of the request that used a refresh token up: it is valid for one use.

    Not that of the response, which may be late or lost: the server refuses the token until then.
    """
    if not slot.startswith(TokenKind.REFRESH_TOKEN.value):
        return None
    return next((step.exchange.at for step in sent if _issues_tokens(step)), None)


def _steps_until(time: float, steps: Sequence[Step]) -> int:
    return sum(step.exchange.at <= time for step in steps)


def _answered_at(step: Step) -> float:
    return step.exchange.at + step.exchange.elapsed


def _is_token_request(step: Step) -> bool:
    return step.exchange.path.endswith(TOKEN_PATH_SUFFIX)


def _issues_tokens(step: Step) -> bool:
    return _is_token_request(step) and step.exchange.status == 200


def _words(life: Life) -> Iterator[str]:
    if life.issued_at is not None:
        yield f"issued at {time_words(life.issued_at)} s"
    else:
        yield f"{life.state} at the start" if life.state else "not issued by the backend"
    yield _use_words(life.uses)
    if life.exchanged_at is not None:
        yield f"exchanged at {time_words(life.exchanged_at)} s"
    if life.is_stored:
        yield "stored at the end"


def _use_words(uses: Sequence[Use]) -> str:
    counts: Counter[str] = Counter()
    for use in uses:
        counts["no response" if use.status is None else str(use.status)] += use.count
    if not counts:
        return "never sent"
    total = f"sent {_times(counts.total())}"
    if len(counts) == 1:
        each = "each " if counts.total() > 1 else ""
        return f"{total}: {each}{next(iter(counts))}"
    return f"{total}: {', '.join(f'{s} {_times(n)}' for s, n in counts.items())}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
