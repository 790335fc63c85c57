"""The new wordings that an observation leaves out, and their approval by a person.

They stay in the `drift.json` beside it, which is not given back.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, TypeAdapter

from authprobe.drift.known_words import approval_problem, length_of_new
from authprobe.drift.observation_file import SharedObservation
from authprobe.drift.record import FILE_NAME, LIMIT_BYTES
from authprobe.drift.wording import comparable
from authprobe.run.json_file import read_content, validate

_REMEDY: Final = "keep the drift.json of the same run beside the observation"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMessage:
    """The part of an answer in `drift.json` that has the wording."""

    message: Annotated[str, Field(max_length=2000)] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRow:
    """A row of `drift.json`."""

    row: str
    service: RecordedMessage


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDrift:
    """A `drift.json`, as far as it has wordings."""

    started_at: AwareDatetime
    rows: Annotated[tuple[RecordedRow, ...], Field(max_length=100)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewWording:
    """A wording that no rule has."""

    row: str
    text: str
    """With ids, dates, addresses and numbers replaced."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be given back; None: a person may approve it."""
        return approval_problem(self.text)


def new_wordings(path: Path, observation: SharedObservation) -> tuple[NewWording, ...]:
    """Return the wordings that the observation in this file leaves out.

    Raises:
        RecordError: there is no `drift.json` beside it.
    """
    if not any(length_of_new(row.message) for row in observation.rows):
        return ()
    record = path.parent / FILE_NAME
    content = read_content(record, _REMEDY, LIMIT_BYTES)
    noun = "a comparison of `authprobe drift`"
    drift = validate(record, content, TypeAdapter(RecordedDrift), noun, _REMEDY)
    if drift.started_at.date().isoformat() != observation.day:
        return ()
    return tuple(_matching(drift, observation))


def _matching(drift: RecordedDrift, observation: SharedObservation) -> Iterator[NewWording]:
    """Yield the wordings of the rows; another run on the same day has others, of other length."""
    messages = {row.row: row.service.message for row in drift.rows}
    for row in observation.rows:
        message = messages.get(row.row)
        if message is not None and length_of_new(row.message) == len(message):
            yield NewWording(row=row.row, text=comparable(message))


def with_wordings(observation: SharedObservation, approved: Mapping[str, str]) -> SharedObservation:
    """Return the observation with the approved wordings, by row."""
    rows = (
        dataclasses.replace(row, message=approved.get(row.row, row.message))
        for row in observation.rows
    )
    return dataclasses.replace(observation, rows=tuple(rows))
