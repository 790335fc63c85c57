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

import authprobe
from authprobe.core.escaping import for_json
from authprobe.errors import RecordError
from authprobe.observation.findings import Finding
from authprobe.observation.model import ChildNetwork, Observation
from authprobe.scenario.model import DEFAULT, Credential, Expectation
from authprobe.verdict.model import Verdict

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
    formerly: tuple[str, ...] = ()
    """Ids that the case had before its scenario was renamed."""
    why: str
    sources: tuple[str, ...]
    expectation: Expectation
    observation: Observation
    verdict: Verdict
    environment: str = DEFAULT
    credentials: tuple[Credential, ...] = ()
    """All that the client was given, by kind and place."""
    findings: tuple[Finding, ...] = ()
    """What the client should not have done, whether it was expected or not."""
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The program that made the run."""

    name: str = "authprobe"
    version: str = authprobe.__version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where the run was made, as far as it concerns authentication."""

    system: str
    machine: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a run was asked for, as far as it takes to ask for one of its cases again."""

    scenarios: tuple[str, ...] = ()
    """Files and folders; empty: the bundled ones. No folder of the machine is named."""
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All cases of a run, sorted by id."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    mode: Literal["emulator", "live"] = "emulator"
    started_at: datetime.datetime
    elapsed: float
    interrupted: bool = False
    partial: bool = False
    """An option, or an interruption, has left out cases that the scenarios have."""
    absent: tuple[str, ...] = ()
    """Cases of the baseline that are no more; never of a partial run."""
    complaints: tuple[str, ...] = ()
    """Why the run fails beside its cases: known failures that no longer are, a line each."""
    tool: Tool = field(default_factory=Tool)
    platform: Platform
    client_network: ChildNetwork | None = None
    """What kept the clients from the outside; None: no client was started."""
    selection: Selection = field(default_factory=Selection)
    cases: tuple[CaseRecord, ...]


@functools.cache
def _reader() -> TypeAdapter[Run]:
    # Made when a file is read: most runs read none, and making it takes longer than writing one.
    return TypeAdapter(Run)


def dump_schema() -> str:
    """The JSON Schema (2020-12) of `results.json`, as text."""
    schema = _reader().json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return to_json(head | schema | {"title": "authprobe results"}, indent=2).decode() + "\n"


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
    client_network: ChildNetwork | None = None,
    selection: Selection | None = None,
    partial: bool = False,
    absent: tuple[str, ...] = (),
    complaints: tuple[str, ...] = (),
) -> Run:
    """The run that these records belong to, sorted by case id."""
    return Run(
        id=uuid.uuid4().hex,
        started_at=started_at,
        elapsed=round(elapsed, 3),
        interrupted=interrupted,
        partial=partial,
        absent=absent,
        complaints=complaints,
        platform=this_platform(),
        client_network=client_network,
        selection=selection or Selection(),
        cases=tuple(sorted(records, key=lambda record: record.id)),
    )


def dump_run(run: Run) -> str:
    """The run as the text of `results.json`."""
    return for_json(to_json(run, indent=1).decode()) + "\n"


def dump_record(record: CaseRecord) -> str:
    """One case as one line of JSON."""
    return for_json(to_json(record).decode()) + "\n"


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
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecordError(
            f"{path}: not a results file of authprobe: {where}: {first['msg']}; "
            "write a new one with `authprobe run`"
        ) from None
