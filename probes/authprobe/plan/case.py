"""Case: one combination of a scenario's axes, and its stable id."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.version_ranges import read_range
from authprobe.emulator.config import Backend
from authprobe.errors import SettingsError
from authprobe.scenario.matrix import Names, canonical, combinations, matches, rules
from authprobe.scenario.model import (
    DEFAULT,
    Client,
    ClientKind,
    Credential,
    Endpoint,
    Expectation,
    Flow,
    Scenario,
    credentials_of,
    parse_client,
)

REQUEST_FLOW: Final = "request"


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
    """Credentials that the client receives, all at the same time."""
    headers: Mapping[str, str | None]
    backend: Backend
    environment: Mapping[str, str]
    """Further environment variables for the client."""
    expectation: Expectation
    limit: float
    """Seconds."""
    tags: tuple[str, ...]
    formerly: tuple[str, ...] = ()
    """Ids of the case before its scenario was renamed."""

    @property
    def flow(self) -> str:
        """Name of the flow that the client runs; `request` for raw HTTP."""
        return REQUEST_FLOW if self.client.kind is ClientKind.RAW_HTTP else self.names.flow

    @property
    def fault(self) -> str | None:
        """Names of the faults that the backend is configured with; None: no fault."""
        names = [x if isinstance(x, str) else x.name for x in self.backend.faults]
        return ", ".join(dict.fromkeys(names)) or None


def expand(scenario: Scenario) -> tuple[Case, ...]:
    """Return every case of a scenario that passed the checks of `load`, in file order."""
    return tuple(make_case(scenario, names) for names in combinations(scenario))


def make_case(scenario: Scenario, names: Names) -> Case:
    """Return the case for a combination of names.

    Raises:
        SettingsError: the scenario has no expectation for this client.
    """
    spellings = (names, *_range_spellings(scenario, names))
    rule = next((r for r in rules(scenario) if any(matches(r.when, n) for n in spellings)), None)
    if rule is None:  # `load` rejects such files, so the client comes from `--client`
        raise SettingsError(f"--client {names.client}: '{scenario.id}' has no expectation for it")
    return Case(
        id=case_id(scenario.id, names),
        scenario=scenario.id,
        title=scenario.title,
        why=scenario.why,
        sources=scenario.sources,
        names=names,
        client=parse_client(names.client),
        endpoint=scenario.endpoints.get(names.endpoint),
        credentials=credentials_of(scenario, names.credential),
        headers=scenario.headers.get(names.headers, {}),
        backend=scenario.backends.get(names.backend, Backend()),
        environment=scenario.environments.get(names.environment, {}),
        expectation=rule.then,
        limit=scenario.limit,
        tags=scenario.tags,
        formerly=tuple(case_id(former, names) for former in scenario.formerly),
    )


def case_id(scenario_id: str, names: Names) -> str:
    """Return `scenario/client/endpoint/credential`, then the names of the other axes.

    Headers, backend, environment and flow are left out if they are the default.
    """
    parts = [scenario_id, names.client, names.endpoint, names.credential]
    optional = names.headers, names.backend, names.environment
    parts += [name for name in optional if name != DEFAULT]
    parts += [names.flow] if names.flow != Flow.PROMPT else []
    return "/".join(parts)


def _range_spellings(scenario: Scenario, names: Names) -> Iterator[Names]:
    """Yield the names with the client as each matching range of the scenario; rules name ranges."""
    spellings = itertools.chain(
        scenario.matrix.client, (entry.client for entry in scenario.include if entry.client)
    )
    for client in dict.fromkeys(spellings):
        if _is_client_in(names.client, client):
            yield dataclasses.replace(names, client=canonical(client))


@functools.lru_cache(maxsize=4096)
def _is_client_in(exact_client: str, client_range: str) -> bool:
    """Return True if the range includes the client and the clients that it runs through."""
    exact: Client | None = parse_client(exact_client)
    other: Client | None = parse_client(client_range)
    while exact and other and exact.kind is other.kind:
        versions = read_range(other.version)
        if not (versions.holds(exact.version) if versions else exact.version == other.version):
            return False
        exact, other = exact.through, other.through
    return exact is other is None
