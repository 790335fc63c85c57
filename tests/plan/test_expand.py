import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.client_kinds import ClientKind, Flow, Package, Via
from authprobe.emulator.config import TokenKind
from authprobe.errors import InstallError, SettingsError
from authprobe.observation.model import Outcome
from authprobe.plan import expand as expand_module
from authprobe.plan.case import case_id, expand
from authprobe.plan.expand import Published, make_plan
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.clients import parse_client
from authprobe.scenario.matrix import AXES, Names, combinations, matcher
from authprobe.scenario.model import (
    Combination,
    Condition,
    Credential,
    Endpoint,
    Expectation,
    ExpectationRule,
    Matrix,
    Scenario,
    Until,
)
from tests.support.make import make_clients, make_scenario

VALUES = {
    "client": make_clients("raw-http", "claude-code@latest", "claude-code@2.1.31"),
    "endpoint": ("default", "api", "gateway"),
    "credential": ("none", "good", "bad"),
    "headers": ("default", "beta"),
    "backend": ("default", "slow"),
    "environment": ("default", "debug"),
    "flow": (Flow.PROMPT, Flow.STDIO),
}
REJECTED = Expectation(outcome=Outcome.REJECTED)


def _axes() -> st.SearchStrategy[Matrix]:
    lists = {
        axis: st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)
        for axis, values in VALUES.items()
    }
    return st.builds(Matrix, **lists)


def _combinations() -> st.SearchStrategy[tuple[Combination, ...]]:
    values = {
        axis: st.none()
        | st.sampled_from(names)
        | st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(tuple)
        for axis, names in VALUES.items()
    }
    return st.lists(st.builds(Combination, **values), max_size=3).map(tuple)


scenarios = st.builds(
    make_scenario, matrix=_axes(), exclude=_combinations(), include=_combinations()
)


Values = dict[str, object]
"""A value for each axis."""


def _values(names: Names) -> Values:
    return {axis: getattr(names, axis) for axis in AXES}


def _choices(combination: Combination) -> dict[str, tuple[object, ...]]:
    """Return the values of each axis that a combination states."""
    stated = {axis: getattr(combination, axis) for axis in AXES}
    return {
        axis: value if isinstance(value, tuple) else (value,)
        for axis, value in stated.items()
        if value is not None
    }


def _grid(scenario: Scenario) -> list[Values]:
    """Return the grid, computed in the plainest way."""
    axes = [getattr(scenario.matrix, axis) for axis in AXES]
    return [dict(zip(AXES, values, strict=True)) for values in itertools.product(*axes)]


@given(scenarios)
def test_the_combinations_are_the_grid_minus_exclude_plus_include(scenario: Scenario) -> None:
    excluded = [_choices(combination) for combination in scenario.exclude]
    expected = [
        values
        for values in _grid(scenario)
        if not any(all(values[axis] in each[axis] for axis in each) for each in excluded)
    ]
    first = {axis: (value,) for axis, value in _grid(scenario)[0].items()}
    for combination in scenario.include:
        axes = first | _choices(combination)
        expected += [
            dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
        ]
    once = [values for place, values in enumerate(expected) if values not in expected[:place]]
    assert [_values(names) for names in combinations(scenario)] == once


@given(scenarios)
def test_every_case_has_a_unique_id(scenario: Scenario) -> None:
    ids = [case.id for case in expand(scenario)]
    assert len(ids) == len(set(ids))
    assert all(part for each in ids for part in each.split("/"))


@given(scenarios)
def test_an_id_depends_only_on_the_names(scenario: Scenario) -> None:
    ids = {case.names: case.id for case in expand(scenario)}
    backwards = Matrix(**{axis: getattr(scenario.matrix, axis)[::-1] for axis in AXES})
    turned = dataclasses.replace(scenario, matrix=backwards, title="Another", include=())
    for case in expand(turned):
        assert ids.get(case.names, case.id) == case.id
        assert case.id == case_id(scenario.id, case.names)


@given(st.lists(scenarios, max_size=3))
def test_a_plan_contains_the_cases_of_each_scenario_in_order(several: list[Scenario]) -> None:
    numbered = [dataclasses.replace(each, id=f"s{n}") for n, each in enumerate(several)]
    assert make_plan(numbered) == tuple(case for each in numbered for case in expand(each))


@given(scenarios)
def test_a_client_option_without_a_version_keeps_only_its_cases(scenario: Scenario) -> None:
    expected = tuple(case for case in expand(scenario) if case.client.kind == "claude-code")
    if expected:
        assert make_plan([scenario], clients=("claude-code",)) == expected
    else:
        with pytest.raises(SettingsError, match="no scenario has a case for it"):
            make_plan([scenario], clients=("claude-code",))


