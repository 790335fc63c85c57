"""The file `drift.json`: written for programs, and read again by `--confirm`."""

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter

from authprobe.drift.model import Difference, Drift, Kind, RowResult
from authprobe.errors import SettingsError
from authprobe.run.json_file import read_content, validate
from authprobe.service.answer import ServiceAnswer

SCHEMA: Final = "authprobe-drift/1"
FILE_NAME: Final = "drift.json"
LIMIT_BYTES: Final = 1_000_000
CONFIRM_AFTER: Final = datetime.timedelta(minutes=15)
"""Age of a comparison that can be confirmed: a passing disturbance is over by then."""
_NOUN: Final = "a comparison of `authprobe drift`"
_REMEDY: Final = "give the drift.json that `authprobe drift` wrote"

Text = Annotated[str, Field(max_length=2000)]


def as_json(drift: Drift) -> dict[str, Any]:
    """Return the comparison as it is written."""
    return {
        "schema": SCHEMA,
        "authprobe": drift.authprobe,
        "started_at": drift.started_at.isoformat(timespec="seconds"),
        "confirms": drift.confirms.isoformat(timespec="seconds") if drift.confirms else None,
        "exit_code": int(drift.exit_code),
        "requests": drift.requests,
        "counts": {kind.value: len(drift.of_kind(kind)) for kind in Kind},
        "rows": [_row_json(result) for result in drift.rows],
    }


def _row_json(result: RowResult) -> dict[str, Any]:
    row = result.row
    return {
        "row": row.id,
        "title": row.title,
        "host": row.host,
        "sends": row.sends,
        "rules": list(row.rules),
        "documented": row.is_documented,
        "kind": result.kind.value,
        "confirmed": result.confirmed,
        "differences": [dataclasses.asdict(difference) for difference in result.differences],
        "emulator": _answer_json(result.expected) if result.expected else None,
        "service": _answer_json(result.answer),
    }


def _answer_json(answer: ServiceAnswer) -> dict[str, Any]:
    """Return an answer; that of the emulator has no network worth telling about."""
    return dataclasses.asdict(answer) | {"headers": sorted(answer.headers)}


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    try:
        return moment.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError("no time that exists in UTC") from None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRow:
    """A row of an earlier comparison."""

    row: Text
    differences: Annotated[tuple[Difference, ...], Field(max_length=20)] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier comparison, as far as it matters for a confirmation."""

    schema: Literal["authprobe-drift/1"]
    started_at: Annotated[AwareDatetime, AfterValidator(_in_utc)]
    rows: Annotated[tuple[EarlierRow, ...], Field(max_length=100)]

    @property
    def changes(self) -> Mapping[str, frozenset[Difference]]:
        """The differences that count, by row."""
        return {row.row: _changes(row.differences) for row in self.rows}


def read_earlier(path: Path, now: datetime.datetime) -> Earlier:
    """Return an earlier comparison that is old enough to be confirmed.

    Raises:
        RecordError: the file cannot be read, or is no comparison.
        SettingsError: it is not old enough.
    """
    content = read_content(path, _REMEDY, LIMIT_BYTES)
    earlier = validate(path, content, TypeAdapter(Earlier), _NOUN, _REMEDY)
    age = now - earlier.started_at
    if age < datetime.timedelta():
        raise SettingsError(f"--confirm {path}: it began in the future; check the clock")
    if age < CONFIRM_AFTER:
        minutes = -(-(CONFIRM_AFTER - age) // datetime.timedelta(minutes=1))
        raise SettingsError(
            f"--confirm {path}: it is not 15 minutes old; run this again in {minutes} min"
        )
    return earlier


def confirm(drift: Drift, earlier: Earlier) -> Drift:
    """Return the comparison with, for each change, whether the earlier one had it too."""
    rows = (
        dataclasses.replace(
            result,
            confirmed=earlier.changes.get(result.row.id) == _changes(result.differences),
        )
        if result.kind is Kind.CHANGED
        else result
        for result in drift.rows
    )
    return dataclasses.replace(drift, rows=tuple(rows), confirms=earlier.started_at)


def _changes(differences: tuple[Difference, ...]) -> frozenset[Difference]:
    return frozenset(each for each in differences if each.kind is Kind.CHANGED)
