"""Run a command of the user against the emulator: sealed as the client of a case, or in place."""

import contextlib
import os
import shutil
import signal
import stat
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.credentials import CONFIG_FOLDER, CREDENTIALS_FILE
from authprobe.clients.process.child import AttachedChild
from authprobe.clients.process.children import Children, Container, Visibility
from authprobe.clients.process.private_places import is_private
from authprobe.clients.process.required_files import visible_files
from authprobe.commands.command_observation import EndedCommand
from authprobe.commands.printing import print_error
from authprobe.commands.recorded_output import OutputRecorder
from authprobe.core.isolation import Isolation
from authprobe.core.safe_files import is_missing
from authprobe.emulator.standalone.emulator import Emulator, parts_of
from authprobe.errors import ClientError
from authprobe.settings import child_environment, current_folder, home, search_path, user_homes

COMMAND_NOT_FOUND: Final = 127
COMMAND_NOT_EXECUTABLE: Final = 126
"""Exit codes of a shell for a command that does not exist, or cannot be started."""
PRIVATE_VARIABLES: Final = ("CLAUDE_CONFIG_DIR", "HOME", "PATH", "TMPDIR")
"""Variables of a sealed command that no credential can have."""
COPY_BYTES: Final = 64 * 1024
FORWARDED_SIGNALS: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGWINCH,
)
"""Signals that the command cannot receive itself, as it is in a session of its own."""
IN_PLACE: Final = (
    "not isolated: the command can read and change your files, use and end your stored login, and "
    "connect to other machines"
)
NOT_SEALED: Final = {
    Isolation.NETWORK: "the command is not sealed: it can read and change your files",
    Isolation.NONE: "the command is not isolated: it can read and change your files, and connect "
    "to other machines",
}
NO_REQUEST: Final = (
    "the command made no request to the emulator; it may ignore the proxy variables and the base "
    "URL (see AUTHPROBE_HTTPS_URL for programs that take another address)"
)
NOT_ISSUED: Final = (
    "No credential was issued to the command, and the emulator accepts no other: --issue api-key "
    "gives it one, in ANTHROPIC_API_KEY."
)
HIDDEN_HOME: Final = (
    "if it failed because a file of your home is missing: --share-home shows your home, read-only"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommand:
    """A command of the user, and how it is run."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    is_isolated: bool = True
    """It has a private home, and sees of the user's files only the working directory and what its
    program needs.
    """
    shares_home: bool = False
    """It sees the whole home as well, read-only."""
    issue_files: Callable[[Path, Path], Mapping[str, str]] | None = None
    """Puts credentials into the private home, given at the command's path and at that of this
    process; returns the variables for them.
    """
    on_end: Callable[[EndedCommand], None] | None = None
    """Takes the command at its end, while its private home exists; its output is recorded."""
    is_stopped: Callable[[], bool] = lambda: False
    """True if a signal asked it to end before it could be told."""


def run_command(emulator: Emulator, children: Children, command: UserCommand) -> int:
    """Run a command without the user's credentials; return its exit code."""
    program = shutil.which(command.argv[0], path=search_path())
    if program is None:
        exists = not is_missing(Path(command.argv[0]))
        reason = "Permission denied" if exists else "command not found"
        print_error(f"{command.argv[0]}: {reason}")
        return _not_started(
            command, COMMAND_NOT_EXECUTABLE if exists else COMMAND_NOT_FOUND, reason
        )
    if not command.is_isolated:
        _warn(IN_PLACE)
    try:
        if command.is_isolated and children.isolation is not Isolation.SEALED:
            _warn(f"{NOT_SEALED[children.isolation]} ({children.known_refusal})")
        shares_home = command.shares_home
        visibility = _visibility(emulator, Path(program), current_folder(), shares_home=shares_home)
        with children.open_container(visibility) as container:
            if container.isolation is not Isolation.NONE:
                parts_of(emulator).network.mirror(container.bind)
            ended = _run_in(container, emulator, command, program, visibility)
            if command.on_end:
                command.on_end(ended)
            return ended.exit_code
    except (ClientError, OSError) as error:
        _warn(f"{command.argv[0]}: {error}")
        return _not_started(command, COMMAND_NOT_EXECUTABLE, str(error))


def _not_started(command: UserCommand, code: int, reason: str) -> int:
    if command.on_end:
        command.on_end(EndedCommand(exit_code=code, not_started=reason))
    return code


def _run_in(
    container: Container,
    emulator: Emulator,
    command: UserCommand,
    program: str,
    visibility: Visibility,
) -> EndedCommand:
    """Run a command in its container until its end.

    Raises:
        ClientError: it cannot be started.
    """
    environment = _environment(container, emulator, command)
    folder = _working_folder(container, command, visibility)
    argv = command.argv if "/" in command.argv[0] else (program, *command.argv[1:])
    backend = parts_of(emulator).control.backend
    tokens = parts_of(emulator).do(lambda: tuple(backend.tokens))
    files = container.home_folder.rglob("*") if command.is_isolated else ()
    initial = frozenset(f.relative_to(container.home_folder) for f in files if f.is_file())
    recorder = OutputRecorder() if command.on_end else None
    with contextlib.ExitStack() as stack:
        stack.enter_context(_kept_terminal_mode())  # read before the command can change it
        out, err = stack.enter_context(recorder).descriptors if recorder else (1, 2)
        began = time.monotonic()
        with _harmless_stdin(container) as stdin:
            child = container.attach(argv, env=environment, cwd=folder, streams=(stdin, out, err))
        with child:
            code, number = _wait(child, recorder, command.is_stopped)
        elapsed = time.monotonic() - began
        if recorder:
            container.end()  # what still holds the output open, too
    return EndedCommand(
        exit_code=128 - code if code < 0 else code,
        interrupted_by=number,
        elapsed=elapsed,
        output=recorder.output if recorder else (),
        is_truncated=recorder.is_truncated if recorder else False,
        home_folder=container.home_folder if command.is_isolated else None,
        initial_files=initial if command.is_isolated else None,
        delivered_slots=frozenset(token.slot for token in tokens),
        has_stored_login=Path(CONFIG_FOLDER, CREDENTIALS_FILE) in initial,
    )


def _environment(container: Container, emulator: Emulator, command: UserCommand) -> dict[str, str]:
    """Return the variables of a command, after putting the files that it needs into its home."""
    environment = child_environment(command.variables)
    if command.is_isolated:
        environment |= _private_variables(emulator, container, environment)
        if command.issue_files:
            environment |= command.issue_files(container.home, container.home_folder)
    if command.shares_home:
        environment["HOME"] = str(home())
    return environment


def _working_folder(container: Container, command: UserCommand, visibility: Visibility) -> Path:
    """Return the working directory, or the private home of a command that does not see it."""
    folder = current_folder()
    if command.shares_home or visibility.writable or container.isolation is not Isolation.SEALED:
        return folder
    _warn(
        f"the command does not see the working directory, {folder}: it is your home, a folder "
        "above it, in a hidden folder of it, or a folder of the system; start the command in the "
        "folder of its project"
    )
    return container.home


def _visibility(
    emulator: Emulator, program: Path, folder: Path, *, shares_home: bool
) -> Visibility:
    """Return what the command sees: the files of its program, and the working directory."""
    user_home, *other_homes = homes = tuple(path.resolve() for path in user_homes())
    return Visibility(
        read_only=(*visible_files([program]), *((home(),) if shares_home else ())),
        writable=() if is_private(folder.resolve(), homes) else (folder,),
        hidden=(*other_homes, *(() if shares_home else (user_home,))),
        ca_file=emulator.ca_file,
    )


def _private_variables(
    emulator: Emulator, container: Container, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of the private home, and those that name the emulator's certificate."""
    ca_file = str(emulator.ca_file)
    return {
        "CLAUDE_CONFIG_DIR": str(container.home / CONFIG_FOLDER),
        "HOME": str(container.home),
        "TMPDIR": str(_make_temporary_folder(container)),
        **{name: str(container.ca_file) for name, text in environment.items() if text == ca_file},
    }


def _make_temporary_folder(container: Container) -> Path:
    (container.home_folder / "tmp").mkdir(exist_ok=True)
    return container.home / "tmp"


@contextlib.contextmanager
def _harmless_stdin(container: Container) -> Iterator[int]:
    """Yield a standard input through which a sealed command cannot change a file of the user.

    A program can open a file that it has as a descriptor once more, for writing (proc_pid_fd(5)):
    so it gets the content of a file through a pipe.
    """
    if container.isolation is not Isolation.SEALED or not stat.S_ISREG(os.fstat(0).st_mode):
        yield 0
        return
    source, pipe = os.pipe()
    threading.Thread(target=_copy_stdin, args=[pipe], daemon=True).start()
    try:
        yield source
    finally:
        os.close(source)  # the last one is the command's: at its end the thread ends, too


def _copy_stdin(pipe: int) -> None:
    """Copy the standard input to a pipe, until the command ends or has it all."""
    with contextlib.suppress(OSError), open(pipe, "wb") as target:
        while data := os.read(0, COPY_BYTES):
            target.write(data)


def _wait(
    child: AttachedChild, recorder: OutputRecorder | None, is_stopped: Callable[[], bool]
) -> tuple[int, signal.Signals | None]:
    """Wait for the command, and pass signals on to it; return its exit code, and the last signal
    that asked it to end.
    """
    asked: list[signal.Signals] = []

    def forward(number: int, _: object) -> None:
        if number != signal.SIGWINCH:
            asked.append(signal.Signals(number))
        elif recorder:
            recorder.resize()
        child.send_signal(number)

    for number in FORWARDED_SIGNALS:
        signal.signal(number, forward)
    if is_stopped():
        forward(signal.SIGTERM, None)
    return child.wait(), asked[-1] if asked else None


@contextlib.contextmanager
def _kept_terminal_mode() -> Iterator[None]:
    """Restore the terminal's mode: a command that is killed leaves its own behind."""
    if not os.isatty(0):
        yield
        return
    mode = termios.tcgetattr(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, mode)


def _warn(message: str) -> None:
    print_error(f"authprobe: {message}", flush=True)
