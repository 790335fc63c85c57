"""Shared client fixture: a private home, an allow-listed environment and one backend per case."""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from authprobe.clients.credentials import (
    CONFIG_FOLDER,
    CREDENTIALS_FILE,
    config_folder,
    deliver_credentials,
    home_path,
)
from authprobe.clients.going_on import Proof
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.process.child import Child, CompletedChild, Stdin
from authprobe.clients.process.children import Children, Container, Visibility
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.clients.process.required_files import visible_files
from authprobe.clients.variables import merge_headers, recorded_headers, scenario_variables
from authprobe.core.client_kinds import ClientKind, Flow, Via
from authprobe.core.isolation import CA_VARIABLES
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.server.worker import RemoteListener, RemoteNetwork
from authprobe.errors import ClientError, InstallError
from authprobe.observation.model import Exchange, Observation, Outcome
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.run.costs import Costs
from authprobe.scenario.clients import Client
from authprobe.settings import private_folders, search_path

if TYPE_CHECKING:
    from authprobe.emulator.server.network import Listener, Network

DRIVERS: Final = Path(__file__).with_name("sdk") / "drivers"
"""Programs of ours that call the SDKs."""
WORK_FOLDER: Final = "work"
TEMPORARY_FOLDER: Final = "tmp"
SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Resources of a run that its probes share."""

    network: "Network | RemoteNetwork"
    children: Children
    cache: Cache
    broken_rules: frozenset[str] = frozenset()
    scratch: Path | None = None
    """Parent directory of the private homes; None: the system's temporary directory."""
    redactor: Redactor = field(default_factory=Redactor)
    """Redactor of the run, which learns the tokens of every case."""
    costs: Costs | None = None
    """Costs of questions, as earlier runs measured them; None: unknown."""
    live: object | None = None
    """The `LiveLaboratory` of a run that asks the real service; None: it asks only the emulator."""

    @contextlib.contextmanager
    def sandbox(self, case: Case) -> Iterator["Sandbox"]:
        """Yield a backend, a proxy and a private home for one case; remove them on exit."""
        clients = filter(None, (case.client, case.client.through))
        products = frozenset(product for each in clients for product in each.spec.products)
        backend = CaseBackend(
            case.backend,
            broken_rules=self.broken_rules,
            products=products,
            headers=recorded_headers(case),
        )
        with contextlib.ExitStack() as stack:
            sandbox = Sandbox(self, case, backend, stack)
            stack.callback(sandbox.finish)
            yield sandbox


