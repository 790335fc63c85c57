from pathlib import Path

import pytest

from authprobe.compatibility.features import (
    BUNDLED_FEATURES,
    BoundFeature,
    Definition,
    load_features,
)
from authprobe.core.client_kinds import ClientKind
from authprobe.errors import ProbesError
from authprobe.observation.model import COMMAND_MISSING, Outcome
from authprobe.observation.selectors import SELECTORS
from authprobe.scenario.load import load_all
from authprobe.settings import Settings
from tests.support.make import make_exchange, make_observation

SCENARIOS = tuple(load_all(Settings().scenario_paths))
CASE = "versions/claude-code@latest/default/login"
REFUSED = make_exchange(status=401, body="one")
STILL_RETRYING = make_observation(outcome=Outcome.TIMED_OUT, status=401, exchanges=(REFUSED,) * 3)
MISSING_COMMAND = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail=COMMAND_MISSING)


def load(path: Path, kind: ClientKind = ClientKind.CLAUDE_CODE) -> tuple[BoundFeature, ...]:
    """Return the features of a client in a file, with the bundled scenarios."""
    return load_features(path, SCENARIOS, kind)


def make_definition(field: str, contains: str | None = None) -> Definition:
    """Return the definition of a feature that reads this field."""
    return Definition(id="it", title="It", case=CASE, field=field, contains=contains)


def test_the_bundled_features_are_valid() -> None:
    features = load(BUNDLED_FEATURES)
    assert len(features) == len({feature.definition.id for feature in features})
    assert len({feature.question_hash for feature in features}) == len(features)
    for feature in features:
        assert feature.template.at("2.1.31").client.version == "2.1.31"
        assert feature.definition.sources


@pytest.mark.parametrize(
    "kind",
    [
        ClientKind.ANTHROPIC_PYTHON,
        ClientKind.ANTHROPIC_NODE,
        ClientKind.AGENT_SDK_PYTHON,
        ClientKind.AGENT_SDK_NODE,
    ],
)
def test_each_sdk_has_features(kind: ClientKind) -> None:
    features = load(BUNDLED_FEATURES, kind)
    assert len(features) >= 2
    assert {feature.template.at("1.2.3").client.kind for feature in features} == {kind}


def test_the_bundled_features_include_the_most_requested_ones() -> None:
    fields = {each.definition.id: each.definition.field for each in load(BUNDLED_FEATURES)}
    assert {
        "environment-token": "model.credential",
        "refresh-host": "token.host",
        "setup-token-scopes": "authorize.scopes",
        "oauth-flag": "model.betas",
        "auth-status": "outcome",
        "json-status": "reported_status",
        "permanent-refusal": "refusals",
        "refresh-on-401": "exchange.path",
        "credentials-file-written": "stored_login.access",
    }.items() <= fields.items()


@pytest.mark.parametrize(
    ("field", "contains", "value"),
    [
        ("status", None, "200"),
        ("error_type", None, "none"),
        ("model.betas", None, "a, b"),
        ("model.betas", "b", "yes"),
        ("model.betas", "c", "no"),
        ("authorize.host", None, "none"),
    ],
)
def test_a_value_is_the_field_or_whether_it_contains_a_value(
    field: str, contains: str | None, value: str
) -> None:
    observation = make_observation(exchanges=(make_exchange(betas=("b", "a")),))
    assert make_definition(field, contains).value_of(observation) == value


@pytest.mark.parametrize(
    ("field", "contains", "value"),
    [
        ("reported_status", None, "goes on"),
        ("reported_status", "goes on", "yes"),
        ("reported_status", "401", "no"),
        ("outcome", "accepted", "no"),
        ("outcome", "timed-out", "yes"),
        ("outcome", "goes on", "yes"),
        ("refusals", None, "goes on"),
        ("exchange.status", None, "401"),
    ],
)
def test_a_client_that_keeps_retrying_has_no_exit_fields(
    field: str, contains: str | None, value: str
) -> None:
    feature = make_definition(field, contains)
    assert feature.untestable_reason("2.1.31", STILL_RETRYING) is None
    assert feature.value_of(STILL_RETRYING) == value


