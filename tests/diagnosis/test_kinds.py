"""Each kind of fault in public threads that `explain` once took for another: made-up variants."""

from pathlib import Path

import pytest
import yaml

from authprobe.diagnosis.match import rank_causes
from authprobe.diagnosis.text_facts import symptom_from_text

KINDS: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("kinds.yaml").read_text("utf-8")
)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        pytest.param(cause, text, id=f"{cause}-{number}")
        for cause, texts in KINDS.items()
        for number, text in enumerate(texts)
    ],
)
def test_a_variant_has_the_cause_of_its_kind(cause: str, text: str) -> None:
    matches = rank_causes(symptom_from_text(text))
    ranking = [(match.cause.id, match.confidence) for match in matches]
    assert matches[0].cause.id == cause, ranking


def test_each_kind_has_five_variants() -> None:
    assert min(map(len, KINDS.values())) >= 5


TOKENS = frozenset(
    (
        "access-token-expired",
        "access-token-revoked",
        "api-key-invalid",
        "bearer-unknown",
        "gateway-own-key",
        "gateway-upstream-credential",
        "refresh-token-rejected",
        "stale-copy-of-login",
    )
)
"""Causes that say that a token or key is bad."""


@pytest.mark.parametrize(
    "text",
    [
        "LiteLLM: 503 Service Unavailable, upstream connect error; after retries claude says 401",
        "the relay answers 429 Too Many Requests, later 401 unauthorized for the same key",
        "Usage widget: HTTP 500 from the API, internal server error, then 'unauthorized'",
        "hotel wifi: captive portal, the widget of my Claude usage shows a login page and 401",
        "API Error: 529 Overloaded on both machines, then 401 on one of them",
        "OAuth refresh: getaddrinfo ENOTFOUND platform.claude.com, then 401",
        "Bedrock gateway: 504 gateway timeout, the proxy turns it into 401",
        "Request timed out. The router made a 401 of it",
        "sandbox: CERTIFICATE_VERIFY_FAILED for api.anthropic.com, shown as 401",
        "connect ECONNREFUSED 127.0.0.1:4000 although ANTHROPIC_BASE_URL is right, before that 401",
        "You've hit your limit · resets 3pm. Then 401 in the menu bar",
        "the clock is wrong after sleep: clock skew of two hours, token 401 in the container",
    ],
)
def test_an_outage_limit_or_network_fault_is_never_a_bad_token(text: str) -> None:
    assert TOKENS.isdisjoint(
        match.cause.id for match in rank_causes(symptom_from_text(text)) if match.confidence >= 0.5
    )
