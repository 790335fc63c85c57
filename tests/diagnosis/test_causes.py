"""The bundled causes are complete and load strictly, and texts match the right ones."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from authprobe.diagnosis import causes as data
from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN, Cause, causes
from authprobe.diagnosis.known_issues import known_issues, load_known_issues
from authprobe.diagnosis.match import (
    CERTAIN_CONFIDENCE,
    LIKELY_CONFIDENCE,
    ConfidenceLevel,
    confidence_level,
    rank_causes,
)
from authprobe.diagnosis.text_facts import symptom_from_text
from authprobe.engine.runner import load_plan
from authprobe.errors import RecordError
from authprobe.settings import Settings
from bench.diagnosis import read_symptoms, score

IDS = frozenset(
    (
        "oauth-beta-missing",
        "oauth-token-as-api-key",
        "api-key-invalid",
        "bearer-unknown",
        "access-token-expired",
        "access-token-revoked",
        "scope-missing",
        "org-oauth-disabled",
        "org-disabled",
        "not-a-member",
        "client-not-allowed",
        "extra-usage-exhausted",
        "credit-exhausted",
        "rate-limited",
        "overloaded",
        "region-refused",
        "edge-blocked",
        "endpoint-retired",
        "endpoint-wrong-path",
        "refresh-token-rejected",
        "refresh-request-malformed",
        "token-endpoint-throttled",
        "credential-blanked",
        "credential-missing",
        "credential-malformed",
        "ambient-credential-shadows",
        "api-key-helper-failing",
        "onboarding-gate",
        "keychain-unavailable",
        "gateway-strips-beta",
        "gateway-wrong-header",
        "gateway-upstream-credential",
        "tls-untrusted-ca",
        "proxy-unreachable",
        "dns-failure",
        "clock-skew",
        "cli-regression",
        "authorize-request-refused",
        "login-timeout",
        "server-incident",
        "wrapper-hides-error",
        "not-auth",
        "unknown",
    )
)
CREDENTIALS = frozenset(
    {"bearer-unknown", "access-token-expired", "access-token-revoked", "api-key-invalid"}
)


def cause_ids(text: str) -> tuple[str, ...]:
    """Return the ids of the causes of a text, most confident first."""
    return tuple(match.cause.id for match in rank_causes(symptom_from_text(text)))


def test_every_required_cause_exists() -> None:
    assert set(causes()) >= IDS


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_a_cause_has_every_field(cause: Cause) -> None:
    assert cause.summary.endswith(".")
    assert cause.remedy.text.endswith(".")
    if cause.id == UNKNOWN:
        return
    assert cause.signs
    assert cause.experiment is not None
    assert cause.sources
    assert all(source.startswith("https://") for source in cause.sources)
    assert cause.seen is not None
    assert cause.seen[0] <= cause.seen[1]


def test_an_experiment_names_a_bundled_case() -> None:
    bundled = {case.id for case in load_plan(Settings()).cases}
    experiments = [cause.experiment for cause in causes().values() if cause.experiment]
    assert {experiment.case for experiment in experiments if experiment.case} <= bundled


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_no_remedy_suggests_impersonating_another_client_or_disabling_tls(cause: Cause) -> None:
    remedy = f"{cause.remedy.text} {' '.join(cause.remedy.commands)}".lower()
    for word in ("user-agent", "system prompt", "client id", "x-app"):
        assert word not in remedy
    assert "node_tls_reject_unauthorized" not in remedy


GOOD = """
- id: first
  summary: It is so.
  group: service
  signs: [{status: ["418"], weight: strong}]
  remedy: {text: Wait., tier: wait}
