"""A run: what `results.json` holds, the input of a report and the baseline of a later run."""

import datetime
import functools
import platform
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

import probes
from probes.errors import RecordError
from probes.findings import Finding
from probes.observation import Observation
from probes.scenario.model import Expectation
from probes.verdict import Verdict

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The cause of a refusal, with what to do about it."""

    id: str
    summary: str
    remedy: str
    sources: tuple[str, ...] = ()
    confidence: float = 1.0
    level: str = "certain"
    """How sure it is, in a word: `certain`, `likely` or `possible`."""
    evidence: tuple[str, ...] = ()
    """What shows it, a line each."""
    commands: tuple[str, ...] = ()
    tier: str = "user"
    """Who can do something: `user`, `administrator`, `wait` or `report upstream`."""
    experiment: str | None = None
    """What would decide, where another cause fits as well."""
    experiment_case: str | None = None
    """The bundled case that runs it."""
    alternatives: tuple["Alternative", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another cause that fits."""

    id: str
    summary: str
    confidence: float
    experiment: str | None = None
    experiment_case: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """One case of a run: what was asked, what was seen, what we think of it."""

    id: str
    scenario: str
    title: str
    client: str
    client_version: str | None
    endpoint: str
    credential: str
    headers: str
    backend: str
    fault: str | None
    flow: str
    why: str
    sources: tuple[str, ...]
    expectation: Expectation
    observation: Observation
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    """What the client should not have done, whether it was expected or not."""
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The program that made the run."""

    name: str = "authprobe"
    version: str = probes.__version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where the run was made, as far as it concerns authentication."""

    system: str
    machine: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All cases of a run, sorted by id."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    mode: Literal["emulator", "live"] = "emulator"
    started_at: datetime.datetime
    elapsed: float
    interrupted: bool = False
    tool: Tool = field(default_factory=Tool)
    platform: Platform
    cases: tuple[CaseRecord, ...]


@functools.cache
def _reader() -> TypeAdapter[Run]:
    # Made when a file is read: most runs read none, and making it takes longer than writing one.
    return TypeAdapter(Run)


def this_platform() -> Platform:
    """The system and the Python that this process runs on; nothing that names the machine."""
    return Platform(
        system=platform.system(),
        machine=platform.machine(),
        python=platform.python_version(),
    )


def make_run(
    records: Sequence[CaseRecord],
    *,
    started_at: datetime.datetime,
    elapsed: float,
    interrupted: bool = False,
) -> Run:
    """The run that these records belong to, sorted by case id."""
    return Run(
        id=uuid.uuid4().hex,
        started_at=started_at,
        elapsed=round(elapsed, 3),
        interrupted=interrupted,
        platform=this_platform(),
        cases=tuple(sorted(records, key=lambda record: record.id)),
    )


def dump_run(run: Run) -> str:
    """The run as the text of `results.json`."""
    return to_json(run, indent=1).decode() + "\n"


def dump_record(record: CaseRecord) -> str:
    """One case as one line of JSON."""
    return to_json(record).decode() + "\n"


def read_run(path: Path) -> Run:
    """The run in a results file.

    Raises:
        RecordError: the file cannot be read, or is not a run of this schema version.
    """
    try:
        return _reader().validate_json(path.read_bytes())
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(
            f"{path}: not a results file of authprobe: {where}: {first['msg']}; "
            "write a new one with `authprobe run`"
        ) from None
