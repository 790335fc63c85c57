"""The flows `claude setup-token` and `claude auth login`: a terminal and the user's browser."""

import dataclasses
import re
import time
from collections.abc import Sequence
from typing import Final

from authprobe.clients.browser import Browser, Page
from authprobe.clients.claude_code.command import Command
from authprobe.clients.observe import MAX_MESSAGE_LENGTH, incomplete_observation, last_error_line
from authprobe.clients.process.child import Stdin
from authprobe.clients.process.terminal import Terminal
from authprobe.emulator.config import TokenKind
from authprobe.emulator.state.tokens import TokenStore
from authprobe.observation.model import Observation, Outcome

AUTHORIZE_PATH: Final = "/oauth/authorize?"
TERMINAL_VARIABLES: Final = {"TERM": "xterm-256color"}
QUIET_PERIOD: Final = 0.3
"""Seconds without output after which a screen is complete, or a paste processed."""
SETTLE_TIMEOUT: Final = 3.0
"""Seconds after which an ever-changing screen is read as it is."""
SCREEN_TIMEOUT: Final = 20.0
"""Seconds without a change after which the command must be waiting for its user: longer than the
emulator's slowest response (rule B10).
"""
MIN_FRAGMENT_LENGTH: Final = 8
"""Shortest part of a token to mask, in characters."""
WORD: Final = re.compile(r"[A-Za-z]{3}")
"""A word; lines without one are drawings."""
ADDRESS_WITH_QUERY: Final = re.compile(r"https?://\S+\?\S+")
"""A URL with a query, which differs in each run."""


def sign_in(
    command: Command, subcommand: Sequence[str], *, shows_token: bool = False
) -> Observation:
    """Start the login, open its address in the browser, and paste the code from the page.

    Accepted if the command exits with 0 and, with `shows_token`, has printed a token.
    """
    if not command.has_subcommand(subcommand):
        return command.unavailable()
    with command.start(subcommand, Stdin.TERMINAL, TERMINAL_VARIABLES) as child:
        terminal = Terminal(child)
        page, lines_before = _paste_code(command, terminal)
        if page is not None and page.code is not None:
            _wait_for_end(terminal, command.remaining)
        has_exited = child.has_exited
        screen, lines = terminal.text, terminal.lines
        result = child.wait(QUIET_PERIOD if has_exited else 0.0)
    if page is not None and page.code is None:
        return _observe_missing_code(command, page)
    message = "\n".join(mask_line(command, line) for line in _new_lines(lines, lines_before))
    if not has_exited and (page is None or not message or command.remaining <= 0):
        return _observe_timeout(command, message, has_page=page is not None)
    exit_code = result.exit_code if has_exited else None
    success = exit_code == 0 and (not shows_token or _shows_token(command, screen))
    return command.observe_end(message, exit_code, success=success)


def _observe_timeout(command: Command, message: str, *, has_page: bool) -> Observation:
    """Return the observation of a login that neither exited nor shows its user a message."""
    seconds = time.monotonic() - command.began
    detail = f"still running after {seconds:.0f} s: {last_error_line(message)}"
    observation = incomplete_observation(
        command.sandbox, Outcome.TIMED_OUT, detail, began=command.began, version=command.version
    )
    # Without a page the screen holds no message for the user but a stack trace.
    redacted = command.sandbox.redactor.cut(message, MAX_MESSAGE_LENGTH) if has_page else None
    return dataclasses.replace(observation, message=redacted or None)


def _observe_missing_code(command: Command, page: Page) -> Observation:
    """Return the observation of a login whose page shows no code, or is unreachable."""
    if page.status is not None:
        return command.observe_end(page.text, None, success=False)
    return incomplete_observation(
        command.sandbox,
        Outcome.UNREACHABLE,
        f"the page to sign in at: {page.text}",
        began=command.began,
        version=command.version,
    )


def _paste_code(command: Command, terminal: Terminal) -> tuple[Page | None, tuple[str, ...]]:
    """Open the address on the screen and paste the page's code into the terminal.

    Returns the page, or None if no address appeared, and the screen's lines before Enter.
    """
    while _login_address(terminal) is None:
        if not terminal.wait_for_change(min(SCREEN_TIMEOUT, command.remaining)):
            return None, ()
    terminal.wait_until_quiet(QUIET_PERIOD, min(SETTLE_TIMEOUT, command.remaining))
    page = Browser(command.sandbox, command.remaining).open(_login_address(terminal) or "")
    if page.code is not None:
        terminal.type(page.code)
        terminal.wait_until_quiet(QUIET_PERIOD, min(SETTLE_TIMEOUT, command.remaining))
    lines_before = terminal.lines
    if page.code is not None:
        terminal.enter()
    return page, lines_before


def _login_address(terminal: Terminal) -> str | None:
    return next((address for address in terminal.addresses if AUTHORIZE_PATH in address), None)


def _wait_for_end(terminal: Terminal, limit: float) -> None:
    """Block until the command exits, or its screen is unchanged for `SCREEN_TIMEOUT`."""
    deadline = time.monotonic() + limit
    while (remaining := deadline - time.monotonic()) > 0:
        if not terminal.wait_for_change(min(SCREEN_TIMEOUT, remaining)):
            return


def _new_lines(lines: tuple[str, ...], lines_before: tuple[str, ...]) -> list[str]:
    """Return the lines that were not there before, without drawings."""
    return [line for line in lines if line not in lines_before and WORD.search(line)]


def mask_line(command: Command, line: str) -> str:
    """Mask addresses and parts of wrapped tokens; whole tokens are left to the redactor."""
    values = [token.value for token in _tokens(command)]
    words = ADDRESS_WITH_QUERY.sub("(address)", line).split(" ")
    return " ".join(
        "[redacted:token]"
        if len(word) >= MIN_FRAGMENT_LENGTH
        and any(word in value and word != value for value in values)
        else word
        for word in words
    )


def _shows_token(command: Command, screen: str) -> bool:
    text = "".join(screen.split())
    tokens = _tokens(command)
    return any(token.kind is TokenKind.SETUP_TOKEN and token.value in text for token in tokens)


def _tokens(command: Command) -> TokenStore:
    command.sandbox.finish()  # only now are the tokens issued by the worker known here
    return command.sandbox.backend.tokens
