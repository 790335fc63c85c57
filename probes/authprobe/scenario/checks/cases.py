"""What `check` says of the cases of a scenario, when all its names are good."""

from collections.abc import Iterator
from typing import Final

from authprobe.documents.source import KEY, KeyPath, PathProblem, choices, quote, remedy
from authprobe.emulator.config import TokenKind
from authprobe.scenario.matrix import AXES, Names, complete, grid, matcher, rules, spoken
from authprobe.scenario.model import (
    DEFAULT,
    VARIABLES,
    Client,
    ClientKind,
    Credential,
    Expectation,
    ExpectationRule,
    Flow,
    Request,
    Scenario,
    Via,
    credentials_of,
    parse_client,
)

_GROUPS: Final = {
    "endpoint": ("endpoints", "endpoint"),
    "credential": ("credentials", "credential"),
    "headers": ("headers", "set of headers"),
    "backend": ("backends", "backend"),
    "environment": ("environments", "environment"),
}
_EXCHANGED: Final = {
    Request.REFRESH: (TokenKind.REFRESH_TOKEN, "refresh token"),
    Request.FEDERATE: (TokenKind.IDENTITY_TOKEN, "identity token"),
}
"""What is sent in the body, and is exchanged for something else."""
_RAW_HTTP: Final = (Via.BEARER, Via.X_API_KEY, Via.BODY)
_OTHERS: Final = tuple(via for via in Via if via not in _RAW_HTTP)
_GATEWAY: Final = (Via.API_KEY_VARIABLE, Via.AUTH_TOKEN_VARIABLE, Via.BEARER, Via.X_API_KEY)
"""Its own credential, and what our own request in front of it hands over."""


def check_cases(scenario: Scenario) -> Iterator[PathProblem]:
    """Values, conditions and definitions that change nothing, and cases that cannot be."""
    cases = _Cases(scenario)
    yield from _check_duplicates(scenario)
    yield from _check_excluded(cases)
    yield from _check_included(cases)
    if cases.all:
        if not isinstance(scenario.expect, Expectation):
            yield from _check_rules(cases, scenario.expect)
        yield from _check_sessions(cases)
        yield from _check_unused(cases)
        yield from dict.fromkeys(
            complaint for names in cases.all for complaint in _check_pairs(cases, names)
        )


