"""What every client has in common: a private home, a sealed environment, one backend per case."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from authprobe.clients.credentials import deliver_credentials
from authprobe.clients.installation.cache import Cache, Installed
from authprobe.clients.process.child import Child, CompletedChild, Stdin
from authprobe.clients.process.children import Children
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.server.worker import RemoteListener, RemoteNetwork
from authprobe.emulator.state.tokens import Token
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Observation
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.model import Client, ClientKind
from authprobe.settings import search_path

if TYPE_CHECKING:
    from authprobe.emulator.server.network import Listener, Network

SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Laboratory:
    """What a probe needs of a run."""

    network: "Network | RemoteNetwork"
    children: Children
    cache: Cache
    broken_rules: frozenset[str] = frozenset()
    scratch: Path | None = None
    """Where private homes are made."""
    redactor: Redactor = field(default_factory=Redactor)
    """Learns the tokens of every case."""

    @contextlib.contextmanager
    def sandbox(self, case: Case) -> Iterator["Sandbox"]:
        """A backend, a proxy and a private home for one case; all are gone afterwards."""
        backend = CaseBackend(case.backend, broken_rules=self.broken_rules)
        with contextlib.ExitStack() as stack:
            sandbox = Sandbox(self, case, backend, stack)
            stack.callback(sandbox.finish)
            yield sandbox


@dataclass(slots=True)
class Sandbox:
    """One case, set up."""

    laboratory: Laboratory
    case: Case
    backend: CaseBackend
    _stack: contextlib.ExitStack
    _listener: "Listener | RemoteListener | None" = None
    _client_port: int | None = None
    _over: bool = False
    _home: Path | None = None
    set_up: frozenset[Path] | None = None
    """Files that were in the home before the client was started; None: it was not."""
    given: frozenset[str] = frozenset()
    """Slots of the tokens that were handed over."""
    _started: list[tuple[Stdin, Child]] = field(default_factory=list)

    @property
    def listener(self) -> "Listener | RemoteListener":
        """The case's proxy, opened when it is first asked for: make the credential before.

        Raises:
            ClientError: the case is over.
        """
        if self._over:
            raise ClientError("this case is over")
        if self._listener is None:
            self._listener = self._open()
        return self._listener

    def _open(self) -> "Listener | RemoteListener":
        network = self.laboratory.network
        if self.case.client.kind is ClientKind.RAW_HTTP:  # of this process
            return network.open(self.backend)
        further = self.laboratory.children.bind()
        self._client_port = further.getsockname()[1]
        return network.open(self.backend, further=further)

    @property
    def proxy_url(self) -> str:
        """The case's proxy, as its client gets there.

        Raises:
            ClientError: the case is over.
        """
        listener = self.listener
        return f"http://{LOOPBACK}:{self._client_port or listener.port}"

    def finish(self) -> None:
        """Close the proxy; what it has seen is in `backend` from now on."""
        if self._over:
            return
        self._over = True
        if self._listener is not None:
            self.laboratory.network.close(self._listener)  # type: ignore[arg-type]
            self._listener = None
        self.laboratory.redactor.learn_from(self.backend.redactor)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Everything that was asked of the backend; nothing more is taken."""
        self.finish()
        return self.backend.exchanges

    @property
    def redactor(self) -> Redactor:
        """Knows every token of the case, those that the backend issued as well."""
        self.finish()
        return self.backend.redactor

    @property
    def home(self) -> Path:
        """A private home, made when it is first asked for: our own requests need none."""
        if self._home is None:
            made = tempfile.TemporaryDirectory(
                prefix="home-", dir=self.laboratory.scratch, ignore_cleanup_errors=True
            )
            self._home = Path(self._stack.enter_context(made))
        return self._home

    @property
    def config_folder(self) -> Path:
        """`CLAUDE_CONFIG_DIR` of this case."""
        return self.home / ".claude"

    def installed(self, client: Client) -> Installed:
        """Where this client is, and its exact version.

        Raises:
            InstallError: it could not be installed.
        """
        return self.laboratory.cache.get(client)

    def environment(self, programs: Mapping[str, Path]) -> dict[str, str]:
        """The allow-list environment: what the scenario adds, these programs by name, the proxy,
        the CA, the credential.
        """
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        for name, target in programs.items():
            (folder / name).symlink_to(target)
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        ca_file = str(self.laboratory.network.ca_file)
        credentials = deliver_credentials(
            self.case.credentials,
            self.backend,
            home=self.home,
            config_folder=self.config_folder,
        )
        self.given = frozenset(token.slot for token in self.backend.tokens)
        self.set_up = frozenset(path for path in self.home.rglob("*") if path.is_file())
        proxy_url = self.proxy_url
        return {
            **self.case.environment,  # first: what keeps the client here wins
            "CLAUDE_CONFIG_DIR": str(self.config_folder),
            "DISABLE_AUTOUPDATER": "1",
            "HOME": str(self.home),
            "HTTPS_PROXY": proxy_url,
            "HTTP_PROXY": proxy_url,
            "LANG": "C.UTF-8",
            "NODE_EXTRA_CA_CERTS": ca_file,
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": f"{folder}:{SYSTEM_PATH}",
            "SSL_CERT_FILE": ca_file,
            "TMPDIR": str(temporary),
            **credentials,
        }

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: Stdin = Stdin.NOTHING,
    ) -> Child:
        """Start a program of the client; what it prints is kept.

        Raises:
            ClientError: the program cannot be started.
        """
        child = self.laboratory.children.start(argv, env=env, cwd=cwd, stdin=stdin)
        self._started.append((stdin, child))
        return child

    def run(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, limit: float
    ) -> CompletedChild:
        """The same, to its end or to the limit in seconds."""
        with self.start(argv, env=env, cwd=cwd) as child:
            return child.wait(limit)

    @property
    def printed(self) -> tuple[tuple[str, str], ...]:
        """What the client's programs wrote so far, each with `stdout`, `stderr` or `terminal`;
        nothing is redacted.
        """
        return tuple(
            written
            for stdin, child in self._started
            for written in (
                ("terminal" if stdin is Stdin.TERMINAL else "stdout", child.stdout),
                ("stderr", child.stderr),
            )
        )

    def work_folder(self) -> Path:
        """An empty folder to start the client in."""
        folder = self.home / "work"
        folder.mkdir(exist_ok=True)
        return folder

    def make_token(self) -> Token:
        """The token that the case speaks of, made and known to the backend.

        Raises:
            ClientError: the case has no credential, or several.
        """
        if len(self.case.credentials) != 1:
            raise ClientError(f"this case has {len(self.case.credentials)} credentials, not one")
        (credential,) = self.case.credentials
        return self.backend.tokens.make(credential.token, credential.state)


class Runner(Protocol):
    """How one kind of client is probed."""

    def __call__(self, sandbox: Sandbox) -> Observation:
        """What the case shows.

        Raises:
            ClientError: it cannot be tested here.
        """


def find_program(name: str) -> Path:
    """A program on the user's PATH.

    Raises:
        ClientError: there is none.
    """
    found = shutil.which(name, path=search_path())
    if found is None:
        raise ClientError(f"{name} is not on PATH; install Node.js 20 or newer")
    return Path(found)
