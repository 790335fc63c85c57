"""CaseTemplate: a case whose client can have any version."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.suggestions import did_you_mean
from authprobe.core.targets import Target
from authprobe.errors import SettingsError
from authprobe.plan.case import Case, case_id, make_case
from authprobe.plan.case_ids import without_version
from authprobe.plan.expand import known_clients_of, read_client
from authprobe.scenario.clients import Client
from authprobe.scenario.matrix import Names, combinations, rules
from authprobe.scenario.model import PROMPT_FLOWS, Expectation, Scenario

LIST_HINT: Final = "list the ids with `authprobe run --suite full --list`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTemplate:
    """A case with a variable client, and one expectation for all of them."""

    scenario: Scenario
    """Scenario with a single expectation instead of its rules."""
    names: Names

    @property
    def client(self) -> Client:
        """Client of the template, at the version that the scenario or the user named."""
        return self.names.client

    @property
    def id(self) -> str:
        """Id of the case without client versions."""
        return without_version(case_id(self.scenario.id, self.names))

    def at(self, version: str) -> Case:
        """Return the case with its client at this version."""
        return self.with_client(dataclasses.replace(self.client, version=version))

    def with_client(self, client: Client) -> Case:
        """Return the case with this client.

        Nobody knows what to expect of it, so it is ended by `until` whatever is expected.
        """
        case = make_case(self.scenario, dataclasses.replace(self.names, client=client))
        is_question = self.names.flow in PROMPT_FLOWS
        return dataclasses.replace(case, until=self.scenario.until if is_question else None)


def make_template(
    scenario: Scenario, names: Names, expectation: Expectation | None = None
) -> CaseTemplate:
    """Return a template with this expectation.

    Without one it has the scenario's first, for callers that do not judge: the rules of a scenario
    may not cover every version.
    """
    expectation = expectation or rules(scenario)[0].then
    return CaseTemplate(scenario=dataclasses.replace(scenario, expect=expectation), names=names)


def find_case(scenarios: Sequence[Scenario], case: str) -> tuple[Scenario, Names]:
    """Return the scenario of a case id, and the names with the client as spelled in the id.

    Raises:
        SettingsError: no scenario has such a case, or it has no versions, or is a live one.
    """
    if case.endswith(f"/{Target.LIVE}"):
        raise SettingsError(
            f"{case}: the real service is not asked again and again; ask the emulator: "
            f"{case.removesuffix(f'/{Target.LIVE}')}"
        )
    _, _, rest = case.partition("/")
    client = _parse_client_of(case, rest.partition("/")[0], scenarios)
    ids: dict[str, None] = {}
    for scenario in scenarios:
        for names in combinations(scenario):
            ids[case_id(scenario.id, names)] = None
            own_names = dataclasses.replace(names, client=client)
            id = case_id(scenario.id, own_names)
            is_same_client = _differs_only_in_version(names.client, client)
            if is_same_client and case in (id, without_version(id)):
                if client.is_authprobe:
                    raise SettingsError(
                        f"{case}: this is authprobe's own request, which has no versions"
                    )
                return scenario, own_names
    hint = did_you_mean(case, ids, otherwise=LIST_HINT)
    raise SettingsError(f"{case}: no such case{hint}")


def _parse_client_of(case: str, name: str, scenarios: Sequence[Scenario]) -> Client:
    """Return the client in a case id.

    Raises:
        SettingsError: the id has none, or an invalid one.
    """
    if not name:
        raise SettingsError(f"{case}: not a case id; {LIST_HINT}")
    return read_client(name, case.partition("/")[0], known_clients_of(scenarios))


def _differs_only_in_version(client: Client, other: Client) -> bool:
    return (client.kind, client.through) == (other.kind, other.through)
