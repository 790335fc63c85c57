"""Scenarios become a plan: every case that is to be probed, with a stable id."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from probes.emulator.setup import Backend
from probes.errors import SettingsError
from probes.scenario.matrix import AXES, Names, canonical, combinations, matches, rules
from probes.scenario.model import (
    CLIENT_PATTERN,
    DEFAULT,
    Client,
    ClientKind,
    Credential,
    Endpoint,
    Expectation,
    Scenario,
    parse_client,
)

__all__ = [
    "AXES",
    "Case",
    "Names",
    "canonical",
    "case_id",
    "combinations",
    "expand",
    "make_case",
    "make_plan",
    "matches",
    "rules",
]


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
    credential: Credential | None
    headers: Mapping[str, str | None]
    backend: Backend
    expectation: Expectation
    limit: float
    """Seconds."""
    tags: tuple[str, ...]

    @property
    def flow(self) -> str:
        """What the client is asked to do: answer a `prompt`, or send one `request`."""
        return "request" if self.client.kind is ClientKind.RAW_HTTP else "prompt"

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
    rule = next((rule for rule in rules(scenario) if matches(rule.when, names)), None)
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
        credential=scenario.credentials.get(names.credential),
        headers=scenario.headers.get(names.headers, {}),
        backend=scenario.backends.get(names.backend, Backend()),
        expectation=rule.then,
        limit=scenario.limit,
        tags=scenario.tags,
    )


def case_id(scenario_id: str, names: Names) -> str:
    """`scenario/client/endpoint/credential`, then headers and backend unless they are default."""
    parts = [scenario_id, names.client, names.endpoint, names.credential]
    parts += [name for name in (names.headers, names.backend) if name != DEFAULT]
    return "/".join(parts)


def make_plan(
    scenarios: Iterable[Scenario], *, clients: tuple[str, ...] = (), cases: tuple[str, ...] = ()
) -> tuple[Case, ...]:
    """Every case to probe, in file order, each once.

    `clients` limits the plan: `claude-code` keeps the cases of that kind, `claude-code@2.1.50` puts
    that version in the place of the versions that the scenarios name. `cases` keeps these ids.

    Raises:
        SettingsError: a client or case that is not in any scenario, or that has no expectation.
    """
    for name in clients:
        _check_client(name)
    planned = {
        case.id: case
        for scenario in scenarios
        for names in combinations(scenario)
        for case in _chosen(scenario, names, clients)
    }
    for name in clients:
        if not any(case.client.kind == _kind(name) for case in planned.values()):
            raise SettingsError(f"--client {name}: no scenario has a case for it")
    for wanted in cases:
        if wanted not in planned:
            near = difflib.get_close_matches(wanted, planned, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise SettingsError(f"--case {wanted}: there is no such case{hint}")
    return tuple(case for case in planned.values() if not cases or case.id in cases)


def _chosen(scenario: Scenario, names: Names, clients: tuple[str, ...]) -> Iterator[Case]:
    if not clients:
        yield make_case(scenario, names)
    kind = parse_client(names.client).kind
    for name in clients:
        if _kind(name) != kind:
            continue
        if name != kind:
            yield make_case(scenario, dataclasses.replace(names, client=canonical(name)))
        else:
            yield make_case(scenario, names)


def _check_client(name: str) -> None:
    kinds = [kind.value for kind in ClientKind]
    if _kind(name) not in kinds:
        near = difflib.get_close_matches(_kind(name), kinds, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; choose from {', '.join(kinds)}"
        raise SettingsError(f"--client {name}: there is no such client{hint}")
    if not re.fullmatch(CLIENT_PATTERN, name):
        raise SettingsError(f"--client {name}: write it as claude-code or claude-code@2.1.31")
    try:
        parse_client(name)
    except ValueError as error:
        raise SettingsError(f"--client {name}: {error}") from None


def _kind(name: str) -> str:
    return re.split("[@+]", name, maxsplit=1)[0]
