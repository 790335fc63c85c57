"""Rules of Amazon Bedrock: messages by `InvokeModel` and `InvokeModelWithResponseStream`.

The key of a gateway or of the API, as a Bearer token, stands for a Bedrock API key. A signature is
accepted as it is, because the emulator has no secret to verify it with.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from authprobe.core.claude_api import MESSAGES_PATH
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.rules import inference
from authprobe.emulator.rules.base import Answer, EventFormat, RequestContext, RuleCertainty, rule

INVOKE: Final = "/model/{model_id:path}/invoke"
STREAM: Final = "/model/{model_id:path}/invoke-with-response-stream"
SIGNATURE: Final = "AWS4-HMAC-SHA256 "
KEYS: Final = (TokenKind.GATEWAY_KEY, TokenKind.API_KEY)
REQUEST_ID: Final = {"x-amzn-requestid": "00000000-0000-4000-8000-000000000003"}
_CODES: Final = "docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
_INVOKE_MODEL: Final = (
    "docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html",
    "docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html",
)


def bedrock_refusal(
    status: int, error_type: str, message: str, *, field: str = "message"
) -> Answer:
    """Return an error of Bedrock; those about its API keys have the field `Message`."""
    return Answer(
        status=status,
        body={field: message},
        headers={**REQUEST_ID, "x-amzn-errortype": error_type},
        identified=False,
        error_type=error_type,
        message=message,
    )


def _credential_missing(request: RequestContext) -> bool:
    """The request to Bedrock has no header Authorization."""
    return "authorization" not in request.headers and request.api_key is None


def _key_invalid(request: RequestContext) -> bool:
    """The Bearer token is not a valid key of Bedrock."""
    return request.bearer is not None and not _is_key(request)


def _is_key(request: RequestContext) -> bool:
    token = request.token if request.bearer is not None else request.key
    is_key = token is not None and token.kind in KEYS
    return is_key and request.state.tokens.state(token) is TokenState.VALID  # type: ignore[arg-type]


def _missing(request: RequestContext) -> tuple[str, ...]:
    is_signed = request.headers.get("authorization", "").startswith(SIGNATURE)
    return () if is_signed or _is_key(request) else ("authorization",)


def _has_credential(request: RequestContext) -> bool:
    """The request to Bedrock has a valid key, or is signed."""
    return not _missing(request)


def _invoke(request: RequestContext) -> Answer:
    """Return the message of the Messages API, or its events in the encoding of AWS."""
    is_stream = request.path.endswith("-stream")
    fields = {name: value for name, value in request.fields.items() if name != "anthropic_version"}
    model = request.path_parameters["model_id"].rpartition("anthropic.")[2].partition("-v1:")[0]
    fields |= {"model": model, "stream": is_stream}
    single = replace(request, path=MESSAGES_PATH, body=json.dumps(fields).encode())
    answer = inference.MESSAGE.reply(single)
    events = tuple((name, _with_metrics(name, data, answer)) for name, data in answer.events)
    return replace(
        answer,
        events=events,
        event_format=EventFormat.AWS,
        headers=REQUEST_ID,
        identified=False,
    )


def _with_metrics(name: str, data: Mapping[str, Any] | str, answer: Answer) -> Any:
    """Return the data of an event; the last has the counts of tokens, which Bedrock adds."""
    if name != "message_stop" or not isinstance(data, Mapping):
        return data
    usage = answer.body["usage"] if isinstance(answer.body, Mapping) else {}
    metrics = {
        "inputTokenCount": usage.get("input_tokens"),
        "outputTokenCount": usage.get("output_tokens"),
        "invocationLatency": 1,
        "firstByteLatency": 1,
    }
    return {**data, "amazon-bedrock-invocationMetrics": metrics}


CREDENTIAL_MISSING: Final = rule(
    "bedrock-credential-missing",
    _credential_missing,
    bedrock_refusal(
        403, "AccessDeniedException", "Authorization header is missing", field="Message"
    ),
    "anthropics/claude-code#44967",
    "anthropics/claude-code#45000",
    seen="2026-04-08",
)
KEY_INVALID: Final = rule(
    "bedrock-key-invalid",
    _key_invalid,
    bedrock_refusal(
        403,
        "AccessDeniedException",
        "Authentication failed: Please make sure your API Key is valid.",
        field="Message",
    ),
    "anthropics/claude-code#54083",
    "ai4s-research/open-science#53",
    seen=("2026-04-27", "2026-07-24"),
)
TOKEN_INVALID: Final = rule(
    "bedrock-token-invalid",
    "The access key or the session token of the signature is not known to AWS.",
    bedrock_refusal(
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
    "anthropics/claude-code#2260",
    "Aider-AI/aider#1986",
    "anthropics/anthropic-sdk-typescript#537",
    seen=("2024-09-25", "2025-06-18"),
)
TOKEN_EXPIRED: Final = rule(
    "bedrock-token-expired",
    "The session token of the signature has expired.",
    bedrock_refusal(
        403, "ExpiredTokenException", "The security token included in the request is expired"
    ),
    "anthropics/claude-code#28032",
    seen="2026-02-24",
    certainty=RuleCertainty.ONCE,
)
ACCESS_DENIED: Final = rule(
    "bedrock-access-denied",
    "The account has no access to the model.",
    bedrock_refusal(
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
    ),
    "repost.aws/knowledge-center/bedrock-invokemodel-api-error",
    _CODES,
    seen="2026-08",
    certainty=RuleCertainty.DOCUMENTED,
)
BETA_INVALID: Final = rule(
    "bedrock-beta-invalid",
    "The request has a beta flag that Bedrock does not know for this model.",
    bedrock_refusal(400, "ValidationException", "invalid beta flag"),
    "anthropics/claude-code#49648",
    "anthropics/claude-code#56595",
    "anthropics/claude-code#82549",
    seen=("2026-04-16", "2026-08-03"),
)
THROTTLED: Final = rule(
    "bedrock-throttled",
    "The account has used up its quota of tokens per minute.",
    bedrock_refusal(
        429, "ThrottlingException", "Too many tokens, please wait before trying again."
    ),
    "anthropics/claude-code#77",
    "anthropics/claude-code#1466",
    "RooCodeInc/Roo-Code#5050",
    _CODES,
    seen=("2025-02-25", "2025-11-13"),
)
MESSAGE: Final = rule(
    "bedrock-message",
    _has_credential,
    _invoke,
    *_INVOKE_MODEL,
    seen="2026-08",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing,
)
PROFILES: Final = rule(
    "bedrock-inference-profiles",
    _has_credential,
    Answer(
        status=200,
        body={"inferenceProfileSummaries": []},
        headers=REQUEST_ID,
        identified=False,
    ),
    "docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html",
    "www.npmjs.com/package/@anthropic-ai/claude-code/v/2.1.332",
    seen="2026-11-28",
    certainty=RuleCertainty.BACKGROUND,
    missing=_missing,
)
"""Claude Code asks for the profiles of the account, and asks for messages whatever they are."""

BEDROCK_RULES: Final = (
    CREDENTIAL_MISSING,
    KEY_INVALID,
    TOKEN_INVALID,
    TOKEN_EXPIRED,
    ACCESS_DENIED,
    BETA_INVALID,
    THROTTLED,
    MESSAGE,
)
