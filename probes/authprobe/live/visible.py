"""Visible: the part of an expectation that can be seen of the real service, and what cannot.

Nobody ends the TLS connection of a client to the real service, so its requests are not seen. What
an expectation wants of them is never passed: the case is not asked.
"""

from collections.abc import Iterator
from typing import Final

from authprobe.plan.case import Case
from authprobe.scenario.model import Expectation, ExpectedRequest

_OF_CLIENTS: Final = (
    ("stored_login", "the stored login stays as it is, and is not read"),
    ("stored_expiry", "the stored login stays as it is, and is not read"),
    ("stored_subscription", "the stored login stays as it is, and is not read"),
    ("sessions", "there is one session"),
    ("findings", "findings are about requests of a client, which nobody sees"),
    ("no_findings", "findings are about requests of a client, which nobody sees"),
)
"""Fields of an expectation that no live case can show, and why."""
_OF_REQUESTS: Final = (
    ("rule", "rules are the emulator's"),
    ("gateway", "nobody sees what a gateway changes"),
    ("headers", "only the names of headers are kept"),
    ("scopes", "nobody signs in"),
)
"""The same of a request of authprobe's own."""


def unseen_expectation(case: Case) -> str | None:
    """Return why what a live case expects cannot be seen, as a phrase; None: it can."""
    return next(_unseen(case.expectation, is_own_request=case.client.is_authprobe), None)


def _unseen(expected: Expectation, *, is_own_request: bool) -> Iterator[str]:
    for field, reason in _OF_CLIENTS:
        if getattr(expected, field):
            yield f"'{field}' cannot be seen: {reason}"
    for field in ("requests", "no_requests"):
        requests: tuple[ExpectedRequest, ...] = getattr(expected, field)
        if requests and not is_own_request:
            yield f"'{field}' cannot be seen: nobody ends the TLS connection of the client"
        for request in requests:
            for name, reason in _OF_REQUESTS:
                if getattr(request, name):
                    yield f"'{name}' of '{field}' cannot be seen: {reason}"
