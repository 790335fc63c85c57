"""Made-up tokens in the format of real ones, and their state."""

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
    TokenKind.GATEWAY_KEY: "sk-ant-gwk01-",
}
"""Prefixes as users report them (anthropics/claude-code#76561). A real identity token is a JWT from
another issuer, and a gateway chooses the form of its keys; ours have distinct prefixes so that the
redactor detects them in every report.
"""
WORKSPACE_PREFIX: Final = "wrkspc_01"
"""Prefix of an id, which is no token; platform.claude.com/docs/en/manage-claude/workspaces."""

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
"""Lifetime by kind; an API key does not expire by default."""
EXPIRED_AGE: Final = datetime.timedelta(hours=1)
"""Time since the expiry of a token that is expired from the start."""

BEARERS: Final = frozenset(
    {TokenKind.ACCESS_TOKEN, TokenKind.SETUP_TOKEN, TokenKind.WORKLOAD_TOKEN}
)
"""Kinds of tokens that are valid in `Authorization: Bearer`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that the backend issued, or that the case created at its start."""

    value: str = field(repr=False)
    slot: str
    kind: TokenKind
    end_state: TokenState = TokenState.VALID
    """State without regard to the expiry."""
    expires_at: datetime.datetime | None = None
    scopes: tuple[str, ...] = ()
    login: int = 0
    """Number of the login it belongs to."""


class TokenStore:
    """All tokens of one backend, by value. A token that has ended never becomes valid again."""

    def __init__(self, redactor: Redactor, clock: Clock) -> None:
        self._tokens: dict[str, Token] = {}
        self._slots: dict[str, str] = {}
        self._counts: Counter[TokenKind] = Counter()
        self._logins = 0
        self._redactor = redactor
        self._clock = clock

    def __iter__(self) -> Iterator[Token]:
        return iter(tuple(self._tokens.values()))

    def __len__(self) -> int:
        return len(self._tokens)

    def make(
        self,
        kind: TokenKind,
        state: TokenState = TokenState.VALID,
        scopes: tuple[str, ...] | None = None,
        *,
        lifetime: datetime.timedelta | None = None,
        login: int | None = None,
        value: str | None = None,
    ) -> Token:
        """Return a new token; its slot is named after the kind: `api-key`, then `api-key-2`.

        `value` is a made-up value that is not a token yet; by default it is random.
        """
        self._counts[kind] += 1
        number = self._counts[kind]
        if login is None:
            self._logins = login = self._logins + 1
        now = self._clock.now
        lifetime = LIFETIMES.get(kind) if lifetime is None else lifetime
        expired = state is TokenState.EXPIRED
        expires_at = now - EXPIRED_AGE if expired else None if lifetime is None else now + lifetime
        token = Token(
            value=value or PREFIXES.get(kind, WORKSPACE_PREFIX) + secrets.token_urlsafe(48),
            slot=kind.value if number == 1 else f"{kind.value}-{number}",
            kind=kind,
            end_state=TokenState.VALID if expired else state,
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

    def by_slot(self, slot: str) -> Token | None:
        """Return the token with this slot name."""
        return self._tokens.get(self._slots.get(slot, ""))

    def state(self, token: Token) -> TokenState:
        """Return the current state of a token."""
        current = self._tokens[token.value]
        if current.end_state is not TokenState.VALID:
            return current.end_state
        expired = current.expires_at is not None and self._clock.now >= current.expires_at
        return TokenState.EXPIRED if expired else TokenState.VALID

    def end(self, token: Token, state: TokenState) -> None:
        """Expire, revoke or use up a token; one that has ended keeps its state."""
        current = self._tokens[token.value]
        if self.state(current) is not TokenState.VALID:
            return
        if state is TokenState.EXPIRED:
            ended_token = replace(current, expires_at=self._clock.now)
        else:
            ended_token = replace(current, end_state=state)
        self._tokens[token.value] = ended_token

    def rotate(self, refresh_token: Token) -> tuple[Token, Token]:
        """Return a new access token and a new refresh token; the old refresh token is used up.

        Single use: CL 2.1.136 of Claude Code, anthropics/claude-code#88947 (RFC 9700, 4.14.2).
        """
        self.end(refresh_token, TokenState.USED)
        scopes, login = refresh_token.scopes, refresh_token.login
        access = self.make(TokenKind.ACCESS_TOKEN, scopes=scopes, login=login)
        return access, self.make(TokenKind.REFRESH_TOKEN, scopes=scopes, login=login)

    def revoke_access(self, refresh_token: Token) -> None:
        """Revoke the access tokens of the login that this refresh token belongs to."""
        for other in self:
            if other.login == refresh_token.login and other.kind is TokenKind.ACCESS_TOKEN:
                self.end(other, TokenState.REVOKED)

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
