from dataclasses import fields, replace
from typing import Any

import pytest

from authprobe.emulator.exchange_log import MAX_FIRST, MAX_LAST
from authprobe.observation.findings import find_findings
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.scenario.model import Expectation, ExpectedRequest, TextRule
from authprobe.verdict.judge import (
    MAX_LINES,
    describe_exchange,
    describe_request,
    find_mismatches,
    judge,
    matches_request,
)
from authprobe.verdict.model import BaselineState, Mismatch, Status, Verdict
from tests.support.judged import (
    EXPECTATION_FIELDS,
    OBSERVATION,
    OTHER_EXCHANGES,
    OTHER_OBSERVATIONS,
    REFRESH,
    REFUSED,
    REQUEST_FIELDS,
    STALE,
)
from tests.support.make import (
    make_accepted,
    make_case,
    make_exchange,
    make_observation,
    make_record,
)
from tests.support.speed import processor_time_below


def expecting(*names: str) -> Case:
    """Return a case whose expectation states these fields and the outcome."""
    return make_case(**{name: EXPECTATION_FIELDS[name] for name in ("outcome", *names)})


def differing(table: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """Return a test parameter for each entry of the table."""
    return [
        pytest.param(field, change, id=f"{field}-{number}")
        for field, changes in table.items()
        for number, change in enumerate(changes)
    ]


def fields_of(kind: type[Any]) -> set[str]:
    """Return the names of a dataclass's fields."""
    return {field.name for field in fields(kind)}


def test_the_tables_cover_every_field() -> None:
    assert set(EXPECTATION_FIELDS) == set(OTHER_OBSERVATIONS) == fields_of(Expectation)
    assert set(REQUEST_FIELDS) == set(OTHER_EXCHANGES) == fields_of(ExpectedRequest)


@pytest.mark.parametrize("field", EXPECTATION_FIELDS)
def test_a_matching_field_passes(field: str) -> None:
    assert judge(expecting(field), OBSERVATION).status is Status.PASSED


@pytest.mark.parametrize(("field", "change"), differing(OTHER_OBSERVATIONS))
def test_a_stated_field_that_differs_fails(field: str, change: dict[str, Any]) -> None:
    """A field decides alone and among all others."""
    observation = replace(OBSERVATION, **change)
    unavailable = observation.outcome is Outcome.UNAVAILABLE
    for case in (expecting(field), make_case(**EXPECTATION_FIELDS)):
        assert judge(case, OBSERVATION).status is Status.PASSED
        assert judge(case, observation).status is (Status.ERROR if unavailable else Status.FAILED)
        mismatches = find_mismatches(case.expectation, observation)
        assert {mismatch.field.partition("[")[0] for mismatch in mismatches} == {field}


@pytest.mark.parametrize(
    ("field", "change"),
    differing({name: OTHER_OBSERVATIONS[name] for name in EXPECTATION_FIELDS if name != "outcome"}),
)
def test_a_field_that_is_not_stated_is_not_compared(field: str, change: dict[str, Any]) -> None:
    case = expecting(*(EXPECTATION_FIELDS.keys() - {field}))
    assert judge(case, replace(OBSERVATION, **change)).status is Status.PASSED


@pytest.mark.parametrize("field", REQUEST_FIELDS)
def test_a_request_matches_by_each_field(field: str) -> None:
    assert matches_request(ExpectedRequest(**{field: REQUEST_FIELDS[field]}), REFUSED)


@pytest.mark.parametrize(("field", "change"), differing(OTHER_EXCHANGES))
def test_a_request_that_differs_in_a_stated_field_does_not_match(
    field: str, change: dict[str, Any]
) -> None:
    other = replace(REFUSED, **change)
    for stated in ({field: REQUEST_FIELDS[field]}, REQUEST_FIELDS):
        case = make_case(requests=(ExpectedRequest(**stated),))
        assert judge(case, make_observation(exchanges=(REFUSED,))).status is Status.PASSED
        verdict = judge(case, make_observation(exchanges=(other,)))
        assert [mismatch.field for mismatch in verdict.mismatches] == ["requests[0]"]
        case = make_case(no_requests=(ExpectedRequest(**stated),))
        assert judge(case, make_observation(exchanges=(other,))).status is Status.PASSED
        verdict = judge(case, make_observation(exchanges=(REFUSED,)))
        assert [mismatch.field for mismatch in verdict.mismatches] == ["no_requests[0]"]


@pytest.mark.parametrize("name", ["credential", "credential_header"])
def test_none_means_no_credential(name: str) -> None:
    stated: dict[str, Any] = {name: "none"}
    assert matches_request(ExpectedRequest(**stated), make_exchange())
    assert not matches_request(ExpectedRequest(**stated), REFUSED)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (TextRule(contains="has expired"), True),
        (TextRule(contains="has ended"), False),
        (TextRule(contains="OAuth.token"), False),
        (TextRule(matches="^OAuth.token"), True),
        (TextRule(matches="Log in again.$"), True),
        (TextRule(matches="^expired"), False),
    ],
)
def test_a_text_rule_matches_a_message(rule: TextRule, expected: bool) -> None:
    case = make_case(outcome=Outcome.REJECTED, message=rule)
    assert (judge(case, OBSERVATION).status is Status.PASSED) is expected
    assert judge(case, replace(OBSERVATION, message=None)).status is Status.FAILED


