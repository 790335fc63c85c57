"""Errors of other services, alone and beside Claude: whose credential is named."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.match import OF_OTHERS, ConfidenceLevel
from authprobe.diagnosis.text_facts import symptom_from_text

TEXTS: Final[dict[str, list[Any]]] = yaml.safe_load(
    Path(__file__).with_name("other_services.yaml").read_text("utf-8")
)
ALONE: Final[list[str]] = TEXTS["without-claude"]
SPEAKING: Final[list[str]] = TEXTS["speaks-beside-claude"]
CLAUDES: Final[list[dict[str, str]]] = TEXTS["claude-speaks"]
BESIDE: Final[list[dict[str, str]]] = TEXTS["beside-claude"]


@pytest.mark.parametrize("text", [*ALONE, *SPEAKING])
def test_no_cause_of_claude_is_likely_where_another_service_speaks(text: str) -> None:
    for match in decide(symptom_from_text(text)):
        assert match.cause.id in OF_OTHERS or match.level is ConfidenceLevel.POSSIBLE


@pytest.mark.parametrize("entry", BESIDE, ids=[each["text"][:40] for each in BESIDE])
def test_the_cause_stays_where_claude_is_named_beside_another_service(
    entry: dict[str, str],
) -> None:
    assert decide(symptom_from_text(entry["text"]))[0].cause.id == entry["cause"]


@pytest.mark.parametrize("entry", CLAUDES, ids=[each["text"][:40] for each in CLAUDES])
def test_an_error_of_claude_stays_likely_beside_another_service(entry: dict[str, str]) -> None:
    first = decide(symptom_from_text(entry["text"]))[0]
    assert first.cause.id == entry["cause"]
    assert first.level is not ConfidenceLevel.POSSIBLE


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Stripe webhook of our bot: OAuth token has expired.", "access-token-expired"),
        ("Not logged in · Please run /login (step of GitHub Actions)", "credential-missing"),
        ("cron job for Jira: API Error: 529 Overloaded", "overloaded"),
        ('GitLab CI: {"type":"error","error":{"type":"overloaded_error"}}', "overloaded"),
        ("OpenRouter and Slack: 401 invalid x-api-key", "api-key-invalid"),
        ("Discord bot: Credit balance is too low", "credit-exhausted"),
    ],
)
def test_an_error_of_claude_needs_no_name_beside_another_service(text: str, cause: str) -> None:
    assert decide(symptom_from_text(text))[0].cause.id == cause
