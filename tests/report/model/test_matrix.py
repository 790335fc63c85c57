import pytest

from authprobe.observation.model import ChildNetwork, Outcome, Session
from authprobe.report.model import matrix as table
from authprobe.report.model import phrases
from authprobe.run.model import Alternative, CaseRecord, Diagnosis, Run
from authprobe.scenario.model import Expectation, ExpectedRequest, TextRule
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run


def judged(status: Status, **changes: object) -> CaseRecord:
    """A case with this status; its id is the status unless another is given."""
    return make_record(**{"id": status.value, "verdict": Verdict(status=status)} | changes)


def refused(case_id: str, **observed: object) -> CaseRecord:
    """A case that was refused with 401, as expected."""
    values = {"outcome": Outcome.REJECTED, "status": 401, "error_type": "authentication_error"}
    return make_record(id=case_id, observation=make_observation(**values | observed))


def test_a_row_has_a_cell_for_each_column() -> None:
    cli = make_record(id="b", client="claude-code@latest", client_version="2.1.330")
    plain = make_record(id="a", credential="api-key", endpoint="messages")
    other = make_record(id="c", scenario="other", title="Another")

    (matrix,) = table.make_tables(make_run(plain, cli, other))

    assert [column.client for column in matrix.columns] == ["claude-code@latest", "raw-http"]
    assert [group.title for group in matrix.groups] == ["An example", "Another"]
    assert [[row.label for row in group.rows] for group in matrix.groups] == [
        ["no credential", "api-key at messages"],
        ["no credential"],
    ]
    assert [row.cells for group in matrix.groups for row in group.rows] == [
        (cli, None),
        (None, plain),
        (None, other),
    ]


def test_scenarios_without_a_client_in_common_stand_apart() -> None:
    records = [
        make_record(id="a", scenario="one", client="raw-http"),
        make_record(id="b", scenario="two", client="claude-code@latest"),
        make_record(id="c", scenario="three", client="claude-code@latest"),
        make_record(id="d", scenario="three", client="claude-code@2.1.31"),
    ]
    tables = table.make_tables(make_run(*records))
    assert [[group.scenario for group in part.groups] for part in tables] == [
        ["three", "two"],
        ["one"],
    ]


def test_a_flow_makes_a_row_of_its_own_unless_it_is_the_usual_one() -> None:
    (matrix,) = table.make_tables(
        make_run(
            make_record(id="a"),
            make_record(id="b", client="claude-code@latest", flow="prompt"),
            make_record(id="c", client="claude-code@latest", flow="setup-token"),
        )
    )
    assert [row.label for row in matrix.groups[0].rows] == [
        "no credential",
        "no credential, flow setup-token",
    ]


def test_an_environment_makes_a_row_of_its_own() -> None:
    records = make_record(id="a"), make_record(id="b", environment="verbose")
    (matrix,) = table.make_tables(make_run(*records))
    assert [row.label for row in matrix.groups[0].rows] == [
        "no credential",
        "no credential, environment verbose",
    ]


def test_headers_and_backend_make_rows_of_their_own() -> None:
    records = (
        make_record(id="a"),
        make_record(id="b", headers="both"),
        make_record(id="c", backend="from-2026-07"),
    )
    (matrix,) = table.make_tables(make_run(*records))
    (group,) = matrix.groups
    assert {row.label for row in group.rows} == {
        "no credential",
        "no credential, headers both",
        "no credential, backend from-2026-07",
    }


def test_columns_are_in_the_order_of_versions() -> None:
    names = ["raw-http", "claude-code@latest", "claude-code@2.1.50", "claude-code@2.1.9"]
    records = [make_record(id=name, client=name) for name in names]
    (matrix,) = table.make_tables(make_run(*records))
    assert [column.client for column in matrix.columns] == names[::-1]


def test_a_column_names_the_versions_that_ran() -> None:
    records = [
        make_record(id=str(version), credential=str(version), client_version=version)
        for version in ("2.1.330", "2.1.99", None)
    ]
    (matrix,) = table.make_tables(make_run(*records))
    (column,) = matrix.columns
    assert table.ran_words(column) == "ran 2.1.99, 2.1.330"


def test_problems_come_with_regressions_first_and_errors_last() -> None:
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
def test_the_worst_status_heads_the_run(statuses: str, word: str) -> None:
    run = make_run(*(judged(Status(status)) for status in statuses.split()))
    assert table.headline(run).word == word


