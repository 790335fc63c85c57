"""Starts the children of a run and outlives it just long enough to end them.

This file is run as a program of its own, with nothing but the standard library, once per run. The
run asks for a child over a Unix socket and passes the child's standard streams along; each child
gets a socket of its own, on which its process id and its end are reported and its end can be asked
for. When the run goes away, however that happens, the kernel closes these sockets, and every
process that descends from this one is ended.

As the parent of each child it can signal by process id without ever meeting a reused one, and as a
subreaper (Linux, prctl(2)) it also inherits what a child leaves behind in another process group.
"""

import contextlib
import ctypes
import fcntl
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
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
DESCRIPTORS = 4  # of a request: the child's socket, then its standard streams


class Launcher:
    """Children by process id, each with the socket on which it is reported."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.selector = selectors.DefaultSelector()
        self.sockets: dict[int, socket.socket] = {}
        self.open = True

    def serve(self, wakeup: socket.socket) -> None:
        """Serve until the run goes away."""
        self.selector.register(self.control, selectors.EVENT_READ, self.start_next)
        self.selector.register(wakeup, selectors.EVENT_READ, lambda: wakeup.recv(4096))
        while self.open:
            for key, _ in self.selector.select():
                key.data()
            self.reap()

    def start_next(self) -> None:
        """Start the child that the next request describes; a 4-byte length precedes the request."""
        header, descriptors, _, _ = socket.recv_fds(self.control, 4, DESCRIPTORS)
        if not header:
            self.open = False
            return
        (size,) = struct.unpack("!I", header)
        request = json.loads(receive_exactly(self.control, size))
        channel = socket.socket(fileno=descriptors[0])
        try:
            child = subprocess.Popen(
                request["argv"],
                stdin=descriptors[1],
                stdout=descriptors[2],
                stderr=descriptors[3],
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
            for descriptor in descriptors[1:]:
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


def adopt_orphans() -> None:
    """Become the parent of whatever a child leaves behind, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Serve the run at the other end of the socket whose descriptor is the first argument.

    The folder that may follow it is the run's own, and is removed when the run is over.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The run decides when it is over. Ignoring them would be inherited by every child.
        signal.signal(number, lambda number, frame: None)
    adopt_orphans()
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    children = Launcher(control)
    try:
        children.serve(ours)
    finally:
        children.end_all()
        for scratch in sys.argv[2:]:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
