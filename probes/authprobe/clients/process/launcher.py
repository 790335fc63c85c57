"""Program that starts the children of a run, and outlives the run just long enough to end them.

One process per run executes this file, which imports only the standard library. The run requests a
child over a Unix socket and passes the child's standard streams along. Each child gets a separate
socket, on which the launcher reports its process id and its exit, and accepts a request to kill it.
When the run ends, however that happens, the kernel closes these sockets, and the launcher kills all
of its descendants.

As the parent of each child, the launcher can signal process ids without the risk that they have
been reused. As a subreaper (Linux, prctl(2)) it also adopts processes that a child leaves behind in
another process group.

For each case the launcher forks a process that serves the same requests in a container: where the
kernel allows it, this process is the first one in namespaces of its own (namespaces(7)), so that
everything in them ends with it, whatever it forked. The run reaches the children there through
sockets that this process binds or connects inside, and the home through its descriptor.
"""

import array
import contextlib
import errno
import fcntl
import functools
import json
import os
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from authprobe.clients.process import file_system, kernel, limits, system_call_filter
from authprobe.core.isolation import Isolation
from authprobe.core.temporary_folder import remove_tree

LOOPBACK = "127.0.0.1"
IMPORTED_EARLY = (array,)
"""Modules that `socket` imports at their first use, when they may be out of sight."""
MAX_SIGNALS = 64  # read from a child's socket at a time, one byte each
MAX_DESCRIPTORS = 4  # of a request: the socket for its answer and three standard streams
CONNECT_TIMEOUT = 1.0  # seconds; on loopback, a connection is made at once or not at all
REMOVAL_TIMEOUT = 10.0  # seconds
NAMESPACES = {
    Isolation.NETWORK: kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET,
    Isolation.SEALED: (
        kernel.CLONE_NEWUSER
        | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWNS
        | kernel.CLONE_NEWPID
        | kernel.CLONE_NEWIPC
        | kernel.CLONE_NEWUTS
        | kernel.CLONE_NEWCGROUP
    ),
}


class Launcher:
    """The running children, each with the socket for its events."""

    def __init__(self, control: socket.socket, isolation: Isolation) -> None:
        self.control = control
        self.isolation = isolation
        self.refusal: str | None = None
        """Reason why the isolation is weaker than requested."""
        self.home: int | None = None
        """Descriptor of the home of a sealed container."""
        self.file_bytes = limits.MAX_HOME_BYTES
        """Size limit of a file that a child writes."""
        self.exceeded: str | None = None
        """Limit that the children have exceeded."""
        self.selector = selectors.DefaultSelector()
        self.sockets: dict[int, socket.socket] = {}
        self.open = True

    @property
    def is_sealed(self) -> bool:
        """True in the first process of a sealed container."""
        return self.home is not None

    def serve(self) -> None:
        """Serve requests until the run closes its socket."""
        wakeup = wake_on_signals()
        self.selector.register(self.control, selectors.EVENT_READ, self.take_request)
        self.selector.register(wakeup, selectors.EVENT_READ, lambda: wakeup.recv(4096))
        while self.open:
            interval = limits.CHECK_INTERVAL if self.is_sealed and self.sockets else None
            for key, _ in self.selector.select(interval):
                key.data()
            if self.is_sealed and self.sockets:
                self.enforce_limits()
            self.reap()

    def take_request(self) -> None:
        """Read and handle one request, which a 4-byte length precedes."""
        header, descriptors, _, _ = socket.recv_fds(self.control, 4, MAX_DESCRIPTORS)
        if not header:
            self.open = False
            return
        (size,) = struct.unpack("!I", header)
        request = json.loads(receive_exactly(self.control, size))
        channel = socket.socket(fileno=descriptors[0])
        try:
            self.answer(request, channel, descriptors[1:])
        except Exception as error:  # noqa: BLE001 - one request must not end the other children
            report_error(channel, f"{type(error).__name__}: {error}")

    def answer(self, request: dict[str, Any], channel: socket.socket, streams: list[int]) -> None:
        """Handle one request and answer on its channel."""
        match request["do"]:
            case "start":
                self.start(request, channel, streams)
            case "bind":
                send_socket(channel, lambda: bind_port(request["host"], request["port"]))
            case "connect":
                send_socket(channel, lambda: connect(request["port"]))
            case "container":
                self.open_container(request, channel)
            case "end":
                self.end_all()
                full = limits.full_file_system(self.home) if self.home is not None else None
                used = resource.getrusage(resource.RUSAGE_CHILDREN)  # all have been waited for
                work = used.ru_utime + used.ru_stime
                report(channel, {"limit": self.exceeded or full, "work": work})
                channel.close()
            case _:
                report(channel, {"isolation": self.isolation, "refusal": self.refusal})
                channel.close()

    def start(self, request: dict[str, Any], channel: socket.socket, streams: list[int]) -> None:
        """Handle a `start` request: spawn the child."""
        try:
            child = subprocess.Popen(
                request["argv"],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env=request["env"],
                cwd=request["cwd"],
                start_new_session=True,
                # Safe between fork and exec: this process has one thread, so no lock is held.
                preexec_fn=functools.partial(self.prepare_child, terminal=request["terminal"]),
            )
        except OSError as error:
            report_error(channel, f"{error.strerror}: {error.filename}")
        except (ValueError, subprocess.SubprocessError) as error:  # a NUL in an argument
            report_error(channel, str(error))
        else:
            self.sockets[child.pid] = channel
            child.returncode = 0  # keeps Popen from waiting for it: `reap` does
            report(channel, {"pid": child.pid})
            self.selector.register(
                channel, selectors.EVENT_READ, lambda: take_signals(channel, child.pid)
            )
        finally:
            for descriptor in streams:
                os.close(descriptor)

    def prepare_child(self, *, terminal: bool) -> None:
        """Give up privileges and set limits in a new child, before its program starts."""
        if terminal:  # make it the controlling terminal of this new session
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if self.is_sealed:
            kernel.set_limits(limits.process_limits(self.file_bytes))
            kernel.drop_privileges()

    def open_container(self, request: dict[str, Any], channel: socket.socket) -> None:
        """Handle a `container` request: fork the process that serves `channel` in a container."""
        fork_container(channel, self.isolation, request)
        channel.close()

    def enforce_limits(self) -> None:
        """Kill all processes of a container if together they exceed a limit."""
        if limit := limits.exceeded_limit():
            self.exceeded = limit
            self.end_all()

    def reap(self) -> None:
        """Report each child that has exited, after killing the rest of its process group."""
        while self.reap_one(os.WNOHANG):
            pass

    def reap_one(self, options: int = 0) -> bool:
        """Wait for a child unless `options` forbid it; return False if none has exited."""
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | options)
        except ChildProcessError:
            return False
        if info is None:
            return False
        # The kernel cannot reuse the id for another process or group before waitpid.
        channel = self.sockets.pop(info.si_pid, None)
        if channel is not None:
            signal_group(info.si_pid, signal.SIGKILL)
        _, status = os.waitpid(info.si_pid, 0)
        if channel is not None:
            self.selector.unregister(channel)
            exit_code = os.waitstatus_to_exitcode(status)
            report(channel, {"exit_code": exit_code, "limit": self.exceeded})
            channel.close()
        return True

    def end_all(self) -> None:
        """Kill all descendants of this process, and wait for their end."""
        if self.is_sealed:
            # One signal ends all: a process that has to die cannot fork (fork(2), ERESTARTNOINTR).
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            while self.reap_one():
                pass
            return
        while pids := descendants(os.getpid()):  # repeatedly, as they may fork meanwhile
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.reap_one()
            self.reap()


