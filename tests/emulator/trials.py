"""For every rule of the emulator a request that it answers, and one beside it that it must not."""

import datetime
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Final

from probes.emulator.case import CaseBackend
from probes.emulator.rule import Ask
from probes.emulator.rules import API, CONSOLE, OAUTH_BETA, PLATFORM
from probes.emulator.setup import Backend, TokenKind, TokenState

Target = tuple[str, str, str]

MESSAGES: Final = ("POST", API, "/v1/messages")
COUNT_TOKENS: Final = ("POST", API, "/v1/messages/count_tokens")
PROFILE: Final = ("GET", API, "/api/oauth/profile")
CONSOLE_TOKEN: Final = ("POST", CONSOLE, "/v1/oauth/token")
CONSOLE_WRONG: Final = ("POST", CONSOLE, "/api/oauth/token")
PLATFORM_TOKEN: Final = ("POST", PLATFORM, "/v1/oauth/token")

SPRING: Final = datetime.date(2026, 4, 1)
AUTUMN: Final = datetime.date(2026, 10, 1)

Kind, State = TokenKind, TokenState
Credential = tuple[TokenKind, TokenState]
GOOD: Final = (Kind.ACCESS_TOKEN, State.VALID)
GOOD_KEY: Final = (Kind.API_KEY, State.VALID)
GOOD_REFRESH: Final = (Kind.REFRESH_TOKEN, State.VALID)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request, and the day on which a backend gets it."""

    target: Target = MESSAGES
    bearer: Credential | None = None
    key: Credential | None = None
    refresh: Credential | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    form: bool = False
    date: datetime.date = SPRING
    counts: bool = True

    def backend(self) -> CaseBackend:
        """A backend of that day."""
        return CaseBackend(Backend(date=self.date, counts_as_claude_code=self.counts))

    def parts(self, backend: CaseBackend) -> tuple[dict[str, str], bytes]:
        """Headers and body, with tokens that the backend makes."""
        headers: dict[str, str | None] = {}
        fields = dict(self.fields)
        if self.target in (MESSAGES, COUNT_TOKENS):
            headers["anthropic-version"] = "2023-06-01"
        if self.bearer:
            headers["authorization"] = f"Bearer {backend.tokens.make(*self.bearer).value}"
            headers["anthropic-beta"] = OAUTH_BETA
        if self.key:
            headers["x-api-key"] = backend.tokens.make(*self.key).value
        if self.target[2].endswith("/token"):
            fields = {"grant_type": "refresh_token", "client_id": "authprobe"} | fields
        if self.refresh:
            fields["refresh_token"] = backend.tokens.make(*self.refresh).value
        kind = "application/x-www-form-urlencoded" if self.form else "application/json"
        headers = {"content-type": kind} | headers | self.headers
        text = urllib.parse.urlencode(fields) if self.form else json.dumps(fields)
        return {name: value for name, value in headers.items() if value is not None}, text.encode()

    def ask(self, backend: CaseBackend) -> Ask:
        """The request as the rules see it."""
        headers, body = self.parts(backend)
        return make_ask(backend, self.target, headers, body)


def make_ask(
    backend: CaseBackend, target: Target, headers: dict[str, str], body: bytes = b""
) -> Ask:
    """A request to this backend."""
    method, host, path = target
    return Ask(
        method=method,
        host=host,
        path=path,
        headers=headers,
        body=body,
        state=backend.state,
    )


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A request that one rule answers, with the answer, and one beside it that another answers.

    In the body an empty `request_id` stands for the id that is in the header as well, and tokens
    are shown by their slots.
    """

    rule: str
    sent: Sent
    status: int
    body: dict[str, Any]
    beside: Sent
    passes: str = "messages"


def error(kind: str, message: str, request_id: str | None = "") -> dict[str, Any]:
    """The envelope of an error."""
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }


def refused(rule: str, status: int, kind: str, message: str, sent: Sent, **more: Any) -> Trial:
    """A refusal in the API's envelope; beside it a good token passes."""
    request_id = more.pop("request_id", "")
    values = {"beside": Sent(bearer=GOOD), **more}
    return Trial(
        rule=rule, sent=sent, status=status, body=error(kind, message, request_id), **values
    )


AUTH: Final = "authentication_error"
INVALID: Final = "invalid_request_error"
NO_PERMISSION: Final = "permission_error"
REFRESHED: Final = {
    "token_type": "Bearer",
    "access_token": "[redacted:access-token]",
    "expires_in": 28800,
    "refresh_token": "[redacted:refresh-token-2]",
    "scope": "user:inference user:profile user:sessions:claude_code user:mcp_servers",
}
ACCOUNT: Final = {
    "account": {
        "uuid": "00000000-0000-4000-8000-000000000001",
        "email": "user@example.com",
        "full_name": "Example User",
        "display_name": "Example",
        "has_claude_max": True,
        "has_claude_pro": False,
    },
    "organization": {
        "uuid": "00000000-0000-4000-8000-000000000002",
        "name": "Example",
        "organization_type": "claude_max",
        "rate_limit_tier": "default_claude_max_5x",
    },
}
PONG: Final = {
    "id": "msg_authprobe",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "pong"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}

