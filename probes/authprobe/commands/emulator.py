"""`authprobe emulator`: the emulated backend alone, until it is ended, or around one command."""

import contextlib
import dataclasses
import datetime
import json
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from authprobe.core.atomic_write import write_atomically
from authprobe.core.escaping import for_log
from authprobe.emulator.catalogue import rows
from authprobe.emulator.config import AccountState, Backend, TokenKind
from authprobe.emulator.standalone.control import choose
from authprobe.emulator.standalone.emulator import Emulator, emulate
from authprobe.emulator.state.tokens import Token
from authprobe.errors import ExitCode, SettingsError
from authprobe.observation.model import Exchange
from authprobe.report.model.phrases import nearest_words
from authprobe.report.reference.rules import print_rules, rules_markdown
from authprobe.settings import child_environment

VARIABLES: Final = {
    TokenKind.API_KEY: "ANTHROPIC_API_KEY",
    TokenKind.ACCESS_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
    TokenKind.SETUP_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
}
"""Where programs look for a token (code.claude.com/docs/en/env-vars)."""
NOT_FOUND: Final = 127
NOT_STARTED: Final = 126
"""What a shell says of a command that is not there, or cannot be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorOptions:
    """Options of `authprobe emulator`; a port of 0 is a free one."""

    host: str
    port: int
    https_port: int
    control_port: int
    date: datetime.date | None
    """The backend's day; None: today."""
    standing: str
    counts_as_claude_code: bool
    faults: tuple[str, ...]
    token_kinds: tuple[str, ...]
    """Kinds of the tokens to issue."""
    env_file: Path | None
    sets_base_url: bool
    """Set ANTHROPIC_BASE_URL too; otherwise programs find the emulator by their proxy variables."""
    quiet: bool
    as_json: bool
    command: tuple[str, ...]
    """The command to run, with its arguments; empty: serve until interrupted."""


def list_rules(*, as_json: bool, as_markdown: bool) -> int:
    """Print every rule and fault; the exit code."""
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows()], indent=2))
    elif as_markdown:
        print(rules_markdown(), end="")
    else:
        print_rules(Console())
    return ExitCode.OK


def emulator(options: EmulatorOptions) -> int:
    """Serve; the exit code, that of the command if there is one.

    Raises:
        SettingsError: it cannot be served so.
    """
    setup = Backend(
        date=options.date,
        standing=choose(AccountState, options.standing, "standing"),
        counts_as_claude_code=options.counts_as_claude_code,
        faults=options.faults,
    )
    with (
        _stopped_by_signals() as stopped,
        emulate(
            setup,
            host=options.host,
            port=options.port,
            https_port=options.https_port,
            control_port=options.control_port,
        ) as served,
    ):
        if not options.quiet:
            served.listener.backend.watch = _tell
        tokens = [served.issue(kind) for kind in options.token_kinds]
        variables = _variables(served, tokens, base_url=options.sets_base_url)
        with _written(options.env_file, _exports(variables)):
            if options.command:
                return _around(options.command, variables, stopped)
            if options.as_json:
                print(json.dumps(_described(served, variables)), flush=True)
            else:
                print(_exports(variables), end="", flush=True)
            print("serving; Ctrl-C ends it", file=sys.stderr, flush=True)
            stopped.wait()
    return ExitCode.OK


def _variables(served: Emulator, tokens: Sequence[Token], *, base_url: bool) -> dict[str, str]:
    variables = served.environment if base_url else served.proxy_environment
    variables["AUTHPROBE_HTTPS_URL"] = served.https_url
    variables["AUTHPROBE_CONTROL_URL"] = served.control_url or ""
    for token in tokens:
        plain = f"AUTHPROBE_{token.slot.upper().replace('-', '_')}"
        name = VARIABLES.get(token.kind, plain)
        variables[plain if name in variables else name] = token.value
    return variables


def _described(served: Emulator, variables: dict[str, str]) -> dict[str, object]:
    return {
        "base_url": served.base_url,
        "https_url": served.https_url,
        "proxy_url": served.proxy_url,
        "control_url": served.control_url,
        "ca_file": str(served.ca_file),
        "environment": variables,
    }


def _exports(variables: dict[str, str]) -> str:
    """Lines for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())


@contextlib.contextmanager
def _written(path: Path | None, text: str) -> Iterator[None]:
    """The file is there for so long: afterwards the ports are nobody's."""
    if path is None:
        yield
        return
    try:
        write_atomically(path, text)
    except OSError as error:
        raise SettingsError(
            f"--env-file {path}: {error.strerror}; name a file in a folder that can be written"
        ) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _tell(exchange: Exchange) -> None:
    """A line of the log; tokens have their slot names only."""
    credential = exchange.credential or "no credential"
    words = [f"{exchange.status}", exchange.rule or "", credential]
    if exchange.faults:
        words.append(f"faults: {', '.join(exchange.faults)}")
    if exchange.nearest:
        words.append(nearest_words(exchange))
    place = f"{exchange.method} {exchange.host}{exchange.path}"
    line = f"{place}  {'  '.join(words)}"
    with contextlib.suppress(OSError):  # nobody reads the log: the request is answered still
        print(
            for_log("".join(c if c.isprintable() else "�" for c in line)),
            file=sys.stderr,
            flush=True,
        )


def _around(command: tuple[str, ...], variables: dict[str, str], stopped: threading.Event) -> int:
    """Run the command with these variables, and no credential of the user's."""
    try:
        with subprocess.Popen(command, env=child_environment(variables)) as child:
            return _exit_code(child, stopped)
    except FileNotFoundError:
        print(f"{command[0]}: there is no such command", file=sys.stderr)
        return NOT_FOUND
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_STARTED


def _exit_code(child: "subprocess.Popen[bytes]", stopped: threading.Event) -> int:
    """What the command ends with; a signal that came to us as well is its own to answer."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    # A terminal sends Ctrl-C to both; only SIGTERM has to be handed on.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, pass_on)
    if stopped.is_set():  # by a signal that came before there was a child to have it
        child.terminate()
    code = child.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Set when SIGINT or SIGTERM arrives; until then neither interrupts anything."""
    stopped = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
