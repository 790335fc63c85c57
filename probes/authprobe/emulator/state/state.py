"""What a backend knows: its clock, its tokens, the codes it gave out, and who stands how."""

import datetime
import secrets
from dataclasses import dataclass
from typing import Final

from authprobe.emulator.config import AccountState, Backend
from authprobe.emulator.state.clock import Clock
from authprobe.emulator.state.tokens import TokenStore
from authprobe.redaction.redactor import Redactor

CODE_LIFETIME: Final = datetime.timedelta(minutes=10)
"""RFC 6749, 4.1.2 recommends no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code, and what it was asked for with."""

    client_id: str | None
    """None, like `state`: the request did not say, so any will do."""
    redirect_uri: str
    challenge: str
    state: str | None
    scopes: tuple[str, ...]
    expires_at: datetime.datetime


class State:
    """What rules look at, beside the request itself."""

    def __init__(self, setup: Backend, redactor: Redactor) -> None:
        self.clock = Clock(setup.date)
        self.tokens = TokenStore(redactor, self.clock)
        self.counts_as_claude_code = setup.counts_as_claude_code
        self.standing: AccountState = setup.standing
        self.reuse_revokes = setup.reuse_revokes
        self._codes: dict[str, Code] = {}
        self._redactor = redactor

    def give_code(self, code: Code) -> str:
        """The value of a new authorization code."""
        value = secrets.token_urlsafe(32)
        self._redactor.learn("authorization-code", value)
        self._codes[value] = code
        return value

    def find_code(self, value: str) -> Code | None:
        """What a code stands for; None: it was never given out, was used, or has expired."""
        code = self._codes.get(value)
        return code if code and self.clock.now < code.expires_at else None

    def use_code(self, value: str) -> None:
        """A code is good for one use (RFC 6749, 4.1.2)."""
        self._codes.pop(value, None)
