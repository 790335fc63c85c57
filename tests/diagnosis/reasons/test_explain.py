from dataclasses import replace
from typing import Any

import pytest

from authprobe.core.client_kinds import Via
from authprobe.diagnosis.reasons.explain import explain_record, find_reasons
from authprobe.diagnosis.reasons.kinds import REASON_MEANINGS
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.model import (
    Exchange,
    LoginState,
    Observation,
    Outcome,
    Session,
    StoredLogin,
)
from authprobe.report.model.phrases import describe_why
from authprobe.run.model import CaseRecord, Diagnosis
from authprobe.scenario.model import Credential, Expectation, ExpectedRequest, TextRule
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status, Verdict
from tests.support.make import (
    make_accepted,
    make_case,
    make_exchange,
    make_observation,
    make_record,
)

MODEL = ExpectedRequest(path="/v1/messages")
TOKEN = ExpectedRequest(path="/v1/oauth/token")
CLIENT = {"client": "claude-code@latest", "client_version": "2.1.332"}


def request(**changes: Any) -> Exchange:
    """Return a request to a model with an access token."""
    values = {"credential": "access-token", "credential_header": "authorization", "body": "one"}
    return make_exchange(**values | changes)


def refresh(**changes: Any) -> Exchange:
    """Return a refresh of a login."""
    values = {
        "host": "platform.claude.com",
        "path": "/v1/oauth/token",
        "credential": "refresh-token",
        "credential_header": "body",
    }
    return make_exchange(**values | changes)


def refused(**changes: Any) -> Observation:
    """Return a refusal for an expired token."""
    values: dict[str, Any] = {
        "outcome": Outcome.REJECTED,
        "status": 401,
        "exchanges": (request(status=401),),
    }
    return make_observation(**values | changes)


def seen(*exchanges: Exchange, **changes: Any) -> Observation:
    """Return an accepted observation with these requests."""
    return make_observation(exchanges=exchanges or (request(),), **changes)


def failed(observation: Observation, **expect: Any) -> CaseRecord:
    """Return the record of an observation that is judged by this expectation, `accepted`."""
    case = make_case(**expect)
    return make_record(
        **CLIENT,
        expectation=case.expectation,
        observation=observation,
        verdict=judge(case, observation),
    )


def changed(before: Observation, now: Observation, **expect: Any) -> CaseRecord:
    """Return the record of an observation after the baseline has another one, of 2.1.112."""
    case = make_case(**{"outcome": now.outcome} | expect)
    record = make_record(**CLIENT, observation=before)
    accepted = make_accepted(record, client_version="2.1.112")
    now = replace(now, client_version="2.1.332")
    return replace(
        record,
        expectation=case.expectation,
        observation=now,
        verdict=judge(case, now, accepted),
    )


def login(state: LoginState, **changes: Any) -> dict[str, Any]:
    """Return the field of an observation for a stored login."""
    return {"stored_login": StoredLogin(state=state, **changes)}


ACCEPTED = seen()
NO_MODULE = "ModuleNotFoundError: No module named 'httpx'"
TIMED_OUT = refused(outcome=Outcome.TIMED_OUT, detail="still running after 20 s")
UNREACHABLE = make_observation(outcome=Outcome.UNREACHABLE, status=None, detail="reset")
HOST = replace(UNREACHABLE, egress_refused=("gateway.example",))
TWO_SESSIONS = (Session(outcome=Outcome.ACCEPTED),) * 2
ONE_LOST = (Session(outcome=Outcome.ACCEPTED), Session(outcome=Outcome.REJECTED))