@pytest.mark.parametrize(
    ("expected_paths", "actual_paths", "missing"),
    [
        ("", "", None),
        ("", "a", None),
        ("ab", "ab", None),
        ("ab", "xaybz", None),
        ("aa", "aba", None),
        ("ab", "ba", 1),
        ("aa", "ab", 1),
        ("aba", "ab", 2),
        ("abc", "acb", 2),
        ("xa", "a", 0),
    ],
)
def test_requests_are_expected_in_the_stated_order(
    expected_paths: str, actual_paths: str, missing: int | None
) -> None:
    case = make_case(requests=tuple(ExpectedRequest(path=path) for path in expected_paths))
    exchanges = tuple(make_exchange(path=path) for path in actual_paths)
    verdict = judge(case, make_observation(exchanges=exchanges))
    expected = [] if missing is None else [f"requests[{missing}]"]
    assert [mismatch.field for mismatch in verdict.mismatches] == expected


def test_each_forbidden_request_is_one_mismatch() -> None:
    forbidden = tuple(ExpectedRequest(path=path) for path in "abc")
    exchanges = tuple(make_exchange(path=path) for path in "xbba")
    verdict = judge(make_case(no_requests=forbidden), make_observation(exchanges=exchanges))
    assert [mismatch.field for mismatch in verdict.mismatches] == [
        "no_requests[0]",
        "no_requests[1]",
    ]


def test_a_mismatch_has_the_expected_and_the_actual_value() -> None:
    case = make_case(status=200, message=TextRule(matches="^ok"), exit_code=0)
    observation = make_observation(status=401, message="no", exit_code=None)
    assert judge(case, observation).mismatches == (
        Mismatch(field="status", expected="200", actual="401"),
        Mismatch(field="exit_code", expected="0", actual="none"),
        Mismatch(field="message", expected="text that matches /^ok/", actual="no"),
    )


def test_a_missing_request_is_shown_with_similar_ones() -> None:
    request = ExpectedRequest(path="/v1/messages", status=200)
    [mismatch] = judge(
        make_case(requests=(request,)), make_observation(exchanges=(REFRESH, REFUSED))
    ).mismatches
    assert mismatch.expected == "/v1/messages, status 200"
    assert mismatch.actual == describe_exchange(REFUSED, request)
    assert "betas" not in mismatch.actual


def test_equal_requests_are_shown_once_with_their_count() -> None:
    request = ExpectedRequest(path=REFUSED.path, status=200)
    [mismatch] = judge(
        make_case(requests=(request,)), make_observation(exchanges=(REFUSED,) * 3)
    ).mismatches
    assert mismatch.actual == f"{describe_exchange(REFUSED, request)} (3 times)"


