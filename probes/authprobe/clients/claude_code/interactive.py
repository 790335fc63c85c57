"""`claude` as a person starts it, in a terminal: what stands between the start and an answer."""

import time
from typing import Final

from authprobe.clients.claude_code.command import Command
from authprobe.clients.claude_code.login import AUTHORIZE_PATH, TERMINAL_VARIABLES, WORD, mask_line
from authprobe.clients.claude_code.prompt import QUESTION
from authprobe.clients.process.child import Stdin
from authprobe.clients.process.terminal import Terminal
from authprobe.emulator.rules.inference import ANSWER
from authprobe.observation.model import Observation

QUIET_PERIOD: Final = 1.0
"""Seconds without a change after which its user presses Enter."""
SETTLE_TIMEOUT: Final = 4.0
"""Seconds after which a screen that never rests is taken as it is."""
SCREEN_TIMEOUT: Final = 15.0
"""Seconds without a new screen after which its user gives up."""


def ask_in_terminal(command: Command) -> Observation:
    """Start it with a question, and press Enter at each new screen, as one who takes what is
    proposed: until the answer is there, or an address to log in at.

    The message is what was on the screens, each line once.
    """
    with command.start((QUESTION,), Stdin.TERMINAL, TERMINAL_VARIABLES) as child:
        terminal = Terminal(child)
        shown = _press_enter(command, terminal)
        ended = child.has_exited
        finished = child.wait(0.0)
    home = str(command.sandbox.home)
    lines = [mask_line(command, line).replace(home, "~") for line in shown if WORD.search(line)]
    answered = any(ANSWER in line for line in shown)
    return command.observe_end(
        "\n".join(lines), finished.exit_code if ended else None, success=answered
    )


def _press_enter(command: Command, terminal: Terminal) -> list[str]:
    """The lines of all screens, in the order in which they came."""
    shown: list[str] = []
    pressed = time.monotonic()
    while command.remaining > 0 and time.monotonic() - pressed < SCREEN_TIMEOUT:
        terminal.wait_until_quiet(QUIET_PERIOD, min(SETTLE_TIMEOUT, command.remaining))
        new = [line for line in terminal.lines if line not in shown]
        shown += new
        if terminal.child.has_exited or _is_over(terminal):
            break
        if new:
            terminal.enter()
            pressed = time.monotonic()
    return shown


def _is_over(terminal: Terminal) -> bool:
    """Whether the answer is on the screen, or an address to log in at."""
    answered = any(ANSWER in line for line in terminal.lines)
    return answered or any(AUTHORIZE_PATH in address for address in terminal.addresses)
