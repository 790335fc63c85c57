"""Checks of a scenario's cases, once all its names are valid: unused parts, impossible cases."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from authprobe.core.claude_api import HOSTS, is_inference_path
from authprobe.core.client_kinds import Flow, Via
from authprobe.core.targets import Target
from authprobe.documents.source import KEY, KeyPath, PathProblem, choices, quote, remedy
from authprobe.emulator.config import Backend, TokenKind
from authprobe.emulator.faults import FAULTS
from authprobe.scenario.checks.combinations import Cases
from authprobe.scenario.checks.live import check_live_cases
from authprobe.scenario.checks.variables import address_hosts, variables_not_read
from authprobe.scenario.clients import Client
from authprobe.scenario.credential_vias import with_via
from authprobe.scenario.matrix import AXES, CONDITIONS, Names, matcher, rules, values_of
from authprobe.scenario.model import (
    DEFAULT,
    PROMPT_FLOWS,
    Combination,
    Credential,
    Expectation,
    ExpectationRule,
    PlacedValue,
    Request,
    Scenario,
    credentials_of,
)

_GROUPS: Final = {
    "endpoint": ("endpoints", "endpoint"),
    "credential": ("credentials", "credential"),
    "headers": ("headers", "set of headers"),
    "backend": ("backends", "backend"),
    "environment": ("environments", "environment"),
}
"""The key and the noun of the definitions for each axis."""
_EXCHANGED_TOKENS: Final = {
    Request.REFRESH: (TokenKind.REFRESH_TOKEN, "refresh token"),
    Request.FEDERATE: (TokenKind.IDENTITY_TOKEN, "identity token"),
}
"""Tokens that are sent in the body and exchanged for another token."""


def check_cases(scenario: Scenario, own: Scenario) -> Iterator[PathProblem]:
    """Yield values, conditions and definitions without effect, and cases that cannot work.

    `own` is the scenario without what it takes from files of definitions.
    """
    cases = Cases(scenario, own)
    yield from _check_duplicates(scenario)
    yield from _check_excluded(cases)
    yield from _check_included(cases)
    if cases.all:
        if not isinstance(scenario.expect, Expectation):
            yield from _check_rules(cases, scenario.expect)
        yield from _check_sessions(cases)
        yield from _check_until(cases)
        yield from _check_unused(cases, own)
        yield from dict.fromkeys(
            problem for names in cases.all for problem in _check_combination(cases, names)
        )
        yield from dict.fromkeys(check_live_cases(cases))


def _check_duplicates(scenario: Scenario) -> Iterator[PathProblem]:
    for axis in AXES:
        earlier = set()
        for index, value in enumerate(values_of(scenario.matrix, axis)):
            if value in earlier:
                yield ("matrix", axis, index), f"{quote(str(value))} is already on this axis"
            earlier.add(value)


def _check_excluded(cases: Cases) -> Iterator[PathProblem]:
    last_effective = 0
    for index, combination in enumerate(cases.scenario.exclude):
        if any(map(matcher(combination), cases.grid)):
            last_effective = index
            yield from _check_values(("exclude", index), combination, cases)
        else:
            yield ("exclude", index), "this excludes nothing; the matrix has no such combination"
    if not cases.all:
        message = "no case is left; exclude less, or include something"
        yield ("exclude", last_effective), message


def _check_values(path: KeyPath, combination: Combination, cases: Cases) -> Iterator[PathProblem]:
    """Yield the values in the lists of a combination that no case of the matrix has with others."""
    for axis in AXES:
        values = values_of(combination, axis)
        for index, value in enumerate(values if len(values) > 1 else ()):
            alone = dataclasses.replace(combination, **{axis: value})
            if not any(map(matcher(alone), cases.grid)):
                message = (
                    f"{quote(str(value))} excludes nothing; the matrix has no such combination"
                )
                yield (*path, axis, index), message


def _check_included(cases: Cases) -> Iterator[PathProblem]:
    earlier = set()
    for path, names in cases.included:
        if names in cases.in_matrix:
            yield path, f"the matrix already has {_case_words(cases, path, names)}; leave it out"
        elif names in earlier:
            yield path, f"{_case_words(cases, path, names)} is already included; leave it out"
        earlier.add(names)


def _case_words(cases: Cases, path: KeyPath, names: Names) -> str:
    """Return which case of a combination is meant; it may have several."""
    if sum(other == path for other, _ in cases.included) == 1:
        return "this case"
    return f"the case {quote('/'.join(str(getattr(names, axis)) for axis in AXES))}"


def _check_rules(cases: Cases, rules: tuple[ExpectationRule, ...]) -> Iterator[PathProblem]:
    present = {axis: {getattr(names, axis) for names in cases.judged} for axis in CONDITIONS}
    remaining = list(cases.judged)
    for index, rule in enumerate(rules):
        test = matcher(rule.when)
        absent = list(_check_present(("expect", index, "when"), rule, present))
        yield from absent
        if not absent and not any(map(test, remaining)):
            shadowed = any(map(test, cases.judged))
            reason = "earlier rules match all of its cases" if shadowed else "it matches no case"
            yield ("expect", index), f"this rule is never used: {reason}"
        remaining = [names for names in remaining if not test(names)]
    if remaining:
        parts = [str(getattr(remaining[0], axis)) for axis in AXES]
        parts += [Target.LIVE] if remaining[0].target is Target.LIVE else []
        first = quote("/".join(parts))
        more = f" and {len(remaining) - 1:,} more" if len(remaining) > 1 else ""
        message = f"no rule matches the case {first}{more}; end with a rule that has no 'when'"
        yield ("expect",), message


def _check_present(
    path: KeyPath, rule: ExpectationRule, present: dict[str, set[Any]]
) -> Iterator[PathProblem]:
    """Yield the values of a rule's condition that no case has."""
    for axis in CONDITIONS:
        is_list = isinstance(getattr(rule.when, axis), tuple)
        for index, value in enumerate(values_of(rule.when, axis)):
            if value not in present[axis]:
                value_path = (*path, axis, index) if is_list else (*path, axis)
                hint = remedy(str(value), sorted(map(str, present[axis])))
                yield value_path, f"no case has the {axis} {quote(str(value))}{hint}"


