"""Faults on demand: refusals by their rule's id, and faults of the connection and the answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.emulator.config import Fault
from authprobe.emulator.rules.base import RequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """A fault of the connection or of the answer, as opposed to a refusal."""

    text: str
    seconds: float | None = None
    """Default of `seconds`; None: the fault has no duration."""
    connection: bool = False
    """True if it happens before any request, so that it can be limited to a host but not a path."""


CONNECTION_REFUSED: Final = "connection-refused"
NAME_NOT_FOUND: Final = "name-not-found"
SLOW_TLS: Final = "slow-tls"
UNTRUSTED_CERTIFICATE: Final = "untrusted-certificate"
EXPIRED_CERTIFICATE: Final = "expired-certificate"
DELAY: Final = "delay"
DRIP_FEED: Final = "drip-feed"
RESET: Final = "reset"
RESET_IN_BODY: Final = "reset-in-body"
CUT_STREAM: Final = "cut-stream"
ERROR_IN_STREAM: Final = "error-in-stream"
WRONG_CONTENT_TYPE: Final = "wrong-content-type"
EMPTY_200: Final = "empty-200"
HUGE_BODY: Final = "huge-body"
CLOCK_SKEW: Final = "clock-skew"

FAULTS: Final[Mapping[str, FaultKind]] = {
    CONNECTION_REFUSED: FaultKind(text="the port refuses connections", connection=True),
    NAME_NOT_FOUND: FaultKind(text="the proxy cannot resolve the host", connection=True),
    SLOW_TLS: FaultKind(text="the TLS handshake is delayed", seconds=30, connection=True),
    UNTRUSTED_CERTIFICATE: FaultKind(
        text="the certificate comes from an untrusted authority", connection=True
    ),
    EXPIRED_CERTIFICATE: FaultKind(text="the certificate has expired", connection=True),
    DELAY: FaultKind(text="the answer is delayed", seconds=30),
    DRIP_FEED: FaultKind(
        text="the body arrives one byte at a time, with this pause in between", seconds=0.05
    ),
    RESET: FaultKind(text="the connection is reset before the answer"),
    RESET_IN_BODY: FaultKind(text="the connection is reset in the middle of the body"),
    CUT_STREAM: FaultKind(text="a stream ends after its first words, without an error event"),
    ERROR_IN_STREAM: FaultKind(text="a stream that began with status 200 ends in an error event"),
    WRONG_CONTENT_TYPE: FaultKind(text="the content type is text/html, whatever the body is"),
    EMPTY_200: FaultKind(text="the answer is status 200 without a body"),
    HUGE_BODY: FaultKind(text="the answer is status 200 with 64 MiB of JSON"),
    CLOCK_SKEW: FaultKind(text="the Date header is ahead of the clock", seconds=3600),
}
STREAM_FAULTS: Final = (CUT_STREAM, ERROR_IN_STREAM)
ALIASES: Final = {"challenge-page": "A34"}
"""Fault names that stand for the id of a rule."""


class ArmedFaults:
    """The armed faults of one backend, each with a count of the requests it has matched."""

    def __init__(self, faults: Iterable[Fault | str] = ()) -> None:
        self._faults: list[tuple[Fault, list[int]]] = []
        self.add(*faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault, _ in self._faults])

    def add(self, *faults: Fault | str) -> None:
        """Arm further faults; a bare name is a fault that happens every time."""
        for item in faults:
            fault = item if isinstance(item, Fault) else Fault(name=item)
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        """Disarm all faults."""
        self._faults = []

    def for_request(
        self, request: RequestContext, can_happen: Callable[[Fault], bool]
    ) -> tuple[Fault, ...]:
        """Return the faults that happen to this request, and count the request for each match.

        A fault that cannot happen on the request's route does not count it.
        """
        return tuple(
            fault
            for fault, matches in self._faults
            if not _is_connection_fault(fault)
            and fault.host in (None, request.host, request.requested_host)
            and fault.path in (None, request.path)
            and can_happen(fault)
            and _is_due(fault, matches)
        )

    def for_connection(self, host: str) -> tuple[Fault, ...]:
        """Return the faults that happen to a connection to this host, and count the connection."""
        return tuple(
            fault
            for fault, matches in self._faults
            if _is_connection_fault(fault)
            and fault.host in (None, host)
            and _is_due(fault, matches)
        )


def rule_id(fault: Fault) -> str:
    """Return the id of the rule that the fault triggers; for one of `FAULTS`, its own name."""
    return ALIASES.get(fault.name, fault.name)


def duration(fault: Fault) -> float:
    """Return the configured duration in seconds, or else the default of the fault."""
    if fault.seconds is not None:
        return fault.seconds
    kind = FAULTS.get(fault.name)
    return (kind.seconds or 0.0) if kind else 0.0


def _is_connection_fault(fault: Fault) -> bool:
    kind = FAULTS.get(fault.name)
    return kind is not None and kind.connection


def _is_due(fault: Fault, matches: list[int]) -> bool:
    """Count one match; return True if it is after the first `after` and within `times`."""
    matches[0] += 1
    number = matches[0] - 1 - fault.after
    return number >= 0 and (fault.times is None or number < fault.times)