def fork_container(control: socket.socket, isolation: Isolation, request: dict[str, Any]) -> int:
    """Fork the process that serves `control` in a container, and return its id."""
    pid = os.fork()
    if pid == 0:
        exit_code = 1
        try:
            os.setsid()
            keep_only(control.fileno())
            exit_code = run_container(control, isolation, request)
        finally:  # never return into the code of the launcher, of which this process is a copy
            os._exit(exit_code)
    return pid


def run_container(control: socket.socket, isolation: Isolation, request: dict[str, Any]) -> int:
    """Enter the namespaces of this isolation, and serve requests there; return an exit code.

    The first answer on `control` is an error, or comes with the descriptor of the home if the
    container is sealed.
    """
    launcher = Launcher(control, isolation)
    try:
        if isolation is Isolation.SEALED:
            kernel.unshare(NAMESPACES[isolation])
            if os.fork():  # the child is the first process of the PID namespace
                return 0
            launcher.home = seal(request)
            launcher.file_bytes = request.get("file_bytes") or limits.MAX_HOME_BYTES
        elif isolation is Isolation.NETWORK:
            kernel.unshare(NAMESPACES[isolation])
            kernel.start_loopback()
    except Exception as error:  # noqa: BLE001 - reported to the run
        name = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        report(control, {"error": f"{name}{error}"})
        return 1
    kernel.adopt_orphans()
    descriptors = [] if launcher.home is None else [launcher.home]
    try:
        socket.send_fds(control, [b"{}\n"], descriptors)
        launcher.serve()
    finally:
        launcher.end_all()
    return 0


def seal(request: dict[str, Any]) -> int:
    """Isolate this first process of its namespaces, and return a descriptor of the home.

    Raises:
        OSError: the system does not allow it, or a visible path does not exist.
    """
    kernel.start_loopback()
    kernel.forbid_user_namespaces()
    kernel.limit_process_ids(limits.MAX_PROCESS_IDS)
    limits.prefer_as_victim()
    socket.sethostname(file_system.USER_NAME)
    home = file_system.enter(
        ca_file=request.get("ca_file"),
        visible=request["visible"],
        writable=request["writable"],
        hidden=request["hidden"],
    )
    kernel.forbid_inspection()
    kernel.leave_keyring()
    system_call_filter.install()  # for all that this process starts, too
    return home


