import pytest

from authprobe.core.isolation import Isolation
from authprobe.observation.model import ChildNetwork, Outcome, Session
from authprobe.report.model import matrix as table
from authprobe.report.model import phrases
from authprobe.run.model import Alternative, CaseRecord, Diagnosis, Run, Selection
from authprobe.scenario.model import Expectation, ExpectedRequest, TextRule
from authprobe.verdict.model import BaselineState, Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run


def judged(status: Status, **changes: object) -> CaseRecord:
    """Return a case with this status, which is its id by default."""
    return make_record(**{"id": status.value, "verdict": Verdict(status=status)} | changes)


def refused(case_id: str, **observed: object) -> CaseRecord:
    """Return a case that was refused with 401, as expected."""
    values = {"outcome": Outcome.REJECTED, "status": 401, "error_type": "authentication_error"}
    return make_record(id=case_id, observation=make_observation(**values | observed))


def test_problems_are_sorted_regressions_first_and_errors_last() -> None:
    regressed = judged(Status.FAILED, id="z", verdict=Verdict(status=Status.FAILED, regressed=True))
    failed, error = judged(Status.FAILED), judged(Status.ERROR)
    run = make_run(error, failed, judged(Status.PASSED), judged(Status.SKIPPED), regressed)
    assert table.problems(run) == (regressed, failed, error)


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ("passed failed error", "Failed"),
        ("passed error", "Errors"),
        ("passed skipped", "Passed"),
        ("skipped", "Skipped"),
    ],
)
def test_the_headline_is_the_worst_status(statuses: str, word: str) -> None:
    run = make_run(*(judged(Status(status)) for status in statuses.split()))
    assert table.headline(run).word == word


def test_the_headline_counts_each_status() -> None:
    regressed = judged(Status.FAILED, id="z", verdict=Verdict(status=Status.FAILED, regressed=True))
    run = make_run(judged(Status.PASSED), judged(Status.ERROR), judged(Status.FAILED), regressed)
    assert table.headline(run).counts == "4 cases: 2 failed (1 regressed), 1 error, 1 passed"


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (ChildNetwork.LOOPBACK, "Python 3.11.7 · clients isolated: loopback only"),
        (ChildNetwork.MACHINE, "clients not isolated: proxy set by environment variables only"),
        (None, "Python 3.11.7"),
    ],
)
def test_the_run_states_how_clients_were_isolated(network: ChildNetwork | None, words: str) -> None:
    assert table.run_words(make_run(client_network=network)).endswith(words)


@pytest.mark.parametrize(
    ("ran", "asked", "refusal", "words"),
    [
        (Isolation.SEALED, Isolation.SEALED, None, "sealed: each in a container of its own"),
        (Isolation.NETWORK, Isolation.NETWORK, None, "of this user (--isolation network)"),
        (Isolation.NONE, Isolation.NONE, None, "variables only (--isolation none)"),
        (Isolation.NONE, Isolation.SEALED, "no namespaces", "variables only (no namespaces)"),
        (Isolation.NONE, Isolation.NETWORK, "no namespaces", "variables only (no namespaces)"),
    ],
)
def test_the_run_states_why_clients_were_isolated_less(
    ran: Isolation, asked: Isolation, refusal: str | None, words: str
) -> None:
    run = make_run(
        client_isolation=ran, isolation_refusal=refusal, selection=Selection(isolation=asked)
    )
    assert table.run_words(run).endswith(words)


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (make_run(make_record(), interrupted=True), "Interrupted"),
        (make_run(refused("a"), refused("b")), "Inconclusive"),
        (make_run(), "Inconclusive"),
    ],
)
def test_an_incomplete_or_inconclusive_run_has_not_passed(run: Run, word: str) -> None:
    assert table.headline(run).word == word
    assert table.warnings(run)


def test_a_run_with_the_same_refusal_everywhere_is_inconclusive() -> None:
    run = make_run(refused("a", message="invalid key"), refused("b", message="invalid key"))
    assert table.inconclusive_reason(run) == (
        "Inconclusive: all 2 cases that could be tested were refused in the same way "
        "(rejected 401, authentication_error: “invalid key”), "
        "as they would be with a broken setup."
    )


def test_untestable_cases_do_not_make_a_run_conclusive() -> None:
    run = make_run(refused("a"), refused("b"), refused("c", outcome=Outcome.UNAVAILABLE))
    assert "all 2 cases" in str(table.inconclusive_reason(run))


def test_a_run_without_tested_cases_is_inconclusive() -> None:
    untested = make_run(*(refused(x, outcome=Outcome.UNAVAILABLE, status=None) for x in "ab"))
    assert table.inconclusive_reason(untested) == (
        "Inconclusive: none of 2 cases could be tested here."
    )


