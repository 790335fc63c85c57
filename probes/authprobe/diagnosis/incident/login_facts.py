"""Facts of the file in which Claude Code stores its login."""

import datetime
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from authprobe.core.claude_api import PROMPT_SCOPES
from authprobe.diagnosis.incident.facts import ERROR_FACTOR, IncidentFact, line_of_key
from authprobe.diagnosis.incident.recognition import IncidentText
from authprobe.diagnosis.symptom import Evidence

STORED_RANK: Final = 5
"""Rank of what a file says that variables take precedence over."""
EARLIEST_MILLISECONDS: Final = 1.5e12
"""An expiry before this moment, in 2017, is in seconds, or is none."""
MAX_MILLISECONDS: Final = 7e12
"""An expiry after this moment, in 2191, is none."""


def login_facts(text: IncidentText, now: datetime.datetime) -> Iterator[IncidentFact]:
    """Yield the facts of the file with the stored login."""
    record = text.data["claudeAiOauth"]
    line = line_of_key(text.text, "claudeAiOauth")
    if not isinstance(record, dict):
        evidence = Evidence("the stored login is not an object", line, text.name)
        yield IncidentFact(evidence=evidence, cause="credential-malformed", factor=ERROR_FACTOR)
        return
    answer, words = _login_state(record, now)
    if answer:
        yield IncidentFact(
            evidence=Evidence(f"the stored login {words}", line, text.name),
            question="stored-login",
            answer=answer,
            cause="credential-blanked" if answer == "blanked" else None,
            factor=ERROR_FACTOR,
            rank=STORED_RANK,
        )
    scopes = record.get("scopes")
    if isinstance(scopes, list) and not PROMPT_SCOPES & set(map(str, scopes)):
        yield IncidentFact(
            evidence=Evidence(
                "the stored login lacks the scope for sending prompts",
                line_of_key(text.text, "scopes"),
                text.name,
            ),
            cause="scope-missing",
            factor=ERROR_FACTOR,
        )


def _login_state(record: Mapping[str, Any], now: datetime.datetime) -> tuple[str | None, str]:
    """Return the answer to the question about the stored login, and the state in words."""
    if not record.get("accessToken") and not record.get("refreshToken"):
        return "blanked", "has empty tokens"
    expires = record.get("expiresAt")
    if not isinstance(expires, int | float) or isinstance(expires, bool):
        return None, ""
    if not -math.inf < expires < MAX_MILLISECONDS:
        return None, ""
    if expires < EARLIEST_MILLISECONDS:
        return "renewable", f"has an expiry that is no time in milliseconds ({json.dumps(expires)})"
    moment = datetime.datetime.fromtimestamp(expires / 1000, datetime.UTC)
    day = f"{moment:%Y-%m-%d %H:%M} UTC"
    if moment > now:
        return "valid", f"is valid until {day}"
    if record.get("refreshToken"):
        return "renewable", f"expired on {day}, and has a refresh token"
    return "expired", f"expired on {day}, and has no refresh token"
