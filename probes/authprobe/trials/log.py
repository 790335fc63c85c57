"""The log of what single versions have shown: append-only, so that no probe is made twice."""

import dataclasses
import datetime
import functools
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import filelock
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

import authprobe
from authprobe.core.escaping import for_json
from authprobe.emulator.catalogue import NAMES, rows
from authprobe.emulator.rules.routes import RULES
from authprobe.errors import RecordError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case, case_id
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.run.model import this_platform
from authprobe.scenario.clients import INSTALLED, LATEST

LOG: Final = "trials.jsonl"
LOCK_LIMIT: Final = 30.0
"""Seconds; a line is written in less than one."""
HASH_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What must be the same for an observation to be used again."""

    case: str
    """The id of the case without the version of its client."""
    definition: str
    """A hash of what the case is made of, less its expectation: that is judged anew."""
    client: str
    platform: str
    rules: str
    """A hash of the emulator's rules and faults, and of which rules are in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One line of the log."""

    key: Key
    at: datetime.datetime
    tool: str = authprobe.__version__
    observation: Observation


@dataclass(frozen=True, slots=True)
class ProbeLog:
    """The log in a file."""

    path: Path
    redactor: Redactor = field(default_factory=Redactor)

    def read(self) -> tuple[tuple[Trial, ...], int]:
        """Every line in order, and how many could not be read: a crash may leave half a line.

        Raises:
            RecordError: the file cannot be read.
        """
        try:
            lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        except OSError as error:
            raise RecordError(f"{self.path}: {error.strerror or error}") from None
        found = list(_trials(lines))
        return tuple(found), len([line for line in lines if line.strip()]) - len(found)

    def add(self, trial: Trial) -> bool:
        """Append a line; False: it holds what looks like a credential, and is not kept.

        Raises:
            RecordError: the file cannot be written.
        """
        line = for_json(to_json(trial).decode())
        if scan_text(line, self.redactor):
            return False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (
                filelock.FileLock(f"{self.path}.lock", timeout=LOCK_LIMIT),
                self.path.open("ab+") as file,
            ):
                file.write(_line_break(file) + line.encode() + b"\n")
        except (OSError, filelock.Timeout) as error:
            reason = getattr(error, "strerror", None) or "another run does not let go of it"
            raise RecordError(f"{self.path}: cannot be written: {reason}") from None
        return True


def _line_break(file: BinaryIO) -> bytes:
    """What ends the half line that a crash has left."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


@functools.cache
def _reader() -> TypeAdapter[Trial]:
    return TypeAdapter(Trial)


def _trials(lines: list[bytes]) -> Iterator[Trial]:
    for line in lines:
        try:
            yield _reader().validate_json(line)
        except ValidationError:
            continue


def cache_key(case: Case) -> Key:
    """The key of a case, whose client has an exact version."""
    where = this_platform()
    return Key(
        case=case_id(case.scenario, case.names, client=case.client.kind.value),
        definition=definition_hash(case),
        client=str(case.client),
        platform=f"{where.system} {where.machine}",
        rules=rules_hash(datetime.datetime.now(datetime.UTC).date()),
    )


def definition_hash(case: Case) -> str:
    """A hash of what a case hands to its client and to the backend."""
    handed_over = (case.endpoint, case.credentials, case.headers, case.environment)
    asked = (*handed_over, case.backend, case.limit, case.flow, _moving(case))
    return _hash(*map(_without_defaults, asked))


def _without_defaults(value: object) -> object:
    """What a value says beyond its defaults: a field that is new, and not used, changes nothing."""
    if dataclasses.is_dataclass(value):
        fields = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {f.name: _without_defaults(x) for f, x in fields.items() if x != _default(f)}
    if isinstance(value, Mapping):
        return {name: _without_defaults(x) for name, x in value.items()}
    return [_without_defaults(x) for x in value] if isinstance(value, tuple) else value


def _default(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _moving(case: Case) -> datetime.date | None:
    """The day, where the client behind the one that is asked may be another tomorrow."""
    behind = case.client.through
    moves = behind is not None and behind.version in (LATEST, INSTALLED)
    return datetime.datetime.now(datetime.UTC).date() if moves else None


@functools.cache
def rules_hash(today: datetime.date) -> str:
    """A hash of what the emulator may answer: its rules, which are in force, and its faults."""
    in_force = [
        (rule.since is None or rule.since.date() <= today)
        and (rule.until is None or rule.until.date() > today)
        for rule in RULES.values()
    ]
    return _hash(rows(), in_force, NAMES)


def _hash(*parts: object) -> str:
    return hashlib.sha256(to_json(parts)).hexdigest()[:HASH_LENGTH]
