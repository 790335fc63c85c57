"""Program that starts the children of a run, and outlives the run just long enough to end them.

One process per run executes this file, which imports only the standard library. The run requests a
child over a Unix socket and passes the child's standard streams along. Each child gets a separate
socket, on which the launcher reports its process id and its exit, and accepts a request to kill it.
When the run ends, however that happens, the kernel closes these sockets, and the launcher kills all
of its descendants.

As the parent of each child, the launcher can signal process ids without the risk that they have
been reused. As a subreaper (Linux, prctl(2)) it also adopts processes that a child leaves behind in
another process group.

On request, and where the kernel allows it, the launcher first enters a network namespace that has
only loopback (network_namespaces(7)). The run reaches the children there through sockets that the
launcher binds or connects inside the namespace and passes on.
"""

import contextlib
import ctypes
import fcntl
import functools
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
CLONE_NEWUSER = 0x10000000  # linux/sched.h
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS = 0x8913  # linux/sockios.h
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1  # linux/if.h
INTERFACE_REQUEST = "16sh14x"  # struct ifreq: name and flags
LOOPBACK = "127.0.0.1"
MAX_DESCRIPTORS = 4  # of a request: the socket for its answer and three standard streams


class Launcher:
    """The running children, each with the socket for its events."""

    def __init__(self, control: socket.socket, network: str) -> None:
        self.control = control
        self.network = network
        self.selector = selectors.DefaultSelector()
        self.sockets: dict[int, socket.socket] = {}
        self.open = True

    def serve(self, wakeup: socket.socket) -> None:
        """Serve requests until the run closes its socket."""
        self.selector.register(self.control, selectors.EVENT_READ, self.take_request)
        self.selector.register(wakeup, selectors.EVENT_READ, lambda: wakeup.recv(4096))
        while self.open:
            for key, _ in self.selector.select():
                key.data()
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
        match request["do"]:
            case "start":
                self.start(request, channel, descriptors[1:])
            case "bind":
                send_socket(channel, bind_free_port)
            case "connect":
                send_socket(channel, lambda: connect(request["port"]))
            case _:
                report(channel, {"network": self.network})
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
                preexec_fn=take_terminal if request["terminal"] else None,
            )
        except OSError as error:
            report_error(channel, f"{error.strerror}: {error.filename}")
        except ValueError as error:  # a NUL in an argument
            report_error(channel, str(error))
        else:
            self.sockets[child.pid] = channel
            child.returncode = 0  # keeps Popen from waiting for it: `reap` does
            report(channel, {"pid": child.pid})
            self.selector.register(
                channel, selectors.EVENT_READ, lambda: signal_group(child.pid, signal.SIGKILL)
            )
        finally:
            for descriptor in streams:
                os.close(descriptor)

    def reap(self) -> None:
        """Report each child that has exited, after killing the rest of its process group."""
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None:
                return
            # The kernel cannot reuse the id for another process or group before waitpid.
            channel = self.sockets.pop(info.si_pid, None)
            if channel is not None:
                signal_group(info.si_pid, signal.SIGKILL)
            _, status = os.waitpid(info.si_pid, 0)
            if channel is not None:
                self.selector.unregister(channel)
                report(channel, {"exit_code": os.waitstatus_to_exitcode(status)})
                channel.close()

    def end_all(self) -> None:
        """Kill all descendants of this process, repeatedly, as they may fork meanwhile."""
        for pid in self.sockets:
            signal_group(pid, signal.SIGKILL)
        while pids := descendants(os.getpid()):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)


def take_terminal() -> None:
    """Make the terminal on standard input the controlling terminal of this new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that this child leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def descendants(pid: int) -> list[int]:
    """Return the ids of all descendants of a process; empty without Linux's /proc."""
    pids: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                pids += [int(child), *descendants(int(child))]
    return pids


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


def bind_free_port() -> socket.socket:
    """Return a socket bound to a free loopback port, not listening yet."""
    # asyncio sets TCP_NODELAY only if the protocol is explicit.
    port_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    port_socket.bind((LOOPBACK, 0))
    return port_socket


def connect(port: int) -> socket.socket:
    """Connect to a child's port."""
    return socket.create_connection((LOOPBACK, port))


def leave_network() -> bool:
    """Enter a network namespace with only loopback; return False if the system forbids it."""
    if sys.platform != "linux":
        return False
    # An unprivileged process needs a user namespace to make a network namespace.
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        enter = functools.partial(enter_network, flags)
        if succeeds_in_fork(enter):
            enter()
            return True
    return False


def succeeds_in_fork(act: Callable[[], None]) -> bool:
    """Try `act` in a forked process first: a partial namespace change cannot be undone."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def enter_network(flags: int) -> None:
    """Move this process to a new network namespace, and bring its loopback interface up.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if flags & CLONE_NEWUSER:  # map the user to itself, or it becomes `nobody`
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack(INTERFACE_REQUEST, b"lo", 0)
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        name, state = struct.unpack(INTERFACE_REQUEST, answer)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack(INTERFACE_REQUEST, name, state | IFF_UP))


def adopt_orphans() -> None:
    """Become the parent of processes that outlive their parent below this one (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Serve the run: arguments are SOCKET NETWORK [SCRATCH].

    SOCKET is the file descriptor of the control socket. NETWORK is `machine`, or `loopback` to
    enter a network namespace if possible. SCRATCH is a folder to remove when the run ends.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    network = "loopback" if sys.argv[2] == "loopback" and leave_network() else "machine"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Only the run ends this process. Children would inherit SIG_IGN, but not a handler.
        signal.signal(number, lambda number, frame: None)
    adopt_orphans()
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    children = Launcher(control, network)
    try:
        children.serve(ours)
    finally:
        children.end_all()
        for scratch in sys.argv[3:]:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
