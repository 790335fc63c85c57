"""Operations on a standalone emulator."""

import dataclasses
import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.catalogue import check_fault
from authprobe.emulator.config import AccountState, Backend, Fault, FaultName, TokenKind, TokenState
from authprobe.emulator.server.network import Listener, Network
from authprobe.emulator.state.tokens import PREFIXES, Token
from authprobe.errors import SettingsError
from authprobe.redaction.redactor import Redactor

LONGEST: Final = 36500 * 24 * 3600.0
"""Longest lifetime of a token, in seconds: a century."""

BACKEND: Final = TypeAdapter(Backend)
FAULT: Final[TypeAdapter[Fault | str]] = TypeAdapter(Fault | FaultName)


class Control:
    """Operations on an emulator; to be called on the thread of its network."""

    def __init__(self, network: Network, listener: Listener) -> None:
        self.network = network
        self.listener = listener

    @property
    def backend(self) -> CaseBackend:
        """The single case of the emulator."""
        return self.listener.backend

    def issue(
        self,
        kind: TokenKind | str,
        state: TokenState | str = TokenState.VALID,
        scopes: tuple[str, ...] | None = None,
        lifetime: float | None = None,
    ) -> Token:
        """Return a new token.

        Raises:
            SettingsError: there is no such kind or state, or the lifetime is none.
        """
        token_kind: TokenKind = choose(TokenKind, kind, "kind of token", tuple(PREFIXES))
        if lifetime is not None and not 0 < lifetime <= LONGEST:
            raise SettingsError("a lifetime is a number of seconds above 0, and at most a century")
        lasts = None if lifetime is None else datetime.timedelta(seconds=lifetime)
        return self.backend.tokens.make(token_kind, _token_state(state), scopes, lifetime=lasts)

    def issue_login(self, state: TokenState | str = TokenState.VALID) -> tuple[Token, Token]:
        """Return an access token in this state and a valid refresh token of the same login."""
        access = self.issue(TokenKind.ACCESS_TOKEN, state)
        return access, self.backend.tokens.make(TokenKind.REFRESH_TOKEN, login=access.login)

    def find(self, token: Token | str) -> Token:
        """Return a token by its slot name, or the token itself.

        Raises:
            SettingsError: there is none.
        """
        tokens = self.backend.tokens
        if isinstance(token, str):
            found, slot = tokens.named(token) or tokens.find(token), self.backend.redactor(token)
        else:  # by its value: a slot name of before a reset may be another token's by now
            found, slot = tokens.find(token.value), token.slot
        if found is None:
            raise SettingsError(f"there is no token '{slot[:80]}' here")
        return found

    def end(self, token: Token | str, how: TokenState) -> Token:
        """Expire or revoke a token and return it."""
        found = self.find(token)
        self.backend.tokens.end(found, how)
        return self.find(found)

    def state(self, token: Token | str) -> TokenState:
        """Return the current state of a token."""
        return self.backend.tokens.state(self.find(token))

    def arm(self, fault: Fault | str) -> None:
        """Arm a fault."""
        check_fault(fault)
        if isinstance(fault, Fault):
            try:
                FAULT.validate_python(dataclasses.asdict(fault))
            except ValidationError as error:
                raise SettingsError(complaint(error)) from None
        self.backend.faults.add(fault)

    def disarm(self) -> None:
        """Disarm all faults."""
        self.backend.faults.clear()

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.backend.state.clock.advance(seconds)

    def configure(
        self,
        standing: AccountState | str | None = None,
        counts_as_claude_code: bool | None = None,
        reuse_revokes: bool | None = None,
    ) -> None:
        """Change the given switches and keep the others."""
        state = self.backend.state
        if standing is not None:
            state.standing = choose(AccountState, standing, "standing")
        if counts_as_claude_code is not None:
            state.counts_as_claude_code = counts_as_claude_code
        if reuse_revokes is not None:
            state.reuse_revokes = reuse_revokes

    def reset(self, setup: Backend) -> None:
        """Reset to a configuration."""
        check_setup(setup)
        self.backend.reset(setup)


def check_setup(setup: Backend) -> None:
    """Raise if a value of a configuration is not allowed; dataclasses do not check that themselves.

    Raises:
        SettingsError: one is not.
    """
    try:
        BACKEND.validate_python(dataclasses.asdict(setup))
    except ValidationError as error:
        raise SettingsError(complaint(error)) from None
    for fault in setup.faults:
        check_fault(fault)


def choose(choices: Any, value: str, noun: str, allowed: tuple[Any, ...] = ()) -> Any:
    """Return the member of an enumeration with this value.

    Raises:
        SettingsError: there is none.
    """
    words = [choice.value for choice in allowed or choices]
    if value not in words:
        said = Redactor()(value)[:80]
        raise SettingsError(f"there is no {noun} '{said}'; choose from {', '.join(words)}")
    return choices(value)


def _token_state(value: str) -> TokenState:
    allowed = tuple(state for state in TokenState if state is not TokenState.BLANKED)
    state: TokenState = choose(TokenState, value, "state of a token", allowed)
    return state


def complaint(error: ValidationError) -> str:
    """Return the first validation error and its location."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = Redactor()(".".join(str(part) for part in first["loc"] if part != "Fault"))[:80]
    return f"{place}: {first['msg']}" if place else first["msg"]