@given(scenarios)
def test_a_client_option_with_a_version_replaces_the_versions_of_its_kind(
    scenario: Scenario,
) -> None:
    cases = [case for case in expand(scenario) if case.client.kind == "claude-code"]
    if not cases:
        return
    planned = make_plan([scenario], clients=("claude-code@1.0.30",))
    assert {str(case.client) for case in planned} == {"claude-code@1.0.30"}
    substituted = [
        dataclasses.replace(case.names, client=parse_client("claude-code@1.0.30")) for case in cases
    ]
    assert [case.names for case in planned] == list(dict.fromkeys(substituted))


@given(scenarios, st.data())
def test_selected_cases_are_planned_in_file_order(scenario: Scenario, data: st.DataObject) -> None:
    cases = expand(scenario)
    if not cases:
        return
    ids = data.draw(st.lists(st.sampled_from([case.id for case in cases]), min_size=1))
    planned = make_plan([scenario], cases=tuple(ids))
    assert planned == tuple(case for case in cases if case.id in ids)


def test_the_id_includes_headers_and_backend_unless_they_are_default() -> None:
    names = Names(
        client=parse_client("raw-http"),
        endpoint="api",
        credential="none",
        headers="default",
        backend="default",
    )
    assert case_id("s", names) == "s/raw-http/api/none"
    assert case_id("s", dataclasses.replace(names, headers="beta")) == "s/raw-http/api/none/beta"
    assert case_id("s", dataclasses.replace(names, backend="slow")) == "s/raw-http/api/none/slow"


def test_the_id_includes_an_environment_unless_it_is_default() -> None:
    matrix = Matrix(client=make_clients("claude-code@latest"), environment=("default", "debug"))
    usual, other = expand(make_scenario(matrix=matrix, environments={"debug": {"DEBUG": "1"}}))
    assert (usual.id, usual.environment) == ("example/claude-code@latest/default/none", {})
    assert (other.id, other.environment) == (f"{usual.id}/debug", {"DEBUG": "1"})


def test_the_id_ends_with_the_flow_unless_it_is_default() -> None:
    matrix = Matrix(
        client=make_clients("claude-code@latest", "raw-http"),
        flow=(Flow.PROMPT, Flow.SETUP_TOKEN),
    )
    usual, other, raw, _ = expand(make_scenario(matrix=matrix))
    assert (usual.id, usual.flow) == ("example/claude-code@latest/default/none", "prompt")
    assert (other.id, other.flow) == (f"{usual.id}/setup-token", "setup-token")
    assert (raw.id, raw.flow) == ("example/raw-http/default/none", "request")


def test_an_include_takes_omitted_axes_from_the_matrix() -> None:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("raw-http"), endpoint=("a", "b"), credential=("x", "y")),
        include=(Combination(backend="slow"), Combination(credential="z")),
    )
    assert [case.id for case in expand(scenario)][4:] == [
        "example/raw-http/a/x/slow",
        "example/raw-http/a/z",
    ]


def test_the_first_matching_rule_applies() -> None:
    accepted = Expectation(outcome=Outcome.ACCEPTED)
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("raw-http"), endpoint=("a", "b", "c")),
        expect=(
            ExpectationRule(when=Condition(endpoint="a"), then=accepted),
            ExpectationRule(when=Condition(endpoint=("a", "b")), then=REJECTED),
            ExpectationRule(then=accepted),
        ),
    )
    outcomes = [case.expectation.outcome for case in expand(scenario)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]


