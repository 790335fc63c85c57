"""Core dumps, which would have the secrets in the memory of a process."""

import contextlib
import resource
from typing import Final

NO_CORE_BYTES: Final = 1
"""With a limit of 0, Linux still starts a program that takes dumps from a pipe (core(5))."""


def forbid_core_dumps() -> None:
    """Let the system write no dump of this process, nor of those that it starts."""
    with contextlib.suppress(OSError, ValueError):  # a lower hard limit does the same
        resource.setrlimit(resource.RLIMIT_CORE, (NO_CORE_BYTES, NO_CORE_BYTES))