def strongest_isolation(wanted: Isolation) -> tuple[Isolation, str | None]:
    """Return the strongest isolation up to `wanted` that this system allows.

    The second value is the reason why it is weaker; None if it is not.
    """
    levels = list(Isolation)
    reason: str | None = None
    for level in levels[levels.index(wanted) :]:
        error = isolation_error(level)
        if error is None:
            return level, reason
        reason = reason or error
    return Isolation.NONE, reason


def isolation_error(isolation: Isolation) -> str | None:
    """Return the reason why no container can have this isolation; None: one was opened."""
    if isolation is Isolation.NONE:
        return None
    if sys.platform != "linux":
        return "only Linux has namespaces"
    ours, theirs = socket.socketpair()
    request: dict[str, Any] = {"visible": [], "writable": [], "hidden": []}
    pid = fork_container(theirs, isolation, request)
    theirs.close()
    with ours:
        answer, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
    for descriptor in descriptors:
        os.close(descriptor)
    os.waitpid(pid, 0)
    return str(json.loads(answer)["error"]) if b"error" in answer or not answer else None


def keep_only(descriptor: int) -> None:
    """Close all descriptors in a forked process except this one and the standard streams."""
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


def wake_on_signals() -> socket.socket:
    """Return a socket that becomes readable when a child exits.

    This process survives the signals of a terminal, as only the run ends it. Its children do not:
    they would inherit SIG_IGN, but not a handler.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda number, frame: None)
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
    return ours


def take_signals(channel: socket.socket, pid: int) -> None:
    """Send the signals that the run requests to a child's process group; SIGKILL at its end."""
    numbers = channel.recv(MAX_SIGNALS) or bytes([signal.SIGKILL])
    for number in numbers:
        signal_group(pid, number)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that this child leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def descendants(pid: int) -> list[int]:
    """Return the ids of all descendants of a process; empty without Linux's /proc."""
    found: list[int] = []
    parents = [pid]
    while parents:
        tasks = Path(f"/proc/{parents.pop()}/task")
        with contextlib.suppress(OSError):  # the process ends meanwhile
            for task in list(tasks.iterdir()):
                with contextlib.suppress(OSError):  # or one of its threads
                    children = [int(child) for child in (task / "children").read_text().split()]
                    found += children
                    parents += children
    return found


def receive_exactly(channel: socket.socket, size: int) -> bytes:
    """Return `size` bytes, or fewer if the other side closes its end."""
    data = b""
    while len(data) < size and (more := channel.recv(size - len(data))):
        data += more
    return data


def report(channel: socket.socket, event: dict[str, object]) -> None:
    """Send one line of JSON to the run; ignore a closed socket."""
    with contextlib.suppress(OSError):
        channel.sendall(json.dumps(event).encode() + b"\n")


def report_error(channel: socket.socket, reason: str) -> None:
    """Report the reason why a child was not started, and close its socket."""
    report(channel, {"error": reason})
    channel.close()


def send_socket(channel: socket.socket, make: Callable[[], socket.socket]) -> None:
    """Pass a socket of this network to the run, or report the error."""
    with channel:
        try:
            with make() as new_socket:
                socket.send_fds(channel, [b"{}\n"], [new_socket.fileno()])
        except OSError as error:
            report(channel, {"error": error.strerror or str(error), "errno": error.errno})


def bind_port(host: str, port: int) -> socket.socket:
    """Return a socket bound to a loopback port, not listening yet; port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is explicit.
    port_socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if port:
        port_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port_socket.bind((host, port))
    return port_socket


def connect(port: int) -> socket.socket:
    """Connect to a child's port."""
    # Not `create_connection`, which imports a codec for names: it may be out of sight.
    port_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # A program can let connections wait for minutes, in which nobody would enforce its limits.
    port_socket.settimeout(CONNECT_TIMEOUT)
    try:
        port_socket.connect((LOOPBACK, port))
    except TimeoutError:
        port_socket.close()
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
    except OSError:
        port_socket.close()
        raise
    port_socket.settimeout(None)
    return port_socket


def main(arguments: list[str]) -> None:
    """Serve the run: arguments are SOCKET ISOLATION [SCRATCH].

    SOCKET is the file descriptor of the control socket, ISOLATION the strongest level to use for
    containers, and SCRATCH a folder to remove when the run ends.
    """
    launcher = Launcher(socket.socket(fileno=int(arguments[0])), Isolation.NONE)
    launcher.isolation, launcher.refusal = strongest_isolation(Isolation(arguments[1]))
    kernel.adopt_orphans()
    try:
        launcher.serve()
    finally:
        launcher.end_all()
        for scratch in arguments[2:]:
            remove_scratch(Path(scratch))


def remove_scratch(folder: Path) -> None:
    """Remove the scratch folder, in which the emulator process may write until it ends too."""
    until = time.monotonic() + REMOVAL_TIMEOUT
    remove_tree(folder)
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
        remove_tree(folder)
