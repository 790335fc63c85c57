"""A run: what `results.json` holds, the input of a report and the baseline of a later run."""

import datetime
import platform
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import authprobe
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
