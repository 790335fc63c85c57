"""Which other cases of a run tell what matters."""

from dataclasses import replace

from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind
from authprobe.observation.model import Outcome
from authprobe.report.model.control_experiments import controls
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import Credential
from tests.support.make import make_exchange, make_observation, make_record, make_run

REFUSED = make_observation(outcome=Outcome.REJECTED, status=401, error_type="authentication_error")


def case(case_id: str, **changes: object) -> CaseRecord:
    """A case of `claude` that was refused, unless it is said otherwise."""
    values: dict[str, object] = {
        "client": "claude-code@2.1.31",
        "client_version": "2.1.31",
        "flow": "prompt",
        "observation": REFUSED,
    }
    return make_record(id=case_id, **values | changes)


def version(number: str, **changes: object) -> CaseRecord:
    """The same at another version."""
    return case(number, client=f"claude-code@{number}", client_version=number, **changes)


ACCEPTED = {"observation": make_observation()}
SUBJECT = case("subject")


def told(*others: CaseRecord) -> list[tuple[str, str, bool]]:
    """Axis, id and whether it came out the same, of each control."""
    return [(c.axis, c.record.id, c.same) for c in controls(make_run(SUBJECT, *others), SUBJECT)]


def test_each_axis_is_one() -> None:
    axes = ("client", "credential", "endpoint", "headers", "backend", "environment")
    others = [case(axis, **{axis: "claude-code@latest"}) for axis in axes]
    assert told(*others, case("flow", flow="stdio")) == [
        (axis, axis, True) for axis in (*axes, "flow")
    ]


def test_what_differs_in_two_things_or_in_none_is_none() -> None:
    assert told(case("two", credential="other", backend="other"), case("none")) == []


def test_what_is_of_another_scenario_is_none() -> None:
    assert told(case("other", scenario="other", credential="other")) == []


def test_what_could_not_be_tested_is_none() -> None:
    untested = make_observation(outcome=Outcome.UNAVAILABLE, status=None)
    assert told(case("x", credential="other", observation=untested)) == []


def test_another_kind_of_client_has_another_usual_flow() -> None:
    assert told(case("raw", client="raw-http", client_version="0.1.0", flow="request")) == [
        ("client", "raw", True)
    ]


def test_the_next_version_with_another_outcome_comes_first() -> None:
    others = (
        version("2.1.9", **ACCEPTED),
        version("2.1.30"),
        version("2.1.29", **ACCEPTED),
        version("2.1.100", **ACCEPTED),
    )
    assert [name for _, name, _ in told(*others)] == ["2.1.100", "2.1.29", "2.1.9", "2.1.30"]


def test_another_kind_of_client_is_the_farthest() -> None:
    other = case("sdk", client="agent-sdk-python@1.0.0", client_version="1.0.0", **ACCEPTED)
    assert [name for _, name, _ in told(other, version("2.1.30"))] == ["2.1.30", "sdk"]


def test_every_axis_has_its_nearest_before_any_has_its_second() -> None:
    others = (
        version("2.1.30", **ACCEPTED),
        version("2.1.29", **ACCEPTED),
        case("a", credential="a"),
        case("b", credential="b"),
        case("busy", backend="busy", **ACCEPTED),
    )
    assert [(axis, same) for axis, _, same in told(*others)] == [
        ("client", False),
        ("backend", False),
        ("credential", True),
        ("client", False),
        ("credential", True),
    ]


def test_a_version_that_is_none_breaks_nothing() -> None:
    assert {name for _, name, _ in told(version("<x>"), version("2.1"))} == {"<x>", "2.1"}


def test_where_another_credential_won_it_is_not_the_same() -> None:
    key = make_exchange(credential="api-key", credential_header="x-api-key", status=401)
    seen = replace(REFUSED, exchanges=(key,))
    assert told(version("2.1.30", observation=seen)) == [("client", "2.1.30", False)]
    assert told(case("other", credential="other", observation=seen)) == [
        ("credential", "other", True)
    ]


def test_the_nearest_has_most_credentials_in_common() -> None:
    ways = (Via.API_KEY_VARIABLE, Via.AUTH_TOKEN_VARIABLE, Via.API_KEY_HELPER)
    keys = tuple(Credential(token=TokenKind.API_KEY, via=via) for via in ways)
    subject = case("subject", credentials=keys)
    others = (
        case("a", credential="nothing"),
        case("b", credential="one", credentials=keys[:1]),
        case("c", credential="two", credentials=keys[:2]),
    )
    found = controls(make_run(subject, *others), subject)
    assert [control.record.id for control in found] == ["c", "b", "a"]
