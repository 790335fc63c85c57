"""State of a backend: its clock, its tokens, its authorization codes, and its account."""

import datetime
import functools
import secrets
from dataclasses import dataclass
from typing import Final

from authprobe.emulator.config import AccountState, Backend, TokenKind
from authprobe.emulator.model.script import Script
from authprobe.emulator.state.clock import Clock
from authprobe.emulator.state.resources import Batch, File, Store
from authprobe.emulator.state.tokens import TokenStore
from authprobe.redaction.redactor import Redactor

CODE_LIFETIME: Final = datetime.timedelta(minutes=10)
"""The maximum that RFC 6749, 4.1.2 recommends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code, and the parameters it was requested with."""

    client_id: str | None
    """None, like `state`: absent from the request, so any value is accepted."""
    redirect_uri: str
    challenge: str
    state: str | None
    scopes: tuple[str, ...]
    expires_at: datetime.datetime


class State:
    """The state of a backend, which rules read and change."""

    def __init__(self, setup: Backend) -> None:
        self.setup = setup
        """The configuration that it began with."""
        self.redactor = Redactor()
        """Redactor of all tokens and codes."""
        self.clock = Clock(setup.date)
        self.tokens = TokenStore(self.redactor, self.clock)
        self.counts_as_claude_code = setup.counts_as_claude_code
        self.standing: AccountState = setup.standing
        self.reuse_revokes = setup.reuse_revokes
        self.refresh_revokes_access = setup.refresh_revokes_access
        self.batches = Store[Batch]()
        self.files = Store[File]()
        self.models: dict[str, None] = {}
        """Ids of models in addition to those of the API, in the order in which they were added."""
        self.script = Script(setup.answers)
        self.follows_prompts = setup.follows_prompts
        self._answer_count = 0
        self._codes: dict[str, Code] = {}
        self._code_count = 0

    @property
    def secret_count(self) -> int:
        """Number of tokens and codes since the start; all of them are remembered."""
        return len(self.tokens) + self._code_count

    @functools.cached_property
    def gateway_key(self) -> str:
        """Value of the API key that the gateways of the case send, made when first needed."""
        return self.tokens.make(TokenKind.API_KEY).value

    def next_answer_id(self) -> str:
        """Return the id of a new answer of the model, without a prefix."""
        self._answer_count += 1
        return f"authprobe{self._answer_count:04}"

    def give_code(self, code: Code) -> str:
        """Return the value of a new authorization code."""
        value = secrets.token_urlsafe(32)
        self.redactor.learn("authorization-code", value)
        self._codes[value] = code
        self._code_count += 1
        return value

    def find_code(self, value: str) -> Code | None:
        """Return the code with this value; None: never issued, already used, or expired."""
        code = self._codes.get(value)
        return code if code and self.clock.now < code.expires_at else None

    def use_code(self, value: str) -> None:
        """Mark a code as used, because it is valid for one use (RFC 6749, 4.1.2)."""
        self._codes.pop(value, None)
