"""What a rule is: a request as rules see it, an answer, and where the rule is known from."""

import datetime
import enum
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from probes.emulator.tokens import Token, TokenStore


class Certainty(enum.StrEnum):
    """How well a rule is known."""

    DOCUMENTED = "documented"
    SEVERAL = "several reports"
    ONCE = "one report"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request as the rules see it, with what the backend knows at that moment."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    tokens: TokenStore
    now: datetime.datetime
    counts_as_claude_code: bool

    @property
    def api_key(self) -> str | None:
        """The value of `x-api-key`."""
        return self.headers.get("x-api-key")

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer` (RFC 6750, 2.1)."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None

    @property
    def bearer_token(self) -> Token | None:
        """The known token that the Bearer value is."""
        return self.tokens.find(self.bearer or "")

    @property
    def betas(self) -> tuple[str, ...]:
        """The flags of `anthropic-beta`, in the order sent."""
        value = self.headers.get("anthropic-beta", "")
        return tuple(flag.strip() for flag in value.split(",") if flag.strip())

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object or the form in the body; empty if there is neither."""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return dict(urllib.parse.parse_qsl(self.body.decode("latin-1")))
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status and a JSON body, or a stream of server-sent events."""

    status: int
    body: dict[str, Any]
    events: tuple[tuple[str, dict[str, Any]], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    error_type: str | None = None
    message: str | None = None


Reply = Callable[[Ask], Answer | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A reply, with its provenance."""

    id: str
    condition: str
    sources: tuple[str, ...]
    seen: str
    certainty: Certainty
    reply: Reply


def rule(
    id: str,
    *sources: str,
    seen: str,
    certainty: Certainty = Certainty.SEVERAL,
) -> Callable[[Reply], Rule]:
    """Make a rule of the function below; its docstring is the condition.

    Raises:
        ValueError: the rule names no source or has no docstring.
    """

    def make(reply: Reply) -> Rule:
        if not sources or not reply.__doc__:
            raise ValueError(f"rule {id} needs a source and a condition")
        return Rule(
            id=id,
            condition=reply.__doc__.strip(),
            sources=sources,
            seen=seen,
            certainty=certainty,
            reply=reply,
        )

    return make


def refusal(status: int, error_type: str, message: str, request_id: str | None = "") -> Answer:
    """An error in the envelope of the API (platform.claude.com/docs/en/api/errors).

    `request_id=None` is the null that edge refusals of 2026 carry; an empty one is filled in.
    """
    return Answer(
        status=status,
        body={
            "type": "error",
            "error": {"type": error_type, "message": message},
            "request_id": request_id,
        },
        error_type=error_type,
        message=message,
    )


def oauth_refusal(error: str, description: str) -> Answer:
    """An error of the token endpoint (RFC 6749, 5.2)."""
    return Answer(
        status=400,
        body={"error": error, "error_description": description},
        error_type=error,
        message=description,
    )
