"""TODO module docstring."""

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

REQUEST: Final = "request"


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
    """All that are handed over, at once."""
    headers: Mapping[str, str | None]
    backend: Backend
    environment: Mapping[str, str]
    """Further variables that the client is started with."""
    expectation: Expectation
    limit: float
    """Seconds."""
    tags: tuple[str, ...]
    formerly: tuple[str, ...] = ()
    """Ids that it had before its scenario was renamed."""

    @property
    def flow(self) -> str:
        """What the client is asked to do; our own HTTP client sends one `request`."""
        return REQUEST if self.client.kind is ClientKind.RAW_HTTP else self.names.flow

    @property
    def fault(self) -> str | None:
        """The trouble that the backend is set to make, by name."""
        names = [x if isinstance(x, str) else x.name for x in self.backend.faults]
        return ", ".join(dict.fromkeys(names)) or None


def expand(scenario: Scenario) -> tuple[Case, ...]:
    """Every case of the scenario, in file order; the scenario has passed `load`'s checks."""
    return tuple(make_case(scenario, names) for names in combinations(scenario))


def make_case(scenario: Scenario, names: Names) -> Case:
    """The case for one combination of names that the scenario defines."""
    spoken_of = (names, *_ranges_with(scenario, names))
    rule = next((r for r in rules(scenario) if any(matches(r.when, n) for n in spoken_of)), None)
    if rule is None:  # `load` refuses such a file; only `--client` gets here
        raise SettingsError(f"--client {names.client}: '{scenario.id}' expects nothing of it")
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
    """`scenario/client/endpoint/credential`, then what is not the default of headers, backend,
    environment and flow.
    """
    parts = [scenario_id, names.client, names.endpoint, names.credential]
    others = names.headers, names.backend, names.environment
    parts += [name for name in others if name != DEFAULT]
    parts += [names.flow] if names.flow != Flow.PROMPT else []
    return "/".join(parts)


def _ranges_with(scenario: Scenario, names: Names) -> Iterator[Names]:
    """These names as the scenario spells them where it names a range: its rules speak of that."""
    spelled = itertools.chain(
        scenario.matrix.client, (given.client for given in scenario.include if given.client)
    )
    for client in dict.fromkeys(spelled):
        if _is_in(names.client, client):
            yield dataclasses.replace(names, client=canonical(client))


@functools.lru_cache(maxsize=4096)
def _is_in(client: str, spelled: str) -> bool:
    """Whether a client at an exact version is one of those that another spelling means."""
    asked: Client | None = parse_client(client)
    given: Client | None = parse_client(spelled)
    while asked and given and asked.kind is given.kind:
        wanted = read_range(given.version)
        if not (wanted.holds(asked.version) if wanted else asked.version == given.version):
            return False
        asked, given = asked.through, given.through
    return asked is given is None
