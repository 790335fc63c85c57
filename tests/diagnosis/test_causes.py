"""The causes as data: complete, sanctioned, read strictly; and matched as is stated."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from authprobe.diagnosis import causes as data
from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN, Cause, causes
from authprobe.diagnosis.known_issues import history
from authprobe.diagnosis.known_issues import load_known_issues as load_history
from authprobe.diagnosis.match import CERTAIN, LIKELY, Level, level_of, match
from authprobe.diagnosis.text_facts import read
from authprobe.engine.runner import load_plan
from authprobe.errors import RecordError
from authprobe.settings import Settings
from bench.diagnosis import score, symptoms

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


def named(text: str) -> tuple[str, ...]:
    """The causes that a text is answered with, the surest first."""
    return tuple(found.cause.id for found in match(read(text)))


def test_every_cause_that_was_asked_for_is_there() -> None:
    assert set(causes()) >= IDS


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_a_cause_is_complete(cause: Cause) -> None:
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


def test_the_case_of_an_experiment_is_a_bundled_one() -> None:
    known = {case.id for case in load_plan(Settings()).cases}
    stated = {c.experiment.case for c in causes().values() if c.experiment and c.experiment.case}
    assert stated - known == set()


@pytest.mark.parametrize("cause", causes().values(), ids=lambda cause: cause.id)
def test_no_remedy_is_a_way_to_pass_as_another_client(cause: Cause) -> None:
    said = f"{cause.remedy.text} {' '.join(cause.remedy.commands)}".lower()
    assert [
        word for word in ("user-agent", "system prompt", "client id", "x-app") if word in said
    ] == []
    assert "node_tls_reject_unauthorized" not in said


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
            "5:19: item 1 of 'says': a wording is groups of words",
        ),
        ({"tier: wait": "tier: nobody"}, "'nobody' is not a tier"),
        ({"  remedy": "  yields_to: [second]\n  remedy"}, "6:15: no such cause: 'second'"),
        ({"- id": "x: 1\n- id"}, "not YAML"),
        ({GOOD: "a: 1"}, "1:1: a causes file must be a list, not a mapping"),
        ({"[{status": "[{}, {status"}, "a condition needs at least one key"),
    ],
)
def test_a_wrong_file_is_told_with_its_places(
    tmp_path: Path, changed: Mapping[str, str], complaint: str
) -> None:
    text = GOOD
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "causes.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=complaint) as told:
        data.load_causes(path)
    assert str(told.value).startswith(f"{path}:")


def test_the_same_cause_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(GOOD + GOOD)
    with pytest.raises(RecordError, match="8:7: there is another cause 'first' before"):
        data.load_causes(path)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "causes.yaml"
    path.write_text(GOOD)
    assert set(data.load_causes(path)) == {"first"}


def test_how_sure_an_answer_is_follows_from_its_signs() -> None:
    [decisive] = match(read("API Error: 529 Overloaded"))
    assert (decisive.level, decisive.confidence >= CERTAIN) == (Level.CERTAIN, True)
    [strong] = match(read("the service says fetch failed"))
    assert (strong.confidence, strong.level) == (0.6, Level.LIKELY)
    assert [level_of(n) for n in (CERTAIN, LIKELY, 0.1)] == list(Level)


def test_of_two_that_fit_none_is_certain() -> None:
    told = match(read("HTTP 500 Internal server error\ngetaddrinfo ENOTFOUND api.anthropic.com"))
    assert {found.cause.id for found in told} == {"dns-failure", "server-incident"}
    assert {found.level for found in told} == {Level.LIKELY}


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
def test_what_is_no_credential_is_not_blamed_on_one(text: str) -> None:
    assert CREDENTIALS.isdisjoint(named(text))


@pytest.mark.parametrize(
    "text",
    ["401", "api error", "it does not work", "cannot login", "HTTP 403", "asks me to log in"],
)
def test_too_little_is_unknown(text: str) -> None:
    assert named(text)[0] == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "please add a dark mode for the diff view in the terminal",
        "TypeError: Cannot read properties of undefined (reading 'x')",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_what_is_about_something_else_is_not_auth(text: str) -> None:
    assert named(text)[0] == NOT_AUTH


@pytest.mark.parametrize(
    "symptom", symptoms("written"), ids=lambda symptom: symptom["source"] + symptom["text"][-12:]
)
def test_a_symptom_that_was_read_while_conditions_were_written(
    symptom: Mapping[str, str],
) -> None:
    assert named(symptom["text"])[0] == symptom["cause"]


def test_nine_of_ten_symptoms_that_were_only_scored() -> None:
    got = score("scored")
    assert got.of >= 60
    assert got.right / got.of >= 0.9


def test_the_corpus_is_large_and_covers_the_causes() -> None:
    texts = symptoms("written") + symptoms("scored")
    assert len(texts) >= 140
    assert {text["cause"] for text in texts} <= set(causes())
    # No public report quotes what this one looks like on the wire.
    assert IDS - {text["cause"] for text in texts} == {"endpoint-wrong-path"}
    assert sum(text["cause"] == NOT_AUTH for text in texts) >= 15
    assert sum(text["cause"] == UNKNOWN for text in texts) >= 10
    assert max(len(text["text"]) for text in texts) <= 600


def test_incidents_and_regressions_name_causes_that_exist() -> None:
    known = history()
    entries = [(entry.causes, entry.sources) for entry in known.incidents]
    entries += [(entry.causes, entry.sources) for entry in known.regressions]
    for named_causes, sources in entries:
        assert set(named_causes) <= set(causes())
        assert sources


def test_what_is_known_of_a_day_and_of_a_version() -> None:
    known = history()
    day = datetime.date(2026, 3, 20)
    assert [i.begin.day for i in known.on(day, ("authorize-request-refused",))] == [19]
    assert known.on(day, ("scope-missing",)) == ()
    assert known.on(datetime.date(2026, 3, 22), ("authorize-request-refused",)) == ()
    assert [r.versions for r in known.of("1.0.83", ("oauth-beta-missing",))] == [
        "1.0.82 to before 1.0.88"
    ]
    assert known.of("1.0.88", ("oauth-beta-missing",)) == ()
    assert known.of("1.0.81", ("oauth-beta-missing",)) == ()


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
def test_a_wrong_history_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "history.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=complaint):
        load_history(path)
