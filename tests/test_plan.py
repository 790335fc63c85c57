import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.emulator.setup import TokenKind
from probes.errors import SettingsError
from probes.observation import Outcome
from probes.plan import (
    AXES,
    Names,
    canonical,
    case_id,
    combinations,
    expand,
    make_plan,
    matches,
)
from probes.scenario.model import (
    Combination,
    Condition,
    Credential,
    Endpoint,
    Expectation,
    Matrix,
    Rule,
    Scenario,
    Via,
)
from tests.make import make_scenario

VALUES = {
    "client": ("raw-http", "claude-code", "claude-code@latest", "claude-code@2.1.31"),
    "endpoint": ("default", "api", "gateway"),
    "credential": ("none", "good", "bad"),
    "headers": ("default", "beta"),
    "backend": ("default", "slow"),
}
REJECTED = Expectation(outcome=Outcome.REJECTED)


def _axes() -> st.SearchStrategy[Matrix]:
    lists = {
        axis: st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)
        for axis, values in VALUES.items()
    }
    return st.builds(Matrix, **lists)


def _combinations() -> st.SearchStrategy[tuple[Combination, ...]]:
    values = {axis: st.none() | st.sampled_from(names) for axis, names in VALUES.items()}
    return st.lists(st.builds(Combination, **values), max_size=3).map(tuple)


scenarios = st.builds(
    make_scenario, matrix=_axes(), exclude=_combinations(), include=_combinations()
)


def _values(names: Names) -> dict[str, str]:
    return dataclasses.asdict(names)


def _grid(scenario: Scenario) -> list[dict[str, str]]:
    """The grid, by the plainest means."""
    axes = [[_full(name) for name in getattr(scenario.matrix, axis)] for axis in AXES]
    return [dict(zip(AXES, values, strict=True)) for values in itertools.product(*axes)]


def _full(name: str) -> str:
    return "claude-code@latest" if name == "claude-code" else name


def _stated(combination: Combination) -> dict[str, str]:
    given = dataclasses.asdict(combination)
    return {axis: _full(name) for axis, name in given.items() if name is not None}


@given(scenarios)
def test_the_combinations_are_the_grid_minus_exclude_plus_include(scenario: Scenario) -> None:
    excluded = [_stated(combination).items() for combination in scenario.exclude]
    expected = [
        values
        for values in _grid(scenario)
        if not any(stated <= values.items() for stated in excluded)
    ]
    first = _grid(scenario)[0]
    expected += [first | _stated(combination) for combination in scenario.include]
    once = [values for place, values in enumerate(expected) if values not in expected[:place]]
    assert [_values(names) for names in combinations(scenario)] == once


@given(scenarios)
def test_every_case_has_an_id_of_its_own(scenario: Scenario) -> None:
    ids = [case.id for case in expand(scenario)]
    assert len(ids) == len(set(ids))
    assert all(part for each in ids for part in each.split("/"))


@given(scenarios)
def test_ids_depend_on_the_names_alone(scenario: Scenario) -> None:
    ids = {case.names: case.id for case in expand(scenario)}
    backwards = Matrix(**{axis: getattr(scenario.matrix, axis)[::-1] for axis in AXES})
    turned = dataclasses.replace(scenario, matrix=backwards, title="Another", include=())
    for case in expand(turned):
        assert ids.get(case.names, case.id) == case.id
        assert case.id == case_id(scenario.id, case.names)


@given(st.lists(scenarios, max_size=3))
def test_a_plan_holds_the_cases_of_each_scenario_in_order(several: list[Scenario]) -> None:
    named = [dataclasses.replace(each, id=f"s{place}") for place, each in enumerate(several)]
    assert make_plan(named) == tuple(case for each in named for case in expand(each))


@given(scenarios)
def test_a_kind_keeps_its_cases_only(scenario: Scenario) -> None:
    expected = tuple(case for case in expand(scenario) if case.client.kind == "claude-code")
    if expected:
        assert make_plan([scenario], clients=("claude-code",)) == expected
    else:
        with pytest.raises(SettingsError, match="no scenario has a case for it"):
            make_plan([scenario], clients=("claude-code",))


@given(scenarios)
def test_a_version_takes_the_place_of_the_versions_of_its_kind(scenario: Scenario) -> None:
    cases = [case for case in expand(scenario) if case.client.kind == "claude-code"]
    if not cases:
        return
    planned = make_plan([scenario], clients=("claude-code@1.0.30",))
    assert {str(case.client) for case in planned} == {"claude-code@1.0.30"}
    substituted = [dataclasses.replace(case.names, client="claude-code@1.0.30") for case in cases]
    assert [case.names for case in planned] == list(dict.fromkeys(substituted))