def test_a_case_has_the_definitions_of_its_names() -> None:
    endpoint = Endpoint(url="https://api.example.org")
    credential = Credential(token=TokenKind.API_KEY, via=Via.X_API_KEY)
    scenario = make_scenario(
        endpoints={"api": endpoint},
        credentials={"key": credential},
        headers={"beta": {"anthropic-beta": "x"}},
        matrix=Matrix(
            client=make_clients("raw-http"),
            endpoint=("api",),
            credential=("key",),
            headers=("beta",),
        ),
    )
    (case,) = expand(scenario)
    assert case.endpoint == endpoint
    assert case.credentials == (credential,)
    assert case.headers == {"anthropic-beta": "x"}
    assert case.flow == "request"
    assert case.fault is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(), True),
        (Condition(client=parse_client("claude-code")), True),
        (
            Condition(client=make_clients("raw-http", "claude-code@latest")),
            True,
        ),
        (Condition(client=parse_client("claude-code@2.1.31")), False),
        (Condition(client=parse_client("claude-code"), endpoint="other"), False),
        (Combination(client=parse_client("claude-code@latest"), endpoint="default"), True),
        (Condition(credential=()), False),
    ],
)
def test_a_condition_matches_if_every_axis_has_one_of_its_values(
    condition: Condition | Combination, expected: bool
) -> None:
    names = Names(
        client=parse_client("claude-code"),
        endpoint="default",
        credential="none",
        headers="default",
        backend="default",
    )
    assert matcher(condition)(names) is expected


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("claude-cod", "no such client; did you mean 'claude-code'?"),
        (
            "curl",
            f"no such client; choose from {', '.join(KNOWN_CLIENTS)}",
        ),
        ("agent-sdk-node@1.0.0", "no scenario has a case for it"),
        ("claude-code@", "write it as claude-code or claude-code@2.1.31"),
        (
            "claude-code@1.0.0+claude-code",
            "claude-code brings its own CLI; leave out '+claude-code'",
        ),
        ("raw-http", "no scenario has a case for it"),
        (
            "claude-code@each day",
            "'each day' is not a version range; write >=2.1.0 <2.2, 2.1.x, or each minor",
        ),
        ("agent-sdk-node@installed", "only claude-code can be 'installed'"),
        ("claude-code@1.0.30", "'example' has no expectation for it"),
    ],
)
def test_an_invalid_client_option_is_rejected_in_one_line(client: str, expected: str) -> None:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-code@2.1.31")),
        expect=(
            ExpectationRule(
                when=Condition(client=parse_client("claude-code@2.1.31")), then=REJECTED
            ),
        ),
    )
    with pytest.raises(SettingsError) as caught:
        make_plan([scenario], clients=(client,))
    assert str(caught.value) == f"--client {client}: {expected}"


def test_the_cli_behind_a_proxy_can_be_selected() -> None:
    scenario = make_scenario(matrix=Matrix(client=make_clients("claude-max-api-proxy")))
    option = "claude-max-api-proxy+claude-code@2.1.31"
    (case,) = make_plan([scenario], clients=(option,))
    assert str(case.client) == "claude-max-api-proxy@latest+claude-code@2.1.31"


def test_an_unknown_case_option_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(SettingsError) as caught:
        make_plan([make_scenario()], cases=("example/raw-http/default/nome",))
    assert str(caught.value) == (
        "--case example/raw-http/default/nome: no such case; "
        "did you mean 'example/raw-http/default/none'?"
    )


PUBLISHED = ("1.0.0", "1.0.9", "1.0.10", "2.0.0", "2.1.0-beta.1", "2.1.0")


def published(package: Package) -> tuple[str, ...]:
    return PUBLISHED


def nothing(package: Package) -> tuple[str, ...]:
    raise AssertionError("the registry is not needed")


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("claude-code@1.0.x", ["1.0.0", "1.0.9", "1.0.10"]),
        ("claude-code@>=1.0.9 <2", ["1.0.9", "1.0.10"]),
        ("claude-code@each minor", ["1.0.10", "2.0.0", "2.1.0"]),
        ("claude-code@>= 2.1.0-beta.1", ["2.1.0-beta.1", "2.1.0"]),
    ],
)
def test_a_range_expands_to_a_case_for_each_version(spelled: str, expected: list[str]) -> None:
    ids = [f"example/claude-code@{version}/default/none" for version in expected]
    on_the_axis = make_scenario(matrix=Matrix(client=make_clients(spelled)))
    assert [case.id for case in make_plan([on_the_axis], published=published)] == ids
    other = make_scenario(matrix=Matrix(client=make_clients("claude-code@9.9.9", "raw-http")))
    planned = make_plan([other], clients=(spelled,), published=published)
    assert [case.id for case in planned] == ids
    assert [case.client.version for case in planned] == expected


def test_a_range_of_the_cli_behind_a_proxy_expands() -> None:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-max-api-proxy@1.0.0+claude-code@2.x"))
    )
    assert [str(case.client) for case in make_plan([scenario], published=published)] == [
        "claude-max-api-proxy@1.0.0+claude-code@2.0.0",
        "claude-max-api-proxy@1.0.0+claude-code@2.1.0",
    ]


@given(scenarios)
def test_the_registry_is_queried_only_for_a_range(scenario: Scenario) -> None:
    assert make_plan([scenario], published=nothing) == expand(scenario)
    names = ("claude-code@1.0.0", "claude-code@latest", "claude-code@installed")
    if any(case.client.kind == "claude-code" for case in expand(scenario)):
        make_plan([scenario], clients=names, published=nothing)