def test_a_missing_subcommand_is_a_value() -> None:
    assert make_definition("outcome").untestable_reason("2.1.31", MISSING_COMMAND) is None
    assert make_definition("outcome", "accepted").value_of(MISSING_COMMAND) == "no"
    assert make_definition("authorize.host").value_of(MISSING_COMMAND) == COMMAND_MISSING


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_version": "2.1.32"}, "2.1.32 ran in its place"),
        ({"outcome": Outcome.UNAVAILABLE, "detail": "no space"}, "no space"),
        ({"outcome": Outcome.CRASHED, "detail": "exit code 7"}, "crashed: exit code 7"),
        ({"outcome": Outcome.TIMED_OUT, "detail": "no end"}, "timed-out: no end"),
        ({"outcome": Outcome.TIMED_OUT, "exchanges": (REFUSED,) * 2}, "timed-out"),
        ({"outcome": Outcome.UNREACHABLE, "detail": "no host"}, "unreachable: no host"),
        ({"outcome": Outcome.UNREACHABLE, "exchanges": (REFUSED,)}, None),
        ({"client_version": "2.1.31"}, None),
        ({"outcome": Outcome.REJECTED}, None),
    ],
)
def test_unfinished_and_wrong_clients_have_no_value(
    changes: dict[str, object], reason: str | None
) -> None:
    assert (
        make_definition("status").untestable_reason("2.1.31", make_observation(**changes)) == reason
    )


def test_the_field_outcome_has_a_value_for_an_unfinished_client() -> None:
    hung = make_observation(outcome=Outcome.TIMED_OUT, detail="no end")
    assert make_definition("outcome").untestable_reason("2.1.31", hung) is None
    assert make_definition("outcome").value_of(hung) == "timed-out"


def test_a_missing_option_is_not_a_value() -> None:
    detail = f"--output-format: {COMMAND_MISSING}"
    observation = make_observation(outcome=Outcome.UNAVAILABLE, detail=detail)
    assert make_definition("model.betas", "b").untestable_reason("0.2.9", observation) == detail


def test_each_question_has_a_different_hash(tmp_path: Path) -> None:
    path = tmp_path / "features.yaml"
    line = "{{id: {}, title: It, case: {}, field: {}}}"
    rows = (("a", CASE, "status"), ("b", CASE, "outcome"), ("c", f"{CASE}/no-betas", "status"))
    path.write_text(f"features: [{', '.join(line.format(*each) for each in rows)}]")
    assert len({feature.question_hash for feature in load(path)}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "features.yaml:1:1: "),
        ("features: []", "features.yaml:1:1: "),
        ("features: [{id: a}]", "title"),
        ("features: [{id: a, title: A, case: x/y, field: status, contain: x}]", "contain"),
        ("features: [{id: a, title: A, case: x/claude-code, field: statuss}]", "'status'"),
        (f"features: [{{id: a, title: A, case: {CASE}s, field: status}}]", f"'{CASE}'"),
        (
            f"features: [{{id: a, title: A, case: {CASE}, field: status}}, "
            f"{{id: a, title: A, case: {CASE}, field: outcome}}]",
            "another feature has the id 'a'",
        ),
        (
            "features: [{id: a, title: A, case: agent-sdk/agent-sdk-python, field: status}]",
            "agent-sdk/agent-sdk-python",
        ),
    ],
)
def test_an_invalid_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "features.yaml"
    path.write_text(text)
    with pytest.raises(ProbesError) as error:
        load(path)
    assert message in str(error.value)


def test_a_client_without_features_is_an_error() -> None:
    with pytest.raises(ProbesError, match=r"has features of .*claude-code"):
        load(BUNDLED_FEATURES, ClientKind.RAW_HTTP)


def test_bundled_features_use_fields_of_bisect() -> None:
    assert {each.definition.field for each in load(BUNDLED_FEATURES)} <= SELECTORS.keys()
