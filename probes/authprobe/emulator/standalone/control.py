"""Operations on a standalone emulator, with the checks of their arguments."""

import dataclasses
import datetime
import json
import re
import secrets
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from authprobe import arguments
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.catalogue import check_fault
from authprobe.emulator.config import (
    AccountState,
    Backend,
    Fault,
    FaultName,
    ModelAnswer,
    TokenKind,
    TokenState,
)
from authprobe.emulator.server.access import Exposure, check_token
from authprobe.emulator.server.network import Listener, Network
from authprobe.emulator.standalone.addresses import Addresses
from authprobe.emulator.standalone.resources import ResourceKind, add_resource
from authprobe.emulator.state.tokens import PREFIXES, Token
from authprobe.errors import SettingsError
from authprobe.redaction.redactor import Redactor

MAX_LIFETIME: Final = 36500 * 24 * 3600.0
"""Longest lifetime of a token, in seconds: a century."""

MADE_UP_VALUE: Final = re.compile(r"[\w.-]{8,200}", re.ASCII)
RESOURCE_ID: Final = re.compile(r"[\w.:-]{1,200}", re.ASCII)

TOKEN_SLOT: Final = "control-token"
"""Name of the control API's token where a record would contain it."""
ACCESS_SLOT: Final = "emulator-access-token"
"""Name of the emulator's access token where a record would contain it."""
BACKEND: Final = TypeAdapter(Backend)
ANSWER: Final = TypeAdapter(ModelAnswer)
FAULT: Final[TypeAdapter[Fault | str]] = TypeAdapter(Fault | FaultName)


class Control:
    """Operations on an emulator; call them on the thread of its network."""

    def __init__(self, network: Network, listener: Listener, token: str | None = None) -> None:
        if token is not None:
            check_token(token, "the control token")
            if token == listener.site.exposure.access_token:
                raise SettingsError(
                    "the control token and the access token are the same, so that every program "
                    "that may use the emulator could change it; make another for one of them"
                )
        self.network = network
        self.listener = listener
        self.token: Final = token or secrets.token_urlsafe(32)
        """Token of the control API, so that only who has it can use the API."""
        self._learn_tokens()

    def _learn_tokens(self) -> None:
        """Let no record contain the tokens of the emulator itself."""
        self.backend.redactor.learn(TOKEN_SLOT, self.token)
        if token := self.exposure.access_token:
            self.backend.redactor.learn(ACCESS_SLOT, token)

    @property
    def exposure(self) -> Exposure:
        """The reach of the emulator."""
        return self.listener.site.exposure

    @property
    def addresses(self) -> Addresses:
        """The URLs of the ports."""
        return Addresses(self.listener, self.exposure)

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
        value: str | None = None,
    ) -> Token:
        """Return a new token.

        Raises:
            SettingsError: the kind, the state, the lifetime or the value is invalid.
        """
        token_kind: TokenKind = choose(TokenKind, kind, "token kind", tuple(PREFIXES))
        if lifetime is not None and not 0 < lifetime <= MAX_LIFETIME:
            raise SettingsError(
                f"invalid lifetime: {str(lifetime)[:20]} s; use more than 0 seconds and at most "
                "100 years"
            )
        duration = None if lifetime is None else datetime.timedelta(seconds=lifetime)
        if value is not None:
            self._check_value(value)
        return self.backend.tokens.make(
            token_kind, _token_state(state), scopes, lifetime=duration, value=value
        )

    def _check_value(self, value: str) -> None:
        """Raise if a value must not become a token; no message quotes what may be a secret."""
        if self.backend.tokens.find(value) is not None:
            raise SettingsError("a token with this value exists already; use another value")
        if Redactor()(value) != value:
            raise SettingsError(
                "the value looks like a real credential; use one that is evidently made up, such "
                "as 'my-test-key'"
            )
        if not MADE_UP_VALUE.fullmatch(value):
            raise SettingsError(
                "invalid value of a token; use 8 to 200 letters, digits, dots, dashes and "
                "underscores"
            )

    def add(
        self,
        kind: ResourceKind | str,
        id: str,
        ended: bool = False,
        content: bytes | None = None,
    ) -> None:
        """Put a model, batch or file in place, instead of the one with this id.

        Raises:
            SettingsError: the kind or the id is invalid, or an option is not for this kind.
        """
        resource: ResourceKind = choose(ResourceKind, kind, "kind of resource")
        if not RESOURCE_ID.fullmatch(id):
            raise SettingsError(
                f"invalid id: '{self.backend.redactor(id)[:80]}'; use 1 to 200 letters, digits, "
                "dots, colons, dashes and underscores"
            )
        if ended and resource is not ResourceKind.BATCH:
            raise SettingsError(f"a {resource} does not end; leave out 'ended'")
        if content is not None and resource is not ResourceKind.FILE:
            raise SettingsError(f"a {resource} has no content; leave out 'content'")
        add_resource(self.backend.state, resource, id, ended=ended, content=content)

    def issue_login(self, state: TokenState | str = TokenState.VALID) -> tuple[Token, Token]:
        """Return an access token in this state and a valid refresh token of the same login."""
        access = self.issue(TokenKind.ACCESS_TOKEN, state)
        return access, self.backend.tokens.make(TokenKind.REFRESH_TOKEN, login=access.login)

    def find(self, token: Token | str) -> Token:
        """Return the current token with this slot name or value, or for this earlier copy of it.

        Raises:
            SettingsError: this emulator has not issued such a token.
        """
        tokens = self.backend.tokens
        if isinstance(token, str):
            match, name = tokens.by_slot(token) or tokens.find(token), self.backend.redactor(token)
        else:  # by its value, because after a reset another token may have its slot name
            match, name = tokens.find(token.value), token.slot
        if match is None:
            raise SettingsError(
                f"no such token: '{name[:80]}'; use one that this emulator has issued since its "
                "last reset"
            )
        return match

    def end(self, token: Token | str, state: TokenState) -> Token:
        """Expire or revoke a token and return it."""
        current = self.find(token)
        self.backend.tokens.end(current, state)
        return self.find(current)

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
                raise SettingsError(validation_message(error)) from None
        self.backend.faults.add(fault)

    def disarm(self) -> None:
        """Disarm all faults."""
        self.backend.faults.clear()

    def add_answer(self, answer: ModelAnswer) -> None:
        """Add an answer of the model.

        Raises:
            SettingsError: a value of it is invalid, or is no JSON.
        """
        try:
            fields = dataclasses.asdict(answer)
            json.dumps(fields)
            valid = ANSWER.validate_python(fields)
        except ValidationError as error:
            raise SettingsError(validation_message(error)) from None
        except (TypeError, ValueError, RecursionError):
            raise SettingsError(
                "the input of a tool is not JSON; use texts, numbers, lists and dictionaries"
            ) from None
        self.backend.state.script.add(valid)

    def clear_answers(self) -> None:
        """Drop the answers of the model that are left."""
        self.backend.state.script.clear()

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.backend.state.clock.advance(seconds)

    def configure(
        self,
        standing: AccountState | str | None = None,
        counts_as_claude_code: bool | None = None,
        reuse_revokes: bool | None = None,
        refresh_revokes_access: bool | None = None,
    ) -> None:
        """Change these parts of the configuration; None keeps the value."""
        state = self.backend.state
        if standing is not None:
            state.standing = choose(AccountState, standing, "standing")
        if counts_as_claude_code is not None:
            state.counts_as_claude_code = counts_as_claude_code
        if reuse_revokes is not None:
            state.reuse_revokes = reuse_revokes
        if refresh_revokes_access is not None:
            state.refresh_revokes_access = refresh_revokes_access

    def reset(self, setup: Backend) -> None:
        """Reset the backend to a configuration."""
        check_setup(setup)
        self.backend.reset(setup)
        self._learn_tokens()