def test_the_headline_counts() -> None:
    regressed = judged(Status.FAILED, id="z", verdict=Verdict(status=Status.FAILED, regressed=True))
    run = make_run(judged(Status.PASSED), judged(Status.ERROR), judged(Status.FAILED), regressed)
    assert table.headline(run).counts == "4 cases: 2 failed (1 regressed), 1 error, 1 passed"


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (ChildNetwork.LOOPBACK, "Python 3.11.7 · clients without any network but loopback"),
        (ChildNetwork.MACHINE, "clients led to the proxy by their environment alone"),
        (None, "Python 3.11.7"),
    ],
)
def test_the_run_says_what_kept_its_clients_from_the_outside(
    network: ChildNetwork | None, words: str
) -> None:
    assert table.run_words(make_run(client_network=network)).endswith(words)


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (make_run(make_record(), interrupted=True), "Interrupted"),
        (make_run(refused("a"), refused("b")), "Proves nothing"),
        (make_run(), "Proves nothing"),
    ],
)
def test_a_run_that_cannot_be_relied_on_is_not_called_passed(run: Run, word: str) -> None:
    assert table.headline(run).word == word
    assert table.warnings(run)


def test_the_same_refusal_everywhere_proves_nothing() -> None:
    run = make_run(refused("a", message="invalid key"), refused("b", message="invalid key"))
    assert table.inconclusive_reason(run) == (
        "This run proves nothing: all 2 cases that could be tested were refused in the same way "
        "(rejected 401, authentication_error: “invalid key”), "
        "and a broken set-up would look the same."
    )


def test_cases_that_could_not_be_tested_do_not_hide_that_the_others_are_all_the_same() -> None:
    run = make_run(refused("a"), refused("b"), refused("c", outcome=Outcome.UNAVAILABLE))
    assert "all 2 cases" in str(table.inconclusive_reason(run))


def test_nothing_tested_proves_nothing() -> None:
    untested = make_run(*(refused(x, outcome=Outcome.UNAVAILABLE, status=None) for x in "ab"))
    assert table.inconclusive_reason(untested) == (
        "This run proves nothing: none of its 2 cases could be tested here."
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
def test_a_difference_proves_something(other: CaseRecord) -> None:
    assert table.inconclusive_reason(make_run(refused("a"), other)) is None


def test_one_refusal_or_only_accepted_cases_are_no_reason_for_doubt() -> None:
    assert table.inconclusive_reason(make_run(refused("a"))) is None
    assert table.inconclusive_reason(make_run(make_record(id="a"), make_record(id="b"))) is None


def test_an_expectation_reads_as_lines() -> None:
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


def test_a_problem_without_mismatches_is_told_by_what_came_of_it() -> None:
    record = judged(
        Status.ERROR,
        observation=make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="no npm"),
    )
    assert phrases.describe_problem(record) == ("unavailable: no npm",)


def test_a_mismatch_reads_as_a_line() -> None:
    mismatch = Mismatch(field="status", expected="200", actual="401")
    assert phrases.describe_mismatch(mismatch) == "status: expected 200, saw 401"


def test_a_request_says_which_credential_it_carried_where() -> None:
    sent = make_exchange(credential="oauth", credential_header="authorization")
    assert phrases.sent_words(sent) == "oauth in authorization"
    assert phrases.sent_words(make_exchange()) == "no credential"


def test_anchors_are_safe_and_different_for_different_ids() -> None:
    ids = ["a/b", "a_b", "a~b", "a b", "a~5f~b", "a/5f/b", "a@b", "A@b", "é\u202e\"'><", ""]
    anchors = [phrases.anchor(case_id) for case_id in ids]
    assert len(set(anchors)) == len(ids)
    assert set("".join(anchors)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~"
    )


def test_each_session_and_each_refresh_is_told() -> None:
    refreshes = [
        make_exchange(path="/v1/oauth/token", credential=token, status=status)
        for token, status in (
            ("refresh-token", 200),
            ("refresh-token", 400),
            ("refresh-token-2", 200),
        )
    ]
    seen = make_observation(
        exchanges=(*refreshes, make_exchange(credential="access-token")),
        sessions=(
            Session(outcome=Outcome.ACCEPTED, message="pong"),
            Session(outcome=Outcome.REJECTED, status=401, message="Login expired"),
            Session(outcome=Outcome.TIMED_OUT),
        ),
    )
    facts = dict(phrases.observed_facts(make_record(observation=seen)))
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


def test_what_would_decide_is_no_other_cause() -> None:
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