"""


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"summary": "sumary"}, r"3:3: unknown key 'sumary'; did you mean 'summary'\?"),
        ({"  summary: It is so.\n": ""}, "2:3: the key 'summary' is missing"),
        ({"service": "servise"}, "4:10: 'servise' is not a group; did you mean 'service'"),
        ({"strong": "big"}, "5:37: 'big' is not a weight"),
        (
            {'status: ["418"]': "says: [Tea Pot]"},
            "5:19: item 1 of 'says': a phrase is groups of lower-case words",
        ),
        ({"tier: wait": "tier: nobody"}, "'nobody' is not a tier"),
        ({"  remedy": "  yields_to: [second]\n  remedy"}, "6:15: no such cause: 'second'"),
        ({"- id": "x: 1\n- id"}, "not YAML"),
        ({GOOD: "a: 1"}, "1:1: a causes file must be a list, not a mapping"),
        ({"[{status": "[{}, {status"}, "a condition needs at least one key"),
    ],
)
def test_an_invalid_file_is_reported_with_line_and_column(
    tmp_path: Path, changed: Mapping[str, str], complaint: str
) -> None:
    text = GOOD
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "causes.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=complaint) as caught:
        data.load_causes(path)
    assert str(caught.value).startswith(f"{path}:")


def test_a_duplicate_id_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(GOOD + GOOD)
    with pytest.raises(RecordError, match="8:7: there is another cause 'first' before"):
        data.load_causes(path)


def test_a_valid_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(GOOD)
    assert set(data.load_causes(path)) == {"first"}


def test_confidence_follows_from_the_weights_of_the_signs() -> None:
    [decisive] = rank_causes(symptom_from_text("API Error: 529 Overloaded"))
    assert (decisive.level, decisive.confidence >= CERTAIN_CONFIDENCE) == (
        ConfidenceLevel.CERTAIN,
        True,
    )
    [strong] = rank_causes(symptom_from_text("the service says fetch failed"))
    assert (strong.confidence, strong.level) == (0.6, ConfidenceLevel.LIKELY)
    assert [confidence_level(n) for n in (CERTAIN_CONFIDENCE, LIKELY_CONFIDENCE, 0.1)] == list(
        ConfidenceLevel
    )


def test_no_cause_is_certain_if_two_match() -> None:
    matches = rank_causes(
        symptom_from_text("HTTP 500 Internal server error\ngetaddrinfo ENOTFOUND api.anthropic.com")
    )
    assert {match.cause.id for match in matches} == {"dns-failure", "server-incident"}
    assert {match.level for match in matches} == {ConfidenceLevel.LIKELY}


@pytest.mark.parametrize(
    "text",
    [
        "401 after: Request timed out.",
        "getaddrinfo ENOTFOUND api.anthropic.com, then 401",
        "HTTP 503 Service Unavailable, shown as 401, please run /login",
        "429 Too Many Requests; 401 before",
        "API Error: 401 <html><title>502 Bad Gateway</title> cloudflare · Please run /login",
        "captive portal: 401 and a login page",
        "CERTIFICATE_VERIFY_FAILED 401",
        "clock skew: token 401",
        "Connection error. 401",
    ],
)
def test_a_network_or_service_error_is_not_blamed_on_the_credential(text: str) -> None:
    assert CREDENTIALS.isdisjoint(cause_ids(text))


@pytest.mark.parametrize(
    "text",
    ["401", "api error", "it does not work", "cannot login", "HTTP 403", "asks me to log in"],
)
def test_a_text_with_too_little_information_is_unknown(text: str) -> None:
    assert cause_ids(text)[0] == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "please add a dark mode for the diff view in the terminal",
        "TypeError: Cannot read properties of undefined (reading 'x')",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_a_text_about_something_else_is_not_auth(text: str) -> None:
    assert cause_ids(text)[0] == NOT_AUTH


@pytest.mark.parametrize(
    "symptom",
    read_symptoms("written"),
    ids=lambda symptom: symptom["source"] + symptom["text"][-12:],
)
def test_every_quote_used_to_write_the_conditions_matches_its_cause(
    symptom: Mapping[str, str],
) -> None:
    assert cause_ids(symptom["text"])[0] == symptom["cause"]


def test_at_least_90_percent_of_the_unseen_quotes_match_their_cause() -> None:
    result = score("scored")
    assert result.total >= 60
    assert result.correct / result.total >= 0.9


def test_the_corpus_is_large_and_covers_every_cause() -> None:
    texts = read_symptoms("written") + read_symptoms("scored")
    assert len(texts) >= 140
    assert {text["cause"] for text in texts} <= set(causes())
    # No public report quotes the response that shows this cause.
    assert IDS - {text["cause"] for text in texts} == {"endpoint-wrong-path"}
    assert sum(text["cause"] == NOT_AUTH for text in texts) >= 15
    assert sum(text["cause"] == UNKNOWN for text in texts) >= 10
    assert max(len(text["text"]) for text in texts) <= 600


def test_known_issues_name_existing_causes_and_have_sources() -> None:
    issues = known_issues()
    entries = [(entry.causes, entry.sources) for entry in issues.incidents]
    entries += [(entry.causes, entry.sources) for entry in issues.regressions]
    for cause_set, sources in entries:
        assert set(cause_set) <= set(causes())
        assert sources


def test_known_issues_are_found_by_day_and_by_version() -> None:
    issues = known_issues()
    day = datetime.date(2026, 3, 20)
    assert [i.begin.day for i in issues.incidents_on(day, ("authorize-request-refused",))] == [19]
    assert issues.incidents_on(day, ("scope-missing",)) == ()
    assert issues.incidents_on(datetime.date(2026, 3, 22), ("authorize-request-refused",)) == ()
    assert [r.versions for r in issues.regressions_of("1.0.83", ("oauth-beta-missing",))] == [
        "1.0.82 to before 1.0.88"
    ]
    assert issues.regressions_of("1.0.88", ("oauth-beta-missing",)) == ()
    assert issues.regressions_of("1.0.81", ("oauth-beta-missing",)) == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("incidents: []", "1:1: the key 'regressions' is missing"),
        ("incidents: [{what: x}]\nregressions: []", "1:13: the key 'from' is missing"),
        (
            "incidents: [{from: today, what: x, causes: [], sources: []}]\nregressions: []",
            "1:20: 'from' must be a date such as 2026-02-19, not the text 'today'",
        ),
        (
            "incidents: []\nregressions: [{fixed: soon, what: x, causes: [], sources: []}]",
            "2:23: 'fixed': soon is not a version",
        ),
        (
            "incidents: []\nregressions: [{fix: 1.0.0, what: x, causes: [], sources: []}]",
            "2:16: unknown key 'fix'; did you mean 'fixed'\\?",
        ),
    ],
)
def test_an_invalid_known_issues_file_is_reported(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "known_issues.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=complaint):
        load_known_issues(path)
