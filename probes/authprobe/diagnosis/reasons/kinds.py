"""Kinds of reasons with their meanings, and the reason before it is put in order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.run.model import Reason

REASON_MEANINGS: Final[dict[str, str]] = {
    "untestable": "The case could not be tested, so nothing is known about the client.",
    "leak": "The client left a token where no token belongs.",
    "crash": "The client crashed, or ended without a message for its user.",
    "host-not-emulated": "The client asked for a host that the emulator does not have.",
    "no-rule": "The emulator denied the request because no rule of it covers such a request.",
    "no-request": "The client sent no request at all.",
    "no-refresh": "The client did not refresh its login.",
    "refresh": "The client refreshed its login, and should not have, or did not before.",
    "refresh-elsewhere": "The client sent its token request to another host or path.",
    "request-elsewhere": "The client sent a request to another host or path, or by another method.",
    "credential": "The client sent another credential, or none.",
    "credential-header": "The client sent the credential in another header.",
    "beta": "A flag of the header `anthropic-beta` is new or gone.",
    "header": "A header is new or gone, or has another value.",
    "scopes": "The client asked for other scopes.",
    "request-missing": "The client did not send a request.",
    "request-added": "The client sent a request that it should not send, or did not before.",
    "side-host": "The client contacts another host beside the emulated ones, or no longer does.",
    "request-order": "The client sent its requests in another order.",
    "request-count": "The client sent a request more or less often.",
    "accepted": "The client was accepted where it should be, or was, refused.",
    "refused": "The client was refused where it should be, or was, accepted.",
    "goes-on": "The client was still running at its time limit, where it should end, or ended.",
    "gave-up": "The client ended, where it should go on, or went on, to its time limit.",
    "unreachable": "The client could not reach the backend.",
    "other-refusal": "The client was refused in another way: another outcome, status or type.",
    "answer": "A request got another answer: another status, or from another rule of the emulator.",
    "sessions": "Of several sessions at once, others were accepted.",
    "login-lost": "The stored login is not usable after the client has exited.",
    "login-state": "The stored login is in another state after the client has exited.",
    "login-field": "A field of the stored login has another value.",
    "finding": "The client misbehaves in a way that is new or not expected.",
    "finding-gone": "The client no longer misbehaves in a way that is expected, or was seen.",
    "message-hidden": "The client does not tell its user about the refusal.",
    "message": "The client's message to its user has other words.",
    "exit-code": "The client exited with another code.",
    "detail": "authprobe's explanation of the outcome has other words.",
    "other": "Another field differs.",
}
"""All kinds, the most important first: misbehaviour, then causes, then what follows from them."""
MAX_SENTENCE_LENGTH: Final = 600
_ORDER: Final = {name: index for index, name in enumerate(REASON_MEANINGS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reason with the subject that it is about, so that it is given only once."""

    id: str
    subject: str = ""
    summary: str
    remedy: str | None = None
    is_minor: bool = False
    """True for a change that an upgrade often brings, and that seldom explains a refusal."""


def in_order(drafts: Iterable[Draft]) -> Iterator[Reason]:
    """Yield the first reason of each kind and subject, the most important first."""
    first: dict[tuple[str, str], Draft] = {}
    for draft in drafts:
        first.setdefault((draft.id, draft.subject), draft)
    for draft in sorted(first.values(), key=lambda draft: (draft.is_minor, _ORDER[draft.id])):
        summary = one_line(draft.summary, MAX_SENTENCE_LENGTH)
        yield Reason(id=draft.id, summary=summary, remedy=draft.remedy)
