"""Made-up tokens of the real shapes, and what the backend knows about each."""

import datetime
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Final

from probes.redact import Redactor
from probes.scenario.model import TokenKind, TokenState

PREFIXES: Final = {
    TokenKind.API_KEY: "sk-ant-api03-",
    TokenKind.ACCESS_TOKEN: "sk-ant-oat01-",
    TokenKind.SETUP_TOKEN: "sk-ant-oat01-",
    TokenKind.REFRESH_TOKEN: "sk-ant-ort01-",
}
"""Shapes as users report them: anthropics/claude-code#76561."""

LOGIN_SCOPES: Final = (
    "user:inference",
    "user:profile",
    "user:sessions:claude_code",
    "user:mcp_servers",
)
"""Scopes of a login; anthropics/claude-code#93216 lists those of 2026."""

SETUP_TOKEN_SCOPES: Final = ("user:inference",)
"""anthropics/claude-code#22450, #81015."""

ACCESS_TOKEN_LIFETIME: Final = datetime.timedelta(hours=8)
"""Changelog of Claude Code 2.1.86; anthropics/claude-code#88947."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that the backend, or the case, has made."""

    value: str
    slot: str
    kind: TokenKind
    state: TokenState
    scopes: tuple[str, ...] = ()


class TokenStore:
    """All tokens of one case, by value."""

    def __init__(self, redactor: Redactor) -> None:
        self._tokens: dict[str, Token] = {}
        self._made: Counter[TokenKind] = Counter()
        self._redactor = redactor

    def make(
        self,
        kind: TokenKind,
        state: TokenState = TokenState.VALID,
        scopes: tuple[str, ...] | None = None,
    ) -> Token:
        """A new token; the first of its kind is named like the kind, the next gets `-2`."""
        self._made[kind] += 1
        number = self._made[kind]
        token = Token(
            value=PREFIXES[kind] + secrets.token_urlsafe(48),
            slot=kind.value if number == 1 else f"{kind.value}-{number}",
            kind=kind,
            state=state,
            scopes=_default_scopes(kind) if scopes is None else scopes,
        )
        self._redactor.learn(token.slot, token.value)
        self._tokens[token.value] = token
        return token

    def find(self, value: str) -> Token | None:
        """The token with this value; None: no such token was ever made."""
        return self._tokens.get(value)

    def rotate(self, refresh_token: Token) -> tuple[Token, Token]:
        """A new access token and a new refresh token; the old refresh token is used up.

        Single use: CL 2.1.136 of Claude Code, anthropics/claude-code#88947 (RFC 9700, 4.14.2).
        """
        self._tokens[refresh_token.value] = Token(
            value=refresh_token.value,
            slot=refresh_token.slot,
            kind=refresh_token.kind,
            state=TokenState.USED,
            scopes=refresh_token.scopes,
        )
        access = self.make(TokenKind.ACCESS_TOKEN, scopes=refresh_token.scopes)
        return access, self.make(TokenKind.REFRESH_TOKEN, scopes=refresh_token.scopes)


def _default_scopes(kind: TokenKind) -> tuple[str, ...]:
    match kind:
        case TokenKind.SETUP_TOKEN:
            return SETUP_TOKEN_SCOPES
        case TokenKind.API_KEY:
            return ()
        case _:
            return LOGIN_SCOPES
