"""What is asked of each version, and how its answer is read."""

from typing import Any

import pytest

from authprobe.bisection.model import Classification
from authprobe.bisection.question import BisectionQuestion, make_inquiry, versions_between
from authprobe.errors import SettingsError
from authprobe.observation.model import Outcome
from authprobe.scenario.clients import parse_client
from authprobe.scenario.model import Condition, Expectation, ExpectationRule, Matrix, Scenario
from tests.support.make import make_clients, make_exchange, make_observation, make_scenario

CASE = "example/claude-code@2.1.0/default/none"
PUBLISHED = ["0.9.0", "1.0.0", "1.0.1", "1.0.10", "1.0.2", "1.1.0-beta.1", "1.1.0", "2.0.0"]


def scenario(*clients: str, **changes: Any) -> Scenario:
    """A scenario with these clients."""
    return make_scenario(
        matrix=Matrix(client=make_clients(*(clients or ("claude-code@latest",)))), **changes
    )


def inquiry(
    *scenarios: Scenario, case: str = CASE, good: str = "1.0.0", bad: str = "2.0.0", **more: Any
) -> BisectionQuestion:
    """The question of the first such scenario."""
    return make_inquiry(
        scenarios or (scenario(expect=Expectation(outcome=Outcome.ACCEPTED)),),
        case,
        good=good,
        bad=bad,
        when=more.get("when"),
    )


@pytest.mark.parametrize(
    ("client", "at"),
    [
        ("claude-code@latest", "claude-code@1.0.1"),
        ("claude-code@1.0.x", "claude-code@1.0.1"),
        ("anthropic-python@2.12.0", "anthropic-python@1.0.1"),
        ("agent-sdk-node@latest", "agent-sdk-node@1.0.1"),
        ("litellm@1.106.2+claude-code@2.1.0", "litellm@1.0.1+claude-code@2.1.0"),
    ],
)
def test_the_version_in_a_case_is_replaced_whatever_the_client(client: str, at: str) -> None:
    named = client.replace("1.0.x", "2.1.0")
    asked = inquiry(scenario(client), case=f"example/{named}/default/none")
    assert str(asked.at("1.0.1").client) == at


def test_a_case_may_be_named_without_a_version() -> None:
    asked = inquiry(case="example/claude-code/default/none")
    assert asked.at("1.0.1").id == "example/claude-code@1.0.1/default/none"


def test_our_own_request_has_no_versions() -> None:
    with pytest.raises(SettingsError, match="authprobe's own request, which has no versions"):
        inquiry(make_scenario(), case="example/raw-http/default/none")


@pytest.mark.parametrize("case", ["example/claude-code/default/other", "other/claude-code/x/y"])
def test_a_case_that_is_not_there_is_told(case: str) -> None:
    with pytest.raises(SettingsError, match="no such case"):
        inquiry(case=case)