EXAMPLES: list[tuple[str, CaseRecord, str]] = [
    (
        "untestable",
        failed(make_observation(outcome=Outcome.UNAVAILABLE, detail="no such version")),
        "The case could not be tested: no such version.",
    ),
    (
        "leak",
        failed(seen(leaks=("~/x.log",)), no_findings=("leaks-token",)),
        "misbehaves (leaks-token: in ~/x.log), which the scenario does not expect.",
    ),
    ("leak", changed(seen(), seen(leaks=("~/x.log",))), "left a token in ~/x.log, unlike 2.1.112."),
    (
        "crash",
        failed(refused(outcome=Outcome.CRASHED, detail="signal 11")),
        "ended without an answer or an error message (signal 11), not accepted as",
    ),
    (
        "crash",
        failed(refused(outcome=Outcome.CRASHED, message=NO_MODULE, detail=NO_MODULE)),
        f"2.1.332 crashed ({NO_MODULE}), not accepted as the scenario expects.",
    ),
    (
        "crash",
        changed(seen(), refused(outcome=Outcome.CRASHED, message=NO_MODULE, detail=NO_MODULE)),
        f"2.1.332 crashed ({NO_MODULE}), not accepted",
    ),
    ("host-not-emulated", failed(HOST), "asked for gateway.example, which the emulator does not"),
    (
        "no-rule",
        failed(
            refused(
                exchanges=(
                    request(status=403, rule="deny:rule", nearest="messages", differs=("a", "b")),
                )
            )
        ),
        "answered 403, for which the emulator has no rule (nearest: messages, differs in a, b).",
    ),
    ("no-request", failed(refused(exchanges=())), "sent no request to the backend."),
    (
        "no-request",
        changed(seen(), seen(make_exchange(path="/api/hello"))),
        "sent no request, not even POST api.anthropic.com/v1/messages",
    ),
    (
        "no-refresh",
        failed(refused(), requests=(TOKEN, MODEL)),
        "did not refresh its login (/v1/oauth/token), which the scenario expects.",
    ),
    (
        "no-refresh",
        changed(seen(refresh(), request()), seen(request())),
        "did not refresh its login (POST platform.claude.com/v1/oauth/token with refresh-token in "
        "body, answered 200), unlike 2.1.112.",
    ),
    (
        "refresh",
        failed(seen(refresh(), request()), no_requests=(TOKEN,)),
        "refreshed its login (POST platform.claude.com/v1/oauth/token with refresh-token in body, "
        "answered 200), which the scenario does not expect.",
    ),
    ("refresh", changed(seen(request()), seen(refresh(), request())), "unlike 2.1.112."),
    (
        "refresh-elsewhere",
        failed(
            seen(refresh(), request()), requests=(replace(TOKEN, host="console.anthropic.com"),)
        ),
        "sent its refresh request to platform.claude.com/v1/oauth/token, not to "
        "console.anthropic.com/v1/oauth/token as the scenario expects.",
    ),
    (
        "refresh-elsewhere",
        changed(seen(refresh(host="console.anthropic.com")), seen(refresh())),
        "not to console.anthropic.com/v1/oauth/token as with 2.1.112.",
    ),
    (
        "request-elsewhere",
        failed(seen(), requests=(replace(MODEL, host="claude.ai"),)),
        "sent its POST request to api.anthropic.com/v1/messages, not to claude.ai/v1/messages as",
    ),
    (
        "credential",
        changed(seen(), seen(request(credential="api-key", credential_header="x-api-key"))),
        "sent POST api.anthropic.com/v1/messages with api-key in x-api-key, not with access-token "
        "in authorization as with 2.1.112.",
    ),
    (
        "credential",
        failed(
            seen(request(credential=None, credential_header=None)),
            requests=(replace(MODEL, credential="access-token"),),
        ),
        "with no credential, not with access-token as the scenario expects.",
    ),
    (
        "credential-header",
        changed(seen(), seen(request(credential_header="x-api-key"))),
        "sent access-token to api.anthropic.com/v1/messages in x-api-key, not in authorization as",
    ),
    (
        "beta",
        changed(seen(request(betas=("a", "b"))), seen(request(betas=("a",)))),
        "did not send the beta flag b, unlike 2.1.112.",
    ),
    (
        "beta",
        changed(seen(request()), seen(request(betas=tuple("abcde")))),
        "sent the beta flags a, b, c and 2 more, unlike 2.1.112.",
    ),
    (
        "header",
        failed(
            seen(request(headers={"x-app": "cli"})),
            requests=(replace(MODEL, headers={"x-app": None}),),
        ),
        "with the header x-app: cli, which the scenario does not expect.",
    ),
    (
        "header",
        failed(seen(), requests=(replace(MODEL, headers={"x-app": "cli"}),)),
        "without the header x-app: cli, which the scenario expects.",
    ),
    (
        "scopes",
        changed(seen(request(scopes=("a",))), seen(request(scopes=()))),
        "did not ask for the scope a, unlike 2.1.112.",
    ),
    (
        "request-missing",
        failed(seen(), requests=(ExpectedRequest(path="/v1/models"),)),
        "sent only POST api.anthropic.com/v1/messages, not /v1/models as the scenario expects.",
    ),
    (
        "request-added",
        failed(seen(), no_requests=(MODEL,)),
        "sent POST api.anthropic.com/v1/messages with access-token in authorization, answered 200,",
    ),
    (
        "request-order",
        failed(seen(request(), refresh()), requests=(TOKEN, MODEL)),
        "sent /v1/messages, before /v1/oauth/token, not after it as the scenario expects.",
    ),
    (
        "request-count",
        failed(seen(), requests=(MODEL, MODEL)),
        "sent /v1/messages only once, not 2 times as the scenario expects.",
    ),
    (
        "request-count",
        changed(refused(), refused(exchanges=(request(status=401),) * 3)),
        "status 401, 3 times, not once as with 2.1.112.",
    ),
    (
        "side-host",
        changed(seen(), seen(egress_refused=("statsig.example",))),
        "contacted statsig.example, which is not emulated, unlike 2.1.112.",
    ),
    (
        "answer",
        failed(seen(), requests=(replace(MODEL, status=401),)),
        "got 200 for POST api.anthropic.com/v1/messages with access-token in authorization, not "
        "401 as the scenario expects.",
    ),
    (
        "accepted",
        failed(ACCEPTED, outcome=Outcome.REJECTED, status=401),
        "was accepted 200, not rejected 401 as the scenario expects.",
    ),
    (
        "refused",
        failed(refused()),
        "ended as rejected 401 (POST api.anthropic.com/v1/messages with access-token in "
        "authorization, answered 401), not accepted as the scenario expects.",
    ),
    (
        "goes-on",
        failed(TIMED_OUT, outcome=Outcome.REJECTED),
        "was still running at its time limit (POST api.anthropic.com/v1/messages with",
    ),
    ("gave-up", changed(TIMED_OUT, refused()), "not timed-out 401 as with 2.1.112."),
    ("unreachable", failed(UNREACHABLE), "could not reach the backend (reset), not accepted as"),
    (
        "other-refusal",
        failed(refused(), outcome=Outcome.REJECTED, status=403),
        "ended with status 401, not 403 as the scenario expects.",
    ),
    (
        "other-refusal",
        changed(refused(outcome=Outcome.THROTTLED, status=429), refused()),
        "not throttled 429 as with 2.1.112.",
    ),
    (
        "sessions",
        changed(seen(sessions=TWO_SESSIONS), seen(sessions=ONE_LOST)),
        "ended its sessions as accepted, rejected, not accepted, accepted as with 2.1.112.",
    ),
    (
        "login-lost",
        changed(seen(**login(LoginState.USABLE)), seen(**login(LoginState.BLANKED))),
        "left its stored login blanked (its tokens are empty), not usable as with 2.1.112.",
    ),
    (
        "login-lost",
        failed(seen(), stored_login=LoginState.USABLE),
        "left no stored login, not a usable one as the scenario expects.",
    ),
    (
        "login-state",
        failed(seen(**login(LoginState.USABLE)), stored_login=LoginState.REMOVED),
        "left its stored login usable, not removed as the scenario expects.",
    ),
    (
        "login-field",
        changed(
            seen(**login(LoginState.USABLE, access="access-token")),
            seen(**login(LoginState.USABLE, access="access-token-2")),
        ),
        "left the access of its stored login as access-token-2, not access-token as with 2.1.112.",
    ),
    (
        "finding",
        changed(refused(), refused(exchanges=(request(status=401),) * 2)),
        "misbehaves (retries-permanent-refusal: the same request 2 times with access-token, each "
        "refused with 401), unlike 2.1.112.",
    ),
    (
        "finding-gone",
        failed(ACCEPTED, findings=("hides-error",)),
        "does not misbehave (hides-error), which the scenario expects.",
    ),
    (
        "message-hidden",
        changed(refused(message="Token expired"), refused(message="exited with code 1")),
        "told its user only “exited with code 1”, not “Token expired” as with 2.1.112.",
    ),
    (
        "message",
        failed(
            refused(message="Log in"),
            outcome=Outcome.REJECTED,
            message=TextRule(contains="expired"),
        ),
        "told its user “Log in”, not a text with 'expired' as the scenario expects.",
    ),
    (
        "exit-code",
        failed(refused(exit_code=None), outcome=Outcome.REJECTED, exit_code=1),
        "has no exit code, not 1 as the scenario expects.",
    ),
    ("exit-code", failed(seen(exit_code=1), exit_code=0), "exited with code 1, not 0 as the"),
    (
        "detail",
        failed(seen(detail="a"), detail="b"),
        "ended with the explanation a, not “b” as the scenario expects.",
    ),
]
"""Records with a reason of each kind, and what it says."""


