"""Faults on demand: refusals by their rule's id, and faults of the connection and the answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.emulator.config import Fault
from authprobe.emulator.rules.base import RequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """A fault that is not a refusal."""

    text: str
    seconds: float | None = None
    """Default of `seconds`; None: the fault has no duration."""
    connection: bool = False
    """True if it happens before any request, so that it has a host and no path."""


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
    NAME_NOT_FOUND: FaultKind(text="the proxy finds no such host", connection=True),
    SLOW_TLS: FaultKind(text="the TLS handshake begins late", seconds=30, connection=True),
    UNTRUSTED_CERTIFICATE: FaultKind(
        text="the certificate comes from an untrusted authority", connection=True
    ),
    EXPIRED_CERTIFICATE: FaultKind(text="the certificate has expired", connection=True),
    DELAY: FaultKind(text="the answer begins late", seconds=30),
    DRIP_FEED: FaultKind(text="the body comes byte by byte, so many seconds apart", seconds=0.05),
    RESET: FaultKind(text="the connection is reset before the answer"),
    RESET_IN_BODY: FaultKind(text="the connection is reset in the middle of the body"),
    CUT_STREAM: FaultKind(text="a stream ends after its first words, with nothing to say so"),
    ERROR_IN_STREAM: FaultKind(text="a stream that began with 200 ends in an error event"),
    WRONG_CONTENT_TYPE: FaultKind(text="the answer says that it is HTML"),
    EMPTY_200: FaultKind(text="200 with no body"),
    HUGE_BODY: FaultKind(text="200 with 64 MiB of JSON"),
    CLOCK_SKEW: FaultKind(text="the Date header is ahead by so many seconds", seconds=3600),
}
STREAM_FAULTS: Final = (CUT_STREAM, ERROR_IN_STREAM)
ALIASES: Final = {"challenge-page": "A34"}
"""Names under which users look for some refusals among the faults."""


class Armed:
    """The armed faults of one backend, each with a count of the requests that met it."""

    def __init__(self, faults: Iterable[Fault | str] = ()) -> None:
        self._faults: list[tuple[Fault, list[int]]] = []
        self.add(*faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault, _ in self._faults])

    def add(self, *faults: Fault | str) -> None:
        """Arm further faults; a bare name is a fault that happens every time."""
        for given in faults:
            fault = given if isinstance(given, Fault) else Fault(name=given)
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        """Disarm all faults."""
        self._faults = []

    def met_by(
        self, request: RequestContext, can_happen: Callable[[Fault], bool]
    ) -> tuple[Fault, ...]:
        """Return the faults that this request meets, and count them; a fault that cannot happen on
        its route is not met.
        """
        return tuple(
            fault
            for fault, met in self._faults
            if not _of_the_connection(fault)
            and fault.host in (None, request.host, request.requested_host)
            and fault.path in (None, request.path)
            and can_happen(fault)
            and _due(fault, met)
        )

    def met_at(self, host: str) -> tuple[Fault, ...]:
        """Return the faults that a connection to this host meets, and count them."""
        return tuple(
            fault
            for fault, met in self._faults
            if _of_the_connection(fault) and fault.host in (None, host) and _due(fault, met)
        )


def rule_id(fault: Fault) -> str:
    """Return the id of the rule that the fault demands; for one of `FAULTS`, its own name."""
    return ALIASES.get(fault.name, fault.name)


def seconds(fault: Fault) -> float:
    """Return the duration in seconds: the configured one, else the default of the fault."""
    if fault.seconds is not None:
        return fault.seconds
    kind = FAULTS.get(fault.name)
    return (kind.seconds or 0.0) if kind else 0.0


def _of_the_connection(fault: Fault) -> bool:
    kind = FAULTS.get(fault.name)
    return kind is not None and kind.connection


def _due(fault: Fault, met: list[int]) -> bool:
    met[0] += 1
    past = met[0] - 1 - fault.after
    return past >= 0 and (fault.times is None or past < fault.times)
