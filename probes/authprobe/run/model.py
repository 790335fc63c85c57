"""Run: the content of `results.json`, from which reports and baselines are made."""

import datetime
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, ConfigDict

import authprobe
from authprobe.core.gates import Gate
from authprobe.core.isolation import Isolation
from authprobe.core.targets import Target
from authprobe.observation.findings import Finding
from authprobe.observation.model import ChildNetwork, Observation
from authprobe.run.scenario_files import ScenarioFile
from authprobe.scenario.model import DEFAULT, Credential, Expectation
from authprobe.verdict.model import Verdict

SCHEMA_VERSION: Final = 1
FORMER_CAUSE_IDS: Final = {"gateway-key-refused": "gateway-own-key"}
"""Current ids of renamed causes by their former ids."""


def current_cause_id(cause_id: str) -> str:
    """Return the id that a cause has now."""
    return FORMER_CAUSE_IDS.get(cause_id, cause_id)


CauseId = Annotated[str, AfterValidator(current_cause_id)]
"""Id of a cause; a former one, in a file from before it was renamed, is read as the current one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Cause of a refusal, with its remedy and the evidence for it."""

    id: CauseId
    summary: str
    remedy: str
    sources: tuple[str, ...] = ()
    confidence: float = 1.0
    level: str = "certain"
    """Confidence as a word: `certain`, `likely` or `possible`."""
    evidence: tuple[str, ...] = ()
    """Evidence, one line each."""
    commands: tuple[str, ...] = ()
    tier: str = "user"
    """Who can fix it, or how: `user`, `administrator`, `wait` or `report upstream`."""
    experiment: str | None = None
    """Experiment that distinguishes the cause from its alternatives."""
    experiment_case: str | None = None
    """Bundled case that runs the experiment."""
    alternatives: tuple["Alternative", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another cause that matches the symptom."""

    id: CauseId
    summary: str
    confidence: float
    experiment: str | None = None
    experiment_case: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Difference between what a client did and what was expected, or seen before: one sentence."""

    id: str
    """Kind of the difference, such as `no-refresh`."""
    summary: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """One case of a run: its configuration, expectation, observation and verdict."""

    id: str
    scenario: str
    title: str
    client: str
    client_version: str | None
    is_gateway: bool = False
    """True: the client is a gateway that authprobe asks, or the second client in its name."""
    holds_key: bool = False
    """True: that gateway has the credential in its configuration, and its users have none."""
    endpoint: str
    credential: str
    headers: str
    backend: str
    fault: str | None
    flow: str
    formerly: tuple[str, ...] = ()
    """Ids of the case before its scenario was renamed."""
    why: str
    sources: tuple[str, ...]
    expectation: Expectation | None
    """None: nothing was expected; the case is only observed."""
    observation: Observation
    verdict: Verdict
    environment: str = DEFAULT
    credentials: tuple[Credential, ...] = ()
    """Credentials that the client received, by kind and place."""
    shadowed_variables: tuple[str, ...] = ()
    """Variables that its settings file sets otherwise than its environment."""
    surface: str | None = None
    """Form in which people use a client that is defined as data; None: another client."""
    own_program: str | None = None
    """Program of the user's own that ran, as the definition of the client names it."""
    companions: dict[str, str] = field(default_factory=dict)
    """Versions of the packages that a definition installs beside its client, by name."""
    findings: tuple[Finding, ...] = ()
    """Misbehaviour of the client, whether the scenario expects it or not."""
    reasons: tuple[Reason, ...] = ()
    """Explanation of the mismatches or changes, the most important first."""
    target: Target = Target.EMULATOR
    """Service that was asked."""
    diagnosis: Diagnosis | None = None
    """Cause of a refusal that the scenario did not arrange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Program that made the run."""

    name: str = "authprobe"
    version: str = authprobe.__version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Platform that the run was made on, without anything that identifies the machine."""

    system: str
    machine: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Arguments of a run that are needed to repeat one of its cases."""

    scenarios: tuple[str, ...] = ()
    """Scenario files and folders, without local parent directories; empty: the bundled ones."""
    clients: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    """Values of `--set`, as `NAME=VALUE`."""
    isolation: Isolation = Isolation.SEALED
    """Strongest isolation that was allowed."""
    locations: tuple[str, ...] = ()
    """The files and folders by names as in `scenarios.file`; empty in a run of authprobe 0.1."""
    targets: tuple[Target, ...] = (Target.EMULATOR,)
    """Services that were asked."""
    suite: str | None = None
    """Suite of bundled cases that was probed; None: all cases of the scenarios."""
    emulator: tuple[str, ...] = ()
    """Arguments of `authprobe emulator` that run its command again; empty: a run of scenarios."""

    @property
    def is_command(self) -> bool:
        """True if a command was run beside the emulator, and no scenario."""
        return bool(self.emulator)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSearch:
    """Search of the temporary files of a live run for the user's own secrets."""

    names: tuple[str, ...]
    """Variables of the secrets."""
    files: int
    size_bytes: int
    found: tuple[str, ...] = ()
    """Variables of the secrets that were found."""
    blind: bool = False
    """True: the search missed a made-up secret, so that its result says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShard:
    """Place of a run among those that probe parts of the same plan."""

    index: int
    """From 1."""
    count: int
    cases: int
    """Number of cases of all shards together."""
    own: int
    """Number of those that are this shard's."""
    plan: str
    """Hash of their ids."""
    weights: str
    """Hash of the weights by which they were cut."""
    baseline: str | None
    """Hash of the file that its cases were compared with; None: there was none."""
    known_failures: str | None
    """Hash of the file that excused failures; None: there was none."""
    partial: bool
    """True if an option or an interruption left out cases, beside those of the other shards."""

    def __str__(self) -> str:
        """The spelling on the command line: `1/3`."""
        return f"{self.index}/{self.count}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All cases of a run, sorted by id."""

    # For the observations as well: no report can show an infinite time.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    mode: Literal["emulator", "live"] = "emulator"
    """`live` if any of its cases asked the real service."""
    started_at: datetime.datetime
    elapsed: float
    interrupted: bool = False
    partial: bool = False
    """True if an option or an interruption left out cases of the scenarios."""
    absent: tuple[str, ...] = ()
    """Cases of the baseline that no longer exist; empty for a partial run."""
    complaints: tuple[str, ...] = ()
    """Stale known failures, one line each, which fail the run beside its cases."""
    fail_on: tuple[Gate, ...] = (Gate.FAILED,)
    """Kinds of result that make the run fail; empty: none does."""
    max_failures: int | None = None
    """Number of failures after which no further case was started; None: no limit."""
    not_started: int = 0
    """Number of cases that are missing for that reason, or because of an interruption."""
    missing_shards: tuple[str, ...] = ()
    """Shards that a merged run is without, as `2/3`."""
    merged_shards: int | None = None
    """Number of the shards that the run was merged from; None: no run was merged into it."""
    tool: Tool = field(default_factory=Tool)
    platform: Platform
    client_network: ChildNetwork | None = None
    """Network of the clients; None: no client was started."""
    client_isolation: Isolation | None = None
    """Isolation of the clients; None: no client was started, or the run is an older one."""
    isolation_refusal: str | None = None
    """Reason of the system for an isolation that is not `sealed`."""
    selection: Selection = field(default_factory=Selection)
    scenarios: tuple[ScenarioFile, ...] = ()
    """Scenarios that the run loaded, also those without cases in it."""
    own_scenarios: dict[str, str] = field(default_factory=dict)
    """YAML of the scenarios that are not bundled, by id, without credentials; long ones are left
    out."""
    own_definitions: dict[str, dict[str, str]] = field(default_factory=dict)
    """YAML of the files of definitions that they use, by id of the scenario and name of the file,
    in the same way."""
    secret_search: SecretSearch | None = None
    """None: the run was given no secret of the user's own."""
    shard: RunShard | None = None
    """None: the run is no part of another one."""
    cases: tuple[CaseRecord, ...]


NETWORKS: Final = {
    Isolation.SEALED: ChildNetwork.LOOPBACK,
    Isolation.NETWORK: ChildNetwork.LOOPBACK,
    Isolation.NONE: ChildNetwork.MACHINE,
}


def this_platform() -> Platform:
    """Return the operating system and Python of this process."""
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
    client_isolation: Isolation | None = None,
    isolation_refusal: str | None = None,
    selection: Selection | None = None,
    scenarios: tuple[ScenarioFile, ...] = (),
    partial: bool = False,
    absent: tuple[str, ...] = (),
    complaints: tuple[str, ...] = (),
    fail_on: tuple[Gate, ...] = (Gate.FAILED,),
    max_failures: int | None = None,
    not_started: int = 0,
    missing_shards: tuple[str, ...] = (),
    merged_shards: int | None = None,
    own_scenarios: Mapping[str, str] | None = None,
    own_definitions: Mapping[str, dict[str, str]] | None = None,
    secret_search: SecretSearch | None = None,
    shard: RunShard | None = None,
) -> Run:
    """Return a run of these records, sorted by case id, with a new run id."""
    is_live = any(record.target is Target.LIVE for record in records)
    return Run(
        id=uuid.uuid4().hex,
        mode="live" if is_live else "emulator",
        started_at=started_at,
        elapsed=round(elapsed, 3),
        interrupted=interrupted,
        partial=partial,
        absent=absent,
        complaints=complaints,
        fail_on=fail_on,
        max_failures=max_failures,
        not_started=not_started,
        missing_shards=missing_shards,
        merged_shards=merged_shards,
        platform=this_platform(),
        client_network=NETWORKS[client_isolation] if client_isolation else None,
        client_isolation=client_isolation,
        isolation_refusal=isolation_refusal,
        selection=selection or Selection(),
        scenarios=scenarios,
        own_scenarios=dict(own_scenarios or {}),
        own_definitions=dict(own_definitions or {}),
        secret_search=secret_search,
        shard=shard,
        cases=tuple(sorted(records, key=lambda record: record.id)),
    )
