"""What goes wrong on demand: refusals by the id of their rule, and faults of wire and answer."""

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
    """What `seconds` is if not given; None: it has no use for it."""
    connection: bool = False
    """It happens before anything is asked, so it knows a host and no path."""


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
    CONNECTION_REFUSED: FaultKind(text="nobody listens at the port", connection=True),
    NAME_NOT_FOUND: FaultKind(text="the proxy finds no such host", connection=True),
    SLOW_TLS: FaultKind(text="the TLS handshake begins late", seconds=30, connection=True),
    UNTRUSTED_CERTIFICATE: FaultKind(
        text="the certificate is of an authority that nobody trusts", connection=True
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
"""Names for rules that users will look for among the faults."""


class Armed:
    """The faults of one backend, each with a count of the requests that it has met."""

    def __init__(self, faults: Iterable[Fault | str] = ()) -> None:
        self._faults: list[tuple[Fault, list[int]]] = []
        self.add(*faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault, _ in self._faults])

    def add(self, *faults: Fault | str) -> None:
        """Arm these as well; a bare name is a fault that happens every time."""
        for given in faults:
            fault = given if isinstance(given, Fault) else Fault(name=given)
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        """Disarm all."""
        self._faults = []

    def met_by(
        self, request: RequestContext, can_happen: Callable[[Fault], bool]
    ) -> tuple[Fault, ...]:
        """Those that this request meets, now and by its place; each meeting counts, and what cannot
        happen there is not met.
        """
        return tuple(
            fault
            for fault, met in self._faults
            if not _of_the_connection(fault)
            and fault.host in (None, request.host, request.asked)
            and fault.path in (None, request.path)
            and can_happen(fault)
            and _due(fault, met)
        )

    def met_at(self, host: str) -> tuple[Fault, ...]:
        """Those that a connection to this host meets; each meeting counts."""
        return tuple(
            fault
            for fault, met in self._faults
            if _of_the_connection(fault) and fault.host in (None, host) and _due(fault, met)
        )


def rule_id(fault: Fault) -> str:
    """The rule that the fault demands, if it is not one of `FAULTS`."""
    return ALIASES.get(fault.name, fault.name)


def seconds(fault: Fault) -> float:
    """How long, in seconds: what is given, else what is usual for its name."""
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
