"""`authprobe emulator`: serve the emulated backend, until stopped or while a command runs."""

import contextlib
import dataclasses
import datetime
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.commands.console import OutputConsole
from authprobe.commands.printing import print_error
from authprobe.commands.sealed_command import (
    COMMAND_NOT_EXECUTABLE,
    COMMAND_NOT_FOUND,
    HIDDEN_HOME,
    NO_REQUEST,
    run_command,
)
from authprobe.core.escaping import for_log, one_line
from authprobe.core.safe_files import FileError, write_atomically
from authprobe.emulator.catalogue import rows
from authprobe.emulator.config import AccountState, Backend, TokenKind
from authprobe.emulator.standalone.control import choose
from authprobe.emulator.standalone.emulator import Emulator, emulate
from authprobe.emulator.state.tokens import Token
from authprobe.errors import ExitCode, SettingsError
from authprobe.observation.model import Exchange
from authprobe.report.model.phrases import nearest_words
from authprobe.report.reference.rules import print_rules, rules_markdown

TOKEN_VARIABLES: Final = {
    TokenKind.API_KEY: "ANTHROPIC_API_KEY",
    TokenKind.ACCESS_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
    TokenKind.SETUP_TOKEN: "CLAUDE_CODE_OAUTH_TOKEN",
}
"""Variable in which programs look for a token (code.claude.com/docs/en/env-vars)."""
MAX_LOG_FIELD_LENGTH: Final = 2500


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
    any_user: bool
    """Answer programs of other users of this machine too."""
    env_file: Path | None
    sets_base_url: bool
    """Set ANTHROPIC_BASE_URL too; otherwise programs find the emulator by their proxy variables."""
    quiet: bool
    as_json: bool
    is_isolated: bool
    """Run the command in a container, with a private home."""
    shares_home: bool
    """Show the command the user's home, read-only."""
    command: tuple[str, ...]
    """The command to run, with its arguments; empty: serve until interrupted."""


def print_rule_list(*, as_json: bool, as_markdown: bool) -> int:
    """Print every rule and fault; return the exit code."""
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows()], indent=2))
    elif as_markdown:
        print(rules_markdown(), end="")
    else:
        print_rules(OutputConsole())
    return ExitCode.OK


def emulator(options: EmulatorOptions) -> int:
    """Serve the backend; return the exit code, which is that of the command if there is one.

    Raises:
        SettingsError: an option is invalid, or a port is in use.
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
            any_user=options.any_user,
        ) as handle,
    ):
        if not options.quiet:
            handle.listener.backend.watch = log_exchange
        handle.listener.site.on_refusal = log_refusal
        tokens = [handle.issue(kind) for kind in options.token_kinds]
        variables = _variables(handle, tokens, sets_base_url=options.sets_base_url)
        with _env_file(options.env_file, _exports(variables)):
            if options.command:
                return _run_command(handle, options, variables)
            if options.as_json:
                print(json.dumps(_description(handle, variables)), flush=True)
            else:
                print(_exports(variables), end="", flush=True)
            print("serving; press Ctrl-C to stop", file=sys.stderr, flush=True)
            stopped.wait()
    return ExitCode.OK


def _variables(handle: Emulator, tokens: Sequence[Token], *, sets_base_url: bool) -> dict[str, str]:
    variables = handle.environment if sets_base_url else handle.proxy_environment
    variables["AUTHPROBE_HTTPS_URL"] = handle.https_url
    variables["AUTHPROBE_CONTROL_URL"] = handle.control_url or ""
    variables["AUTHPROBE_CONTROL_TOKEN"] = handle.control_token
    for token in tokens:
        own_name = f"AUTHPROBE_{token.slot.upper().replace('-', '_')}"
        name = TOKEN_VARIABLES.get(token.kind, own_name)
        variables[own_name if name in variables else name] = token.value
    return variables


def _description(handle: Emulator, variables: dict[str, str]) -> dict[str, object]:
    return {
        "base_url": handle.base_url,
        "https_url": handle.https_url,
        "proxy_url": handle.proxy_url,
        "control_url": handle.control_url,
        "control_token": handle.control_token,
        "ca_file": str(handle.ca_file),
        "environment": variables,
    }


def _exports(variables: dict[str, str]) -> str:
    """Return `export` lines for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())


@contextlib.contextmanager
def _env_file(path: Path | None, text: str) -> Iterator[None]:
    """Write a file that exists while the emulator serves: later, its ports may be another's."""
    if path is None:
        yield
        return
    try:
        _check_owner(path)
        write_atomically(path, text, mode=0o600)  # it has tokens in it
        identity = _identity(path)
    except FileError as error:
        raise SettingsError(f"--env-file {path}: {error.strerror}") from None
    except OSError as error:
        raise SettingsError(
            f"--env-file {path}: cannot be written: {error.strerror}; "
            "name a file in a writable directory"
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _identity(path) == identity:  # otherwise it is another's by now
                path.unlink()


def _check_owner(path: Path) -> None:
    """Raise if the name belongs to another user.

    Raises:
        FileError: it does.
        OSError: it cannot be looked at.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_uid != os.geteuid():
            raise FileError("it belongs to another user; name a new file, or one of your own")


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def log_refusal(reason: str) -> None:
    """Print on stderr why a connection was refused without being recorded."""
    hint = "; use --any-user to answer it" if reason.startswith("403") else ""
    with contextlib.suppress(OSError):
        print(f"connection refused: {reason[4:]}{hint}", file=sys.stderr, flush=True)


def log_exchange(exchange: Exchange) -> None:
    """Print an exchange as a line on stderr, with tokens by their slot names only."""
    fields = [str(exchange.status), exchange.rule or "", exchange.credential or "no credential"]
    if exchange.faults:
        fields.append(f"faults: {', '.join(exchange.faults)}")
    if exchange.nearest:
        fields.append(nearest_words(exchange))
    target = f"{exchange.method} {exchange.host}{exchange.path}"
    line = "  ".join(one_line(part, MAX_LOG_FIELD_LENGTH) for part in (target, *fields))
    with contextlib.suppress(OSError):  # stderr is closed: requests are answered without a log
        print(for_log(line), file=sys.stderr, flush=True)


def _run_command(handle: Emulator, options: EmulatorOptions, variables: Mapping[str, str]) -> int:
    """Run the command of the options; say so if it made no request."""
    code = run_command(
        handle,
        options.command,
        variables,
        is_isolated=options.is_isolated,
        shares_home=options.shares_home,
    )
    was_started = code not in (COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE)
    if was_started and not (options.quiet or handle.request_count):
        print_error(f"authprobe: {NO_REQUEST}")
        if code and options.is_isolated and not options.shares_home:
            print_error(f"authprobe: {HIDDEN_HOME}")
    return code


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set, instead of interrupting the process."""
    stopped = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
