"""Rows of a comparison of the service with the emulator, and their results."""

import datetime
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import authprobe
from authprobe.errors import ExitCode
from authprobe.service.answer import ServiceAnswer
from authprobe.service.question import ServiceQuestion

MAX_REQUESTS: Final = 14
"""Requests of one comparison: few, as no limit on refused requests is known."""


class Kind(enum.StrEnum):
    """Kind of a result, the worst first."""

    CHANGED = "changed"
    """The service answers otherwise, in a part that programs depend on."""
    NOT_ASKED = "not-asked"
    """The service gave no answer of its own: a network, a limit or a challenge came before."""
    REWORDED = "reworded"
    """Only the wording differs, and programs should not depend on it."""
    NOTICED = "noticed"
    """Something else differs that no program depends on."""
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values that a request needs: made up, but for an API key that the user gives."""

    api_key: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    assertion: str = field(repr=False)
    federation_ids: dict[str, str] = field(repr=False)
    own_key: str = field(default="", repr=False)
    """An API key that is valid; empty: the user gave none."""
    model: str = ""
    """A model that the key can use; empty: not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """One question to the service."""

    id: str
    """Such as `L03`; the parts of a row have a letter: `L06a`, `L06b`."""
    title: str
    """The question in a few words."""
    host: str
    sends: str
    """The credential in the request, in words."""
    rules: tuple[str, ...] = ()
    """Ids of the emulator's rules that the answer is compared with."""
    builder: Callable[[Values], ServiceQuestion] | None = field(default=None, repr=False)
    """Builder of the request; None: only a TLS connection is made."""
    is_documented: bool = True
    needs_key: bool = False
    needs_model: bool = False
    """True if the request names a model, which the answer to `L20` has."""
    is_page: bool = False
    """True for a web page: only whether there is one is compared."""
    order_of: str | None = None
    """Row whose rule may answer first instead; the order is compared."""

    @property
    def number(self) -> str:
        """The id without the letter of a part."""
        return self.id.rstrip("abcdefgh")

    @property
    def is_connection(self) -> bool:
        """True if no request is sent."""
        return self.builder is None

    def question(self, values: Values) -> ServiceQuestion:
        """Return the request; that of a connection is not sent."""
        return self.builder(values) if self.builder else ServiceQuestion(host=self.host, path="/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A part of the answer that differs."""

    part: str
    """`status`, `envelope`, `type`, `error_code`, `order`, `message`, `request_id`, `headers`,
    `answer`, `clock` or `certificate`.
    """
    kind: Kind
    emulator: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """The result of a row."""

    row: DriftRow
    answer: ServiceAnswer
    """The answer of the service."""
    expected: ServiceAnswer | None = None
    """The answer of the emulator; None: only a connection was made."""
    differences: tuple[Difference, ...] = ()
    confirmed: bool | None = None
    """True if an earlier comparison had the same differences; None: it was not compared with."""

    @property
    def kind(self) -> Kind:
        """The worst kind of the differences."""
        if self.answer.not_asked is not None and not self.differences:
            return Kind.NOT_ASKED
        return min((d.kind for d in self.differences), key=tuple(Kind).index, default=Kind.SAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A comparison of the service with the emulator."""

    started_at: datetime.datetime
    """In UTC."""
    rows: tuple[RowResult, ...]
    requests: int = 0
    """Number of requests that were sent to the service."""
    confirms: datetime.datetime | None = None
    """Start of the earlier comparison that this one confirms."""
    authprobe: str = authprobe.__version__

    @property
    def day(self) -> datetime.date:
        """The day of the comparison, in UTC."""
        return self.started_at.date()

    def of_kind(self, kind: Kind) -> tuple[RowResult, ...]:
        """Return the results of a kind."""
        return tuple(result for result in self.rows if result.kind is kind)

    @property
    def exit_code(self) -> ExitCode:
        """CHANGED for a change, unless an earlier comparison did not have it; NOT_ASKED if a row
        could not be asked, or a change could not be confirmed.
        """
        changed = self.of_kind(Kind.CHANGED)
        if any(result.confirmed is not False for result in changed):
            return ExitCode.CHANGED
        if changed or not self.rows or self.of_kind(Kind.NOT_ASKED):
            return ExitCode.NOT_ASKED
        return ExitCode.OK
