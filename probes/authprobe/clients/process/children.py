"""Child processes of a run: isolated, limited in time and resources, and ended with their case.

The children of a case run in a container of their own, as far as the kernel allows it. The run is
outside of it: it connects to them through sockets that the launcher opens inside, and reaches
their home through its descriptor.
"""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import authprobe
from authprobe.clients.process import file_system
from authprobe.clients.process.child import (
    AttachedChild,
    Child,
    CompletedChild,
    Stdin,
    open_pipes,
    open_terminal,
)
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.core.isolation import Isolation
from authprobe.core.temporary_folder import temporary_folder
from authprobe.errors import ClientError

SHUTTING_DOWN: Final = "the run is shutting down"
LAUNCHER_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from authprobe.clients.process.launcher import main; main(sys.argv[2:])"
)
ANSWER_TIMEOUT: Final = 60.0
"""Seconds that the launcher has to answer, also where killed processes have to end first."""
END_TIMEOUT: Final = 30.0
"""Seconds that the launcher has to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Files of the user that a sealed container shows at their own paths."""

    read_only: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    """Folders that are not shown, even if they are in a folder of the system."""
    ca_file: Path | None = None
    """Certificate of the emulator, which the container has at a path of its own."""
    file_bytes: int | None = None
    """Size limit of a file that is written; None: that of a home."""


class LauncherConnection:
    """Requests to a process that starts children, over its control socket."""

    def __init__(self, control: socket.socket | None = None) -> None:
        self._lock = threading.Lock()
        self._control = control

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        limit: float,
    ) -> CompletedChild:
        """Start a program, and wait for its end or for `limit` seconds.

        Raises:
            ClientError: the program cannot be started.
        """
        with self.start(argv, env=env, cwd=cwd) as child:
            return child.wait(limit)

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: Stdin = Stdin.NOTHING,
    ) -> Child:
        """Start a program with exactly these environment variables.

        Raises:
            ClientError: the program cannot be started.
        """
        request = _start_request(argv, env, cwd, terminal=stdin is Stdin.TERMINAL)
        ours, theirs = socket.socketpair()
        ends, streams = open_terminal() if stdin is Stdin.TERMINAL else open_pipes(stdin)
        try:
            self._send(request, [theirs.fileno(), *streams])
        except (OSError, ClientError):
            ours.close()
            ends.close()
            raise
        finally:
            theirs.close()
            for descriptor in set(streams):
                os.close(descriptor)
        return Child(ours, ends)

    def attach(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        streams: tuple[int, int, int] = (0, 1, 2),
    ) -> AttachedChild:
        """Start a program with the standard streams of this process, or other descriptors.

        It is in a session of its own: it can use a terminal, but has no controlling one, and
        receives only those signals that are passed on to it.

        Raises:
            ClientError: the program cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                request = _start_request(argv, env, cwd, terminal=False)
                self._send(request, [theirs.fileno(), *streams])
            return AttachedChild(ours)
        except (OSError, ClientError):
            ours.close()
            raise

    def bind(self, port: int = 0, host: str = LOOPBACK) -> socket.socket:
        """Return a socket bound to a loopback port in the children's network, not listening.

        Raises:
            OSError: the port is taken, or for 0 none is free.
            ClientError: the run is shutting down.
        """
        return self._fetch({"do": "bind", "host": host, "port": port})

    def free_port(self) -> int:
        """Return a port that was free a moment ago, for a program that does not accept port 0.

        Raises:
            OSError: no port is free.
            ClientError: the run is shutting down.
        """
        with self.bind() as port_socket:
            port: int = port_socket.getsockname()[1]
            return port

    def connect(self, port: int) -> socket.socket:
        """Connect to a port on which a child listens.

        Raises:
            OSError: the connection was refused.
            ClientError: the run is shutting down.
        """
        return self._fetch({"do": "connect", "port": port})

    def _fetch(self, request: Mapping[str, object]) -> socket.socket:
        answer, descriptors = self._ask(request)
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])
        return socket.socket(fileno=descriptors[0])

    def _ask(self, request: Mapping[str, object]) -> tuple[dict[str, Any], list[int]]:
        """Send a request; return the launcher's answer and the descriptors attached to it."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(request, [theirs.fileno()])
            ours.settimeout(ANSWER_TIMEOUT)
            return _receive(ours)

    def _send(self, request: Mapping[str, object], descriptors: list[int]) -> None:
        data = json.dumps(request).encode()
        with self._lock:
            control = self._open_control()
            socket.send_fds(control, [struct.pack("!I", len(data))], descriptors)
            control.sendall(data)

    def _open_control(self) -> socket.socket:
        if self._control is None:
            raise ClientError(SHUTTING_DOWN)
        return self._control


def _start_request(
    argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, *, terminal: bool
) -> dict[str, object]:
    return {
        "do": "start",
        "argv": [str(part) for part in argv],
        "env": dict(env),
        "cwd": str(cwd),
        "terminal": terminal,
    }


