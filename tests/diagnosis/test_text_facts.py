"""Facts are extracted from text, each with its line, after secrets are redacted."""

import datetime

import pytest

from authprobe.diagnosis.symptom import FactKind
from authprobe.diagnosis.text_facts import MAX_ANALYZED_CHARACTERS, symptom_from_text
from authprobe.diagnosis.text_redaction import redact_text
from tests.support.speed import processor_time, processor_time_below

TOKEN = "sk-ant-oat01-" + "Ab3" * 20
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefgh"


def facts(text: str, kind: FactKind) -> set[str]:
    """Return the values of one kind of fact in a text."""
    return set(symptom_from_text(text).fact_sets[0].facts.get(kind, {}))


@pytest.mark.parametrize(
    "text",
    [
        "API Error: 401 nothing else",
        "API Error (401 {...}) · Retrying",
        "HTTP 401: Unauthorized",
        "HTTP/1.1 401 Unauthorized",
        '{"api_error_status":401}',
        '\\"status\\": 401,',
        "Request failed with status code 401",
        "anthropic.AuthenticationError: Error code: 401 - {}",
        "status=401",
        "it returns `401`",
        'msg="401 Unauthorized"',
        '{"message":"401 invalid x-api-key"}',
        '{"error": {"statusCode": 401, "durationMs": 512}}',
        "request 7 failed: 401 after 512 ms",
        "response code 401, 512 bytes",
    ],
)
def test_a_number_near_http_words_is_a_status(text: str) -> None:
    assert facts(text, FactKind.STATUS) == {"401"}


@pytest.mark.parametrize(
    "text",
    [
        *("line 401 of the file", "version 2.1.401", "401k tokens", "cli.js:401:12", "401%"),
        *("the request took 401 ms", "answered in 401ms", "error after 401 seconds", "api: 401 MB"),
        *("request id=401", '{"error": null, "pid": 401}', '{\\"request_id\\": 401, \\"api\\"}'),
        *("http port 401", "worker 401 answers a request", "response of 401 bytes"),
    ],
)
def test_any_other_number_is_not_a_status(text: str) -> None:
    assert facts(text, FactKind.STATUS) == set()


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('{\\"type\\":\\"authentication_error\\"}', FactKind.ERROR_TYPE, "authentication_error"),
        ("提示rate_limit_error", FactKind.ERROR_TYPE, "rate_limit_error"),
        ('"type":"api_\n    error"', FactKind.ERROR_TYPE, "api_error"),
        ("{'type': 'forbidden'}", FactKind.ERROR_TYPE, "forbidden"),
        ("POST https://platform.claude.com/v1/oauth/token", FactKind.HOST, "platform.claude.com"),
        ("POST https://platform.claude.com/v1/oauth/token", FactKind.PATH, "/v1/oauth/token"),
        ("getaddrinfo ENOTFOUND api.anthropic.com", FactKind.CODE, "ENOTFOUND"),
        ("(ConnectionRefused)", FactKind.CODE, "ConnectionRefused"),
        ("ssl: CERTIFICATE_VERIFY_FAILED", FactKind.CODE, "CERTIFICATE_VERIFY_FAILED"),
        ("anthropic.APITimeoutError: x", FactKind.EXCEPTION, "anthropic.APITimeoutError"),
        ("export ANTHROPIC_BASE_URL=x", FactKind.VARIABLE, "ANTHROPIC_BASE_URL"),
        (f"x-api-key: {TOKEN}", FactKind.CREDENTIAL, "access-token"),
        ("prefix sk-ant-api03-", FactKind.CREDENTIAL, "api-key"),
    ],
)
def test_a_fact_is_extracted(text: str, kind: FactKind, value: str) -> None:
    assert value in facts(text, kind)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Claude Code v2.1.220", "2.1.220"),
        ("- Version: 1.0.83", "1.0.83"),
        ("claude-cli/2.1.31 (external)", "2.1.31"),
        ("node v22.1.0", None),
        ("python 1.2.3", None),
        ("at 192.1.2.3", None),
    ],
)
def test_the_version_of_claude_code_is_extracted(text: str, version: str | None) -> None:
    assert symptom_from_text(text).version == version


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-11T10:00:00Z boom", datetime.date(2026, 3, 11)),
        ("since July 10, 2025", datetime.date(2025, 7, 10)),
        ("2026-13-45", None),
        ("build 2026-13-01 of 2026-11-24", datetime.date(2026, 11, 24)),
        ("build 2026-13-01 of Nov 24, 2026", datetime.date(2026, 11, 24)),
        ("no date", None),
    ],
)
def test_the_first_date_is_extracted(text: str, day: datetime.date | None) -> None:
    assert symptom_from_text(text).date == day