def test_the_registry_is_queried_once_for_each_range() -> None:
    queries: list[str] = []

    def query(package: Package) -> tuple[str, ...]:
        queries.append(package.folder)
        return PUBLISHED

    matrix = Matrix(client=make_clients("claude-code@1.0.x"), credential=("none", "some"))
    make_plan([make_scenario(matrix=matrix)], published=query)
    assert queries == [ClientKind.CLAUDE_CODE]


def test_a_rule_for_a_range_matches_each_version_in_it() -> None:
    accepted = Expectation(outcome=Outcome.ACCEPTED)
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-code@<2", "claude-code@>=2")),
        expect=(
            ExpectationRule(when=Condition(client=parse_client("claude-code@< 2")), then=REJECTED),
            ExpectationRule(when=Condition(client=parse_client("claude-code@>=2")), then=accepted),
        ),
    )

    def outcomes(clients: tuple[str, ...] = ()) -> dict[str, Outcome]:
        planned = make_plan([scenario], published=published, clients=clients)
        return {case.client.version: case.expectation.outcome for case in planned}

    assert outcomes() == {
        "1.0.0": Outcome.REJECTED,
        "1.0.9": Outcome.REJECTED,
        "1.0.10": Outcome.REJECTED,
        "2.0.0": Outcome.ACCEPTED,
        "2.1.0": Outcome.ACCEPTED,
    }
    assert outcomes(clients=("claude-code@1.5.0",)) == {"1.5.0": Outcome.REJECTED}
    assert outcomes(clients=("claude-code@2.x",))["2.1.0"] is Outcome.ACCEPTED
    with pytest.raises(SettingsError, match="'example' has no expectation for it"):
        outcomes(clients=("claude-code@installed",))


def test_of_two_cases_with_the_same_id_the_first_is_planned() -> None:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-code@1.0.9", "claude-code@1.0.x")),
        expect=(
            ExpectationRule(
                when=Condition(client=parse_client("claude-code@1.0.9")), then=REJECTED
            ),
            ExpectationRule(then=Expectation(outcome=Outcome.ACCEPTED)),
        ),
    )
    planned = make_plan([scenario], published=published)
    assert [case.client.version for case in planned] == ["1.0.9", "1.0.0", "1.0.10"]
    assert planned[0].expectation is REJECTED


def unreachable(package: Package) -> tuple[str, ...]:
    raise InstallError("the package registry cannot be reached")


@pytest.mark.parametrize(
    ("client", "query", "reason"),
    [
        (
            "claude-code@>=9",
            published,
            "no published version is in this range; the newest is 2.1.0",
        ),
        ("claude-code@>=9", lambda kind: (), "no published version is in this range"),
        ("claude-code@each minor", unreachable, "the package registry cannot be reached"),
    ],
)
def test_a_range_without_versions_is_rejected_in_one_line(
    client: str, query: Published, reason: str
) -> None:
    scenario = make_scenario(matrix=Matrix(client=make_clients(client)))
    for clients in ((), (client,)):
        with pytest.raises(SettingsError) as caught:
            make_plan([scenario], clients=clients, published=query)
        assert str(caught.value) == f"{client}: {reason}"


def test_a_range_that_multiplies_the_cases_beyond_the_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expand_module, "MAX_CASES", 10)
    scenario = make_scenario(matrix=Matrix(client=make_clients("claude-code@2.1.x")))
    versions = [f"2.1.{number}" for number in range(11)]
    assert len(make_plan([scenario], published=lambda kind: tuple(versions[:10]))) == 10
    with pytest.raises(SettingsError, match="more than 10 cases; name fewer scenarios, or narrow"):
        make_plan([scenario], published=lambda kind: tuple(versions))


@pytest.mark.parametrize(
    ("outcome", "flow", "is_ended"),
    [
        (Outcome.TIMED_OUT, "prompt", True),
        (Outcome.TIMED_OUT, "stdio", True),
        (Outcome.TIMED_OUT, "doctor", False),
        (Outcome.TIMED_OUT, "prompts-at-once", False),
        (Outcome.REJECTED, "prompt", False),
    ],
)
def test_only_who_is_expected_to_go_on_asking_is_ended_before_the_limit(
    outcome: Outcome, flow: str, is_ended: bool
) -> None:
    (case,) = expand(
        make_scenario(
            matrix=Matrix(client=make_clients("claude-code@2.1.0"), flow=(Flow(flow),)),
            expect=Expectation(outcome=outcome),
            until=Until(requests=4),
        )
    )
    assert case.until == (Until(requests=4) if is_ended else None)
