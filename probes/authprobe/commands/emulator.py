"""`authprobe emulator`: serve the emulated backend, until stopped or while a command runs."""

import contextlib
import dataclasses
import datetime
import json
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from authprobe.clients.process.children import Children
from authprobe.commands.command_observation import lacks_credential
from authprobe.commands.command_report import CommandReport
from authprobe.commands.console import OutputConsole
from authprobe.commands.emulator_options import (
    EmulatorOptions,
    check_faults,
    command_setup,
    read_standing,
)
from authprobe.commands.issued_credentials import (
    IssuedCredential,
    check_home,
    issue_files,
    issue_variables,
    parse_issued,
)
from authprobe.commands.printing import print_error
from authprobe.commands.request_log import log_exchange, log_refusal
from authprobe.commands.sealed_command import (
    COMMAND_NOT_EXECUTABLE,
    COMMAND_NOT_FOUND,
    HIDDEN_HOME,
    NO_REQUEST,
    NOT_ISSUED,
    PRIVATE_VARIABLES,
    UserCommand,
    run_command,
)
from authprobe.commands.served_files import read_token, served_file
from authprobe.core.isolation import Isolation
from authprobe.core.temporary_folder import made_folder, unused_folder
from authprobe.drift.observation_index import read_index
from authprobe.emulator.catalogue import rows
from authprobe.emulator.config import Backend
from authprobe.emulator.server.access import Exposure
from authprobe.emulator.server.network import Network, check_host
from authprobe.emulator.standalone.emulator import Emulator, emulate, parts_of
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.report.reference.rules import print_rules, rules_markdown
from authprobe.settings import bundled_observations, environment_variables

ACCESS_VARIABLE: Final = "AUTHPROBE_ACCESS_TOKEN"
CONTROL_VARIABLE: Final = "AUTHPROBE_CONTROL_TOKEN"


def print_rule_list(*, as_json: bool, as_markdown: bool) -> int:
    """Print every rule and fault; return the exit code."""
    index = read_index(bundled_observations())
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows()], indent=2))
    elif as_markdown:
        print(rules_markdown(index), end="")
    else:
        today = datetime.datetime.now(datetime.UTC).date()
        print_rules(OutputConsole(), today, index)
    return ExitCode.OK


def emulator(options: EmulatorOptions) -> int:
    """Serve the backend; return the exit code, which is that of the command if there is one.

    Raises:
        SettingsError: an option is invalid, a port is in use, or the report cannot be written.
        RecordError: the baseline cannot be read.
    """
    check_faults(options.faults)
    setup = Backend(
        date=options.date,
        standing=read_standing(options.standing),
        counts_as_claude_code=options.counts_as_claude_code,
        follows_prompts=options.follows_prompts,
        faults=options.faults,
    )
    exposure = Exposure(
        access_token=_token(options, options.access_token_file, ACCESS_VARIABLE),
        is_beyond_loopback=options.exposes,
        public_name=options.public_name,
    )
    check_host(options.host, exposure)
    issued = parse_issued(options.issue)
    check_home(issued, has_home=bool(options.command) and options.is_isolated)
    reported = command_setup(options, setup, issued)
    with _stopped_by_signals() as stopped, contextlib.ExitStack() as stack:
        children, network = _open_network(stack, options)
        handle = stack.enter_context(
            emulate(
                setup,
                host=options.host,
                port=options.port,
                https_port=options.https_port,
                control_port=options.control_port,
                any_user=options.any_user,
                network=network,
                exposure=exposure,
                control_token=_token(options, options.control_token_file, CONTROL_VARIABLE),
            )
        )
        listener = parts_of(handle).listener
        if not options.quiet:
            listener.backend.recorder.watch = log_exchange
        listener.site.on_refusal = log_refusal
        variables = _variables(handle, issued, sets_base_url=options.sets_base_url)
        variables = _serve_files(stack, handle, options, variables)
        if options.command:
            report = CommandReport(reported, handle, children) if reported else None
            code = _run_command(
                handle, children, options, variables, issued, report, is_stopped=stopped.is_set
            )
            judged = report.write() if report else None
            return code if judged is None else judged
        if options.as_json:
            print(json.dumps(_description(handle, variables)), flush=True)
        else:
            print(_exports(variables), end="", flush=True)
        print("serving; press Ctrl-C to stop", file=sys.stderr, flush=True)
        while not stopped.wait(1):
            pass  # a signal that came just before would be handled only after the waiting
    return ExitCode.OK


