"""Expansion of scenarios into a plan: the ordered list of cases to probe, each with its id."""

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from authprobe.core.client_kinds import ClientKind, Package
from authprobe.core.suggestions import did_you_mean
from authprobe.core.targets import Target
from authprobe.core.version_ranges import LATEST, newest, read_range
from authprobe.errors import ClientError, SettingsError
from authprobe.plan.case import Case, case_id, make_case
from authprobe.plan.case_ids import check_case_id
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS, source_problems
from authprobe.scenario.checks.names import MAX_CASES
from authprobe.scenario.clients import CLIENT_PATTERN, Client, kind_name, parse_client
from authprobe.scenario.known_clients import KnownClient
from authprobe.scenario.live_cases import live_names, not_for_live
from authprobe.scenario.matrix import Names, combinations
from authprobe.scenario.model import Scenario

Published = Callable[[Package], tuple[str, ...]]
"""Function that returns the published versions of a package, or raises ClientError."""


@dataclass(frozen=True, slots=True)
class _ClientOption:
    """A value of `--client`."""

    text: str
    client: Client

    def replace(self, planned: Client) -> Client:
        """Return the client to probe instead of `planned`: a kind alone keeps its version."""
        return planned if self.text == self.client.kind else self.client


def make_plan(
    scenarios: Iterable[Scenario],
    *,
    clients: tuple[str, ...] = (),
    cases: tuple[str, ...] = (),
    published: Published = lambda package: (),
    targets: Sequence[Target] = (Target.EMULATOR,),
    selects: Callable[[str], bool] | None = None,
    remedy: Callable[[Client], str] = lambda client: "",
) -> tuple[Case, ...]:
    """Return every case to probe once, in file order; of cases with the same id, the first.

    `clients` limits the plan: `claude-code` keeps the cases of that kind, `claude-code@2.1.50`
    replaces the versions that the scenarios name by that one. `cases` keeps these ids. A range
    expands to its `published` versions; without a range the registry is not queried. Of cases that
    cannot be asked of the real service, there is none for that target. `selects` decides by the id
    that a case has in its scenario, before `clients` replaces a version. `remedy`
    says how to get cases of a client that has none; empty: there is no way.

    Raises:
        SettingsError: a client or case is in no scenario or has no expectation, or a range contains
            no version, or its versions are unavailable, or there are too many cases.
    """
    scenarios = tuple(scenarios)
    known_clients = known_clients_of(scenarios)
    options = [
        _ClientOption(text, read_client(text, "--client", known_clients)) for text in clients
    ]
    planned: dict[str, Case] = {}
    for case in _expand(scenarios, options, published, targets, selects):
        planned.setdefault(case.id, case)
        if len(planned) > MAX_CASES:
            raise SettingsError(
                f"more than {MAX_CASES:,} cases; name fewer scenarios, or narrower ranges of "
                "versions"
            )
    kinds = {case.client.kind for case in planned.values()}
    for option in options:
        if option.client.kind not in kinds:
            if choice := remedy(option.client):
                message = f"no scenario of this run has a case for it; {choice}"
            else:
                words = _live_words(scenarios, option, targets)
                message = f"no scenario has a case for it{words}"
            raise SettingsError(f"--client {option.text}: {message}")
    for id in cases:
        if id not in planned:
            hint = did_you_mean(id, planned)
            if not hint:
                check_case_id(id)
            raise SettingsError(f"--case {id}: no such case{hint}")
    return tuple(case for case in planned.values() if not cases or case.id in cases)


def _expand(
    scenarios: Iterable[Scenario],
    options: Sequence[_ClientOption],
    published: Published,
    targets: Sequence[Target],
    selects: Callable[[str], bool] | None,
) -> Iterator[Case]:
    """Yield every case to probe, in file order; those of several scenarios may have one id."""
    exact = functools.cache(functools.partial(_exact, published))
    for scenario in scenarios:
        for names in combinations(scenario):
            if selects and not selects(case_id(scenario.id, names)):
                continue
            for selected in _selected(names.client, options):
                for client in exact(selected):
                    exact_names = dataclasses.replace(names, client=client)
                    for each in _for_targets(scenario, exact_names, targets):
                        yield make_case(scenario, each)


def _live_words(
    scenarios: Iterable[Scenario], option: _ClientOption, targets: Sequence[Target]
) -> str:
    """Return that no case of a client can be asked live, with the reason if all have one."""
    if Target.EMULATOR in targets:
        return ""
    reasons = {
        not_for_live(scenario, dataclasses.replace(names, client=client))
        for scenario in scenarios
        if scenario.live is not None
        for names in combinations(scenario)
        for client in _selected(names.client, [option])
    }
    why = f": {reasons.pop()}" if len(reasons) == 1 else ""
    return f" that can be asked live{why}"