@dataclass(slots=True)
class Sandbox:
    """One case's private home, backend and proxy."""

    laboratory: Laboratory
    case: Case
    backend: CaseBackend
    _stack: contextlib.ExitStack
    _listener: "Listener | RemoteListener | None" = None
    _client_port: int | None = None
    _is_finished: bool = False
    _container: Container | None = None
    _programs: list[Path] = field(default_factory=list)
    """Programs of the case beside those of its clients."""
    _folders: list[Path] = field(default_factory=list)
    """Folders that its programs read."""
    initial_files: frozenset[Path] | None = None
    """Files in the home before the client's start, by their paths in it; None: no environment was
    built."""
    delivered_slots: frozenset[str] = frozenset()
    """Slots of the tokens that the client received from the case."""
    _children: list[tuple[Stdin, Child]] = field(default_factory=list)
    _proof: Proof | None = None

    @property
    def listener(self) -> "Listener | RemoteListener":
        """The case's proxy, opened on first access: make the credential before.

        Raises:
            ClientError: the case has finished.
        """
        if self._is_finished:
            raise ClientError("this case has finished")
        if self._listener is None:
            self._listener = self._open()
        return self._listener

    def _open(self) -> "Listener | RemoteListener":
        network = self.laboratory.network
        if self.case.client.kind == ClientKind.RAW_HTTP:  # sent by this process
            return network.open(self.backend)
        # The client may be in a network of its own, so it gets a port there as well.
        client_socket = self.container.bind()
        self._client_port = client_socket.getsockname()[1]
        return network.open(self.backend, bound_socket=client_socket)

    @property
    def proxy_url(self) -> str:
        """URL of the case's proxy in the client's network.

        Raises:
            ClientError: the case has finished.
        """
        listener = self.listener
        return f"http://{LOOPBACK}:{self._client_port or listener.port}"

    def finish(self) -> None:
        """Close the proxy; from then on `backend` holds everything that it recorded."""
        if self._is_finished:
            return
        self._is_finished = True
        if self._listener is not None:
            self.laboratory.network.close(self._listener)  # type: ignore[arg-type]
            self._listener = None
        self.laboratory.redactor.learn_from(self.backend.redactor)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All requests to the backend with their responses; finishes the case."""
        self.finish()
        return self.backend.log.exchanges

    @property
    def redactor(self) -> Redactor:
        """Redactor of all tokens of the case, including issued ones; finishes the case."""
        self.finish()
        return self.backend.redactor

    @property
    def container(self) -> Container:
        """The container of the case, opened on first access: raw HTTP requests need none.

        Raises:
            ClientError: it could not be isolated, a client is not installed, or the run is
                shutting down.
        """
        if self._container is None:
            container = self.laboratory.children.open_container(self._visibility())
            self._container = self._stack.enter_context(container)
        return self._container

    def _visibility(self) -> Visibility:
        """Return what the clients of the case see of the user's files: their own programs."""
        programs, folders = list(self._programs), list(self._folders)
        for client in filter(None, (self.case.client, self.case.client.through)):
            with contextlib.suppress(InstallError):  # raised again where the program is started
                installed = self.installed_client(client)
                programs.append(installed.program)
                folders += [] if installed.user_program else [installed.folder]
        return Visibility(
            read_only=(*visible_files(programs), *folders, DRIVERS),
            hidden=private_folders(),
            ca_file=self.laboratory.network.ca_file,
        )

    def show(self, programs: Iterable[Path], folders: Iterable[Path] = ()) -> None:
        """Let the container show these programs of the user and these folders, read-only; it must
        not have been opened.
        """
        self._programs += programs
        self._folders += folders

    @property
    def home(self) -> Path:
        """The private home, at the path by which the client knows it."""
        return self.container.home

    @property
    def home_folder(self) -> Path:
        """The private home, at the path by which this process reaches it."""
        return self.container.home_folder

    @property
    def config_folder(self) -> Path:
        """`CLAUDE_CONFIG_DIR` of this case, at the path by which this process reaches it."""
        return self.home_folder / config_folder(self.case.environment)

    def end_processes(self) -> str | None:
        """End all processes of the case; return the resource limit that they exceeded, or None."""
        return None if self._container is None else self._container.end()

    @property
    def work(self) -> float | None:
        """Seconds that processors worked for the processes of the case; None: they run, or none
        did.
        """
        return None if self._container is None else self._container.work

    def installed_client(self, client: Client) -> InstalledClient:
        """Return the location and the exact version of this client.

        Raises:
            InstallError: the client could not be installed.
        """
        return self.laboratory.cache.get(client)

    def environment(self, programs: Mapping[str, Path]) -> dict[str, str]:
        """Return the client's whole environment: the scenario's variables, a PATH with these
        programs by name, the proxy, the CA and the credentials.

        Raises:
            ClientError: a variable of the scenario needs an isolation that the system lacks.
        """
        self._programs += programs.values()
        folder = self.home_folder / "bin"
        folder.mkdir(exist_ok=True)
        for name, target in programs.items():
            (folder / name).symlink_to(target)
        (self.home_folder / TEMPORARY_FOLDER).mkdir(exist_ok=True)
        home, isolation = self.home, self.container.isolation
        variables, settings_env = (
            scenario_variables(each, home=home, isolation=isolation, backend=self.backend)
            for each in (self.case.environment, self.case.settings_env)
        )
        credentials = deliver_credentials(
            self.case.credentials,
            self.backend,
            home=home,
            home_folder=self.home_folder,
            settings_env=settings_env,
            config_folder=config_folder(self.case.environment),
        )
        self.delivered_slots = frozenset(token.slot for token in self.backend.tokens)
        self.initial_files = frozenset(
            path.relative_to(self.home_folder)
            for path in self.home_folder.rglob("*")
            if path.is_file()
        )
        return {
            "CLAUDE_CONFIG_DIR": f"{home}/{CONFIG_FOLDER}",
            **merge_headers(variables, credentials),  # above: the isolating ones below win
            "DISABLE_AUTOUPDATER": "1",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": f"{self.home}/bin:{SYSTEM_PATH}",
            "TMPDIR": str(self.home / TEMPORARY_FOLDER),
            **dict.fromkeys(CA_VARIABLES, str(self.container.ca_file)),
            **proxy_variables(self.proxy_url),
        }

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: Stdin = Stdin.NOTHING,
    ) -> Child:
        """Start a program of the client and record its output.

        Raises:
            ClientError: the program cannot be started.
        """
        child = self.container.start(argv, env=env, cwd=cwd, stdin=stdin)
        self._children.append((stdin, child))
        return child

    def run(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, limit: float
    ) -> CompletedChild:
        """Start a program of the client, and wait for its end or for `limit` seconds.

        Raises:
            ClientError: the program cannot be started.
        """
        with self.start(argv, env=env, cwd=cwd) as child:
            return child.wait(limit, self.enough)

    @property
    def enough(self) -> Callable[[], bool] | None:
        """Predicate that is true once the client need not run until its time limit; None: it must.

        Raises:
            ClientError: the emulator has ended.
        """
        case = self.case
        if case.until is None or self._is_finished or (self._proof and self._proof.repeats):
            return None  # what runs after the client, such as for its version, is not the question
        if self._proof is None:
            goes_on = case.expectation.outcome is Outcome.TIMED_OUT
            expected = case.expectation if goes_on else None
            self._proof = Proof(case.until, expected, self._exchanges_so_far)
        return self._proof.is_complete

    def _exchanges_so_far(self) -> tuple[Exchange, ...]:
        return self.laboratory.network.exchanges(self.listener)  # type: ignore[arg-type]

    @property
    def end_words(self) -> str:
        """Why its client was ended: a proof, or its time limit; finishes the case."""
        self.finish()  # only now is the number of requests known here
        count = self.backend.log.request_count
        if self._proof is not None and self._proof.repeats:
            repeats = self._proof.repeats
            return f"went on asking: ended after {repeats} equal refusals, of {count} requests"
        return f"still running after {self.case.limit:g} s, in which it made {count} requests"

    @property
    def login_files(self) -> tuple[Path, ...]:
        """Paths below the home where a login may be stored, the one that is judged first.

        That is the client's own folder, unless the case put its login only into others.
        """
        own = config_folder(self.case.environment)
        folders = [
            home_path(credential.folder) if credential.folder else own
            for credential in self.case.credentials
            if credential.via is Via.CREDENTIALS_FILE
        ]
        folder = own if own in folders or not folders else folders[0]
        return tuple(each / CREDENTIALS_FILE for each in dict.fromkeys((folder, own)))

    @property
    def has_stored_login(self) -> bool:
        """True if the client received a credentials file."""
        return any(x.via is Via.CREDENTIALS_FILE for x in self.case.credentials)

    @property
    def shows_setup_token(self) -> bool:
        """True if the client was asked to show a setup-token in its terminal."""
        return self.case.names.flow == Flow.SETUP_TOKEN

    @property
    def output(self) -> tuple[tuple[str, str], ...]:
        """Output of the client's programs so far: pairs of a stream (`stdout`, `stderr` or
        `terminal`) and its text, which is not redacted.
        """
        return tuple(
            stream
            for stdin, child in self._children
            for stream in (
                ("terminal" if stdin is Stdin.TERMINAL else "stdout", child.stdout),
                ("stderr", child.stderr),
            )
        )

    def make_work_folder(self) -> Path:
        """Make the working directory of the client, if it is missing, and return it."""
        (self.home_folder / WORK_FOLDER).mkdir(exist_ok=True)
        return self.home / WORK_FOLDER


def proxy_variables(url: str) -> dict[str, str]:
    """Return the proxy variables; curl and others read only the lower-case ones."""
    variables = {"HTTPS_PROXY": url, "HTTP_PROXY": url, "NO_PROXY": "127.0.0.1,localhost"}
    return variables | {name.lower(): value for name, value in variables.items()}


class Runner(Protocol):
    """A function that probes one kind of client."""

    def __call__(self, sandbox: Sandbox) -> Observation:
        """Run the client of the case and return the observation.

        Raises:
            ClientError: the case cannot be tested on this machine.
        """


def find_program(name: str) -> Path:
    """Return the path of a program of Node.js on the user's PATH.

    Raises:
        ClientError: the program is missing.
    """
    program = shutil.which(name, path=search_path())
    if program is None:
        raise ClientError(f"{name} is not on PATH; install Node.js 20 or newer")
    return Path(program)
