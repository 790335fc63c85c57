"""The file `observation.json`: what a user can give back, made to be read before it is shared.

Every text in it is one of a closed set: the service decides which, and not what it says. Only a new
wording that a person has approved is free text, and it has nothing but plain words.
"""

import datetime
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from authprobe.core.json_schema import published
from authprobe.core.serialization import to_json
from authprobe.documents.constraints import STRICT
from authprobe.drift.known_words import (
    CONTENT_TYPES,
    ERROR_CODES,
    ERROR_TYPES,
    known_or_new,
    known_wording,
)
from authprobe.drift.model import Drift, Kind, RowResult
from authprobe.service.answer import KEPT_HEADERS, Envelope, RequestId

SCHEMA: Final = "authprobe-observation/1"
OBSERVATION_FILE: Final = "observation.json"
LIMIT_BYTES: Final = 16_000
MAX_ROWS: Final = 30
HEADERS: Final = frozenset(
    name for name in KEPT_HEADERS if not name.startswith("anthropic-ratelimit-")
)
"""Headers whose names are given back; those of limits differ by the plan of a user."""
DAY_PATTERN: Final = r"^20\d\d-[01]\d-[0-3]\d$"
VERSION_PATTERN: Final = r"^\d{1,4}(\.\d{1,4}){1,2}((a|b|rc|\.dev|\.post)\d{1,4})?$"
ROW_PATTERN: Final = r"^L\d\d[a-h]?$"
RULE_PATTERN: Final = r"^([AB]\d\d[a-d]?|[a-z]+(-[a-z]+)*)$"
Short = Annotated[str, Field(min_length=1, max_length=80)]

Region = Literal[
    "continent:AF",
    "continent:AN",
    "continent:AS",
    "continent:EU",
    "continent:NA",
    "continent:OC",
    "continent:SA",
]
REGIONS: Final[tuple[Region, ...]] = Region.__args__  # type: ignore[attr-defined]
"""Places from which a user may say to have asked: the continents, and nothing smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRow:
    """The answer to a row, in words that are known."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    row: Annotated[str, Field(pattern=ROW_PATTERN)]
    rule: Annotated[str, Field(pattern=RULE_PATTERN, max_length=40)]
    """Rule by which the emulator answers."""
    kind: Kind
    """Difference from the emulator of the `authprobe` that asked."""
    status: Annotated[int, Field(ge=100, le=599)]
    envelope: Envelope
    """Form of the body."""
    type: Short | None
    """Error type; `<new: 9 characters>` for one that no rule has."""
    code: Short | None
    """The field `error.details.error_code`, in the same way."""
    message: Annotated[str, Field(min_length=1, max_length=600)] | None
    """Wording, in which `<id 1>`, `<number 2>` and similar stand for what differs each time."""
    request_id: RequestId
    """The field `request_id` of the body: whether it is there, never its value."""
    headers: Annotated[tuple[Short, ...], Field(max_length=40)]
    """Names of headers, never their values."""
    content_type: Short | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedObservation:
    """A comparison with the service that a user gives back."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    schema: Literal["authprobe-observation/1"]
    authprobe: Annotated[str, Field(pattern=VERSION_PATTERN)]
    """Version of authprobe."""
    day: Annotated[str, Field(pattern=DAY_PATTERN)]
    """Day on which the service was asked, in UTC."""
    asked_from: Region | None = None
    """Continent, if the user has given it."""
    rows: Annotated[tuple[ObservedRow, ...], Field(max_length=MAX_ROWS)]
    """Rows that the service answered; those that could not be asked say nothing."""

    @property
    def date(self) -> datetime.date:
        """The day.

        Raises:
            ValueError: there is no such day.
        """
        return datetime.date.fromisoformat(self.day)


def shared_observation(drift: Drift, asked_from: Region | None = None) -> SharedObservation:
    """Return what can be given back of a comparison."""
    return SharedObservation(
        schema=SCHEMA,
        authprobe=drift.authprobe,
        day=drift.day.isoformat(),
        asked_from=asked_from,
        rows=tuple(_observed_rows(drift.rows)),
    )


def _observed_rows(results: Iterable[RowResult]) -> Iterable[ObservedRow]:
    """Yield the rows that a rule answers and that the service answered itself."""
    for result in results:
        answer = result.answer
        if not result.row.rules or answer.not_asked is not None or answer.status is None:
            continue
        yield ObservedRow(
            row=result.row.id,
            rule=result.row.rules[0],
            kind=result.kind,
            status=answer.status,
            envelope=answer.envelope,
            type=known_or_new(answer.error_type, ERROR_TYPES),
            code=known_or_new(answer.error_code, ERROR_CODES),
            message=known_wording(answer.message),
            request_id=answer.request_id,
            headers=tuple(sorted(answer.headers & HEADERS)),
            content_type=known_or_new(answer.content_type, CONTENT_TYPES),
        )


def dump_observation(observation: SharedObservation) -> str:
    """Return the only text of an observation: keys in order, ASCII, one row on each line."""
    data = {name: value for name, value in asdict(observation).items() if value is not None}
    rows = ",\n".join(f"  {_line(row)}" for row in data.pop("rows"))
    head = [f" {_line(name)}: {_line(value)}" for name, value in sorted(data.items())]
    head.append(f' "rows": [\n{rows}\n ]' if rows else ' "rows": []')
    return "{\n" + ",\n".join(sorted(head)) + "\n}\n"


def _line(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of an observation, as text."""
    schema = TypeAdapter(SharedObservation).json_schema()
    document = published(schema, file="docs/observation.schema.json", title="authprobe observation")
    return to_json(document, indent=2).decode() + "\n"