def test_evidence_has_a_line_number() -> None:
    evidence = (
        symptom_from_text("one\ntwo\nAPI Error: 529 x\n").fact_sets[0].facts[FactKind.STATUS]["529"]
    )
    assert (evidence.line, evidence.text) == (3, "API Error: 529 x")


def test_a_long_line_is_cut_around_the_fact() -> None:
    evidence = (
        symptom_from_text("x" * 5000 + " API Error: 529 " + "y" * 5000)
        .fact_sets[0]
        .facts[FactKind.STATUS]
    )
    assert "529" in evidence["529"].text
    assert len(evidence["529"].text) < 300


def test_checklists_of_issue_templates_are_ignored() -> None:
    text = "- [x] I have an invalid bearer token\n- [ ] HTTP 401\nit crashes"
    assert facts(text, FactKind.STATUS) == set()
    assert "bearer" not in symptom_from_text(text).fact_sets[0].words.words


def test_html_markup_is_ignored() -> None:
    page = "<!DOCTYPE html><html><head><script>var x=529</script></head><body><b>Just</b> a moment"
    assert symptom_from_text(page).fact_sets[0].words.words == ["just", "a", "moment"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {TOKEN}", TOKEN),
        (f"Authorization: Bearer {JWT}", JWT),
        ("-H 'x-api-key: my-gateway-key-123'", "my-gateway-key-123"),
        ("MY_TOKEN=abcdef123456", "abcdef123456"),
        ("mail me@example.org now", "me@example.org"),
        ("/Users/jane/.claude", "jane"),
        ("C:\\Users\\jane\\x", "jane"),
        ("https://claude.ai/oauth/authorize?code=abcDEF123&state=s1", "abcDEF123"),
    ],
)
def test_secrets_and_personal_data_are_redacted(text: str, secret: str) -> None:
    assert secret not in redact_text(text)
    assert secret not in symptom_from_text(text).fact_sets[0].text


def test_a_client_with_a_version_is_not_an_email_address() -> None:
    assert redact_text("claude-code@2.1.31 and me@example.org") == (
        "claude-code@2.1.31 and [redacted:email]"
    )


@pytest.mark.parametrize(
    "text",
    [
        "404 " * 250_000,
        "401\r" * 250_000,
        "\x1b[31m401\x1b]0;title\a" * 50_000,
        "a" * 1_000_000,
        '"type":' * 50_000,
        "not oauth token expired " * 50_000,
        "<html><body>" + "<" * 500_000,
        "_token=" * 50_000,
        "@a." * 100_000,
        "\\" * 500_000 + "n",
        "claude v" * 100_000,
        "\n" * 900_000 + "API Error: 401",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_hostile_text_is_analyzed_in_limited_time(text: str) -> None:
    with processor_time_below(10):
        symptom_from_text(text)


def test_both_ends_of_a_huge_text_are_analyzed() -> None:
    text = "API Error: 401\n" + "x\n" * MAX_ANALYZED_CHARACTERS + "API Error: 529\n"
    assert facts(text, FactKind.STATUS) == {"401", "529"}


@pytest.mark.parametrize(
    "part", ["\\", "a.", "A.A", "eyJ-", "<html><body><script>", "https://a.b/c "]
)
def test_twice_the_text_takes_about_twice_the_time(part: str) -> None:
    def seconds(length: int) -> float:
        text = part * (length // len(part))
        return processor_time(lambda: symptom_from_text(text))

    seconds(1_000)  # warm up
    assert seconds(240_000) < 6 * seconds(80_000) + 0.5


@pytest.mark.parametrize("end", ["\n", " \n"])
def test_a_flood_of_statuses_takes_about_as_long_as_one_of_other_numbers(end: str) -> None:
    def seconds(part: str) -> float:
        text = part * 50_000
        return processor_time(lambda: symptom_from_text(text))

    times = [(seconds(f"401{end}"), seconds(f"999{end}")) for _ in range(4)]
    assert min(each for each, _ in times) < 1.7 * min(each for _, each in times)


def test_only_scripts_with_an_end_are_removed() -> None:
    page = "<html><body><script>ENOTFOUND</script>ECONNRESET<style>\n<script>EPIPE</body></html>"
    codes = symptom_from_text(page).fact_sets[0].facts[FactKind.CODE]
    assert list(codes) == ["ECONNRESET", "EPIPE"]