@pytest.mark.parametrize(
    ("id", "record", "words"), EXAMPLES, ids=[f"{n}-{e[0]}" for n, e in enumerate(EXAMPLES)]
)
def test_each_kind_has_its_sentence(id: str, record: CaseRecord, words: str) -> None:
    texts = [reason.summary for reason in find_reasons(record) if reason.id == id]
    assert any(words in text for text in texts), find_reasons(record)


def test_every_kind_has_an_example() -> None:
    # `other` is for fields of baselines that a later authprobe compares.
    assert {id for id, _, _ in EXAMPLES} == set(REASON_MEANINGS) - {"other"}


@pytest.mark.parametrize("record", [record for _, record, _ in EXAMPLES])
def test_reasons_are_single_sentences_in_order(record: CaseRecord) -> None:
    reasons = find_reasons(record)
    assert all(reason.summary.endswith(".") and "\n" not in reason.summary for reason in reasons)
    assert len({reason.summary for reason in reasons}) == len(reasons)


def test_a_field_of_a_later_baseline_is_named() -> None:
    record = changed(seen(), seen(exit_code=1))
    transition = replace(record.verdict.transitions[-1], field="new_field")
    verdict = replace(record.verdict, transitions=(transition,))
    (reason,) = find_reasons(replace(record, verdict=verdict))
    assert (reason.id, "new_field" in reason.summary) == ("other", True)


