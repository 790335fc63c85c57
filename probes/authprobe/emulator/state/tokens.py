"""Made-up tokens of the real shapes, and their state."""

import datetime
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.state.clock import Clock
from authprobe.redaction.redactor import Redactor

PREFIXES: Final = {
    TokenKind.API_KEY: "sk-ant-api03-",
    TokenKind.ACCESS_TOKEN: "sk-ant-oat01-",
    TokenKind.SETUP_TOKEN: "sk-ant-oat01-",
    TokenKind.WORKLOAD_TOKEN: "sk-ant-oat01-",
    TokenKind.REFRESH_TOKEN: "sk-ant-ort01-",
    TokenKind.IDENTITY_TOKEN: "sk-ant-jwt01-",
}
"""Shapes as users report them (anthropics/claude-code#76561). A real identity token is a JWT from
another issuer; ours has a shape of its own so that no report can hold one undetected.
"""

LOGIN_SCOPES: Final = (
    "user:inference",
    "user:profile",
    "user:sessions:claude_code",
    "user:mcp_servers",
)
"""Scopes of a login; anthropics/claude-code#93216 lists those of 2026."""

SETUP_TOKEN_SCOPES: Final = ("user:inference",)
"""anthropics/claude-code#22450, #81015."""

WORKLOAD_TOKEN_SCOPES: Final = ("workspace:developer",)
"""platform.claude.com/docs/en/manage-claude/wif-reference."""

ACCESS_TOKEN_LIFETIME: Final = datetime.timedelta(hours=8)
"""Changelog of Claude Code 2.1.86; anthropics/claude-code#88947."""
REFRESH_TOKEN_LIFETIME: Final = datetime.timedelta(days=30)
"""From one report, which observed two to four weeks: anthropics/claude-code#80585."""
SETUP_TOKEN_LIFETIME: Final = datetime.timedelta(days=365)
"""code.claude.com/docs/en/authentication."""
WORKLOAD_TOKEN_LIFETIME: Final = datetime.timedelta(hours=1)

LIFETIMES: Final = {
    TokenKind.ACCESS_TOKEN: ACCESS_TOKEN_LIFETIME,
    TokenKind.REFRESH_TOKEN: REFRESH_TOKEN_LIFETIME,
    TokenKind.SETUP_TOKEN: SETUP_TOKEN_LIFETIME,
    TokenKind.WORKLOAD_TOKEN: WORKLOAD_TOKEN_LIFETIME,
}
"""Lifetime by kind; an API key has none unless one is given."""
PAST: Final = datetime.timedelta(hours=1)
"""Age of the expiry of a token that starts as expired."""

BEARERS: Final = frozenset(
    {TokenKind.ACCESS_TOKEN, TokenKind.SETUP_TOKEN, TokenKind.WORKLOAD_TOKEN}
)
"""Kinds of tokens that are valid in `Authorization: Bearer`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that the backend, or the case, made."""

    value: str = field(repr=False)
    slot: str
    kind: TokenKind
    ended: TokenState = TokenState.VALID
    """State apart from its expiry."""
    expires_at: datetime.datetime | None = None
    scopes: tuple[str, ...] = ()
    login: int = 0
    """Number of the login it belongs to."""


class TokenStore:
    """All tokens of one backend, by value. A token that has ended never becomes valid again."""

    def __init__(self, redactor: Redactor, clock: Clock) -> None:
        self._tokens: dict[str, Token] = {}
        self._slots: dict[str, str] = {}
        self._made: Counter[TokenKind] = Counter()
        self._logins = 0
        self._redactor = redactor
        self._clock = clock

    def __iter__(self) -> Iterator[Token]:
        return iter(tuple(self._tokens.values()))

    def make(
        self,
        kind: TokenKind,
        state: TokenState = TokenState.VALID,
        scopes: tuple[str, ...] | None = None,
        *,
        lifetime: datetime.timedelta | None = None,
        login: int | None = None,
    ) -> Token:
        """Return a new token; the first of its kind has the kind as its slot name, the next gets
        `-2`.
        """
        self._made[kind] += 1
        number = self._made[kind]
        if login is None:
            self._logins = login = self._logins + 1
        now = self._clock.now
        lifetime = LIFETIMES.get(kind) if lifetime is None else lifetime
        expired = state is TokenState.EXPIRED
        expires_at = now - PAST if expired else None if lifetime is None else now + lifetime
        token = Token(
            value=PREFIXES[kind] + secrets.token_urlsafe(48),
            slot=kind.value if number == 1 else f"{kind.value}-{number}",
            kind=kind,
            ended=TokenState.VALID if expired else state,
            expires_at=expires_at,
            scopes=_default_scopes(kind) if scopes is None else scopes,
            login=login,
        )
        self._redactor.learn(token.slot, token.value)
        self._tokens[token.value] = token
        self._slots[token.slot] = token.value
        return token

    def find(self, value: str) -> Token | None:
        """Return the token with this value; None: no such token was ever made."""
        return self._tokens.get(value)

    def named(self, slot: str) -> Token | None:
        """Return the token with this slot name."""
        return self._tokens.get(self._slots.get(slot, ""))

    def state(self, token: Token) -> TokenState:
        """Return the current state of a token."""
        known = self._tokens[token.value]
        if known.ended is not TokenState.VALID:
            return known.ended
        over = known.expires_at is not None and self._clock.now >= known.expires_at
        return TokenState.EXPIRED if over else TokenState.VALID

    def end(self, token: Token, how: TokenState) -> None:
        """Expire, revoke or use up a token; one that has ended keeps its state."""
        known = self._tokens[token.value]
        if self.state(known) is not TokenState.VALID:
            return
        if how is TokenState.EXPIRED:
            changed = replace(known, expires_at=self._clock.now)
        else:
            changed = replace(known, ended=how)
        self._tokens[token.value] = changed

    def rotate(self, refresh_token: Token) -> tuple[Token, Token]:
        """Return a new access token and a new refresh token; the old refresh token is used up.

        Single use: CL 2.1.136 of Claude Code, anthropics/claude-code#88947 (RFC 9700, 4.14.2).
        """
        self.end(refresh_token, TokenState.USED)
        scopes, login = refresh_token.scopes, refresh_token.login
        access = self.make(TokenKind.ACCESS_TOKEN, scopes=scopes, login=login)
        return access, self.make(TokenKind.REFRESH_TOKEN, scopes=scopes, login=login)

    def revoke_login(self, token: Token) -> None:
        """Revoke every token of the login that this token belongs to."""
        for other in self:
            if other.login == token.login:
                self.end(other, TokenState.REVOKED)


def _default_scopes(kind: TokenKind) -> tuple[str, ...]:
    match kind:
        case TokenKind.SETUP_TOKEN:
            return SETUP_TOKEN_SCOPES
        case TokenKind.WORKLOAD_TOKEN:
            return WORKLOAD_TOKEN_SCOPES
        case TokenKind.ACCESS_TOKEN | TokenKind.REFRESH_TOKEN:
            return LOGIN_SCOPES
        case _:
            return ()