@pytest.mark.parametrize(
    "other",
    [
        make_record(id="b"),
        refused("b", outcome=Outcome.THROTTLED),
        refused("b", status=403),
        refused("b", error_type="permission_error"),
        refused("b", message="another"),
    ],
)
def test_a_run_with_two_different_results_is_conclusive(other: CaseRecord) -> None:
    assert table.inconclusive_reason(make_run(refused("a"), other)) is None


def test_a_single_refusal_and_a_run_without_refusals_are_conclusive() -> None:
    assert table.inconclusive_reason(make_run(refused("a"))) is None
    assert table.inconclusive_reason(make_run(make_record(id="a"), make_record(id="b"))) is None


def test_an_expectation_is_described_line_by_line() -> None:
    expectation = Expectation(
        outcome=Outcome.REJECTED,
        status=401,
        message=TextRule(contains="expired"),
        requests=(
            ExpectedRequest(
                method="POST",
                host="api.anthropic.com",
                path="/v1/messages",
                status=401,
                credential="oauth",
                credential_header="authorization",
                betas=("oauth-2025-04-20",),
                headers={"x-app": None},
            ),
        ),
        no_requests=(ExpectedRequest(credential_header="x-api-key"),),
    )
    facts = phrases.expected_facts(expectation)
    assert tuple(f"{label}: {value}" for label, value in facts) == (
        "Outcome: rejected",
        "Status: 401",
        "Message: contains “expired”",
        "Request 1: POST api.anthropic.com/v1/messages, status 401, oauth in authorization, "
        "betas oauth-2025-04-20, no header x-app",
        "No request: a credential in x-api-key",
    )


def test_a_problem_without_mismatches_is_described_by_its_outcome() -> None:
    record = judged(
        Status.ERROR,
        observation=make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="no npm"),
    )
    assert phrases.describe_problem(record) == ("unavailable: no npm",)


def test_a_mismatch_is_one_line() -> None:
    mismatch = Mismatch(field="status", expected="200", actual="401")
    assert phrases.describe_mismatch(mismatch) == "status: expected 200, saw 401"


def test_a_request_shows_its_credential_and_header() -> None:
    exchange = make_exchange(credential="oauth", credential_header="authorization")
    assert phrases.sent_words(exchange) == "oauth in authorization"
    assert phrases.sent_words(make_exchange()) == "no credential"


def test_anchors_are_unique_and_of_safe_characters() -> None:
    ids = ["a/b", "a_b", "a~b", "a b", "a~5f~b", "a/5f/b", "a@b", "A@b", "é\u202e\"'><", ""]
    anchors = [phrases.anchor(case_id) for case_id in ids]
    assert len(set(anchors)) == len(ids)
    assert set("".join(anchors)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~"
    )


def test_every_session_and_refresh_is_described() -> None:
    refreshes = [
        make_exchange(path="/v1/oauth/token", credential=token, status=status)
        for token, status in (
            ("refresh-token", 200),
            ("refresh-token", 400),
            ("refresh-token-2", 200),
        )
    ]
    observation = make_observation(
        exchanges=(*refreshes, make_exchange(credential="access-token")),
        sessions=(
            Session(outcome=Outcome.ACCEPTED, message="pong"),
            Session(outcome=Outcome.REJECTED, status=401, message="Login expired"),
            Session(outcome=Outcome.TIMED_OUT),
        ),
    )
    facts = dict(phrases.observed_facts(make_record(observation=observation)))
    assert [facts[f"Session {number}"] for number in (1, 2, 3)] == [
        "accepted: “pong”",
        "rejected 401: “Login expired”",
        "timed-out",
    ]
    assert facts["Refreshes"] == "refresh-token 2 times: 200, 400; refresh-token-2 1 time: 200"
    assert "Refreshes" not in dict(phrases.observed_facts(make_record()))
    expectation = Expectation(
        outcome=Outcome.REJECTED, sessions={Outcome.REJECTED: 2, Outcome.ACCEPTED: 1}
    )
    assert ("Sessions", "1 accepted, 2 rejected") in phrases.expected_facts(expectation)


def test_experiments_follow_the_alternative_causes() -> None:
    other = Alternative(
        id="b", summary="Or that.", confidence=0.6, experiment="Without it.", experiment_case="x/y"
    )
    cause = Diagnosis(
        id="a", summary="This.", remedy="Mend it.", confidence=0.7, level="likely",
        experiment="With it.", alternatives=(other,),
    )  # fmt: skip
    assert phrases.describe_cause(cause) == (
        "Likely cause: This. (a)",
        "Remedy: Mend it.",
        "It may also be: Or that. (b)",
        "To decide: With it.",
        "To decide: Without it. Run: authprobe run --case x/y",
    )


def test_a_case_that_could_not_be_tested_is_not_compared() -> None:
    updated = Verdict(status=Status.ERROR, baseline=BaselineState.UPDATED)
    same = Verdict(status=Status.PASSED, baseline=BaselineState.UNCHANGED)
    run = make_run(make_record(id="a", verdict=updated), make_record(id="b", verdict=same))
    assert table.baseline_counts(run) == "1 unchanged, 1 not compared"