def test_betas_are_shown_if_betas_are_expected() -> None:
    request = ExpectedRequest(path=REFUSED.path, betas=("a-flag",))
    [mismatch] = judge(
        make_case(requests=(request,)), make_observation(exchanges=(REFUSED,))
    ).mismatches
    assert f"betas {', '.join(REFUSED.betas)}" in mismatch.actual


def test_headers_that_are_not_as_expected_are_shown_as_they_were_sent() -> None:
    headers = {"X-App": "cli", "x-team": None, "x-corp": "present", "accept": "x"}
    request = ExpectedRequest(path="/v1/messages", headers=headers)
    exchange = make_exchange(headers={"x-app": "sdk", "x-team": "a", "accept": "x"})
    [mismatch] = judge(
        make_case(requests=(request,)), make_observation(exchanges=(exchange,))
    ).mismatches
    assert mismatch.actual.endswith(
        ", by rule none, header X-App: sdk, header x-team: a, no header x-corp"
    )


def test_an_expected_request_is_described_by_its_stated_fields() -> None:
    assert describe_request(ExpectedRequest(**REQUEST_FIELDS)) == (
        "POST api.anthropic.com/v1/messages, status 401, access-token in authorization, "
        "betas another, oauth-2025-04-20, scopes user:profile, user:inference, by rule A08, "
        "gateway added-latency, header Anthropic-Version: 2023-06-01, "
        "header ANTHROPIC-VERSION: present, "
        "no header x-api-key"
    )


def unavailable(**changes: Any) -> Observation:
    """Return the observation of a case that could not be tested."""
    return make_observation(outcome=Outcome.UNAVAILABLE, status=None, **changes)


def test_an_untestable_case_is_an_error_without_mismatches() -> None:
    verdict = judge(make_case(**EXPECTATION_FIELDS), unavailable())
    assert (verdict.status, verdict.mismatches) == (Status.ERROR, ())


def test_a_case_that_is_expected_to_be_untestable_passes() -> None:
    assert judge(make_case(outcome=Outcome.UNAVAILABLE), unavailable()).status is Status.PASSED


@pytest.mark.parametrize(
    ("status", "observation", "regressed"),
    [
        (Status.PASSED, make_observation(), False),
        (Status.PASSED, OBSERVATION, True),
        (Status.PASSED, unavailable(), False),
        (Status.FAILED, OBSERVATION, False),
        (Status.FAILED, make_observation(), False),
        (Status.ERROR, OBSERVATION, False),
        (Status.SKIPPED, OBSERVATION, False),
        (None, OBSERVATION, False),
    ],
)
def test_a_regression_passed_before_and_fails_now(
    status: Status | None, observation: Observation, regressed: bool
) -> None:
    previous = make_accepted(make_record(verdict=Verdict(status=status))) if status else None
    assert judge(make_case(), observation, previous).regressed is regressed


@pytest.mark.parametrize(
    ("status", "fixed"),
    [(Status.FAILED, True), (Status.SKIPPED, True), (Status.PASSED, False), (Status.ERROR, False)],
)
def test_a_fixed_case_failed_before_and_passes_now(status: Status, fixed: bool) -> None:
    previous = make_accepted(make_record(verdict=Verdict(status=status), observation=OBSERVATION))
    verdict = judge(make_case(), make_observation(), previous)
    assert (verdict.status, verdict.fixed, verdict.regressed) == (Status.PASSED, fixed, False)
    assert not judge(make_case(), OBSERVATION, previous).fixed


def test_another_version_of_the_client_is_the_first_change() -> None:
    previous = make_accepted(make_record(observation=OBSERVATION, client_version="2.1.112"))
    now = make_observation(client_version="2.1.332")
    first, *others = judge(make_case(), now, previous).transitions
    assert (first.field, first.before, first.after) == ("client", "2.1.112", "2.1.332")
    assert others
    failed = replace(previous, status=Status.FAILED)
    same = judge(make_case(), replace(OBSERVATION, client_version="2.1.332"), failed)
    assert (same.baseline, same.transitions) == (BaselineState.UNCHANGED, ())


