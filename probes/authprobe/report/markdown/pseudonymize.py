"""Pseudonymise a case: every text in it that comes from outside passes the `Pseudonymizer`."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from authprobe.diagnosis.text_redaction import redact_values
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.run.model import CaseRecord

T = TypeVar("T")
UNCHANGED_FIELDS: Final = (
    *("id", "scenario", "formerly", "sources", "fault", "client", "credentials"),
    *("endpoint", "credential", "headers", "backend", "environment", "flow"),
)
"""Fields that identify a case: names from the scenario, and no text from outside."""


class SharedTextCleaner(Pseudonymizer):
    """Replaces personal data, and values that are secret by their names, such as a cookie.

    A run stores neither, but others may have made or edited the results that are shared.
    """

    def __call__(self, text: str) -> str:
        return super().__call__(redact_values(text))


def cleaned(value: T, pseudonymizer: Pseudonymizer) -> T:
    """Return a value of a run with placeholders instead of personal data."""
    replaced: T = _replaced(value, pseudonymizer)
    return replaced


def anonymous(record: CaseRecord, pseudonymizer: Pseudonymizer) -> CaseRecord:
    """Return the case with placeholders instead of personal data."""
    fields = {name: _replaced(getattr(record, name), pseudonymizer) for name in _names(record)}
    return dataclasses.replace(record, **fields)


def learn(records: Iterable[CaseRecord], pseudonymizer: Pseudonymizer) -> None:
    """Record the user names that occur in these cases."""
    for record in records:
        for text in _texts(tuple(getattr(record, name) for name in _names(record))):
            pseudonymizer.learn(text)


def _names(record: CaseRecord) -> list[str]:
    return [
        field.name for field in dataclasses.fields(record) if field.name not in UNCHANGED_FIELDS
    ]


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a value; members of enums are names, and are skipped."""
    if type(value) is str:
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        yield from _texts(tuple(value.values()))
    elif dataclasses.is_dataclass(value):
        yield from _texts(tuple(getattr(value, f.name) for f in dataclasses.fields(value)))


def _replaced(value: Any, pseudonymizer: Pseudonymizer) -> Any:
    if type(value) is str:
        return pseudonymizer(value)
    if isinstance(value, tuple):
        return tuple(_replaced(each, pseudonymizer) for each in value)
    if isinstance(value, dict):
        return {name: _replaced(each, pseudonymizer) for name, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (f.name for f in dataclasses.fields(value))
        values = {name: _replaced(getattr(value, name), pseudonymizer) for name in fields}
        return dataclasses.replace(value, **values)
    return value