def check_setup(setup: Backend) -> None:
    """Raise if a value of a configuration is invalid, which dataclasses do not check themselves.

    Raises:
        SettingsError: it is no `Backend`, or a value is invalid.
    """
    arguments.instance(setup, "setup", Backend, "a Backend")
    try:
        BACKEND.validate_python(dataclasses.asdict(setup))
    except ValidationError as error:
        raise SettingsError(validation_message(error)) from None
    except (TypeError, RecursionError):  # a collection that cannot be copied
        raise arguments.invalid(
            "setup", setup, "made of texts, numbers, tuples, lists and dictionaries"
        ) from None
    for fault in setup.faults:
        check_fault(fault)


def choose(choices: Any, value: str, noun: str, allowed: tuple[Any, ...] = ()) -> Any:
    """Return the member of an enumeration with this value.

    Raises:
        SettingsError: no member has it.
    """
    values = [choice.value for choice in allowed or choices]
    if value not in values:
        shown = Redactor()(value)[:80]
        raise SettingsError(f"no such {noun}: '{shown}'; choose from {', '.join(values)}")
    return choices(value)


def _token_state(value: str) -> TokenState:
    allowed = tuple(state for state in TokenState if state is not TokenState.BLANKED)
    state: TokenState = choose(TokenState, value, "token state", allowed)
    return state


def validation_message(error: ValidationError) -> str:
    """Return the text of the first validation error, with its location."""
    first = error.errors(include_url=False, include_input=False)[0]
    location = Redactor()(".".join(str(part) for part in first["loc"] if part != "Fault"))[:80]
    return f"{location}: {first['msg']}" if location else first["msg"]