def _check_sessions(cases: Cases) -> Iterator[PathProblem]:
    if any(names.flow == Flow.PROMPTS_AT_ONCE for names in cases.all):
        return
    single = isinstance(cases.scenario.expect, Expectation)
    for index, rule in enumerate(rules(cases.scenario)):
        if rule.then.sessions is not None:
            path: KeyPath = ("expect",) if single else ("expect", index, "then")
            message = f"there are no sessions: no case has the flow {quote(Flow.PROMPTS_AT_ONCE)}"
            yield (*path, "sessions"), message


def _check_until(cases: Cases) -> Iterator[PathProblem]:
    if (until := cases.scenario.until) is None:
        return
    asking = [names for names in cases.all if names.flow in PROMPT_FLOWS]
    if not asking:
        message = f"no case asks one question; use it with {choices(PROMPT_FLOWS)}, or leave it out"
        yield ("until", KEY), message
    for name in dict.fromkeys(names.backend for names in asking):
        times = _passing_refusals(cases.scenario.backends.get(name, Backend()))
        if times >= until.requests:
            message = (
                f"a client may be answered at last: the backend {quote(name)} has refusals that "
                f"end after {times} requests; write more than {times}, or leave 'until' out"
            )
            yield ("until", "requests"), message


def _passing_refusals(backend: Backend) -> int:
    """Return how many questions a backend refuses by faults that end."""
    faults = [fault for fault in backend.faults if not isinstance(fault, str)]
    return sum(
        fault.times or 0
        for fault in faults
        if fault.name not in FAULTS and (fault.path is None or is_inference_path(fault.path))
    )


def _check_unused(cases: Cases, own: Scenario) -> Iterator[PathProblem]:
    for axis, (group, noun) in _GROUPS.items():
        used_names = {getattr(names, axis) for names in cases.all}
        for name in getattr(own, group):
            if name not in used_names:
                message = (
                    f"no case uses the {noun} {quote(name)}; name it in 'matrix', or leave it out"
                )
                yield (group, name, KEY), message
    used_kinds = {known.kind for known in cases.scenario.known_clients}
    for kind in own.clients:
        if kind not in used_kinds:
            message = f"no case uses the client {quote(kind)}; name it in 'matrix', or leave it out"
            yield ("clients", kind, KEY), message


