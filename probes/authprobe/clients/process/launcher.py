"""Starts the children of a run and outlives it just long enough to end them.

This file is run as a program of its own, with nothing but the standard library, once per run. The
run asks for a child over a Unix socket and passes the child's standard streams along; each child
gets a socket of its own, on which its process id and its end are reported and its end can be asked
for. When the run goes away, however that happens, the kernel closes these sockets, and every
process that descends from this one is ended.

As the parent of each child it can signal by process id without ever meeting a reused one, and as a
subreaper (Linux, prctl(2)) it also inherits what a child leaves behind in another process group.

If it is asked to, and where the kernel lets it, it goes into a network of its own first, which has
nothing but loopback (network_namespaces(7)). What its children are to meet there comes through it:
it hands the run sockets that are bound, or connected, in that network.
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
INTERFACE = "16sh14x"  # struct ifreq with its flags
LOOPBACK = "127.0.0.1"
DESCRIPTORS = 4  # of a request: the socket for its answer, then a child's standard streams


class Launcher:
    """Children by process id, each with the socket on which it is reported."""

    def __init__(self, control: socket.socket, network: str) -> None:
        self.control = control
        self.network = network
        self.selector = selectors.DefaultSelector()
        self.sockets: dict[int, socket.socket] = {}
        self.open = True

    def serve(self, wakeup: socket.socket) -> None:
        """Serve until the run goes away."""
        self.selector.register(self.control, selectors.EVENT_READ, self.take_request)
        self.selector.register(wakeup, selectors.EVENT_READ, lambda: wakeup.recv(4096))
        while self.open:
            for key, _ in self.selector.select():
                key.data()
            self.reap()

    def take_request(self) -> None:
        """Do what the next request asks for; a 4-byte length precedes it."""
        header, descriptors, _, _ = socket.recv_fds(self.control, 4, DESCRIPTORS)
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
                hand_over(channel, bound)
            case "connect":
                hand_over(channel, lambda: connected(request["port"]))
            case _:
                report(channel, {"network": self.network})
                channel.close()

    def start(self, request: dict[str, Any], channel: socket.socket, streams: list[int]) -> None:
        """Start the child that a request describes."""
        try:
            child = subprocess.Popen(
                request["argv"],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env=request["env"],
                cwd=request["cwd"],
                start_new_session=True,
                # One thread, so what runs between fork and exec cannot meet a lock that is held.
                preexec_fn=take_terminal if request["terminal"] else None,
            )
        except OSError as error:
            refuse(channel, f"{error.strerror}: {error.filename}")
        except ValueError as error:  # a NUL in an argument
            refuse(channel, str(error))
        else:
            self.sockets[child.pid] = channel
            child.returncode = 0  # this class waits for its children itself
            report(channel, {"pid": child.pid})
            self.selector.register(
                channel, selectors.EVENT_READ, lambda: end_group(child.pid, signal.SIGKILL)
            )
        finally:
            for descriptor in streams:
                os.close(descriptor)

    def reap(self) -> None:
        """Report every child that has ended, after ending what is left of its process group."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            # Until it is waited for, its id cannot be given to another process or group.
            channel = self.sockets.pop(ended.si_pid, None)
            if channel is not None:
                end_group(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            if channel is not None:
                self.selector.unregister(channel)
                report(channel, {"exit_code": os.waitstatus_to_exitcode(status)})
                channel.close()

    def end_all(self) -> None:
        """End every descendant of this process; those that fork meanwhile are met again."""
        for pid in self.sockets:
            end_group(pid, signal.SIGKILL)
        while living := descendants(os.getpid()):
            for pid in living:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)


def take_terminal() -> None:
    """Make the terminal on standard input the one that controls this new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def end_group(pid: int, number: int) -> None:
    """Signal the process group that this child leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def descendants(pid: int) -> list[int]:
    """Ids of all processes below this one; empty where /proc does not tell."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def receive_exactly(channel: socket.socket, size: int) -> bytes:
    """So many bytes; fewer only if the other side has gone."""
    data = b""
    while len(data) < size and (more := channel.recv(size - len(data))):
        data += more
    return data


def report(channel: socket.socket, event: dict[str, object]) -> None:
    """One line of JSON to the run, if it is still there."""
    with contextlib.suppress(OSError):
        channel.sendall(json.dumps(event).encode() + b"\n")


def refuse(channel: socket.socket, reason: str) -> None:
    """Tell the run that its child was not started, and why."""
    report(channel, {"error": reason})
    channel.close()


def hand_over(channel: socket.socket, make: Callable[[], socket.socket]) -> None:
    """Give the run a socket of this network, or the reason why there is none."""
    with channel:
        try:
            with make() as made:
                socket.send_fds(channel, [b"{}\n"], [made.fileno()])
        except OSError as error:
            report(channel, {"error": error.strerror or str(error), "errno": error.errno})


def bound() -> socket.socket:
    """A free port, at which nobody listens yet."""
    # By its number, or asyncio does not know that it is TCP, and leaves Nagle on.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.bind((LOOPBACK, 0))
    return made


def connected(port: int) -> socket.socket:
    """A connection to a child's port."""
    return socket.create_connection((LOOPBACK, port))


def leave_network() -> bool:
    """Go into a network that has nothing but loopback; False: the system does not let us."""
    if sys.platform != "linux":
        return False
    # Without privileges only somebody with a user namespace of their own may make one.
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        enter = functools.partial(enter_network, flags)
        if works(enter):
            enter()
            return True
    return False


def works(act: Callable[[], None]) -> bool:
    """Whether this can be done, which another process tries: half of it would be worse."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def enter_network(flags: int) -> None:
    """Leave the network of this process for a new one, and bring its loopback up.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if flags & CLONE_NEWUSER:  # the same user as before, who is nobody otherwise
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack(INTERFACE, b"lo", 0)
        name, now = struct.unpack(INTERFACE, fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack(INTERFACE, name, now | IFF_UP))


def adopt_orphans() -> None:
    """Become the parent of whatever a child leaves behind, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Serve the run at the other end of the socket whose descriptor is the first argument.

    The second says in which network: `machine`, or `loopback` if possible. The folder that may
    follow is the run's own, and is removed when the run is over.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    network = "loopback" if sys.argv[2] == "loopback" and leave_network() else "machine"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The run decides when it is over. Ignoring them would be inherited by every child.
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
