"""Cases: concrete combinations of a scenario's axes, each with a stable id."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from authprobe.core.client_kinds import Flow
from authprobe.core.client_variables import SETTINGS_ENV
from authprobe.core.targets import Target
from authprobe.core.version_ranges import read_range
from authprobe.emulator.config import Backend
from authprobe.errors import SettingsError
from authprobe.scenario.clients import Client
from authprobe.scenario.credential_vias import with_via
from authprobe.scenario.live import Live
from authprobe.scenario.matrix import Names, combinations, matcher, rules
from authprobe.scenario.model import (
    DEFAULT,
    Credential,
    Endpoint,
    Expectation,
    Scenario,
    Until,
    credentials_of,
    goes_on,
    values_in,
)

REQUEST_FLOW: Final = "request"
"""Flow of authprobe's own client, which sends one request."""
COMMAND_FLOW: Final = "command"
"""Flow of a command of the user, of which nobody knows what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One concrete combination of a scenario's axes."""

    id: str
    scenario: str
    title: str
    why: str
    sources: tuple[str, ...]
    names: Names
    client: Client
    endpoint: Endpoint | None
    """None: the client chooses its own addresses."""
    credentials: tuple[Credential, ...]
    """All credentials of the case, handed over at once."""
    headers: Mapping[str, str | None]
    backend: Backend
    environment: Mapping[str, str]
    """Additional environment variables of the client."""
    settings_env: Mapping[str, str] = field(default_factory=dict)
    """Variables in the `env` of the client's settings file."""
    expectation: Expectation
    limit: float
    """Seconds."""
    until: Until | None = None
    """Proof that ends it before, if it is expected to be `timed-out`, or is compared only."""
    tags: tuple[str, ...]
    formerly: tuple[str, ...] = ()
    """Ids from before its scenario was renamed."""
    live: Live | None = None
    """What may be asked of the real service; None: the emulator answers."""
    mirrors_live: bool = False
    """True: its scenario asks the real service too, and requests of authprobe's own are the same
    there."""

    @property
    def target(self) -> Target:
        """Service that answers its requests."""
        return self.names.target

    @property
    def flow(self) -> str:
        """The client's task; `request` for authprobe's own client."""
        return REQUEST_FLOW if self.client.is_authprobe else self.names.flow

    @property
    def fault(self) -> str | None:
        """Names of the backend's faults, separated by commas; None without a fault."""
        names = [fault if isinstance(fault, str) else fault.name for fault in self.backend.faults]
        return ", ".join(dict.fromkeys(names)) or None


def expand(scenario: Scenario) -> tuple[Case, ...]:
    """Return every case of a scenario that has passed the loader's checks, in file order."""
    return tuple(make_case(scenario, names) for names in combinations(scenario))


def make_case(scenario: Scenario, names: Names) -> Case:
    """Return the case for one combination of names that the scenario defines.

    Raises:
        SettingsError: no rule of the scenario matches; only possible for a `--client`, as the
            loader rejects such a scenario.
    """
    spellings = (names, *_range_spellings(scenario, names))
    rule = next((r for r in rules(scenario) if any(map(matcher(r.when), spellings))), None)
    if rule is None:
        raise SettingsError(f"--client {names.client}: '{scenario.id}' has no expectation for it")
    variables = scenario.environments.get(names.environment, {})
    return Case(
        id=case_id(scenario.id, names),
        scenario=scenario.id,
        title=scenario.title,
        why=scenario.why,
        sources=scenario.sources,
        names=names,
        client=names.client,
        endpoint=scenario.endpoints.get(names.endpoint),
        credentials=tuple(
            with_via(each, names.client) for each in credentials_of(scenario, names.credential)
        ),
        headers=scenario.headers.get(names.headers, {}),
        backend=_backend(scenario, names),
        environment=values_in(variables, "environment"),
        settings_env=values_in(variables, SETTINGS_ENV),
        expectation=rule.then,
        limit=scenario.limit,
        until=scenario.until if goes_on(rule.then, names.flow) else None,
        tags=scenario.tags,
        formerly=tuple(case_id(former, names) for former in scenario.formerly),
        live=scenario.live if names.target is Target.LIVE else None,
        mirrors_live=scenario.live is not None,
    )


def _backend(scenario: Scenario, names: Names) -> Backend:
    """Return the backend of a case, with the hosts of the scenario and the client; its own win."""
    backend = scenario.backends.get(names.backend, Backend())
    hosts = {**names.client.hosts, **scenario.hosts, **backend.hosts}
    return dataclasses.replace(backend, hosts=hosts)


def case_id(scenario_id: str, names: Names, *, client: str | None = None) -> str:
    """Return `scenario/client/endpoint/credential`, then each of headers, backend, environment
    and flow that is not the default, and at the end of a live case `live`.

    `client` replaces the client's full spelling.
    """
    parts = [scenario_id, client or str(names.client), names.endpoint, names.credential]
    others = names.headers, names.backend, names.environment
    parts += [name for name in others if name != DEFAULT]
    parts += [names.flow] if names.flow != Flow.PROMPT else []
    parts += [Target.LIVE] if names.target is Target.LIVE else []
    return "/".join(parts)


def _range_spellings(scenario: Scenario, names: Names) -> Iterator[Names]:
    """Yield the names with each range of the scenario that contains their client.

    The scenario's rules mention the range, not the versions in it.
    """
    included = (client for each in scenario.include for client in each.clients)
    for client in dict.fromkeys(itertools.chain(scenario.matrix.client, included)):
        if contains_client(client, names.client):
            yield dataclasses.replace(names, client=client)


@functools.lru_cache(maxsize=4096)
def contains_client(pattern: Client, client: Client) -> bool:
    """Return True if a client at an exact version is one of those that the pattern stands for."""
    if pattern.kind != client.kind:
        return False
    version_range = read_range(pattern.version)
    if version_range is None:
        same_version = client.version == pattern.version
    else:
        same_version = version_range.contains(client.version)
    if pattern.through is None or client.through is None:
        return same_version and pattern.through is client.through
    return same_version and contains_client(pattern.through, client.through)
