"""The cases of a run that differ from a case in one axis."""

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
    """Return a case of `claude`, refused unless `changes` has another observation."""
    values: dict[str, object] = {
        "client": "claude-code@2.1.31",
        "client_version": "2.1.31",
        "flow": "prompt",
        "observation": REFUSED,
    }
    return make_record(id=case_id, **values | changes)


def version(number: str, **changes: object) -> CaseRecord:
    """Return the same case at another version."""
    return case(number, client=f"claude-code@{number}", client_version=number, **changes)


ACCEPTED = {"observation": make_observation()}
SUBJECT = case("subject")


def compared(*others: CaseRecord) -> list[tuple[str, str, bool]]:
    """Return the axis and id of each control, and whether its result is the same."""
    return [(c.axis, c.record.id, c.same) for c in controls(make_run(SUBJECT, *others), SUBJECT)]


def test_a_case_that_differs_in_one_axis_is_a_control() -> None:
    axes = ("client", "credential", "endpoint", "headers", "backend", "environment")
    others = [case(axis, **{axis: "claude-code@latest"}) for axis in axes]
    assert compared(*others, case("flow", flow="stdio")) == [
        (axis, axis, True) for axis in (*axes, "flow")
    ]


def test_a_case_that_differs_in_two_axes_or_none_is_no_control() -> None:
    assert compared(case("two", credential="other", backend="other"), case("none")) == []


def test_a_case_of_another_scenario_is_no_control() -> None:
    assert compared(case("other", scenario="other", credential="other")) == []


def test_an_untestable_case_is_no_control() -> None:
    untested = make_observation(outcome=Outcome.UNAVAILABLE, status=None)
    assert compared(case("x", credential="other", observation=untested)) == []


def test_default_flows_of_different_clients_count_as_equal() -> None:
    assert compared(case("raw", client="raw-http", client_version="0.1.0", flow="request")) == [
        ("client", "raw", True)
    ]


def test_the_closest_version_with_another_outcome_comes_first() -> None:
    others = (
        version("2.1.9", **ACCEPTED),
        version("2.1.30"),
        version("2.1.29", **ACCEPTED),
        version("2.1.100", **ACCEPTED),
    )
    assert [name for _, name, _ in compared(*others)] == ["2.1.100", "2.1.29", "2.1.9", "2.1.30"]


def test_another_kind_of_client_comes_last() -> None:
    other = case("sdk", client="agent-sdk-python@1.0.0", client_version="1.0.0", **ACCEPTED)
    assert [name for _, name, _ in compared(other, version("2.1.30"))] == ["2.1.30", "sdk"]


def test_the_nearest_control_of_each_axis_comes_before_second_ones() -> None:
    others = (
        version("2.1.30", **ACCEPTED),
        version("2.1.29", **ACCEPTED),
        case("a", credential="a"),
        case("b", credential="b"),
        case("busy", backend="busy", **ACCEPTED),
    )
    assert [(axis, same) for axis, _, same in compared(*others)] == [
        ("client", False),
        ("backend", False),
        ("credential", True),
        ("client", False),
        ("credential", True),
    ]


def test_a_malformed_version_is_compared_as_text() -> None:
    assert {name for _, name, _ in compared(version("<x>"), version("2.1"))} == {"<x>", "2.1"}


def test_results_with_different_used_credentials_differ() -> None:
    key = make_exchange(credential="api-key", credential_header="x-api-key", status=401)
    observation = replace(REFUSED, exchanges=(key,))
    assert compared(version("2.1.30", observation=observation)) == [("client", "2.1.30", False)]
    assert compared(case("other", credential="other", observation=observation)) == [
        ("credential", "other", True)
    ]


def test_controls_are_sorted_by_credentials_in_common() -> None:
    ways = (Via.API_KEY_VARIABLE, Via.AUTH_TOKEN_VARIABLE, Via.API_KEY_HELPER)
    keys = tuple(Credential(token=TokenKind.API_KEY, via=via) for via in ways)
    subject = case("subject", credentials=keys)
    others = (
        case("a", credential="nothing"),
        case("b", credential="one", credentials=keys[:1]),
        case("c", credential="two", credentials=keys[:2]),
    )
    items = controls(make_run(subject, *others), subject)
    assert [control.record.id for control in items] == ["c", "b", "a"]
