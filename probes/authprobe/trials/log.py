"""Append-only probe cache, keyed by case, client version, platform and rule set."""

import dataclasses
import datetime
import functools
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar, Final

import filelock
from pydantic import ConfigDict, TypeAdapter, ValidationError

import authprobe
from authprobe.core.client_variables import SETTINGS_ENV
from authprobe.core.escaping import for_json
from authprobe.core.safe_files import check_places, make_folder, open_log, read_bounded
from authprobe.core.serialization import to_json
from authprobe.core.version_ranges import INSTALLED, LATEST
from authprobe.emulator.catalogue import FAULT_NAMES, rows
from authprobe.emulator.rules.routes import RULES
from authprobe.errors import RecordError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case, case_id
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.run.model import this_platform
from authprobe.run.results_file import is_plausible

LOG_FILE: Final = "trials.jsonl"
LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for the lock, which another run holds for less than one."""
LIMIT_BYTES: Final = 500_000_000
"""Size of a log that is read: some hundred thousand trials."""
HASH_LENGTH: Final = 16
"""Hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialKey:
    """Conditions under which an observation can be reused: all must be equal."""

    case: str
    """Id of the case without the version of its client."""
    definition: str
    """Hash of the case without its expectation, as a reused observation is judged again."""
    client: str
    platform: str
    rules: str
    """Hash of the emulator's rules and faults, and of the rules in force today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A logged observation of one case at one version."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    key: TrialKey
    at: datetime.datetime
    tool: str = authprobe.__version__
    observation: Observation


@dataclass(frozen=True, slots=True)
class ProbeLog:
    """Probe log in a file of JSON lines."""

    path: Path
    redactor: Redactor = field(default_factory=Redactor)

    def read(self) -> tuple[tuple[Trial, ...], int]:
        """Return the trials in order, and the number of invalid lines, such as a crash may leave.

        Raises:
            RecordError: the file cannot be read.
        """
        try:
            lines = read_bounded(self.path, LIMIT_BYTES).splitlines()
        except (FileNotFoundError, NotADirectoryError):
            lines = []
        except OSError as error:
            raise RecordError(
                f"{self.path}: {error.strerror or error}; "
                "move it away, or choose another directory with --out"
            ) from None
        trials = tuple(_parse_trials(lines))
        return trials, sum(bool(line.strip()) for line in lines) - len(trials)

    def add(self, trial: Trial) -> bool:
        """Append a trial; False: it contains credential-like text and was not written.

        Raises:
            RecordError: the file cannot be written.
        """
        line = for_json(to_json(trial).decode())
        if scan_text(line, self.redactor):
            return False
        try:
            make_folder(self.path.parent)
            check_places(self.path.parent, [f"{self.path.name}.lock"])
            with (
                filelock.FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT),
                open_log(self.path) as file,
            ):
                file.write(_missing_line_break(file) + line.encode() + b"\n")
        except (OSError, filelock.Timeout) as error:
            reason = (
                getattr(error, "strerror", None)
                or f"locked by another run for {LOCK_TIMEOUT:.0f} s"
            )
            raise RecordError(f"{self.path}: cannot be written: {reason}") from None
        return True


def _missing_line_break(file: BinaryIO) -> bytes:
    """Return the line break that is missing after an incomplete line."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


@functools.cache
def _reader() -> TypeAdapter[Trial]:
    return TypeAdapter(Trial)


def _parse_trials(lines: list[bytes]) -> Iterator[Trial]:
    for line in lines:
        try:
            trial = _reader().validate_json(line)
        except ValidationError:
            continue
        if is_plausible(trial.observation) and trial.at.tzinfo is not None:
            yield trial


def cache_key(case: Case) -> TrialKey:
    """Return the key of a case whose client has an exact version."""
    this = this_platform()
    return TrialKey(
        case=case_id(case.scenario, case.names, client=case.client.kind),
        definition=definition_hash(case),
        client=str(case.client),
        platform=f"{this.system} {this.machine}",
        rules=rules_hash(datetime.datetime.now(datetime.UTC).date()),
    )


def definition_hash(case: Case) -> str:
    """Return a hash of the inputs of a case: everything that client and backend are given."""
    in_settings = {f"{SETTINGS_ENV}: {name}": x for name, x in case.settings_env.items()}
    variables = {**case.environment, **in_settings}
    client_inputs = (case.endpoint, case.credentials, case.headers, variables)
    inputs = (*client_inputs, case.backend, case.limit, case.flow, _date_if_moving(case))
    return _hash(*map(_without_defaults, inputs))


def _without_defaults(value: object) -> object:
    """Return the value without default fields, so that a new unused field keeps the hash."""
    if dataclasses.is_dataclass(value):
        fields = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {
            field.name: _without_defaults(x)
            for field, x in fields.items()
            if x != _default_value(field)
        }
    if isinstance(value, Mapping):
        return {name: _without_defaults(x) for name, x in value.items()}
    return [_without_defaults(x) for x in value] if isinstance(value, tuple) else value


def _default_value(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _date_if_moving(case: Case) -> datetime.date | None:
    """Return today if the client runs through one at a moving version, such as `latest`."""
    through = case.client.through
    is_moving = through is not None and through.version in (LATEST, INSTALLED)
    return datetime.datetime.now(datetime.UTC).date() if is_moving else None


@functools.cache
def rules_hash(today: datetime.date) -> str:
    """Return a hash of the emulator's rules, which of them are in force, and its faults."""
    in_force = [
        (rule.since is None or rule.since.date() <= today)
        and (rule.until is None or rule.until.date() > today)
        for rule in RULES.values()
    ]
    return _hash(rows(), in_force, FAULT_NAMES)


def _hash(*parts: object) -> str:
    return hashlib.sha256(to_json(parts)).hexdigest()[:HASH_LENGTH]
