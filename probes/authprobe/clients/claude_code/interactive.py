"""The interactive flow: `claude` in a terminal, with the screens between start and answer."""

import time
from typing import Final

from authprobe.clients.claude_code.command import Command
from authprobe.clients.claude_code.login import AUTHORIZE_PATH, TERMINAL_VARIABLES, WORD, mask_line
from authprobe.clients.claude_code.prompt import QUESTION
from authprobe.clients.process.child import Stdin
from authprobe.clients.process.terminal import Terminal
from authprobe.emulator.model.schema_instance import ANSWER
from authprobe.observation.model import Observation

QUIET_PERIOD: Final = 1.0
"""Seconds without output after which the user presses Enter."""
SETTLE_TIMEOUT: Final = 4.0
"""Seconds after which an ever-changing screen is read as it is."""
SCREEN_TIMEOUT: Final = 15.0
"""Seconds without a new screen after which the user gives up."""


def ask_in_terminal(command: Command) -> Observation:
    """Start `claude` with a question, and press Enter at each new screen, to accept the defaults.

    Ends when the answer or a login address is on the screen. The message of the observation
    consists of the distinct lines of all screens.
    """
    with command.start((QUESTION,), Stdin.TERMINAL, TERMINAL_VARIABLES) as child:
        terminal = Terminal(child)
        screen_lines = _accept_defaults(command, terminal)
        has_exited = child.has_exited
        result = child.wait(0.0)
    home = str(command.sandbox.home)
    lines = [
        mask_line(command, line).replace(home, "~") for line in screen_lines if WORD.search(line)
    ]
    answered = any(ANSWER in line for line in screen_lines)
    return command.observe_end(
        "\n".join(lines), result.exit_code if has_exited else None, success=answered
    )


def _accept_defaults(command: Command, terminal: Terminal) -> list[str]:
    """Press Enter at each new screen; return the distinct lines in order of appearance."""
    all_lines: list[str] = []
    last_enter_at = time.monotonic()
    while command.remaining > 0 and time.monotonic() - last_enter_at < SCREEN_TIMEOUT:
        terminal.wait_until_quiet(QUIET_PERIOD, min(SETTLE_TIMEOUT, command.remaining))
        new_lines = [line for line in terminal.lines if line not in all_lines]
        all_lines += new_lines
        if terminal.child.has_exited or _shows_end(terminal):
            break
        if new_lines:
            terminal.enter()
            last_enter_at = time.monotonic()
    return all_lines


def _shows_end(terminal: Terminal) -> bool:
    """Return True if the answer or a login address is on the screen."""
    answered = any(ANSWER in line for line in terminal.lines)
    return answered or any(AUTHORIZE_PATH in address for address in terminal.addresses)
