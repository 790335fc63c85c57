"""The memory of a process that holds secrets: no dump of it, and no look into it by others."""

import contextlib
import ctypes
import resource
import sys
from typing import Final

NO_CORE_BYTES: Final = 1
"""With a limit of 0, Linux still starts a program that takes dumps from a pipe (core(5))."""
PR_SET_DUMPABLE: Final = 4


def protect_memory() -> None:
    """Let the system write no dump of this process, and no process of this user read its memory.

    The second also hides its environment, which has the secrets (proc(5), ptrace(2)). Programs that
    this process starts can be looked into again, but for the limit on dumps. Against the user, or
    root, it is no protection: the shell that started authprobe has the same variables.
    """
    with contextlib.suppress(OSError, ValueError):  # a lower hard limit does the same
        resource.setrlimit(resource.RLIMIT_CORE, (NO_CORE_BYTES, NO_CORE_BYTES))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