class _Cases:
    """The cases of a scenario, and what in the file each comes from."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.grid = tuple(dict.fromkeys(grid(scenario)))
        excluded = [matcher(combination) for combination in scenario.exclude]
        self.kept = {names: () for names in self.grid if not any(test(names) for test in excluded)}
        self.included = [complete(scenario, combination) for combination in scenario.include]
        self._origins: dict[Names, KeyPath] = {}
        for index, names in enumerate(self.included):
            self._origins.setdefault(names, ("include", index))
        self._origins |= self.kept
        self.all = tuple(dict.fromkeys([*self.kept, *self.included]))
        self._spelled = {axis: spoken(scenario.matrix, axis) for axis in AXES}

    def place(self, names: Names, axis: str) -> KeyPath:
        """What in the file gives this case its value of an axis."""
        if origin := self._origins[names]:
            return (*origin, axis)
        return ("matrix", axis, self._spelled[axis].index(getattr(names, axis)))


def _check_duplicates(scenario: Scenario) -> Iterator[PathProblem]:
    for axis in AXES:
        seen = set()
        for index, name in enumerate(spoken(scenario.matrix, axis)):
            if name in seen:
                yield ("matrix", axis, index), f"{quote(name)} is on this axis already"
            seen.add(name)


def _check_excluded(cases: _Cases) -> Iterator[PathProblem]:
    last = 0
    for index, combination in enumerate(cases.scenario.exclude):
        if any(map(matcher(combination), cases.grid)):
            last = index
        else:
            yield ("exclude", index), "this excludes nothing; the matrix has no such combination"
    if not cases.all:
        yield ("exclude", last), "no case is left; exclude less, or include something"


def _check_included(cases: _Cases) -> Iterator[PathProblem]:
    seen = set()
    for index, names in enumerate(cases.included):
        if names in cases.kept:
            yield ("include", index), "the matrix has this case already; leave it out"
        elif names in seen:
            yield ("include", index), "this case is included already; leave it out"
        seen.add(names)


def _check_rules(cases: _Cases, rules: tuple[ExpectationRule, ...]) -> Iterator[PathProblem]:
    present = {axis: {getattr(names, axis) for names in cases.all} for axis in AXES}
    left = list(cases.all)
    for index, rule in enumerate(rules):
        test = matcher(rule.when)
        absent = list(_absent(("expect", index, "when"), rule, present))
        yield from absent
        if not absent and not any(map(test, left)):
            shadowed = any(map(test, cases.all))
            why = "earlier rules take every case that it is for" if shadowed else "no case meets it"
            yield ("expect", index), f"this rule is never reached: {why}"
        left = [names for names in left if not test(names)]
    if left:
        first = quote("/".join(getattr(left[0], axis) for axis in AXES))
        more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
        text = f"no rule is for the case {first}{more}; end with a rule that has no 'when'"
        yield ("expect",), text


def _absent(
    path: KeyPath, rule: ExpectationRule, present: dict[str, set[str]]
) -> Iterator[PathProblem]:
    for axis in AXES:
        single = isinstance(getattr(rule.when, axis), str)
        for index, name in enumerate(spoken(rule.when, axis)):
            if name not in present[axis]:
                place = (*path, axis) if single else (*path, axis, index)
                hint = remedy(name, sorted(present[axis]))
                yield place, f"no case has the {axis} {quote(name)}{hint}"


def _check_sessions(cases: _Cases) -> Iterator[PathProblem]:
    if any(names.flow == Flow.PROMPTS_AT_ONCE for names in cases.all):
        return
    single = isinstance(cases.scenario.expect, Expectation)
    for index, rule in enumerate(rules(cases.scenario)):
        if rule.then.sessions is not None:
            path: KeyPath = ("expect",) if single else ("expect", index, "then")
            text = f"there are no sessions: no case has the flow {quote(Flow.PROMPTS_AT_ONCE)}"
            yield (*path, "sessions"), text


def _check_unused(cases: _Cases) -> Iterator[PathProblem]:
    for axis, (group, noun) in _GROUPS.items():
        used = {getattr(names, axis) for names in cases.all}
        for name in getattr(cases.scenario, group):
            if name not in used:
                text = (
                    f"no case uses the {noun} {quote(name)}; name it in 'matrix', or leave it out"
                )
                yield (group, name, KEY), text


def _check_pairs(cases: _Cases, names: Names) -> Iterator[PathProblem]:
    client = parse_client(names.client)
    kind = client.kind
    raw = kind is ClientKind.RAW_HTTP
    if raw and names.endpoint == DEFAULT:
        yield (
            cases.place(names, "endpoint"),
            "raw-http needs an endpoint that is defined under 'endpoints', not 'default'",
        )
    if not raw and names.endpoint != DEFAULT:
        yield (
            cases.place(names, "endpoint"),
            f"{kind} chooses its own addresses: its endpoint is 'default', "
            f"not {quote(names.endpoint)}",
        )
    asks_ourselves = raw or (kind is ClientKind.LITELLM and client.through is None)
    if not asks_ourselves and names.headers != DEFAULT:
        yield (
            cases.place(names, "headers"),
            f"{kind} sends headers of its own: its headers are 'default', "
            f"not {quote(names.headers)}",
        )
    if raw and names.environment != DEFAULT:
        yield (
            cases.place(names, "environment"),
            "raw-http is authprobe itself, and has no environment of its own: it is 'default', "
            f"not {quote(names.environment)}",
        )
    if kind is not ClientKind.CLAUDE_CODE and names.flow != Flow.PROMPT:
        yield (
            cases.place(names, "flow"),
            f"{kind} has one flow only; leave out {quote(names.flow)}",
        )
    yield from _check_credentials(cases, names, client)


def _ways(client: Client) -> tuple[Via, ...]:
    match client.kind:
        case ClientKind.RAW_HTTP:
            return _RAW_HTTP
        case ClientKind.LITELLM if client.through is None:
            return _GATEWAY
        case ClientKind.ANTHROPIC_PYTHON | ClientKind.ANTHROPIC_NODE:
            return VARIABLES  # the files are Claude Code's
        case _:
            return _OTHERS


def _check_credentials(cases: _Cases, names: Names, client: Client) -> Iterator[PathProblem]:
    credentials = credentials_of(cases.scenario, names.credential)
    place = cases.place(names, "credential")
    raw = client.kind is ClientKind.RAW_HTTP
    if raw and len(credentials) > 1:
        yield place, f"raw-http sends one credential, and {quote(names.credential)} is several"
        return
    ways = _ways(client)
    for credential in credentials:
        if credential.via not in ways:
            yield (
                place,
                f"{client.kind} takes no credential via {quote(credential.via)}, "
                f"as {quote(names.credential)} is; its ways are {choices(ways)}",
            )
        if raw:
            yield from _check_exchanged(cases, names, credential)


def _check_exchanged(cases: _Cases, names: Names, credential: Credential) -> Iterator[PathProblem]:
    if (endpoint := cases.scenario.endpoints.get(names.endpoint)) is None:
        return
    place = cases.place(names, "credential")
    for request, (token, words) in _EXCHANGED.items():
        exchanges = endpoint.request is request
        if exchanges and credential.token is not token:
            yield (
                place,
                f"the endpoint {quote(names.endpoint)} takes {words}s only, "
                f"and {quote(names.credential)} is {quote(credential.token)}",
            )
        if not exchanges and credential.token is token:
            yield (
                place,
                f"the {words} {quote(names.credential)} needs an endpoint with "
                f"'request: {request}', and {quote(names.endpoint)} has "
                f"{quote(endpoint.request)}",
            )
