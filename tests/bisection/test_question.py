"""BisectionQuestion: the case at each version, classification, and the versions to probe."""

from typing import Any

import pytest

from authprobe.bisection.model import Classification
from authprobe.bisection.question import BisectionQuestion, make_question, versions_between
from authprobe.errors import SettingsError
from authprobe.observation.model import Outcome
from authprobe.scenario.clients import parse_client
from authprobe.scenario.model import Condition, Expectation, ExpectationRule, Matrix, Scenario
from tests.support.make import make_clients, make_exchange, make_observation, make_scenario

CASE = "example/claude-code@2.1.0/default/none"
PUBLISHED = ["0.9.0", "1.0.0", "1.0.1", "1.0.10", "1.0.2", "1.1.0-beta.1", "1.1.0", "2.0.0"]


def make_client_scenario(*clients: str, **changes: Any) -> Scenario:
    """Return a scenario with these clients."""
    return make_scenario(
        matrix=Matrix(client=make_clients(*(clients or ("claude-code@latest",)))), **changes
    )


def ask(
    *scenarios: Scenario,
    case: str = CASE,
    good: str = "1.0.0",
    bad: str = "2.0.0",
    when: str | None = None,
) -> BisectionQuestion:
    """Return the question about a case; the default scenario expects success."""
    return make_question(
        scenarios or (make_client_scenario(expect=Expectation(outcome=Outcome.ACCEPTED)),),
        case,
        good=good,
        bad=bad,
        when=when,
    )


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("claude-code@latest", "claude-code@1.0.1"),
        ("claude-code@1.0.x", "claude-code@1.0.1"),
        ("anthropic-python@2.12.0", "anthropic-python@1.0.1"),
        ("agent-sdk-node@latest", "agent-sdk-node@1.0.1"),
        ("litellm@1.106.2+claude-code@2.1.0", "litellm@1.0.1+claude-code@2.1.0"),
    ],
)
def test_the_version_of_any_client_is_replaced(client: str, expected: str) -> None:
    exact_client = client.replace("1.0.x", "2.1.0")
    question = ask(make_client_scenario(client), case=f"example/{exact_client}/default/none")
    assert str(question.at("1.0.1").client) == expected


def test_a_case_id_without_version_is_accepted() -> None:
    question = ask(case="example/claude-code/default/none")
    assert question.at("1.0.1").id == "example/claude-code@1.0.1/default/none"


def test_raw_http_has_no_versions() -> None:
    with pytest.raises(SettingsError, match="authprobe's own request, which has no versions"):
        ask(make_scenario(), case="example/raw-http/default/none")


@pytest.mark.parametrize("case", ["example/claude-code/default/other", "other/claude-code/x/y"])
def test_an_unknown_case_is_an_error(case: str) -> None:
    with pytest.raises(SettingsError, match="no such case"):
        ask(case=case)


def by_version() -> Scenario:
    """Return a scenario with different expectations for two versions, and none for others."""
    accepted, rejected = (Expectation(outcome=x) for x in (Outcome.ACCEPTED, Outcome.REJECTED))
    return make_client_scenario(
        "claude-code@1.0.0",
        "claude-code@2.1.0",
        expect=(
            ExpectationRule(
                when=Condition(client=parse_client("claude-code@1.0.0")), then=rejected
            ),
            ExpectationRule(
                when=Condition(client=parse_client("claude-code@2.1.0")), then=accepted
            ),
        ),
    )


@pytest.mark.parametrize(
    ("good", "judged_by", "outcome"),
    [
        ("1.0.0", "example/claude-code@1.0.0/default/none", Outcome.REJECTED),
        ("1.0.5", "example/claude-code@2.1.0/default/none", Outcome.ACCEPTED),
    ],
)
def test_the_expectation_is_that_of_the_good_version_or_else_of_the_case(
    good: str, judged_by: str, outcome: Outcome
) -> None:
    question = ask(by_version(), good=good)
    assert question.judged_by == judged_by
    assert question.at("1.5.0").expectation.outcome is outcome


def test_without_an_expectation_only_a_field_can_be_compared() -> None:
    case = "example/claude-code@1.7.0/default/none"
    with pytest.raises(SettingsError, match=r"expects nothing of 1\.5\.0, nor of the version in"):
        ask(by_version(), case=case, good="1.5.0")
    question = ask(by_version(), case=case, good="1.5.0", when="status")
    assert question.judged_by is None
    assert (
        question.classify("1.6.0", make_observation(status=403), ("200",))[0] is Classification.BAD
    )


