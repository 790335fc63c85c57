"""A case without personal data: every text from outside in it passes `Personal`."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Final

from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.run.model import CaseRecord

OURS: Final = (
    *("id", "scenario", "formerly", "sources", "fault", "client", "client_version", "credentials"),
    *("endpoint", "credential", "headers", "backend", "environment", "flow"),
)
"""Fields of a case by which it is found: names, and no text from outside."""


def anonymous(record: CaseRecord, personal: Pseudonymizer) -> CaseRecord:
    """The case with names in the place of personal data."""
    changed = {name: _replaced(getattr(record, name), personal) for name in _names(record)}
    return dataclasses.replace(record, **changed)


def learn(records: Iterable[CaseRecord], personal: Pseudonymizer) -> None:
    """Remember the users that any of these cases tells of."""
    for record in records:
        for text in _texts(tuple(getattr(record, name) for name in _names(record))):
            personal.learn(text)


def _names(record: CaseRecord) -> list[str]:
    return [field.name for field in dataclasses.fields(record) if field.name not in OURS]


def _texts(value: object) -> Iterator[str]:
    """Every text in a value, without those that are one of a few words."""
    if type(value) is str:
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        yield from _texts(tuple(value.values()))
    elif dataclasses.is_dataclass(value):
        yield from _texts(tuple(getattr(value, f.name) for f in dataclasses.fields(value)))


def _replaced(value: Any, personal: Pseudonymizer) -> Any:
    if type(value) is str:
        return personal(value)
    if isinstance(value, tuple):
        return tuple(_replaced(each, personal) for each in value)
    if isinstance(value, dict):
        return {name: _replaced(each, personal) for name, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (f.name for f in dataclasses.fields(value))
        changed = {name: _replaced(getattr(value, name), personal) for name in fields}
        return dataclasses.replace(value, **changed)
    return value
