"""One run of the unmodified `claude` in a container, with the gate as its only way out."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.clients.base import SYSTEM_PATH, TEMPORARY_FOLDER, WORK_FOLDER
from authprobe.clients.claude_code.command import BROWSER_COMMANDS, HELP_TIMEOUT, find_node_for
from authprobe.clients.claude_code.prompt import UNKNOWN_OPTION, read_report
from authprobe.clients.credentials import CONFIG_FOLDER, CREDENTIALS_FILE
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.observe import last_error_line
from authprobe.clients.process.child import CompletedChild
from authprobe.clients.process.children import Children, Container, Visibility
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.clients.process.required_files import visible_files
from authprobe.core.isolation import CA_VARIABLES, Isolation
from authprobe.errors import ClientError
from authprobe.live.collector import ApiEvent, Collector
from authprobe.live.command_line import ENDPOINT_VARIABLE, VARIABLES, CommandLine, command_line
from authprobe.live.debug_log import DebugLog, read_debug_log
from authprobe.live.gate import ConnectGate
from authprobe.live.gated_container import GatedContainer, check_isolation, open_gated_container
from authprobe.observation.model import GateCount
from authprobe.settings import private_folders

DEBUG_LOG: Final = "debug.log"
MAX_UNKNOWN_OPTIONS: Final = 4
"""Options that a version may turn out not to know, although its help lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPlace:
    """The stored login of the user, in its place."""

    folder: Path
    may_renew: bool
    """True: the folder is shown as it is, and the client may renew the login in it. False: only the
    file is shown, and nothing can write to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeQuestion:
    """A question to `claude`, and the credential for it."""

    variables: Mapping[str, str] = field(repr=False)
    """Variables of the credential and of the scenario."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that the client must leave in no file."""
    is_bare: bool = False
    login: LoginPlace | None = None
    door: tuple[str, int] | None = None
    """Port of a gateway on this machine's loopback."""
    limit: float
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeRun:
    """Everything that a run has left."""

    result: CompletedChild
    command: CommandLine
    events: tuple[ApiEvent, ...]
    debug_log: DebugLog | None
    gate: tuple[GateCount, ...]
    home_folder: Path
    limit: str | None
    """Resource limit that the client exceeded."""


@contextlib.contextmanager
def run_claude(
    children: Children,
    installed: InstalledClient,
    question: ClaudeQuestion,
    *,
    gate: ConnectGate,
    authority: Path | None,
) -> Iterator[ClaudeRun]:
    """Ask the question, and yield what is left of it; the home is removed on exit.

    Raises:
        ClientError: the container has no network of its own, or the client cannot be started.
    """
    check_isolation(children)
    if question.login is not None and children.isolation is not Isolation.SEALED:
        raise ClientError("the stored login is used only in a sealed container")
    programs = find_node_for(installed.program)
    visibility = _visibility(installed, programs, question, authority)
    with open_gated_container(children, visibility, gate, question.door) as gated:
        container = gated.container
        collector = Collector()
        collector_port = gated.servers.serve_application(collector, container.bind())
        _fill_home(container, programs, question.login)
        environment = _environment(gated, question, collector_port)
        if authority is not None:
            environment |= dict.fromkeys(CA_VARIABLES, str(container.ca_file))
        command, result = _ask(container, installed, question, environment)
        limit = container.end()
        yield ClaudeRun(
            result=result,
            command=command,
            events=tuple(collector.events),
            debug_log=read_debug_log(container.home_folder, DEBUG_LOG),
            gate=gate.counts,
            home_folder=container.home_folder,
            limit=limit,
        )


def _visibility(
    installed: InstalledClient,
    programs: Mapping[str, Path],
    question: ClaudeQuestion,
    authority: Path | None,
) -> Visibility:
    """Return what the container shows of the user's files: the program, and the login if asked."""
    folders = () if installed.user_program else (installed.folder,)
    shown: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    if question.login is not None and question.login.may_renew:
        writable = (question.login.folder,)
    elif question.login is not None:
        shown = (question.login.folder / CREDENTIALS_FILE,)
    return Visibility(
        read_only=(*visible_files([installed.program, *programs.values()]), *folders, *shown),
        writable=writable,
        hidden=private_folders(),
        ca_file=authority,
    )


def _fill_home(
    container: Container, programs: Mapping[str, Path], login: LoginPlace | None
) -> None:
    """Make the folders of the private home, which holds no login of its own."""
    home = container.home_folder
    for name in ("bin", TEMPORARY_FOLDER, WORK_FOLDER, CONFIG_FOLDER):
        (home / name).mkdir(mode=0o700, exist_ok=True)
    browser = Path(shutil.which("false", path=SYSTEM_PATH) or "/bin/false")
    for name, target in {**dict.fromkeys(BROWSER_COMMANDS, browser), **programs}.items():
        (home / "bin" / name).symlink_to(target)
    if login is not None and not login.may_renew:
        # The file itself, which is shown read-only; a copy would be renewed apart from it.
        (home / CONFIG_FOLDER / CREDENTIALS_FILE).symlink_to(login.folder / CREDENTIALS_FILE)


def _environment(
    gated: GatedContainer, question: ClaudeQuestion, collector_port: int
) -> dict[str, str]:
    """Return the whole environment of the client, without USER and LOGNAME: they would let macOS
    find the login in its keychain.
    """
    home = gated.container.home
    login = question.login
    in_place = login is not None and login.may_renew
    return {
        **question.variables,
        **VARIABLES,
        ENDPOINT_VARIABLE: f"http://{LOOPBACK}:{collector_port}",
        "CLAUDE_CONFIG_DIR": str(login.folder if login and in_place else home / CONFIG_FOLDER),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{home}/bin:{SYSTEM_PATH}",
        "TMPDIR": str(home / TEMPORARY_FOLDER),
        **gated.proxy_variables(),
    }


def _ask(
    container: Container,
    installed: InstalledClient,
    question: ClaudeQuestion,
    environment: Mapping[str, str],
) -> tuple[CommandLine, CompletedChild]:
    """Run the command; again without an option that it refuses before it asks anything.

    Raises:
        ClientError: it prints no help, or cannot be started.
    """

    def run(arguments: tuple[str, ...], limit: float) -> CompletedChild:
        argv: list[str | Path] = [installed.program, *arguments]
        cwd = container.home / WORK_FOLDER
        return container.run(argv, env=environment, cwd=cwd, limit=limit)

    # Without the credential: help needs none.
    bare = {n: v for n, v in environment.items() if n not in question.variables}
    usage = container.run(
        [installed.program, "--help"],
        env=bare,
        cwd=container.home / WORK_FOLDER,
        limit=HELP_TIMEOUT,
    )
    if usage.exit_code or "Usage:" not in usage.stdout:
        raise ClientError(f"claude --help: {last_error_line(usage.stderr or usage.stdout)}")
    debug_file = container.home / DEBUG_LOG
    command = command_line(usage.stdout, is_bare=question.is_bare, debug_file=debug_file)
    for _ in range(MAX_UNKNOWN_OPTIONS):
        result = run(command.arguments, question.limit)
        unknown = UNKNOWN_OPTION.search(result.stderr)
        if unknown is None or result.exit_code == 0 or read_report(result.stdout):
            break
        command = command.without(unknown["option"])
    return command, result
