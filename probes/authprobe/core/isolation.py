"""The levels at which the operating system isolates the clients of a run."""

import enum


class Isolation(enum.StrEnum):
    """Isolation of the client processes, from the strongest to none."""

    SEALED = "sealed"
    """A container for each case: its own network, file system, processes and users."""
    NETWORK = "network"
    """A network namespace with nothing but loopback for each case (network_namespaces(7))."""
    NONE = "none"
    """No isolation: only environment variables point the clients to the emulator."""