def test_a_passed_case_without_a_change_has_no_reason() -> None:
    assert explain_record(failed(ACCEPTED)).reasons == ()


def test_a_failure_comes_before_the_noise_of_an_upgrade() -> None:
    now = refused(exchanges=(request(status=401, betas=("new",)),))
    record = changed(TIMED_OUT, now, outcome=Outcome.TIMED_OUT)
    ids = [reason.id for reason in find_reasons(record)]
    assert (ids[0], ids[-1]) == ("gave-up", "beta")


def test_a_difference_from_both_is_told_first_as_one_from_the_scenario() -> None:
    before, now = seen(refresh(), request()), refused()
    record = changed(before, now, outcome=Outcome.ACCEPTED, requests=(TOKEN,))
    reasons = find_reasons(record)
    assert [reason.id for reason in reasons][:2] == ["no-refresh", "refused"]
    assert "which the scenario expects" in reasons[0].summary


def test_a_fact_is_told_once() -> None:
    """The scenario expects a refresh, and the version before made one."""
    before = seen(refresh(), request(), **login(LoginState.USABLE))
    record = changed(before, seen(**login(LoginState.STALE)), stored_login=LoginState.USABLE)
    assert [reason.id for reason in find_reasons(record)].count("login-lost") == 1


def test_a_regression_says_which_version_to_keep() -> None:
    record = changed(seen(), refused(), outcome=Outcome.ACCEPTED)
    assert record.verdict.regressed
    first, *rest = find_reasons(record)
    assert first.remedy == "Keep claude-code 2.1.112 until this is fixed."
    assert [reason.remedy for reason in rest] == [None] * len(rest)


def test_a_forbidden_request_that_replaces_the_expected_one_is_told_once_first() -> None:
    record = failed(
        refused(exchanges=(refresh(host="console.anthropic.com", status=404), request(status=401))),
        requests=(replace(TOKEN, host="platform.claude.com", status=200),),
        no_requests=(ExpectedRequest(host="console.anthropic.com"),),
    )
    ids = [reason.id for reason in find_reasons(record)]
    assert (ids[0], ids.index("refused") < ids.index("refresh")) == ("refresh-elsewhere", True)


@pytest.mark.parametrize(
    "detail",
    [
        "still running after 60 s",
        "still running after 20.5 s, in which it made 1,028 requests",
        "still running after 60 s, in which it made 1 request; 7 further requests are not recorded",
        "went on asking: ended after 4 equal refusals, of 10 requests",
        "went on asking: ended after 4 equal refusals, of 9 requests; 7 further requests are not "
        "recorded",
    ],
)
def test_the_number_of_requests_until_a_time_limit_is_not_told(detail: str) -> None:
    (first, *_) = find_reasons(failed(replace(TIMED_OUT, detail=detail)))
    assert "time limit (POST api.anthropic.com/v1/messages with" in first.summary


def test_a_client_that_is_accepted_hides_no_message() -> None:
    record = failed(ACCEPTED, outcome=Outcome.REJECTED, message="expired", exit_code=1)
    ids = [reason.id for reason in find_reasons(record)]
    assert (ids[0], "message-hidden" in ids) == ("accepted", False)


def test_more_than_three_reasons_are_counted() -> None:
    record = failed(refused(exit_code=1, message="x"), exit_code=0, message="y", requests=(TOKEN,))
    lines = describe_why(explain_record(record))
    assert [line.partition(": ")[0] for line in lines] == ["Why", "Also", "Also", "Also"]
    assert lines[3].startswith("Also: 1 further difference")


