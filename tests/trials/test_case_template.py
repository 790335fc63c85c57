"""Cases of a template: with any version of their client, and the proof that it goes on asking."""

import pytest

from authprobe.core.client_kinds import Flow
from authprobe.observation.model import Outcome
from authprobe.scenario.matrix import combinations
from authprobe.scenario.model import Expectation, Matrix, Until
from authprobe.trials.case_template import CaseTemplate, make_template
from tests.support.make import make_clients, make_scenario


def template_of(flow: str, outcome: Outcome) -> CaseTemplate:
    """Return a template of a scenario with `until` and one case."""
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-code@2.1.0"), flow=(Flow(flow),)),
        expect=Expectation(outcome=outcome),
        until=Until(requests=4),
    )
    (names,) = combinations(scenario)
    return make_template(scenario, names)


@pytest.mark.parametrize("outcome", [Outcome.TIMED_OUT, Outcome.ACCEPTED])
def test_every_version_ends_once_it_goes_on_asking(outcome: Outcome) -> None:
    case = template_of("prompt", outcome).at("2.1.1")
    assert (str(case.client), case.until) == ("claude-code@2.1.1", Until(requests=4))


def test_a_flow_without_a_question_has_its_whole_limit() -> None:
    assert template_of("doctor", Outcome.TIMED_OUT).at("2.1.1").until is None
