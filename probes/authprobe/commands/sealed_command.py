"""Run a command of the user against the emulator: sealed as the client of a case, or in place."""

import contextlib
import os
import shutil
import signal
import stat
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from authprobe.clients.credentials import CONFIG_FOLDER
from authprobe.clients.process.child import AttachedChild
from authprobe.clients.process.children import Children, Container, Visibility
from authprobe.clients.process.private_places import is_private
from authprobe.clients.process.required_files import visible_files
from authprobe.commands.printing import print_error
from authprobe.core.isolation import Isolation
from authprobe.emulator.standalone.emulator import Emulator
from authprobe.errors import ClientError
from authprobe.settings import child_environment, current_folder, home, search_path, user_homes

COMMAND_NOT_FOUND: Final = 127
COMMAND_NOT_EXECUTABLE: Final = 126
"""Exit codes of a shell for a command that does not exist, or cannot be started."""
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
HIDDEN_HOME: Final = (
    "if it failed because a file of your home is missing: --share-home shows your home, read-only"
)


def run_command(
    emulator: Emulator,
    argv: Sequence[str],
    variables: Mapping[str, str],
    *,
    is_isolated: bool,
    shares_home: bool,
) -> int:
    """Run a command with these variables and without the user's credentials; return its exit code.

    An isolated command has a private home, and sees of the user's files only the working directory
    and what its program needs. With `shares_home` it sees the whole home, read-only.
    """
    program = shutil.which(argv[0], path=search_path())
    if program is None:
        exists = Path(argv[0]).exists()
        reason = "Permission denied" if exists else "command not found"
        print_error(f"{argv[0]}: {reason}")
        return COMMAND_NOT_EXECUTABLE if exists else COMMAND_NOT_FOUND
    if "/" not in argv[0]:
        argv = (program, *argv[1:])
    if not is_isolated:
        _warn(IN_PLACE)
    isolation = Isolation.SEALED if is_isolated else Isolation.NONE
    try:
        with Children(isolation=isolation) as children:
            if is_isolated and children.isolation is not Isolation.SEALED:
                _warn(f"{NOT_SEALED[children.isolation]} ({children.known_refusal})")
            folder = current_folder()
            visibility = _visibility(emulator, Path(program), folder, shares_home=shares_home)
            with children.open_container(visibility) as container:
                if container.isolation is not Isolation.NONE:
                    emulator.network.mirror(container.bind)
                environment = child_environment(variables)
                if is_isolated:
                    environment |= _private_variables(emulator, container, environment)
                if shares_home:
                    environment["HOME"] = str(home())
                elif container.isolation is Isolation.SEALED and not visibility.writable:
                    _warn(
                        f"the command does not see the working directory, {folder}: it is your "
                        "home, a folder above it, in a hidden folder of it, or a folder of the "
                        "system; start the command in the folder of its project"
                    )
                    folder = container.home
                with _kept_terminal_mode():  # read before the command can change it
                    with _harmless_stdin(container) as stdin:
                        child = container.attach(argv, env=environment, cwd=folder, stdin=stdin)
                    with child:
                        code = _wait(child)
    except (ClientError, OSError) as error:
        _warn(f"{argv[0]}: {error}")
        return COMMAND_NOT_EXECUTABLE
    return 128 - code if code < 0 else code


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


def _wait(child: AttachedChild) -> int:
    """Wait for the command, and pass signals on to it."""
    for number in FORWARDED_SIGNALS:
        signal.signal(number, lambda number, _: child.send_signal(number))
    return child.wait()


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
