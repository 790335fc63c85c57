"""Scenarios become a plan: every case that is to be probed, with a stable id."""

import dataclasses
import difflib
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.version_ranges import newest, read_range
from authprobe.emulator.config import Backend
from authprobe.errors import ClientError, SettingsError
from authprobe.scenario.matrix import AXES, Names, canonical, combinations, matches, rules
from authprobe.scenario.model import (
    CLIENT_PATTERN,
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

__all__ = [
    "AXES",
    "Case",
    "Names",
    "Published",
    "canonical",
    "case_id",
    "combinations",
    "exact_versions",
    "expand",
    "make_case",
    "make_plan",
    "matches",
    "read_client",
    "rules",
]

REQUEST: Final = "request"

Published = Callable[[ClientKind], tuple[str, ...]]
"""The published versions of a client; raises ClientError where they cannot be known."""


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


def make_plan(
    scenarios: Iterable[Scenario],
    *,
    clients: tuple[str, ...] = (),
    cases: tuple[str, ...] = (),
    published: Published = lambda kind: (),
) -> tuple[Case, ...]:
    """Every case to probe, in file order, each once: the first that is named.

    `clients` limits the plan: `claude-code` keeps the cases of that kind, `claude-code@2.1.50` puts
    that version in the place of the versions that the scenarios name. `cases` keeps these ids.
    A range becomes the versions that are `published`; nobody is asked where there is none.

    Raises:
        SettingsError: a client or case that is not in any scenario, or that has no expectation; a
            range that no version is in, or whose versions cannot be known.
    """
    for name in clients:
        read_client(name, "--client")
    exact = functools.cache(functools.partial(_exact, published))
    planned: dict[str, Case] = {}
    for scenario in scenarios:
        for names in combinations(scenario):
            for client in _chosen(names.client, clients):
                for name in exact(client):
                    case = make_case(scenario, dataclasses.replace(names, client=name))
                    planned.setdefault(case.id, case)
    for name in clients:
        if not any(case.client.kind == _kind(name) for case in planned.values()):
            raise SettingsError(f"--client {name}: no scenario has a case for it")
    for wanted in cases:
        if wanted not in planned:
            near = difflib.get_close_matches(wanted, planned, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise SettingsError(f"--case {wanted}: there is no such case{hint}")
    return tuple(case for case in planned.values() if not cases or case.id in cases)


def _chosen(planned: str, clients: tuple[str, ...]) -> Iterator[str]:
    """What is to be probed where a scenario names this client: it, or what was asked for."""
    if not clients:
        yield planned
    kind = parse_client(planned).kind
    for name in clients:
        if _kind(name) == kind:
            yield planned if name == kind else canonical(name)


def _exact(published: Published, client: str) -> tuple[str, ...]:
    """The client, once for each version of its range, the oldest first."""
    asked = parse_client(client)
    if asked.kind is ClientKind.RAW_HTTP:
        return (client,)
    through = _exact(published, str(asked.through)) if asked.through else (None,)
    return tuple(
        f"{asked.kind}@{version}+{name}" if name else f"{asked.kind}@{version}"
        for version in exact_versions(asked, published)
        for name in through
    )


def exact_versions(client: Client, published: Published) -> tuple[str, ...]:
    """The published versions of its range, the oldest first; its version, if that is no range.

    Raises:
        SettingsError: there is none, or they cannot be known.
    """
    wanted = read_range(client.version)
    if wanted is None:
        return (client.version,)
    name = f"{client.kind}@{wanted}"
    try:
        known = published(client.kind)
    except ClientError as error:
        raise SettingsError(f"{name}: {error}") from None
    if versions := wanted.select(known):
        return versions
    last = newest(known)
    hint = f"; the newest is {last}" if last else ""
    raise SettingsError(f"{name}: no published version is in this range{hint}")


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


def read_client(name: str, option: str = "") -> Client:
    """The client that a user has named, on the command line, as the value of this option.

    Raises:
        SettingsError: there is no such client, or this is not how one is written.
    """
    said = f"{option} {name}".lstrip()
    kinds = [kind.value for kind in ClientKind]
    if _kind(name) not in kinds:
        near = difflib.get_close_matches(_kind(name), kinds, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; choose from {', '.join(kinds)}"
        raise SettingsError(f"{said}: there is no such client{hint}")
    if not re.fullmatch(CLIENT_PATTERN, name):
        raise SettingsError(f"{said}: write it as claude-code or claude-code@2.1.31")
    try:
        return parse_client(name)
    except ValueError as error:
        raise SettingsError(f"{said}: {error}") from None


def _kind(name: str) -> str:
    return re.split("[@+]", name, maxsplit=1)[0]