def _receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the launcher's answer, and the descriptors attached to it.

    Raises:
        ClientError: the launcher has ended.
    """
    line, descriptors, _, _ = socket.recv_fds(channel, 4096, 1)
    if not line:
        raise ClientError(SHUTTING_DOWN)
    return json.loads(line), descriptors


class Children(LauncherConnection):
    """Child processes of one run; all end when it is closed or when this process dies.

    In the latter case the folder `scratch` is removed as well. `isolation` is the strongest one
    for containers, which the system may not allow.
    """

    def __init__(
        self, scratch: Path | None = None, *, isolation: Isolation = Isolation.NONE
    ) -> None:
        super().__init__()
        self._scratch = scratch
        self._wanted = isolation
        self._isolation: tuple[Isolation, str | None] | None = None
        self._launcher: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all running children and refuse to start more."""
        with self._lock:
            self._closed = True
            if self._control is None or self._launcher is None:
                return
            self._control.close()
            self._control = None
            # A process that the kernel cannot end yet must not cost the run its results; the
            # launcher ends by itself as soon as that one does.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._launcher.wait(timeout=END_TIMEOUT)

    def start_launcher(self) -> None:
        """Start the launcher now; otherwise it starts with the first child.

        Raises:
            ClientError: this object is closed.
        """
        with self._lock:
            self._open_control()

    @property
    def known_isolation(self) -> Isolation | None:
        """Isolation of the containers; None: none was opened."""
        return self._isolation[0] if self._isolation else None

    @property
    def known_refusal(self) -> str | None:
        """Reason of the system for a weaker isolation; None: there is none, or none was opened."""
        return self._isolation[1] if self._isolation else None

    @property
    def isolation(self) -> Isolation:
        """Strongest isolation of containers that this system allows."""
        return self._find_isolation()[0]

    def _find_isolation(self) -> tuple[Isolation, str | None]:
        if self._isolation is None:
            answer, _ = self._ask({"do": "isolation"})
            self._isolation = Isolation(answer["isolation"]), answer["refusal"]
        return self._isolation

    def open_container(self, visibility: Visibility) -> "Container":
        """Return a new container, isolated as `isolation` says.

        Raises:
            ClientError: it could not be isolated, or the run is shutting down.
        """
        isolation = self.isolation
        ours, theirs = socket.socketpair()
        request = {
            "do": "container",
            "visible": [str(path) for path in visibility.read_only],
            "writable": [str(path) for path in visibility.writable],
            "hidden": [str(path) for path in visibility.hidden],
            "ca_file": str(visibility.ca_file) if visibility.ca_file else None,
            "file_bytes": visibility.file_bytes,
        }
        try:
            with theirs:
                self._send(request, [theirs.fileno()])
            ours.settimeout(ANSWER_TIMEOUT)
            answer, descriptors = _receive(ours)
            ours.settimeout(None)
            if "error" in answer:
                raise ClientError(f"its container cannot be set up: {answer['error']}")
        except BaseException:
            ours.close()
            raise
        if isolation is Isolation.SEALED:
            return Container(ours, isolation, home_descriptor=descriptors[0])
        return Container(ours, isolation, scratch=self._scratch, ca_file=visibility.ca_file)

    def _open_control(self) -> socket.socket:
        if self._closed:
            raise ClientError(SHUTTING_DOWN)
        if self._control is None:
            self._control = self._start_launcher()
        return self._control

    def _start_launcher(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        scratch = [str(self._scratch)] if self._scratch else []
        package = str(Path(authprobe.__file__).parents[1])
        self._launcher = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", "-c", LAUNCHER_PROGRAM, package),
                *(str(theirs.fileno()), self._wanted, *scratch),
            ],
            pass_fds=[theirs.fileno()],
            env={},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return ours


class Container(LauncherConnection):
    """The processes and the home of one case; a context manager that ends and removes them."""

    def __init__(
        self,
        control: socket.socket,
        isolation: Isolation,
        *,
        home_descriptor: int | None = None,
        scratch: Path | None = None,
        ca_file: Path | None = None,
    ) -> None:
        super().__init__(control)
        self.isolation = isolation
        self.work: float | None = None
        """Seconds that processors worked for it; None: it has not ended."""
        self._stack = contextlib.ExitStack()
        if home_descriptor is not None:
            self._stack.callback(os.close, home_descriptor)
            self.home = Path(file_system.HOME)
            """Home of the children, at the path by which they know it."""
            self.home_folder = Path(f"/proc/self/fd/{home_descriptor}")
            """The same folder, at the path by which this process reaches it."""
            self.ca_file = Path(file_system.CA_FILE)
            """Certificate of the emulator, at the path by which the children know it."""
        else:
            folder = self._stack.enter_context(temporary_folder("home-", scratch))
            self.home = self.home_folder = folder
            self.ca_file = ca_file or Path(os.devnull)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def end(self) -> str | None:
        """End all processes, and return the resource limit that they exceeded, or None.

        The home stays until `close`. Raises no error if the run is shutting down.
        """
        try:
            answer, _ = self._ask({"do": "end"})
        except (OSError, ClientError):
            return None
        self.work = float(answer["work"])
        limit = answer["limit"]
        return None if limit is None else str(limit)

    def close(self) -> None:
        """End all processes, and remove the home."""
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
        self._stack.close()