def _for_targets(scenario: Scenario, names: Names, targets: Sequence[Target]) -> Iterator[Names]:
    """Yield the names of a case for each target that it has."""
    if Target.EMULATOR in targets:
        yield names
    if Target.LIVE in targets and not_for_live(scenario, names) is None:
        yield live_names(names)


def _selected(planned: Client, options: Sequence[_ClientOption]) -> Iterator[Client]:
    """Yield the clients to probe for `planned`: itself, or the `--client`s of the same kind."""
    if not options:
        yield planned
    for option in options:
        if option.client.kind == planned.kind:
            yield option.replace(planned)


def _exact(published: Published, client: Client) -> tuple[Client, ...]:
    """Return the client at each version of its range, the oldest first."""
    if client.is_authprobe:
        return (client,)
    throughs = _exact(published, client.through) if client.through else (None,)
    return tuple(
        dataclasses.replace(client, version=version, through=through)
        for version in exact_versions(client, published)
        for through in throughs
    )


def exact_versions(client: Client, published: Published) -> tuple[str, ...]:
    """Return the published versions in the client's range, the oldest first.

    A client without a range has its own version only.

    Raises:
        SettingsError: the range contains no published version, or they are unavailable.
    """
    version_range = read_range(client.version)
    if version_range is None or client.spec.package is None:
        return (client.version,)
    name = f"{client.kind}@{version_range}"
    try:
        versions = published(client.spec.package)
    except ClientError as error:
        raise SettingsError(f"{name}: {error}") from None
    if selected := version_range.select(versions):
        return selected
    last = newest(versions)
    hint = f"; the newest is {last}" if last else ""
    raise SettingsError(f"{name}: no published version is in this range{hint}")


def known_clients_of(scenarios: Iterable[Scenario]) -> dict[str, KnownClient]:
    """Return the clients that every scenario can name, and those that these define."""
    return {**KNOWN_CLIENTS, **{c.kind: c for s in scenarios for c in s.known_clients}}


def package_of(client: Client) -> Package:
    """Return the package of a client.

    Raises:
        SettingsError: it has none, and so no versions.
    """
    if client.spec.package is None:
        raise SettingsError(f"{client.kind}: not installed from a registry, so it has no versions")
    return client.spec.package


def read_client(
    text: str, option: str = "", known_clients: Mapping[str, KnownClient] = KNOWN_CLIENTS
) -> Client:
    """Return the client that the user has given as the value of this command-line option.

    Raises:
        SettingsError: no such client, or a wrong spelling of one.
    """
    prefix = f"{option} {text}".lstrip()
    if (kind := kind_name(text)) not in known_clients:
        kinds = ", ".join(known_clients)
        hint = did_you_mean(kind, known_clients, otherwise=f"choose from {kinds}")
        problems = "".join(f"; also: {problem}" for problem in source_problems())
        raise SettingsError(f"{prefix}: no such client{hint}{problems}")
    if not re.fullmatch(CLIENT_PATTERN, text):
        raise SettingsError(f"{prefix}: write it as claude-code or claude-code@2.1.31")
    try:
        return parse_client(text, known_clients)
    except ValueError as error:
        raise SettingsError(f"{prefix}: {error}") from None


def read_client_name(text: str, option: str, known_clients: Mapping[str, KnownClient]) -> Client:
    """Return the client that the user has named without a version.

    Raises:
        SettingsError: there is no such client, it has no versions, or the text names one.
    """
    client = read_client(text, option, known_clients)
    if client.kind == ClientKind.RAW_HTTP:
        raise SettingsError(
            f"{option} {text}: authprobe's own request, which has no versions; name another client"
        )
    if client.version != LATEST or "+" in text:
        raise SettingsError(f"{option} {text}: give the name alone, without a version")
    return client


def left_out_of_live(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """Yield a line for each reason why cases of a scenario cannot be asked of the real service."""
    for scenario in scenarios:
        if scenario.live is None:
            yield f"{scenario.id}: not asked live: it has no 'live'"
            continue
        reasons = Counter(not_for_live(scenario, names) for names in combinations(scenario))
        for reason, count in reasons.items():
            if reason is not None:
                cases = "1 case is" if count == 1 else f"{count:,} cases are"
                yield f"{scenario.id}: {cases} not asked live: {reason}"