def _check_combination(cases: Cases, names: Names) -> Iterator[PathProblem]:
    client = names.client
    kind = client.kind
    if client.is_authprobe and names.endpoint == DEFAULT:
        yield (
            cases.path(names, "endpoint"),
            f"{kind} needs an endpoint that is defined under 'endpoints', not 'default'",
        )
    if not client.is_authprobe and names.endpoint != DEFAULT:
        yield (
            cases.path(names, "endpoint"),
            f"{kind} chooses its own addresses; its endpoint must be 'default', "
            f"not {quote(names.endpoint)}",
        )
    if not client.takes_request and names.headers != DEFAULT:
        yield (
            cases.path(names, "headers"),
            f"{kind} sends its own headers; its headers must be 'default', "
            f"not {quote(names.headers)}",
        )
    if client.is_authprobe and names.environment != DEFAULT:
        yield (
            cases.path(names, "environment"),
            f"{kind} is authprobe itself and has no environment; it must be 'default', "
            f"not {quote(names.environment)}",
        )
    if not client.is_authprobe:
        variables = cases.scenario.environments.get(names.environment, {})
        unread = variables_not_read(client, variables)
        for message in (*unread, *_hosts_missing(cases, names, variables)):
            yield cases.path(names, "environment"), message
    if names.flow not in client.spec.flows:
        yield (
            cases.path(names, "flow"),
            f"{kind} has only the flow {choices(client.spec.flows)}, not {quote(names.flow)}",
        )
    yield from _check_credentials(cases, names, client)


def _hosts_missing(
    cases: Cases, names: Names, variables: Mapping[str, str | PlacedValue]
) -> Iterator[str]:
    """Yield the addresses of hosts that the case has not, unless no case of the scenario has them
    and their definition is reported already.
    """
    scenario = cases.scenario
    backend = scenario.backends.get(names.backend, Backend())
    present = {*HOSTS, *scenario.hosts, *backend.hosts, *names.client.hosts}
    is_reported = names.environment in cases.own.environments
    for name, host in address_hosts(variables):
        if host in present or (is_reported and host not in scenario.own_hosts):
            continue
        place = f"the host {quote(host)} of {quote(name)} is neither emulated nor defined"
        yield f"{place} under 'hosts', also not of the backend {quote(names.backend)}"


def _check_credentials(cases: Cases, names: Names, client: Client) -> Iterator[PathProblem]:
    credentials = credentials_of(cases.scenario, names.credential)
    path = cases.path(names, "credential")
    if len(credentials) > client.spec.max_credentials:
        yield path, f"{client.kind} sends one credential, but {quote(names.credential)} is several"
        return
    vias = [with_via(credential, client).via or Via.BEARER for credential in credentials]
    if vias.count(Via.KEY_PLACEHOLDER) > 1:
        yield (
            path,
            f"{client.kind} has one {quote(Via.KEY_PLACEHOLDER)}, but {quote(names.credential)} "
            "is several without 'via'",
        )
    for credential, via in zip(credentials, vias, strict=True):
        if via not in client.vias:
            yield (
                path,
                f"{client.kind} takes no credential via {quote(via)}, "
                f"as in {quote(names.credential)}; use {choices(client.vias)}",
            )
        tokens = client.definition.tokens if client.definition else None
        if tokens and credential.token not in tokens:
            yield (
                path,
                f"{client.kind} is not given {quote(credential.token)}, "
                f"as in {quote(names.credential)}; use {choices(tokens)}",
            )
        if client.is_authprobe:
            yield from _check_exchange(cases, names, credential)


def _check_exchange(cases: Cases, names: Names, credential: Credential) -> Iterator[PathProblem]:
    """Yield mismatches between an endpoint that exchanges tokens and the credential sent to it."""
    if (endpoint := cases.scenario.endpoints.get(names.endpoint)) is None:
        return
    path = cases.path(names, "credential")
    for request, (token, noun) in _EXCHANGED_TOKENS.items():
        exchanges = endpoint.request is request
        if exchanges and credential.token is not token:
            yield (
                path,
                f"the endpoint {quote(names.endpoint)} takes only {noun}s, "
                f"but {quote(names.credential)} is {quote(credential.token)}",
            )
        if not exchanges and credential.token is token:
            yield (
                path,
                f"the {noun} {quote(names.credential)} needs an endpoint with "
                f"'request: {request}', but {quote(names.endpoint)} has "
                f"{quote(endpoint.request)}",
            )