UNKNOWN: Final = (Kind.ACCESS_TOKEN, State.UNKNOWN)
EXPIRED: Final = (Kind.ACCESS_TOKEN, State.EXPIRED)
REVOKED: Final = (Kind.ACCESS_TOKEN, State.REVOKED)
USED_REFRESH: Final = (Kind.REFRESH_TOKEN, State.USED)
REFRESH: Final = Sent(target=PLATFORM_TOKEN, refresh=GOOD_REFRESH)

TRIALS: Final = (
    refused(
        *("A03", 400, INVALID, "anthropic-version: header is required"),
        Sent(bearer=GOOD, headers={"anthropic-version": None}),
    ),
    refused(
        *("A01", 401, AUTH, "x-api-key header is required"),
        Sent(),
        beside=Sent(key=GOOD_KEY),
    ),
    refused(
        *("A01", 401, AUTH, "x-api-key header is required"),
        Sent(headers={"authorization": "Basic dXNlcjpub25l"}),
    ),
    refused(
        *("A02", 401, AUTH, "invalid x-api-key"),
        Sent(key=(Kind.API_KEY, State.UNKNOWN)),
        beside=Sent(key=GOOD_KEY),
    ),
    refused("A02", 401, AUTH, "invalid x-api-key", Sent(key=GOOD)),
    refused(
        "A02", 401, AUTH, "invalid x-api-key", Sent(target=COUNT_TOKENS, headers={"x-api-key": ""})
    ),
    refused(
        *("A04", 401, AUTH, "OAuth authentication is currently not supported."),
        Sent(bearer=GOOD, headers={"anthropic-beta": "another-flag"}),
        beside=Sent(bearer=GOOD, headers={"anthropic-beta": f"another-flag, {OAUTH_BETA}"}),
    ),
    refused("A05", 401, AUTH, "Invalid bearer token", Sent(bearer=UNKNOWN)),
    refused("A05", 401, AUTH, "Invalid bearer token", Sent(bearer=GOOD_KEY)),
    refused("A05", 401, AUTH, "Invalid bearer token", Sent(headers={"authorization": "Bearer"})),
    refused(
        *("A07", 401, AUTH, "OAuth access token is invalid."),
        Sent(bearer=UNKNOWN, date=AUTUMN),
        beside=Sent(bearer=GOOD, date=AUTUMN),
        request_id=None,
    ),
    refused(
        "A08",
        401,
        AUTH,
        "OAuth token has expired. Please obtain a new token or refresh your existing token.",
        Sent(bearer=EXPIRED),
    ),
    refused(
        *("A09", 401, AUTH, "OAuth access token has expired. Re-authenticate to continue."),
        Sent(bearer=EXPIRED, date=AUTUMN),
        beside=Sent(bearer=GOOD, date=AUTUMN),
        request_id=None,
    ),
    refused(
        *("A10", 403, NO_PERMISSION, "OAuth token has been revoked. Please obtain a new token."),
        Sent(bearer=REVOKED),
    ),
    refused(
        *("A15", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        Sent(target=PROFILE, bearer=(Kind.SETUP_TOKEN, State.VALID)),
        beside=Sent(target=PROFILE, bearer=GOOD),
        passes="profile",
    ),
    refused(
        "A18",
        400,
        INVALID,
        "This credential is only authorized for use with Claude Code and cannot be used for other "
        "API requests.",
        Sent(bearer=GOOD, counts=False),
    ),
    Trial(
        rule="messages",
        sent=Sent(bearer=GOOD, fields={"model": "m"}),
        status=200,
        body=PONG,
        beside=Sent(target=COUNT_TOKENS, key=GOOD_KEY),
        passes="count-tokens",
    ),
    Trial(
        rule="count-tokens",
        sent=Sent(target=COUNT_TOKENS, key=GOOD_KEY),
        status=200,
        body={"input_tokens": 1},
        beside=Sent(key=GOOD_KEY),
    ),
    Trial(
        rule="profile",
        sent=Sent(target=PROFILE, bearer=GOOD),
        status=200,
        body=ACCOUNT,
        beside=Sent(target=PROFILE, bearer=REVOKED),
        passes="A10",
    ),
    refused(
        *("B01", 404, "not_found_error", "Not found"),
        Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH, date=AUTUMN),
        beside=Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH),
        passes="refresh",
    ),
    refused(
        *("B02", 404, "not_found_error", "Not found"),
        Sent(target=CONSOLE_WRONG, refresh=GOOD_REFRESH),
        beside=Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH),
        passes="refresh",
    ),
    Trial(
        rule="B03",
        sent=Sent(target=PLATFORM_TOKEN, refresh=USED_REFRESH),
        status=400,
        body={
            "error": "invalid_grant",
            "error_description": "Refresh token not found or invalid",
        },
        beside=REFRESH,
        passes="refresh",
    ),
    refused(
        *("B05", 400, INVALID, "Invalid request format"),
        Sent(target=PLATFORM_TOKEN),
        beside=REFRESH,
        passes="refresh",
    ),
    Trial(
        rule="refresh",
        sent=REFRESH,
        status=200,
        body=REFRESHED,
        beside=Sent(target=PLATFORM_TOKEN, refresh=GOOD),
        passes="B03",
    ),
)
