"""System calls of Linux that isolate processes; standard library only, for the launcher.

All of them work without privileges where the kernel allows user namespaces
(user_namespaces(7)). Numbers are from the headers of Linux (include/uapi/linux).
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
AT_FDCWD = -100
AT_RECURSIVE = 0x8000

PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

KEYCTL_JOIN_SESSION_KEYRING = 1
SYS_MOUNT_SETATTR = 442  # the same number on every machine; since Linux 5.12
SYSTEM_CALLS = {
    "x86_64": {"pivot_root": 155, "keyctl": 250},
    "aarch64": {"pivot_root": 41, "keyctl": 219},
}
"""Numbers of system calls without a function in every C library."""

SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
INTERFACE_REQUEST = "16sh14x"  # struct ifreq: name and flags

PID_MAX_PER_NAMESPACE = (6, 14)
"""Linux version in which `kernel.pid_max` became a value of each PID namespace."""


def libc() -> ctypes.CDLL:
    """Return the C library, with its `errno` kept."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise the error of a call that returned a negative value.

    Raises:
        OSError: the call failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def call(name: str, *arguments: object) -> None:
    """Make a system call by its number.

    Raises:
        OSError: it failed, or its number on this machine is unknown.
    """
    numbers = SYSTEM_CALLS.get(platform.machine(), {})
    if name not in numbers:
        raise OSError(errno.ENOSYS, f"{name}: not known on {platform.machine()}")
    check(libc().syscall(ctypes.c_long(numbers[name]), *arguments), name)


def unshare(flags: int) -> None:
    """Move this process to new namespaces, as itself if one of them is a user namespace.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    check(libc().unshare(flags), "unshare")
    if flags & CLONE_NEWUSER:  # map the user to itself, or it becomes `nobody`
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def start_loopback() -> None:
    """Bring the loopback interface of this network namespace up.

    Raises:
        OSError: the system does not allow it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack(INTERFACE_REQUEST, b"lo", 0)
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        name, state = struct.unpack(INTERFACE_REQUEST, answer)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack(INTERFACE_REQUEST, name, state | IFF_UP))


def mount(
    source: str | None, target: str, kind: str | None, flags: int = 0, options: str = ""
) -> None:
    """Mount a file system, or with MS_BIND a file or a folder.

    Raises:
        OSError: the system does not allow it, or `source` does not exist.
    """
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    result = libc().mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    check(result, f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount, and those below it.

    Raises:
        OSError: nothing is mounted there.
    """
    check(libc().umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def make_read_only(target: str) -> None:
    """Make a mount and all those below it read-only, without set-user-ID (mount_setattr(2)).

    Raises:
        OSError: the kernel is older than Linux 5.12.
    """
    attributes = struct.pack("=4Q", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    result = libc().syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        AT_FDCWD,
        os.fsencode(target),
        AT_RECURSIVE,
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    check(result, f"mount_setattr {target}")


def pivot_root(new_root: str, old_root: str) -> None:
    """Make `new_root` the root, and put the old one at `old_root` below it.

    Raises:
        OSError: the system does not allow it.
    """
    call("pivot_root", os.fsencode(new_root), os.fsencode(old_root))


def adopt_orphans() -> None:
    """Become the parent of processes that outlive their parent below this one (Linux only)."""
    if sys.platform == "linux":
        libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def forbid_inspection() -> None:
    """Keep other processes of this user from reading the memory and descriptors of this one."""
    check(libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def forbid_user_namespaces() -> None:
    """Keep processes in this user namespace from making another one, if the system allows it.

    In one they would have all capabilities again, and more of the kernel could be attacked.
    """
    with contextlib.suppress(OSError):
        Path("/proc/sys/user/max_user_namespaces").write_text("0")


def limit_process_ids(count: int) -> None:
    """Limit the processes and threads of this PID namespace, where the kernel counts them by it.

    The limit RLIMIT_NPROC does not hold for root (getrlimit(2)).
    """
    release = os.uname().release.split("-")[0].split(".")
    version = tuple(int(part) for part in release[:2] if part.isdigit())
    if version >= PID_MAX_PER_NAMESPACE:  # before, this would change the whole machine
        with contextlib.suppress(OSError):
            Path("/proc/sys/kernel/pid_max").write_text(str(count))


def drop_privileges() -> None:
    """Give up all capabilities at the next exec, for this process and all that it starts.

    Raises:
        OSError: the system does not allow it.
    """
    library = libc()
    check(library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    number = 0
    while library.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:  # until the last capability
        number += 1


def leave_keyring() -> None:
    """Leave the session keyring of the user (keyctl(2)), where the system has keyrings."""
    with contextlib.suppress(OSError):
        call("keyctl", KEYCTL_JOIN_SESSION_KEYRING, None)


def set_limits(limits: Iterable[tuple[int, int]]) -> None:
    """Lower resource limits of this process and all that it starts; never raise one."""
    for number, value in limits:
        _, hard = resource.getrlimit(number)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (bound, bound))