def test_a_long_message_is_cut_once() -> None:
    words = "a long message " * 20
    reasons = find_reasons(failed(refused(message=words), message="short"))
    (reason,) = (reason for reason in reasons if reason.id.startswith("message"))
    assert reason.summary.count("…") == 1
    assert "more characters" not in reason.summary


HIDDEN = "a\x1b[31mb\u202ec"


def test_a_reason_has_no_control_characters_and_a_bounded_length() -> None:
    record = failed(refused(message=HIDDEN + "x" * 9999), message="y" * 1999, exit_code=0)
    text = " ".join(reason.summary for reason in find_reasons(record))
    assert text.isprintable()
    assert len(text) < 1500


EXPIRED = Diagnosis(id="access-token-expired", summary="It has expired.", remedy="Log in.")


@pytest.mark.parametrize(
    ("changes", "is_kept"),
    [
        ({}, True),
        ({"credentials": (TokenState.VALID,)}, True),
        ({"credentials": (TokenState.EXPIRED,)}, False),
        ({"expectation": Expectation(outcome=Outcome.REJECTED, exit_code=1)}, False),
        ({"expectation": Expectation(outcome=Outcome.REJECTED, status=403)}, True),
        ({"fault": "A08"}, True),
        ({"fault": "A08", "exchanges": (request(status=401, faults=("A08",)),)}, False),
        ({"diagnosis": replace(EXPIRED, id="credit-exhausted")}, False),
        ({"diagnosis": replace(EXPIRED, id="unknown", confidence=0.0)}, False),
        ({"diagnosis": replace(EXPIRED, id="oauth-beta-missing")}, True),
    ],
)
def test_a_failed_case_has_only_a_cause_that_its_scenario_did_not_arrange(
    changes: dict[str, Any], is_kept: bool
) -> None:
    defaults: dict[str, Any] = {
        "expectation": Expectation(outcome=Outcome.ACCEPTED),
        "diagnosis": EXPIRED,
    }
    changes = defaults | changes
    states = changes.pop("credentials", ())
    observation = refused(exchanges=changes.pop("exchanges", refused().exchanges))
    credentials = tuple(
        Credential(token=TokenKind.LOGIN, state=state, via=Via.CREDENTIALS_FILE) for state in states
    )
    expected = changes["expectation"]
    case = replace(make_case(), expectation=expected)
    record = make_record(
        observation=observation,
        credentials=credentials,
        verdict=judge(case, observation),
        **changes,
    )
    assert record.verdict.status is Status.FAILED
    explained = explain_record(record)
    assert explained.reasons
    assert explained.diagnosis == (record.diagnosis if is_kept else None)


def test_a_passed_refusal_keeps_its_cause() -> None:
    record = make_record(
        expectation=Expectation(outcome=Outcome.REJECTED),
        observation=refused(),
        verdict=Verdict(status=Status.PASSED),
        diagnosis=EXPIRED,
    )
    assert explain_record(record) == record


ANSWER = request(status=401, error_type="authentication_error", message="invalid x-api-key")


@pytest.mark.parametrize(
    ("message", "is_hidden"),
    [
        ("Something went wrong, please try again", True),
        (None, True),
        ("exit status 1", True),
        ("HTTP 401", False),
        ("Authentication failed", False),
        ("The key is invalid", False),
    ],
)
def test_a_program_as_data_that_hides_the_error_of_the_api_is_told(
    message: str | None, is_hidden: bool
) -> None:
    observation = refused(exchanges=(ANSWER,), message=message)
    record = replace(failed(observation), client="our-bot@installed", surface="program")
    reasons = [each for each in find_reasons(record) if each.id == "message-hidden"]
    assert bool(reasons) is is_hidden
    if reasons:
        assert "hides the API's error (401 authentication_error: “invalid x-api-key”)" in (
            reasons[0].summary
        )
        assert reasons[0].remedy
    # What the clients that authprobe drives by code tell their users is known.
    assert "message-hidden" not in [each.id for each in find_reasons(failed(observation))]


def test_a_failure_without_a_cause_tells_what_the_client_told_its_user() -> None:
    lines = describe_why(explain_record(failed(refused(message="Please log in"))))
    assert lines[-1] == "It told its user: “Please log in”"
    expected = failed(refused(message="Please log in"), outcome=Outcome.REJECTED, message="Hello")
    assert not any(line.startswith("It told") for line in describe_why(explain_record(expected)))