def by_version() -> Scenario:
    """A scenario that expects different things of two versions, and nothing of others."""
    accepted, rejected = (Expectation(outcome=x) for x in (Outcome.ACCEPTED, Outcome.REJECTED))
    return scenario(
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
def test_the_good_version_says_what_is_expected_and_else_the_case_that_is_named(
    good: str, judged_by: str, outcome: Outcome
) -> None:
    asked = inquiry(by_version(), good=good)
    assert asked.judged_by == judged_by
    assert asked.at("1.5.0").expectation.outcome is outcome


def test_where_nothing_is_expected_a_field_can_be_asked_for() -> None:
    case = "example/claude-code@1.7.0/default/none"
    with pytest.raises(SettingsError, match=r"expects nothing of 1\.5\.0, nor of the version in"):
        inquiry(by_version(), case=case, good="1.5.0")
    asked = inquiry(by_version(), case=case, good="1.5.0", when="status")
    assert asked.judged_by is None
    assert asked.read("1.6.0", make_observation(status=403), ("200",))[0] is Classification.BAD


@pytest.mark.parametrize(
    ("seen", "word"),
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
def test_a_verdict_is_read_from_what_a_version_shows(
    seen: dict[str, Any], word: Classification
) -> None:
    assert inquiry().read("1.0.1", make_observation(**seen), None)[0] is word


@pytest.mark.parametrize("outcome", [Outcome.TIMED_OUT, Outcome.CRASHED, Outcome.UNAVAILABLE])
def test_what_is_expected_can_be_good_whatever_it_is(outcome: Outcome) -> None:
    asked = inquiry(scenario(expect=Expectation(outcome=outcome)))
    assert asked.read("1.0.1", make_observation(outcome=outcome), None)[0] is Classification.GOOD


def test_a_bad_version_tells_what_is_wrong_and_an_untestable_one_why() -> None:
    bad = make_observation(outcome=Outcome.REJECTED, message="no\nmore")
    assert inquiry().read("1.0.1", bad, None)[1] == "outcome: expected accepted, saw rejected"
    gone = make_observation(outcome=Outcome.UNAVAILABLE, detail="not published")
    assert inquiry().read("1.0.1", gone, None)[1] == "not published"


def test_a_field_is_good_where_it_is_as_in_the_good_version() -> None:
    asked = inquiry(when="betas")
    one, other = (make_observation(exchanges=(make_exchange(betas=(x,)),)) for x in "ab")
    reference = asked.value(one)
    assert asked.read("1.0.1", one, reference)[0] is Classification.GOOD
    assert asked.read("1.0.1", other, reference)[0] is Classification.BAD
    hanging = make_observation(outcome=Outcome.TIMED_OUT)
    assert asked.read("1.0.1", hanging, reference)[0] is Classification.UNTESTABLE


GOES_ON = make_observation(
    outcome=Outcome.TIMED_OUT, exchanges=(make_exchange(status=401, body="one"),) * 3
)


@pytest.mark.parametrize(
    ("when", "reference", "word"),
    [
        (None, None, Classification.BAD),
        ("exchange.status", ("200",), Classification.BAD),
        ("exchange.status", ("401",), Classification.GOOD),
        ("outcome", ("accepted",), Classification.BAD),
        ("message", ("pong",), Classification.UNTESTABLE),
    ],
)
def test_what_goes_on_asking_though_it_was_refused_does_not_hang(
    when: str | None, reference: tuple[str, ...] | None, word: Classification
) -> None:
    assert inquiry(when=when).read("1.0.1", GOES_ON, reference)[0] is word


def test_an_outcome_that_is_asked_for_may_be_a_crash_and_not_that_it_is_untestable() -> None:
    asked = inquiry(when="outcome")
    crash, gone = (make_observation(outcome=x) for x in (Outcome.CRASHED, Outcome.UNAVAILABLE))
    assert asked.read("1.0.1", crash, ("accepted",))[0] is Classification.BAD
    assert asked.read("1.0.1", gone, ("accepted",))[0] is Classification.UNTESTABLE


def test_the_versions_are_those_between_the_bounds_in_order() -> None:
    found = versions_between(inquiry(), [*PUBLISHED, "next"], (), fix=False)
    assert found == ("1.0.0", "1.0.1", "1.0.2", "1.0.10", "1.1.0", "2.0.0")


def test_prereleases_are_asked_where_a_bound_is_one() -> None:
    asked = inquiry(good="1.0.10", bad="1.1.0-beta.1")
    assert versions_between(asked, PUBLISHED, (), fix=False) == ("1.0.10", "1.1.0-beta.1")
    asked = inquiry(good="1.1.0", bad="1.0.10")
    assert versions_between(asked, PUBLISHED, (), fix=True) == ("1.0.10", "1.1.0")


def test_a_withdrawn_bound_that_is_installed_can_be_asked() -> None:
    asked = inquiry(good="1.0.0", bad="1.0.7")
    assert versions_between(asked, PUBLISHED, ("1.0.7",), fix=False)[-1] == "1.0.7"
    with pytest.raises(SettingsError, match=r"next to it are 1\.0\.2 and 1\.0\.10"):
        versions_between(asked, PUBLISHED, (), fix=False)