def _open_network(
    stack: contextlib.ExitStack, options: EmulatorOptions
) -> tuple[Children, Network]:
    """Return the children and the network, with a folder that not even `kill -9` leaves behind.

    Raises:
        SettingsError: the folder cannot be made.
    """
    is_sealed = bool(options.command) and options.is_isolated
    scratch = unused_folder("authprobe-emulator-")
    isolation = Isolation.SEALED if is_sealed else Isolation.NONE
    children = stack.enter_context(Children(scratch, isolation=isolation))
    try:
        # It removes the folder if this process is killed, so it is started before.
        children.start_launcher()
        stack.enter_context(made_folder(scratch))
        return children, stack.enter_context(Network(scratch))
    except (ClientError, OSError) as error:
        raise SettingsError(f"the emulator cannot be started here: {error}") from None


def _variables(
    handle: Emulator, issued: Sequence[IssuedCredential], *, sets_base_url: bool
) -> dict[str, str]:
    variables = handle.environment if sets_base_url else handle.proxy_environment
    variables["AUTHPROBE_HTTPS_URL"] = handle.https_url
    variables["AUTHPROBE_CONTROL_URL"] = handle.control_url or ""
    variables[CONTROL_VARIABLE] = handle.control_token
    taken = {**variables, **dict.fromkeys(PRIVATE_VARIABLES, "")}
    backend = parts_of(handle).control.backend
    return variables | parts_of(handle).do(lambda: issue_variables(issued, backend, taken))


def _serve_files(
    stack: contextlib.ExitStack,
    handle: Emulator,
    options: EmulatorOptions,
    variables: dict[str, str],
) -> dict[str, str]:
    """Write the files of the options while the emulator serves; return the variables, with the
    file of the authority that was asked for.
    """
    if options.ca_file is not None:
        own, shown = str(handle.ca_file), str(options.ca_file.absolute())
        variables = {name: shown if x == own else x for name, x in variables.items()}
        text = handle.ca_file.read_text()
        stack.enter_context(served_file("--ca-file", options.ca_file, text, mode=0o644))
    if options.env_file is not None:
        text = _exports(variables)
        stack.enter_context(served_file("--env-file", options.env_file, text, mode=0o600))
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


def _token(options: EmulatorOptions, file: Path | None, variable: str) -> str | None:
    """Return a token from a file, or else from the environment of an emulator that serves alone."""
    if file is not None:
        return read_token(file)
    # The command of another emulator has its variables, and may start one of its own.
    return None if options.command else environment_variables().get(variable) or None


def _run_command(
    handle: Emulator,
    children: Children,
    options: EmulatorOptions,
    variables: Mapping[str, str],
    issued: Sequence[IssuedCredential],
    report: CommandReport | None,
    *,
    is_stopped: Callable[[], bool],
) -> int:
    """Run the command of the options; say so if it made no request."""

    def put_files(home: Path, home_folder: Path) -> Mapping[str, str]:
        backend = parts_of(handle).control.backend
        return parts_of(handle).do(
            lambda: issue_files(issued, backend, home=home, home_folder=home_folder)
        )

    command = UserCommand(
        argv=options.command,
        variables=variables,
        is_isolated=options.is_isolated,
        shares_home=options.shares_home,
        issue_files=put_files if any(each.needs_home for each in issued) else None,
        on_end=report.take if report else None,
        is_stopped=is_stopped,
    )
    code = run_command(handle, children, command)
    was_started = code not in (COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE)
    if was_started and not options.quiet:
        for hint in _hints(handle, options, code, has_credential=bool(issued)):
            print_error(f"authprobe: {hint}")
    return code


def _hints(
    handle: Emulator, options: EmulatorOptions, code: int, *, has_credential: bool
) -> Iterator[str]:
    """Yield what may explain how the command ended."""
    if not handle.request_count:
        yield NO_REQUEST
        if code and options.is_isolated and not options.shares_home:
            yield HIDDEN_HOME
    if code and not has_credential and lacks_credential(handle.exchanges):
        yield NOT_ISSUED


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
