"""Each kind of fault in public threads that `explain` once took for another: made-up variants.

Neither the model nor its calibration has seen them.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest
import yaml

from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel, rank_causes
from authprobe.diagnosis.symptom import Symptom
from authprobe.diagnosis.text_facts import symptom_from_text

KINDS: Final[dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("kinds.yaml").read_text("utf-8")
)
ROWS: Final = {
    "somebody else's token": ("other-service-credential",),
    "whose key the gateway refused": (
        *("gateway-own-key", "gateway-upstream-credential", "gateway-wrong-path"),
    ),
    "programs beside Claude": ("stale-copy-of-login", "refresh-lock"),
    "what shadows or misses": ("base-url-overridden", "config-folder-mismatch"),
    "logins broken half way": ("sandbox-blocks-login", "callback-unreachable"),
    "flags, plans and policies": (
        *("beta-unknown", "long-context-not-in-plan", "policy-refusal", "organization-on-hold"),
    ),
    "clouds": ("cloud-credential",),
    "too little": ("unknown",),
}
MOST_WRONG: Final = Fraction(1, 5)
"""Share of the answers."""


def wrong_answers(
    kinds: tuple[str, ...], answer: Callable[[Symptom], tuple[CauseMatch, ...]]
) -> list[tuple[str, CauseMatch, str]]:
    """Return the texts of these kinds with a wrong answer, of which none may be certain."""
    texts = [(cause, text) for cause in kinds for text in KINDS[cause]]
    answers = [(cause, answer(symptom_from_text(text))[0], text) for cause, text in texts]
    wrong = [each for each in answers if each[1].cause.id != each[0]]
    assert [each for each in wrong if each[1].level is ConfidenceLevel.CERTAIN] == []
    return wrong


@pytest.mark.parametrize("kind", KINDS)
def test_the_signs_of_a_kind_are_mostly_right_and_never_certain_otherwise(kind: str) -> None:
    wrong = wrong_answers((kind,), rank_causes)
    assert len(wrong) <= len(KINDS[kind]) * MOST_WRONG, wrong


@pytest.mark.parametrize("row", ROWS)
def test_the_answers_of_a_row_are_mostly_right_and_never_certain_otherwise(row: str) -> None:
    wrong = wrong_answers(ROWS[row], decide)
    count = sum(len(KINDS[kind]) for kind in ROWS[row])
    assert len(wrong) <= count * MOST_WRONG, wrong


def test_each_kind_has_five_variants_and_a_row() -> None:
    assert min(map(len, KINDS.values())) >= 5
    assert {cause for causes in ROWS.values() for cause in causes} == set(KINDS)


TOKENS: Final = frozenset(
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
OUTAGES: Final = (
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
)


@pytest.mark.parametrize("text", OUTAGES)
def test_an_outage_limit_or_network_fault_is_never_a_bad_token(text: str) -> None:
    symptom = symptom_from_text(text)
    likely = [match for match in rank_causes(symptom) if match.confidence >= 0.5]
    assert TOKENS.isdisjoint(match.cause.id for match in (*likely, decide(symptom)[0]))
