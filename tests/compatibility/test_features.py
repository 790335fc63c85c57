from pathlib import Path

import pytest

from authprobe.compatibility.features import BUNDLED, BoundFeature, Definition, load_features
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
GOES_ON = make_observation(outcome=Outcome.TIMED_OUT, status=401, exchanges=(REFUSED,) * 3)
LACKS = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail=COMMAND_MISSING)


def load(path: Path, kind: ClientKind = ClientKind.CLAUDE_CODE) -> tuple[BoundFeature, ...]:
    return load_features(path, SCENARIOS, kind)


def definition(field: str, contains: str | None = None) -> Definition:
    return Definition(id="it", title="It", case=CASE, field=field, contains=contains)


def test_the_bundled_features_are_read() -> None:
    asked = load(BUNDLED)
    assert len(asked) == len({each.definition.id for each in asked})
    assert len({each.under for each in asked}) == len(asked)
    for each in asked:
        assert each.inquiry.at("2.1.31").client.version == "2.1.31"
        assert each.definition.sources


@pytest.mark.parametrize(
    "kind",
    [
        ClientKind.ANTHROPIC_PYTHON,
        ClientKind.ANTHROPIC_NODE,
        ClientKind.AGENT_SDK_PYTHON,
        ClientKind.AGENT_SDK_NODE,
    ],
)
def test_the_sdks_have_features_of_their_own(kind: ClientKind) -> None:
    asked = load(BUNDLED, kind)
    assert len(asked) >= 2
    assert {each.inquiry.at("1.2.3").client.kind for each in asked} == {kind}


def test_what_the_issue_asks_for_is_among_the_bundled_features() -> None:
    read = {each.definition.id: each.definition.field for each in load(BUNDLED)}
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
    }.items() <= read.items()


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
def test_a_value_is_the_field_or_whether_it_holds_something(
    field: str, contains: str | None, value: str
) -> None:
    seen = make_observation(exchanges=(make_exchange(betas=("b", "a")),))
    assert definition(field, contains).read(seen) == value


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
def test_of_a_client_that_goes_on_only_what_it_sent_is_read(
    field: str, contains: str | None, value: str
) -> None:
    feature = definition(field, contains)
    assert feature.trouble("2.1.31", GOES_ON) is None
    assert feature.read(GOES_ON) == value


def test_a_command_that_is_not_there_is_an_answer() -> None:
    assert definition("outcome").trouble("2.1.31", LACKS) is None
    assert definition("outcome", "accepted").read(LACKS) == "no"
    assert definition("authorize.host").read(LACKS) == COMMAND_MISSING


@pytest.mark.parametrize(
    ("changes", "told"),
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
def test_what_is_in_trouble_of_its_own_is_not_read(
    changes: dict[str, object], told: str | None
) -> None:
    assert definition("status").trouble("2.1.31", make_observation(**changes)) == told


def test_how_a_client_ends_is_read_where_that_is_asked() -> None:
    hung = make_observation(outcome=Outcome.TIMED_OUT, detail="no end")
    assert definition("outcome").trouble("2.1.31", hung) is None
    assert definition("outcome").read(hung) == "timed-out"


def test_a_way_to_ask_that_is_not_there_is_no_answer() -> None:
    told = f"--output-format: {COMMAND_MISSING}"
    seen = make_observation(outcome=Outcome.UNAVAILABLE, detail=told)
    assert definition("model.betas", "b").trouble("0.2.9", seen) == told


def test_another_question_is_another_feature(tmp_path: Path) -> None:
    path = tmp_path / "features.yaml"
    line = "{{id: {}, title: It, case: {}, field: {}}}"
    asked = (("a", CASE, "status"), ("b", CASE, "outcome"), ("c", f"{CASE}/no-betas", "status"))
    path.write_text(f"features: [{', '.join(line.format(*each) for each in asked)}]")
    assert len({each.under for each in load(path)}) == 3


@pytest.mark.parametrize(
    ("text", "told"),
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
            "there is another feature 'a' before",
        ),
        (
            "features: [{id: a, title: A, case: agent-sdk/agent-sdk-python, field: status}]",
            "agent-sdk/agent-sdk-python",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "features.yaml"
    path.write_text(text)
    with pytest.raises(ProbesError) as caught:
        load(path)
    assert told in str(caught.value)


def test_a_client_without_features_is_told() -> None:
    with pytest.raises(ProbesError, match=r"has features of .*claude-code"):
        load(BUNDLED, ClientKind.LITELLM)


def test_every_field_that_a_feature_reads_is_one_that_bisect_knows() -> None:
    assert {each.definition.field for each in load(BUNDLED)} <= SELECTORS.keys()
