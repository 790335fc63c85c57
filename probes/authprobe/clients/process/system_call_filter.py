"""Filter of system calls that no namespace isolates (seccomp(2)); standard library only.

Keys of the user (keyrings(7)), sockets to the machine that hosts a virtual one (vsock(7)), and
memory that no process has mapped (memfd_create(2)) exist outside of all namespaces. The others are
a large part of the kernel that no client needs. Docker's profile denies most of them as well
(docs.docker.com/engine/security/seccomp). Numbers are from the headers of Linux.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Iterable

from authprobe.clients.process import kernel

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS: a 32-bit word of struct seccomp_data
JUMP_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_IF_GREATER_OR_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24
"""Offsets in struct seccomp_data; of an argument, its lower half on a little-endian machine."""
ALLOW = 0x7FFF0000
DENY = 0x00050000  # SECCOMP_RET_ERRNO; the error number is added
KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS: the program gets SIGSYS
X32_BIT = 0x40000000

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SOCKET = {"x86_64": 41, "aarch64": 198}
IOCTL = {"x86_64": 16, "aarch64": 29}
DENIED = {
    "add_key": {"x86_64": 248, "aarch64": 217},
    "request_key": {"x86_64": 249, "aarch64": 218},
    "keyctl": {"x86_64": 250, "aarch64": 219},
    "memfd_create": {"x86_64": 319, "aarch64": 279},
    "perf_event_open": {"x86_64": 298, "aarch64": 241},
    "bpf": {"x86_64": 321, "aarch64": 280},
    "userfaultfd": {"x86_64": 323, "aarch64": 282},
    # With io_uring, a program could make sockets past this filter.
    "io_uring_setup": {"x86_64": 425, "aarch64": 425},
    "io_uring_enter": {"x86_64": 426, "aarch64": 426},
    "io_uring_register": {"x86_64": 427, "aarch64": 427},
}
"""Calls that fail as if the kernel did not have them, for which programs have another way."""
ALLOWED_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK: all of them belong to the network namespace, and
for AF_UNIX with a path to the file system."""
TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX, which type into a terminal of the user (ioctl_tty(2))."""

Instruction = tuple[int, int, int, int]


def install() -> None:
    """Filter the system calls of this process and all that it starts, for ever.

    Raises:
        OSError: the system does not allow it, or this machine is not known.
    """
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"seccomp: not known on {machine}")
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program(machine))
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    library = kernel.libc()
    kernel.check(library.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    kernel.check(library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0), "seccomp")


def program(machine: str) -> list[Instruction]:
    """Return the instructions of the filter for a machine."""
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        # A program for another machine, as of 32 bits, has other numbers.
        (JUMP_IF_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_GREATER_OR_EQUAL, 0, 1, X32_BIT),
        (RETURN, 0, 0, KILL),
        *_denied(numbers[machine] for numbers in DENIED.values()),
        *_checked(SOCKET[machine], FIRST_ARGUMENT, ALLOWED_FAMILIES, (ALLOW, errno.EAFNOSUPPORT)),
        *_checked(IOCTL[machine], SECOND_ARGUMENT, TERMINAL_INPUT, (errno.EPERM, ALLOW)),
        (RETURN, 0, 0, ALLOW),
    ]


def _denied(numbers: Iterable[int]) -> list[Instruction]:
    """Return instructions that deny these calls."""
    return [
        instruction
        for number in numbers
        for instruction in (
            (JUMP_IF_EQUAL, 0, 1, number),
            (RETURN, 0, 0, DENY | errno.ENOSYS),
        )
    ]


def _checked(
    number: int, argument: int, values: tuple[int, ...], results: tuple[int, int]
) -> list[Instruction]:
    """Return instructions for a call with one result for these values, and another for the rest."""
    matching, other = (result if result == ALLOW else DENY | result for result in results)
    tests = [(JUMP_IF_EQUAL, len(values) - place, 0, v) for place, v in enumerate(values)]
    body = [
        (LOAD, 0, 0, argument),
        *tests,
        (RETURN, 0, 0, other),
        (RETURN, 0, 0, matching),
    ]
    return [(JUMP_IF_EQUAL, 0, len(body), number), *body]