@given(scenarios, st.data())
def test_chosen_cases_are_planned_in_file_order(scenario: Scenario, data: st.DataObject) -> None:
    cases = expand(scenario)
    if not cases:
        return
    chosen = data.draw(st.lists(st.sampled_from([case.id for case in cases]), min_size=1))
    planned = make_plan([scenario], cases=tuple(chosen))
    assert planned == tuple(case for case in cases if case.id in chosen)


def test_headers_and_backend_are_in_the_id_where_they_are_not_default() -> None:
    names = Names(
        client="raw-http", endpoint="api", credential="none", headers="default", backend="default"
    )
    assert case_id("s", names) == "s/raw-http/api/none"
    assert case_id("s", dataclasses.replace(names, headers="beta")) == "s/raw-http/api/none/beta"
    assert case_id("s", dataclasses.replace(names, backend="slow")) == "s/raw-http/api/none/slow"


def test_an_include_takes_what_it_leaves_out_from_the_matrix() -> None:
    scenario = make_scenario(
        matrix=Matrix(client=("raw-http",), endpoint=("a", "b"), credential=("x", "y")),
        include=(Combination(backend="slow"), Combination(credential="z")),
    )
    assert [case.id for case in expand(scenario)][4:] == [
        "example/raw-http/a/x/slow",
        "example/raw-http/a/z",
    ]


def test_the_first_rule_that_is_met_counts() -> None:
    accepted = Expectation(outcome=Outcome.ACCEPTED)
    scenario = make_scenario(
        matrix=Matrix(client=("raw-http",), endpoint=("a", "b", "c")),
        expect=(
            Rule(when=Condition(endpoint="a"), then=accepted),
            Rule(when=Condition(endpoint=("a", "b")), then=REJECTED),
            Rule(then=accepted),
        ),
    )
    outcomes = [case.expectation.outcome for case in expand(scenario)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]


def test_a_case_has_what_its_names_stand_for() -> None:
    endpoint = Endpoint(url="https://api.example.org")
    credential = Credential(token=TokenKind.API_KEY, via=Via.X_API_KEY)
    scenario = make_scenario(
        endpoints={"api": endpoint},
        credentials={"key": credential},
        headers={"beta": {"anthropic-beta": "x"}},
        matrix=Matrix(
            client=("raw-http",), endpoint=("api",), credential=("key",), headers=("beta",)
        ),
    )
    (case,) = expand(scenario)
    assert case.endpoint == endpoint
    assert case.credential == credential
    assert case.headers == {"anthropic-beta": "x"}
    assert case.flow == "request"
    assert case.fault is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(), True),
        (Condition(client="claude-code"), True),
        (Condition(client=("raw-http", "claude-code@latest")), True),
        (Condition(client="claude-code@2.1.31"), False),
        (Condition(client="claude-code", endpoint="other"), False),
        (Combination(client="claude-code@latest", endpoint="default"), True),
        (Condition(credential=()), False),
    ],
)
def test_a_condition_is_met_when_every_axis_has_one_of_its_values(
    condition: Condition | Combination, expected: bool
) -> None:
    names = Names(
        client=canonical("claude-code"),
        endpoint="default",
        credential="none",
        headers="default",
        backend="default",
    )
    assert matches(condition, names) is expected


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("claude-cod", "there is no such client; did you mean 'claude-code'?"),
        (
            "curl",
            "there is no such client; choose from raw-http, claude-code, agent-sdk-python, "
            "agent-sdk-node, claude-max-api-proxy",
        ),
        ("agent-sdk-node@1.0", "no scenario has a case for it"),
        ("claude-code@", "write it as claude-code or claude-code@2.1.31"),
        ("claude-code@1+claude-code", "claude-code brings its own CLI; leave out '+claude-code'"),
        ("raw-http", "no scenario has a case for it"),
        ("claude-code@1.0.30", "'example' expects nothing of it"),
    ],
)
def test_a_client_that_cannot_be_planned_is_refused_in_one_line(client: str, expected: str) -> None:
    scenario = make_scenario(
        matrix=Matrix(client=("claude-code@2.1.31",)),
        expect=(Rule(when=Condition(client="claude-code@2.1.31"), then=REJECTED),),
    )
    with pytest.raises(SettingsError) as caught:
        make_plan([scenario], clients=(client,))
    assert str(caught.value) == f"--client {client}: {expected}"


def test_the_cli_behind_a_proxy_can_be_chosen() -> None:
    scenario = make_scenario(matrix=Matrix(client=("claude-max-api-proxy",)))
    chosen = "claude-max-api-proxy+claude-code@2.1.31"
    (case,) = make_plan([scenario], clients=(chosen,))
    assert str(case.client) == "claude-max-api-proxy@latest+claude-code@2.1.31"


def test_a_case_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        make_plan([make_scenario()], cases=("example/raw-http/default/nome",))
    assert str(caught.value) == (
        "--case example/raw-http/default/nome: there is no such case; "
        "did you mean 'example/raw-http/default/none'?"
    )
