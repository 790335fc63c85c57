"""News of a run: what changed between neighbouring versions of a client."""

from authprobe.observation.model import COMMAND_MISSING, LoginState, Outcome, StoredLogin
from authprobe.report.model.version_changes import (
    Subject,
    describe_change,
    neighbours,
    result_words,
    version_changes,
)
from authprobe.run.model import CaseRecord
from tests.support.make import make_exchange, make_observation, make_record, make_run


def asked(version: str, credential: str = "expired", **observed: object) -> CaseRecord:
    """Return the case of one question at a version of claude."""
    client = f"claude-code@{version}"
    return make_record(
        id=f"example/{client}/default/{credential}",
        client=client,
        client_version=version,
        credential=credential,
        observation=make_observation(**observed),
    )


def refused(version: str, credential: str = "expired", **observed: object) -> CaseRecord:
    """Return such a case that was refused with 401."""
    values = {"outcome": Outcome.REJECTED, "status": 401} | observed
    return asked(version, credential, **values)


def test_neighbours_are_in_the_order_of_versions() -> None:
    records = [asked(version) for version in ("2.1.112", "2.1.31", "2.1.9")]

    pairs = list(neighbours(make_run(*records)))

    versions = [(one.client_version, other.client_version) for one, other in pairs]
    assert versions == [("2.1.9", "2.1.31"), ("2.1.31", "2.1.112")]


def test_a_version_that_was_not_tested_is_no_neighbour() -> None:
    broken = asked("2.1.31", outcome=Outcome.UNAVAILABLE, status=None, detail="npm is missing")

    ((one, other),) = neighbours(make_run(asked("2.1.9"), broken, asked("2.1.112")))

    assert (one.client_version, other.client_version) == ("2.1.9", "2.1.112")


def test_the_same_version_by_another_name_is_no_neighbour() -> None:
    pinned, latest = asked("2.1.112"), asked("2.1.112", "expired")
    latest = make_record(id=latest.id.replace("2.1.112", "latest"), client_version="2.1.112")
    assert not list(neighbours(make_run(pinned, latest)))


def test_a_change_is_told_once_with_all_of_its_questions() -> None:
    run = make_run(
        asked("2.1.9", "one"),
        refused("2.1.31", "one"),
        asked("2.1.9", "two"),
        refused("2.1.31", "two"),
        asked("2.1.9", "same"),
        asked("2.1.31", "same"),
    )

    (change,) = version_changes(run)

    assert describe_change(change) == "claude-code 2.1.9 → 2.1.31: accepted 200 → rejected 401"
    assert [after.credential for _, after in change.pairs] == ["one", "two"]
    assert change.is_worse
    assert not change.is_better


def test_changes_to_the_worse_come_first() -> None:
    run = make_run(
        refused("2.1.9", "better"),
        asked("2.1.31", "better"),
        refused("2.1.9", "endless"),
        refused("2.1.31", "endless", outcome=Outcome.TIMED_OUT),
        asked("2.1.9", "reworded", message="pong"),
        asked("2.1.31", "reworded", message="ping"),
    )

    changes = version_changes(run)

    assert [change.pairs[0][1].credential for change in changes] == [
        "endless",
        "better",
        "reworded",
    ]
    assert [change.is_worse for change in changes] == [True, False, False]
    assert [change.is_better for change in changes] == [False, True, False]


def test_each_subject_is_compared() -> None:
    sent = make_exchange(credential="api-key", credential_header="x-api-key")
    moved = make_exchange(credential="api-key", credential_header="authorization")
    usable, blanked = (StoredLogin(state=x) for x in (LoginState.USABLE, LoginState.BLANKED))
    run = make_run(
        asked("2.1.9", "header", exchanges=(sent,)),
        asked("2.1.31", "header", exchanges=(moved,)),
        asked("2.1.9", "login", stored_login=usable),
        asked("2.1.31", "login", stored_login=blanked),
        asked("2.1.9", "message", message="Please run /login"),
        asked("2.1.31", "message", message="Log in again"),
    )

    by_subject = {change.subject: describe_change(change) for change in version_changes(run)}

    assert by_subject == {
        Subject.CREDENTIAL: "claude-code 2.1.9 → 2.1.31: credential "
        "api-key in x-api-key → api-key in authorization",
        Subject.LOGIN: "claude-code 2.1.9 → 2.1.31: stored login usable → blanked",
        Subject.MESSAGE: "claude-code 2.1.9 → 2.1.31: message Please run /login → Log in again",
    }


def test_a_message_that_comes_with_another_outcome_is_no_change_of_its_own() -> None:
    run = make_run(asked("2.1.9", message="pong"), refused("2.1.31", message="Log in again"))
    assert [change.subject for change in version_changes(run)] == [Subject.OUTCOME]


def test_ids_and_times_in_a_message_are_no_change() -> None:
    run = make_run(asked("2.1.9", message="resets 3pm"), asked("2.1.31", message="resets 4pm"))
    assert not version_changes(run)


def test_a_missing_subcommand_is_neither_better_nor_worse() -> None:
    missing = asked("2.1.9", outcome=Outcome.UNAVAILABLE, status=None, detail=COMMAND_MISSING)

    (change,) = version_changes(make_run(missing, asked("2.1.31")))

    assert result_words(missing) == COMMAND_MISSING
    assert not change.is_worse
    assert not change.is_better
