"""Texts match the right causes, with a confidence that follows from the evidence."""

from collections.abc import Mapping

import pytest

from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN
from authprobe.diagnosis.match import (
    CERTAIN_CONFIDENCE,
    LIKELY_CONFIDENCE,
    ConfidenceLevel,
    confidence_level,
    rank_causes,
)
from authprobe.diagnosis.text_facts import symptom_from_text
from bench.diagnosis import read_symptoms, score

CREDENTIALS = frozenset(
    {"bearer-unknown", "access-token-expired", "access-token-revoked", "api-key-invalid"}
)


def cause_ids(text: str) -> tuple[str, ...]:
    """Return the ids of the causes of a text, most confident first."""
    return tuple(match.cause.id for match in rank_causes(symptom_from_text(text)))


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
    ("text", "cause"),
    [
        (
            "Could not refresh your login because another Claude Code process is refreshing it (or "
            "exited mid-refresh) · Try again in a minute",
            "refresh-lock",
        ),
        (
            "Failed to refresh OAuth token: another Claude Code process is refreshing it or exited "
            "mid-refresh. This is usually transient",
            "refresh-lock",
        ),
        (
            "Your account does not have access to Claude. Please login again or contact your "
            "administrator.",
            "access-token-revoked",
        ),
        ("Your organization does not have access to Claude.", "org-oauth-disabled"),
        ('{"type":"assistant","error":"account_on_hold"}', "organization-on-hold"),
        ('{"type":"assistant","error":"verification_required"}', "verification-required"),
        ('{"type":"assistant","error":"cloud_credential_error"}', "cloud-credential"),
        ('400 {"error":{"details":{"error_code":"organization_on_hold"}}}', "organization-on-hold"),
        ('402 {"error_code":"linked_organization_spend_limit_reached"}', "credit-exhausted"),
        ('503 {"error_code":"cmek_key_unreachable"}', "encryption-key-unavailable"),
        ('400 {"error_code":"cmek_key_disabled"}', "encryption-key-unavailable"),
        ('400 {"error_code":"claude_code_version_too_old"}', "client-too-old"),
        ('400 {"error_code":"claude_code_key_creator_not_member"}', "not-a-member"),
        ('403 {"error_code":"sandbox_egress_restricted"}', "sandbox-restricted"),
        (
            "401 CORS requests are not allowed for this Organization because of custom retention "
            "settings",
            "browser-refused",
        ),
    ],
)
def test_words_and_codes_of_autumn_2026_have_their_cause(text: str, cause: str) -> None:
    assert cause_ids(text)[0] == cause


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
