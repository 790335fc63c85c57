"""The standalone emulator, for the tests of other projects."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from authprobe import arguments
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import (
    AccountState,
    Backend,
    Fault,
    ModelAnswer,
    StopReason,
    TokenKind,
    TokenState,
    ToolCall,
)
from authprobe.emulator.exchange_log import ExchangeLog
from authprobe.emulator.server.access import LOCAL, Exposure
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import STOPPED, Listener, Network
from authprobe.emulator.standalone.control import Control, check_setup, choose
from authprobe.emulator.standalone.control_api import application
from authprobe.emulator.standalone.resources import ResourceKind
from authprobe.emulator.state.tokens import Token
from authprobe.errors import SettingsError
from authprobe.observation.model import Exchange

T = TypeVar("T")
MAX_EXCHANGES: Final = 10_000
"""Exchanges that are recorded; older ones are dropped."""
MAX_EXCHANGES_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmulatorParts:
    """Parts of a running emulator."""

    network: Network
    listener: Listener
    control: Control

    def do(self, work: Callable[[], T]) -> T:
        """Run a function on the thread that answers requests, between two requests.

        Raises:
            SettingsError: the block of `emulate` has ended.
        """

        async def on_the_loop() -> T:
            if self.listener.site.closed.is_set():  # its network may serve others still
                raise SettingsError(STOPPED)
            return work()

        return self.network.wait_for(on_the_loop())


@dataclass(frozen=True, slots=True)
class Emulator:
    """Claude's authentication on loopback, with the operations that tests need; thread-safe.

    Methods that take a token also accept its slot name or its value.
    """

    _parts: EmulatorParts
    control_url: str | None = None
    """URL of the control API, if it is served."""

    @property
    def control_token(self) -> str:
        """Token that each request to the control API must have, as `Authorization: Bearer`."""
        return self._parts.control.token

    @property
    def request_count(self) -> int:
        """Number of requests since the start, refused CONNECT requests included."""
        return self._parts.do(lambda: self._parts.control.backend.log.request_count)

    @property
    def base_url(self) -> str:
        """URL of the service in plain HTTP, for programs that accept a base URL."""
        return self._parts.control.addresses.base_url

    @property
    def https_url(self) -> str:
        """URL of the service over TLS, for programs that trust `ca_file`."""
        return self._parts.control.addresses.https_url

    @property
    def proxy_url(self) -> str:
        """URL of the proxy, for programs that keep their real addresses and trust `ca_file`."""
        return self._parts.control.addresses.proxy_url

    @property
    def ca_file(self) -> Path:
        """PEM file of the certificate authority."""
        return self._parts.network.ca_file

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make programs use the emulator: base URL, proxy, authority."""
        return {"ANTHROPIC_BASE_URL": self.base_url, **self.proxy_environment}

    @property
    def proxy_environment(self) -> dict[str, str]:
        """The same without the base URL, for clients that keep their real addresses."""
        local = "127.0.0.1,localhost,::1"
        if name := self._parts.control.exposure.public_name:
            local = f"{local},{name}"
        proxies = {
            "HTTPS_PROXY": self.proxy_url,
            "HTTP_PROXY": self.proxy_url,
            "NO_PROXY": local,
        }
        return {
            **proxies,
            # Programs that read both prefer the lower-case names, which the user may have set.
            **{name.lower(): text for name, text in proxies.items()},
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
        }

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Requests with their answers since the start, or since they were last discarded."""
        return self._parts.do(lambda: self._parts.control.backend.log.exchanges)

    @property
    def egress_refused(self) -> tuple[str, ...]:
        """Requested hosts that are not emulated."""
        return self._parts.do(lambda: self._parts.control.backend.log.egress_refused)

    def issue(
        self,
        kind: TokenKind | str = TokenKind.ACCESS_TOKEN,
        state: TokenState | str = TokenState.VALID,
        *,
        scopes: Iterable[str] | None = None,
        lifetime: float | None = None,
        value: str | None = None,
    ) -> Token:
        """Return a made-up token; `.value` is what a client sends. `lifetime` is in seconds.

        `value` is for a program with a fixed key, such as `my-test-key`; by default it is random.

        Raises:
            SettingsError: the kind, the state, the scopes or the lifetime is invalid, or the value
                looks like a real credential.
        """
        kind = arguments.text(kind, "kind")
        state = arguments.text(state, "state")
        scope_list = arguments.optional(arguments.words, scopes, "scopes")
        lifetime = arguments.optional(arguments.number, lifetime, "lifetime")
        value = arguments.optional(arguments.text, value, "value")
        return self._parts.do(
            lambda: self._parts.control.issue(kind, state, scope_list, lifetime, value)
        )

    def add(
        self,
        kind: ResourceKind | str,
        id: str,
        *,
        ended: bool = False,
        content: bytes | None = None,
    ) -> None:
        """Put a model, a batch or a file in place, so that a program finds it by this id.

        A batch has one request, and is in progress unless `ended` is set. A file with `content` can
        be downloaded, like one that a tool has made.

        Raises:
            SettingsError: the kind or the id is invalid, or an option is not for this kind.
        """
        kind = arguments.text(kind, "kind")
        id = arguments.text(id, "id")
        ended = arguments.flag(ended, "ended")
        content = arguments.optional(arguments.content, content, "content")
        self._parts.do(lambda: self._parts.control.add(kind, id, ended, content))

    def issue_login(self, state: TokenState | str = TokenState.VALID) -> tuple[Token, Token]:
        """Return an access token in this state and a valid refresh token of the same login.

        Raises:
            SettingsError: the state is unknown.
        """
        state = arguments.text(state, "state")
        return self._parts.do(lambda: self._parts.control.issue_login(state))

    def expire(self, token: Token | str) -> None:
        """Expire a token now.

        Raises:
            SettingsError: this emulator has not issued such a token.
        """
        token = _token(token)
        self._parts.do(lambda: self._parts.control.end(token, TokenState.EXPIRED))

    def revoke(self, token: Token | str) -> None:
        """Revoke a token now.

        Raises:
            SettingsError: this emulator has not issued such a token.
        """
        token = _token(token)
        self._parts.do(lambda: self._parts.control.end(token, TokenState.REVOKED))

    def state(self, token: Token | str) -> TokenState:
        """Return the current state of a token: valid, expired, revoked or used.

        Raises:
            SettingsError: this emulator has not issued such a token.
        """
        token = _token(token)
        return self._parts.do(lambda: self._parts.control.state(token))

    def fault(
        self,
        name: str,
        *,
        seconds: float | None = None,
        times: int | None = None,
        after: int = 0,
        host: str | None = None,
        path: str | None = None,
    ) -> None:
        """Arm a fault: a rule id (e.g. `A30`) or a fault name (e.g. `delay`).

        Raises:
            SettingsError: the fault is unknown, or does not take one of these options.
        """
        name = arguments.text(name, "name")
        seconds = arguments.optional(arguments.number, seconds, "seconds")
        host = arguments.optional(arguments.text, host, "host")
        path = arguments.optional(arguments.text, path, "path")
        times = None if times is None else arguments.whole(times, "times", 1)
        after = arguments.whole(after, "after", 0)
        fault = Fault(name=name, seconds=seconds, times=times, after=after, host=host, path=path)
        self._parts.do(lambda: self._parts.control.arm(fault))
        self._parts.network.update_listening(self._parts.listener)

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self._parts.do(self._parts.control.disarm)
        self._parts.network.update_listening(self._parts.listener)

    def answer(
        self,
        text: str | None = None,
        *,
        tools: Iterable[ToolCall | str] = (),
        thinking: str | None = None,
        redacted_thinking: bool = False,
        stop_reason: StopReason | str | None = None,
        prompt: str | None = None,
        times: int = 1,
    ) -> None:
        """Add an answer of the model, for the first request that it fits: one that offers its
        tools, and whose last prompt contains `prompt`.

        Raises:
            SettingsError: a value is invalid.
        """
        stop_reason = arguments.optional(arguments.text, stop_reason, "stop_reason")
        reason = None if stop_reason is None else choose(StopReason, stop_reason, "stop reason")
        answer = ModelAnswer(
            text=arguments.optional(arguments.text, text, "text"),
            tools=tuple(_tool(tool) for tool in arguments.sequence(tools, "tools")),
            thinking=arguments.optional(arguments.text, thinking, "thinking"),
            redacted_thinking=arguments.flag(redacted_thinking, "redacted_thinking"),
            stop_reason=reason,
            prompt=arguments.optional(arguments.text, prompt, "prompt"),
            times=arguments.whole(times, "times", 1),
        )
        self._parts.do(lambda: self._parts.control.add_answer(answer))

    def clear_answers(self) -> None:
        """Drop the answers of the model that are left."""
        self._parts.do(self._parts.control.clear_answers)

    def advance(self, seconds: float) -> None:
        """Advance the clock by this many seconds.

        Raises:
            SettingsError: the number is negative, or the time would be outside the calendar.
        """
        seconds = arguments.number(seconds, "seconds")
        self._parts.do(lambda: self._parts.control.advance(seconds))

    def configure(
        self,
        *,
        standing: AccountState | str | None = None,
        counts_as_claude_code: bool | None = None,
        reuse_revokes: bool | None = None,
        refresh_revokes_access: bool | None = None,
    ) -> None:
        """Change the configuration and keep all tokens.

        Raises:
            SettingsError: the standing is unknown.
        """
        standing = arguments.optional(arguments.text, standing, "standing")
        flags = {
            "counts_as_claude_code": counts_as_claude_code,
            "reuse_revokes": reuse_revokes,
            "refresh_revokes_access": refresh_revokes_access,
        }
        for name, value in flags.items():
            arguments.optional(arguments.flag, value, name)
        self._parts.do(lambda: self._parts.control.configure(standing, **flags))

    def forget_exchanges(self) -> None:
        """Discard the recorded exchanges."""
        self._parts.do(self._parts.control.backend.log.clear)

    def reset(self, setup: Backend | None = None) -> None:
        """Reset the backend to `setup`; all issued tokens become unknown.

        Raises:
            SettingsError: a value of `setup` is invalid.
        """
        setup = Backend() if setup is None else setup
        self._parts.do(lambda: self._parts.control.reset(setup))
        self._parts.network.update_listening(self._parts.listener)


def _token(token: object) -> Token | str:
    if isinstance(token, Token):
        return token
    return arguments.instance(token, "token", str, "a token, its slot name or its value")


def _tool(tool: object) -> ToolCall | str:
    if isinstance(tool, ToolCall):
        return tool
    return arguments.instance(tool, "tools", str, "a list of names and of ToolCall")


def parts_of(emulator: Emulator) -> EmulatorParts:
    """Return the parts of an emulator, which are not for programs that test with it."""
    return emulator._parts


@contextlib.contextmanager
def emulate(
    setup: Backend | None = None,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    https_port: int = 0,
    control_port: int | None = None,
    any_user: bool = False,
    network: Network | None = None,
    exposure: Exposure = LOCAL,
    control_token: str | None = None,
) -> Iterator[Emulator]:
    """Yield an emulator with its own ports, and stop it on exit. Port 0 means any free port.

    With `control_port`, the control API is served as well. Programs of other users of this machine
    are refused unless `any_user` is set. `network` is an open network to use instead of a new one.
    `exposure` lets others use the emulator, with an access token. `control_token` is the token of
    the control API; None: a new one.

    Raises:
        SettingsError: the host is not loopback, a port is taken, or a value of `setup` is invalid.
    """
    setup = Backend() if setup is None else setup
    check_setup(setup)
    with contextlib.ExitStack() as stack:
        if network is None:
            network = stack.enter_context(Network())
        log = ExchangeLog(max_first=0, max_last=MAX_EXCHANGES, max_bytes=MAX_EXCHANGES_BYTES)
        listener = network.open(
            CaseBackend(setup, log=log),
            host=host,
            port=port,
            https_port=https_port,
            any_user=any_user,
            exposure=exposure,
        )
        stack.callback(network.close, listener)
        control = Control(network, listener, control_token)
        control_url = None
        if control_port is not None:
            extra = network.serve(
                application(control),
                host=host,
                port=control_port,
                any_user=any_user,
                exposure=exposure,
            )
            stack.callback(network.stop, extra)
            control_url = control.addresses.control_url(extra.bound_port.port)
        yield Emulator(EmulatorParts(network, listener, control), control_url)
