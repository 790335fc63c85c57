"""Scenarios become a plan: every case that is to be probed, with a stable id."""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator

from authprobe.core.suggestions import did_you_mean
from authprobe.core.version_ranges import newest, read_range
from authprobe.errors import ClientError, SettingsError
from authprobe.plan.case import Case, case_id, expand, make_case
from authprobe.scenario.matrix import AXES, Names, canonical, combinations, matches, rules
from authprobe.scenario.model import (
    CLIENT_PATTERN,
    Client,
    ClientKind,
    Scenario,
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

Published = Callable[[ClientKind], tuple[str, ...]]
"""The published versions of a client; raises ClientError where they cannot be known."""


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
            raise SettingsError(f"--case {wanted}: no such case{did_you_mean(wanted, planned)}")
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


def read_client(name: str, option: str = "") -> Client:
    """The client that a user has named, on the command line, as the value of this option.

    Raises:
        SettingsError: there is no such client, or this is not how one is written.
    """
    said = f"{option} {name}".lstrip()
    kinds = [kind.value for kind in ClientKind]
    if _kind(name) not in kinds:
        hint = did_you_mean(_kind(name), kinds, otherwise=f"choose from {', '.join(kinds)}")
        raise SettingsError(f"{said}: no such client{hint}")
    if not re.fullmatch(CLIENT_PATTERN, name):
        raise SettingsError(f"{said}: write it as claude-code or claude-code@2.1.31")
    try:
        return parse_client(name)
    except ValueError as error:
        raise SettingsError(f"{said}: {error}") from None


def _kind(name: str) -> str:
    return re.split("[@+]", name, maxsplit=1)[0]