@pytest.mark.parametrize(
    ("fields", "classification"),
    [
        ({}, Classification.GOOD),
        ({"outcome": Outcome.REJECTED}, Classification.BAD),
        ({"outcome": Outcome.UNREACHABLE}, Classification.UNTESTABLE),
        ({"outcome": Outcome.UNREACHABLE, "exchanges": (make_exchange(),)}, Classification.BAD),
        ({"outcome": Outcome.UNAVAILABLE}, Classification.UNTESTABLE),
        ({"outcome": Outcome.TIMED_OUT}, Classification.UNTESTABLE),
        ({"outcome": Outcome.CRASHED}, Classification.UNTESTABLE),
        ({"client_version": "1.0.1"}, Classification.GOOD),
        ({"client_version": "1.0.2"}, Classification.UNTESTABLE),
    ],
)
def test_an_observation_is_classified_by_its_verdict(
    fields: dict[str, Any], classification: Classification
) -> None:
    assert ask().classify("1.0.1", make_observation(**fields), None)[0] is classification


@pytest.mark.parametrize("outcome", [Outcome.TIMED_OUT, Outcome.CRASHED, Outcome.UNAVAILABLE])
def test_an_expected_outcome_is_good_whatever_it_is(outcome: Outcome) -> None:
    question = ask(make_client_scenario(expect=Expectation(outcome=outcome)))
    assert (
        question.classify("1.0.1", make_observation(outcome=outcome), None)[0]
        is Classification.GOOD
    )


def test_bad_and_untestable_classifications_have_a_reason() -> None:
    bad = make_observation(outcome=Outcome.REJECTED, message="no\nmore")
    assert ask().classify("1.0.1", bad, None)[1] == "outcome: expected accepted, saw rejected"
    untestable = make_observation(outcome=Outcome.UNAVAILABLE, detail="not published")
    assert ask().classify("1.0.1", untestable, None)[1] == "not published"


def test_a_field_is_good_if_it_equals_the_good_version() -> None:
    question = ask(when="betas")
    one, other = (make_observation(exchanges=(make_exchange(betas=(x,)),)) for x in "ab")
    reference = question.value(one)
    assert question.classify("1.0.1", one, reference)[0] is Classification.GOOD
    assert question.classify("1.0.1", other, reference)[0] is Classification.BAD
    hanging = make_observation(outcome=Outcome.TIMED_OUT)
    assert question.classify("1.0.1", hanging, reference)[0] is Classification.UNTESTABLE


STILL_RETRYING = make_observation(
    outcome=Outcome.TIMED_OUT, exchanges=(make_exchange(status=401, body="one"),) * 3
)


@pytest.mark.parametrize(
    ("when", "reference", "classification"),
    [
        (None, None, Classification.BAD),
        ("exchange.status", ("200",), Classification.BAD),
        ("exchange.status", ("401",), Classification.GOOD),
        ("outcome", ("accepted",), Classification.BAD),
        ("message", ("pong",), Classification.UNTESTABLE),
    ],
)
def test_a_client_that_keeps_retrying_is_classified_by_its_requests(
    when: str | None, reference: tuple[str, ...] | None, classification: Classification
) -> None:
    assert ask(when=when).classify("1.0.1", STILL_RETRYING, reference)[0] is classification


def test_the_field_outcome_classifies_a_crash_but_not_an_untestable_version() -> None:
    question = ask(when="outcome")
    crash, untestable = (
        make_observation(outcome=x) for x in (Outcome.CRASHED, Outcome.UNAVAILABLE)
    )
    assert question.classify("1.0.1", crash, ("accepted",))[0] is Classification.BAD
    assert question.classify("1.0.1", untestable, ("accepted",))[0] is Classification.UNTESTABLE


def test_versions_are_those_between_the_bounds_in_order() -> None:
    versions = versions_between(ask(), [*PUBLISHED, "next"], (), fix=False)
    assert versions == ("1.0.0", "1.0.1", "1.0.2", "1.0.10", "1.1.0", "2.0.0")


def test_prereleases_are_included_if_a_bound_is_one() -> None:
    question = ask(good="1.0.10", bad="1.1.0-beta.1")
    assert versions_between(question, PUBLISHED, (), fix=False) == ("1.0.10", "1.1.0-beta.1")
    question = ask(good="1.1.0", bad="1.0.10")
    assert versions_between(question, PUBLISHED, (), fix=True) == ("1.0.10", "1.1.0")


def test_an_unpublished_bound_must_be_installed() -> None:
    question = ask(good="1.0.0", bad="1.0.7")
    assert versions_between(question, PUBLISHED, ("1.0.7",), fix=False)[-1] == "1.0.7"
    with pytest.raises(SettingsError, match=r"next to it are 1\.0\.2 and 1\.0\.10"):
        versions_between(question, PUBLISHED, (), fix=False)
