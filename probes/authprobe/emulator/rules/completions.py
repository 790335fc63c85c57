"""The rule of the legacy Text Completions API."""

from typing import Final

from authprobe.emulator.model.schema_instance import ANSWER
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, rule
from authprobe.emulator.rules.credentials import has_one_valid_credential, missing_credential


def _complete(request: RequestContext) -> Answer:
    """Return a completion of one word, as JSON or as a stream that ends with the stop reason."""
    whole = {
        "type": "completion",
        "id": "compl_authprobe",
        "completion": f" {ANSWER}",
        "stop_reason": "stop_sequence",
        "model": request.text("model"),
    }
    if not request.fields.get("stream"):
        return Answer(status=200, body=whole)
    word = {**whole, "stop_reason": None}
    end = {**whole, "completion": ""}
    return Answer(
        status=200,
        body=whole,
        events=(("completion", word), ("ping", {"type": "ping"}), ("completion", end)),
    )


COMPLETION: Final = rule(
    "completion",
    has_one_valid_credential,
    _complete,
    "platform.claude.com/docs/en/api/complete",
    "platform.claude.com/docs/en/api/streaming",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=missing_credential,
)