@pytest.mark.parametrize(
    "change",
    [
        {"elapsed": 9.0, "client_version": "2", "detail": "x"},
        {"exchanges": (REFUSED, REFRESH)},
        {"exchanges": (REFRESH, REFUSED, make_exchange(path="/api/hello"))},
        {"exchanges": (REFRESH, replace(REFUSED, at=1.0, elapsed=2.0))},
    ],
)
def test_noise_leaves_the_baseline_state_unchanged(change: dict[str, Any]) -> None:
    observation = replace(OBSERVATION, **change)
    previous = make_accepted(make_record(observation=OBSERVATION))
    assert judge(make_case(), observation, previous).baseline is BaselineState.UNCHANGED


@pytest.mark.parametrize(
    "change",
    [
        {"exchanges": (REFUSED,)},
        {"exchanges": (REFRESH, REFRESH, REFUSED)},
        {"exchanges": (REFRESH, REFUSED, REFUSED)},
        *[
            {"exchanges": (REFRESH, replace(REFUSED, **change))}
            for field in ("method", "host", "status", "credential", "credential_header")
            for change in OTHER_EXCHANGES[field]
        ],
        *[
            change
            for field in ("outcome", "status", "error_type", "message", "exit_code")
            for change in OTHER_OBSERVATIONS[field]
        ],
    ],
)
def test_a_relevant_change_makes_the_baseline_state_updated(
    change: dict[str, Any],
) -> None:
    observation = replace(OBSERVATION, **change)
    previous = make_accepted(make_record(observation=OBSERVATION))
    assert judge(make_case(), observation, previous).baseline is BaselineState.UPDATED


def test_a_case_that_is_not_in_the_baseline_is_new() -> None:
    assert judge(make_case(), OBSERVATION).baseline is BaselineState.NEW


@pytest.mark.parametrize("field", ["stored_login", "stored_expiry", "stored_subscription"])
def test_a_missing_login_fails_expectations_of_a_login(field: str) -> None:
    observation = replace(OBSERVATION, stored_login=None)
    mismatches = find_mismatches(expecting(field).expectation, observation)
    assert [mismatch.field for mismatch in mismatches] == [field]


def test_a_login_without_a_plan_matches_none() -> None:
    case = make_case(outcome=OBSERVATION.outcome, stored_subscription="none")
    for stored in (None, replace(STALE, subscription=None)):
        assert judge(case, replace(OBSERVATION, stored_login=stored)).status is Status.PASSED
    assert judge(case, OBSERVATION).status is Status.FAILED


def test_judging_the_largest_observation_takes_little_time_and_text() -> None:
    expectation = Expectation(
        outcome=Outcome.ACCEPTED,
        message=TextRule(matches=r"^(?:.|[^\n]|[^\r]|[^\t])*Q"),
        requests=tuple(
            ExpectedRequest(path=f"/v1/{n}", headers={f"x-{m}": "y" for m in range(100)})
            for n in range(100)
        ),
        no_requests=tuple(ExpectedRequest(host="h", status=599) for _ in range(100)),
    )
    exchanges = tuple(
        make_exchange(host="h", path="/v1/0" if n % 2 else f"/{'p' * 500}{n}", status=200 + n)
        for n in range(MAX_FIRST + MAX_LAST)
    )
    observation = make_observation(message="a\n\r\t" * 5_000, exchanges=exchanges)
    case = replace(make_case(), expectation=expectation)
    with processor_time_below(5):
        verdict = judge(case, observation, make_accepted(make_record()))
        find_findings(observation)
    assert verdict.status is Status.FAILED
    assert all(len(mismatch.actual) < 30_000 for mismatch in verdict.mismatches)
    actual = {mismatch.field: mismatch.actual for mismatch in verdict.mismatches}
    assert actual["requests[0]"].endswith(f"; and {500 - MAX_LINES} others")
