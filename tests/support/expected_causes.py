"""Expected cause of each rule and each fault, stated independently of `causes.yaml`."""

from typing import Final

from authprobe.emulator.config import TokenKind
from tests.support.requests import RuleExample

CAUSE_BY_RULE: Final = {
    "A01": "credential-missing",
    "A02": "api-key-invalid",
    "A03": "not-auth",
    "A04": "oauth-beta-missing",
    "A05": "bearer-unknown",
    "A06": "bearer-unknown",
    "A07": "bearer-unknown",
    "A08": "access-token-expired",
    "A09": "access-token-expired",
    "A10": "access-token-revoked",
    "A10b": "access-token-revoked",
    "A11": "access-token-revoked",
    "A12": "org-oauth-disabled",
    "A13": "org-oauth-disabled",
    "A14": "not-a-member",
    "A15": "scope-missing",
    "A16": "scope-missing",
    "A17": "scope-missing",
    "A18": "client-not-allowed",
    "A19": "extra-usage-exhausted",
    "A20": "extra-usage-exhausted",
    "A21": "client-not-allowed",
    "A22": "rate-limited",
    "A23": "credit-exhausted",
    "A24": "org-disabled",
    "A25": "credit-exhausted",
    "A26": "credit-exhausted",
    "A27": "rate-limited",
    "A28": "rate-limited",
    "A29": "rate-limited",
    "A30": "overloaded",
    "A31": "overloaded",
    "A32": "credit-exhausted",
    "A33": "region-refused",
    "A34": "edge-blocked",
    "A35": "server-incident",
    "A36": "api-key-invalid",
    "A37": "gateway-strips-beta",
    "A38": "beta-unknown",
    "A41": "rate-limited",
    "A42": "scope-missing",
    "A43": "edge-blocked",
    "B01": "endpoint-retired",
    "B02": "endpoint-wrong-path",
    "B03": "refresh-token-rejected",
    "B04": "authorize-request-refused",
    "B05": "refresh-request-malformed",
    "B06": "refresh-request-malformed",
    "B07": "token-endpoint-throttled",
    "B08": "token-endpoint-throttled",
    "B10": "login-timeout",
    "B11": "server-incident",
    "B12": "server-incident",
    "B13": "region-refused",
    "B14": "authorize-request-refused",
    "B15": "authorize-request-refused",
    "B16": "authorize-request-refused",
    "B17": "authorize-request-refused",
    "B18": "authorize-request-refused",
    "B19": "authorize-request-refused",
    "B20": "authorize-request-refused",
    "B22": "refresh-token-rejected",
    "B23": "federation-refused",
    "B24": "federation-refused",
    "B25": "scope-missing",
    "api-error": "server-incident",
    "conflict": "not-auth",
    "redirect-mismatch": "authorize-request-refused",
    "request-too-large": "not-auth",
    "timeout": "server-incident",
}
"""Cause ids by the id of the refusing rule."""

CAUSE_BY_FAULT: Final = {
    "connection-refused": "proxy-unreachable",
    "name-not-found": "dns-failure",
    "slow-tls": "no-answer",
    "untrusted-certificate": "tls-untrusted-ca",
    "expired-certificate": "tls-untrusted-ca",
    "delay": "no-answer",
    "drip-feed": "no-answer",
    "reset": "no-answer",
    "reset-in-body": "no-answer",
    "cut-stream": "no-answer",
    "error-in-stream": "overloaded",
    "wrong-content-type": "edge-blocked",
    "empty-200": "edge-blocked",
    "huge-body": "edge-blocked",
    "clock-skew": "clock-skew",
}
"""Cause ids by the name of the fault."""


def expected_cause(example: RuleExample) -> str:
    """Return the expected cause of an example of a rule."""
    if example.rule == "A02" and example.spec.key and example.spec.key[0] is TokenKind.ACCESS_TOKEN:
        return "oauth-token-as-api-key"
    return CAUSE_BY_RULE[example.rule]
