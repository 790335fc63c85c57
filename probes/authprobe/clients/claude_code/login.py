"""`claude setup-token` and `claude auth login` in a terminal: the code comes from the browser."""

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
"""Seconds without a change in which a screen has been drawn, or a paste taken."""
SETTLE_TIMEOUT: Final = 3.0
"""Seconds after which a screen that never rests is taken as it is."""
SCREEN_TIMEOUT: Final = 20.0
"""Seconds without a change after which the command waits for its user: longer than the slowest
answer of the emulator that it is to bear (rule B10).
"""
MIN_FRAGMENT_LENGTH: Final = 8
"""Characters of a token that are too many to be shown."""
WORD: Final = re.compile(r"[A-Za-z]{3}")
"""Lines without a word are drawings."""
ADDRESS_WITH_QUERY: Final = re.compile(r"https?://\S+\?\S+")
"""With a query, which is another one in each run."""


def sign_in(command: Command, words: Sequence[str], *, shows_token: bool = False) -> Observation:
    """Start it, open the address that it shows, and give it the code that the page shows.

    Accepted if it ends well, and, where that is what it is for, has shown a token.
    """
    if not command.has_subcommand(words):
        return command.unavailable()
    with command.start(words, Stdin.TERMINAL, TERMINAL_VARIABLES) as child:
        terminal = Terminal(child)
        page, before = _paste_code(command, terminal)
        if page is not None and page.code is not None:
            _wait_for_end(terminal, command.remaining)
        ended = child.has_exited
        shown, lines = terminal.text, terminal.lines
        finished = child.wait(QUIET_PERIOD if ended else 0.0)
    if page is not None and page.code is None:
        return _without_code(command, page)
    message = "\n".join(mask_line(command, line) for line in _news(lines, before))
    if not ended and (page is None or not message or command.remaining <= 0):
        seconds = time.monotonic() - command.began
        detail = f"still running after {seconds:.0f} s: {last_error_line(message)}"
        seen = incomplete_observation(
            command.sandbox, Outcome.TIMED_OUT, detail, began=command.began, version=command.version
        )
        # What is shown in the place of an address is the trace of a program that broke.
        told = command.sandbox.redactor.cut(message, MAX_MESSAGE_LENGTH) if page else None
        return dataclasses.replace(seen, message=told or None)
    exit_code = finished.exit_code if ended else None
    good = exit_code == 0 and (not shows_token or _shows_token(command, shown))
    return command.observe_end(message, exit_code, success=good)


def _without_code(command: Command, page: Page) -> Observation:
    """The observation of a login that the page refuses, or that does not come so far."""
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
    """The page behind the address on the screen, and what was on the screen when it had the code;
    no page: there was no address.
    """
    while _address(terminal) is None:
        if not terminal.wait_for_change(min(SCREEN_TIMEOUT, command.remaining)):
            return None, ()
    terminal.wait_until_quiet(QUIET_PERIOD, min(SETTLE_TIMEOUT, command.remaining))
    page = Browser(command.sandbox, command.remaining).open(_address(terminal) or "")
    if page.code is not None:
        terminal.type(page.code)
        terminal.wait_until_quiet(QUIET_PERIOD, min(SETTLE_TIMEOUT, command.remaining))
    before = terminal.lines
    if page.code is not None:
        terminal.enter()
    return page, before


def _address(terminal: Terminal) -> str | None:
    return next((each for each in terminal.addresses if AUTHORIZE_PATH in each), None)


def _wait_for_end(terminal: Terminal, limit: float) -> None:
    """Wait until it ends, or has shown the same for so long that it waits for its user."""
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        if not terminal.wait_for_change(min(SCREEN_TIMEOUT, left)):
            return


def _news(lines: tuple[str, ...], before: tuple[str, ...]) -> list[str]:
    """The lines that were not there before, without drawings."""
    return [line for line in lines if line not in before and WORD.search(line)]


def mask_line(command: Command, line: str) -> str:
    """The line without addresses, and without the parts of a token that was wrapped: a whole one
    is left to the redactor.
    """
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
    shown = "".join(screen.split())
    tokens = _tokens(command)
    return any(token.kind is TokenKind.SETUP_TOKEN and token.value in shown for token in tokens)


def _tokens(command: Command) -> TokenStore:
    command.sandbox.finish()  # only then is every token known here
    return command.sandbox.backend.tokens
