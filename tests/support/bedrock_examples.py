"""Examples for the rules of Amazon Bedrock, at a host of the case that serves it."""

from typing import Any, Final

from authprobe.emulator.config import Service, TokenKind, TokenState
from tests.support.requests import RequestSpec, RuleExample, fault_example

HOST: Final = "bedrock-runtime.us-east-1.amazonaws.com"
PATH: Final = "/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/invoke"
ID: Final = {"x-amzn-requestid": "00000000-0000-4000-8000-000000000003"}
SIGNATURE: Final = "AWS4-HMAC-SHA256 Credential=AKID/20261128/us-east-1/bedrock/aws4_request"


def spec(**fields: Any) -> RequestSpec:
    """Return a request to Bedrock."""
    values: dict[str, Any] = {"target": ("POST", HOST, PATH), "hosts": {HOST: Service.BEDROCK}}
    return RequestSpec(**values | fields)


def with_key(kind: TokenKind, state: TokenState = TokenState.VALID) -> RequestSpec:
    """Return a request to Bedrock with a key as the Bearer token."""
    return spec(bearer=(kind, state))


SIGNED: Final = spec(headers={"authorization": SIGNATURE})
VALID: Final = with_key(TokenKind.GATEWAY_KEY)


def refusal(
    rule: str, status: int, kind: str, body: dict[str, str], request: RequestSpec
) -> RuleExample:
    """Return an example of a refusal; with a valid key, the request is answered."""
    return RuleExample(
        rule=rule,
        spec=request,
        status=status,
        body=body,
        counterexample=VALID,
        counterexample_rule="bedrock-message",
        headers=ID | {"x-amzn-errortype": kind},
        identified=False,
    )


PONG: Final = {
    "id": "msg_authprobe0001",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "pong"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    },
}
_DENIED: Final = "AccessDeniedException"
BEDROCK_EXAMPLES: Final = (
    RuleExample(
        rule="bedrock-inference-profiles",
        spec=spec(
            target=("GET", HOST, "/inference-profiles"),
            bearer=(TokenKind.API_KEY, TokenState.VALID),
        ),
        status=200,
        body={"inferenceProfileSummaries": []},
        counterexample=spec(target=("GET", HOST, "/inference-profiles")),
        counterexample_rule="deny:rule",
        headers=ID,
        identified=False,
    ),
    *(
        RuleExample(
            rule="bedrock-message",
            spec=request,
            status=200,
            body=PONG,
            counterexample=spec(),
            counterexample_rule="bedrock-credential-missing",
            headers=ID,
            identified=False,
        )
        for request in (VALID, SIGNED, with_key(TokenKind.API_KEY))
    ),
    refusal(
        *("bedrock-credential-missing", 403, _DENIED),
        {"Message": "Authorization header is missing"},
        spec(),
    ),
    *(
        refusal(
            *("bedrock-key-invalid", 403, _DENIED),
            {"Message": "Authentication failed: Please make sure your API Key is valid."},
            with_key(kind, state),
        )
        for kind, state in (
            (TokenKind.GATEWAY_KEY, TokenState.EXPIRED),
            (TokenKind.GATEWAY_KEY, TokenState.REVOKED),
            (TokenKind.ACCESS_TOKEN, TokenState.VALID),
        )
    ),
    *(
        fault_example(refusal(rule, status, kind, {"message": message}, SIGNED))
        for rule, status, kind, message in (
            (
                *("bedrock-token-invalid", 403, "UnrecognizedClientException"),
                "The security token included in the request is invalid.",
            ),
            (
                *("bedrock-token-expired", 403, "ExpiredTokenException"),
                "The security token included in the request is expired",
            ),
            (
                *("bedrock-access-denied", 403, _DENIED),
                "You don't have access to the model with the specified model ID.",
            ),
            (*("bedrock-beta-invalid", 400, "ValidationException"), "invalid beta flag"),
            (
                *("bedrock-throttled", 429, "ThrottlingException"),
                "Too many tokens, please wait before trying again.",
            ),
        )
    ),
)
