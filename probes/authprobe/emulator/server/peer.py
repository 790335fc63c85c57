"""The user who owns the other end of a connection on loopback, as the kernel knows it.

Loopback is shared by all users of a machine, and a connection tells nothing about its sender. Linux
knows the owner of each socket: the netlink protocol sock_diag(7) returns it for a single connection
in a few microseconds; /proc/net/tcp (proc(5)) lists all connections, which takes milliseconds. No
library asks for a single one: psutil reads the descriptors of every process instead.
"""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
NLM_F_REQUEST: Final = 1
NETLINK_HEADER: Final = struct.Struct("=IHHII")
DIAG_REQUEST: Final = struct.Struct("=BBBBI")
"""Family, protocol, extensions, padding, states; then the socket (linux/inet_diag.h)."""
SOCKET_ID_BYTES: Final = 48
PORTS: Final = struct.Struct("!HH")
DIAG_OWNER: Final = struct.Struct("=II")
OWNER_OFFSET: Final = NETLINK_HEADER.size + 4 + SOCKET_ID_BYTES + 12
"""Offset of the user id and the inode in an answer."""
NO_COOKIE: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
ALL_STATES: Final = 0xFFFFFFFF
NETLINK_TIMEOUT: Final = 1.0
"""Seconds; the kernel answers before the request is sent."""
SO_NETNS_COOKIE: Final = 71
"""Socket option with the id of the socket's network namespace, since Linux 5.14 (socket(7))."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Owner:
    """Owner of a socket; `inode` is 0 once its process has closed it."""

    uid: int
    inode: int


Lookup = Callable[[Address, Address], Owner | None]
"""Returns the owner of the socket with this local and this remote address; None: unknown."""


class PeerCheck:
    """A check that the peer of a connection belongs to the user who runs this process."""

    def __init__(self, lookup: Lookup | None = None) -> None:
        self._lookup = lookup or _working_lookup()
        self._uids = {os.getuid(), os.geteuid()}

    @property
    def is_supported(self) -> bool:
        """True if this system tells who owns a connection; otherwise every peer is accepted."""
        return self._lookup is not None

    def close(self) -> None:
        """Close what the lookup keeps open."""
        if isinstance(self._lookup, SockDiag):
            self._lookup.close()

    def accepts_transport(self, transport: asyncio.BaseTransport) -> bool:
        """Return True if the peer's socket of a connection belongs to this user."""
        peer, local = (transport.get_extra_info(name) for name in ("peername", "sockname"))
        return bool(peer and local) and self.accepts(peer[:2], local[:2])

    def accepts(self, peer: Address, local: Address) -> bool:
        """Return True if the peer's socket belongs to this user."""
        if self._lookup is None:
            return True
        owner = self._lookup(peer, local)
        # Older kernels report a closed socket as one of user 0, so its owner counts as unknown.
        return owner is not None and owner.uid in self._uids and (owner.uid, owner.inode) != (0, 0)


def is_in_this_network(channel: socket.socket) -> bool:
    """Return True if a socket is known to be in the network namespace of this process."""
    if sys.platform != "linux":
        return True
    try:
        with socket.socket() as ours:
            cookies = {_network_cookie(each) for each in (ours, channel)}
    except OSError:
        return False
    return len(cookies) == 1


def _network_cookie(channel: socket.socket) -> bytes:
    return channel.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)


def _working_lookup() -> Lookup | None:
    """Return the fastest lookup that works here, tried on a connection of our own."""
    if sys.platform != "linux":
        return None
    uids = {os.getuid(), os.geteuid()}
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as channel,
        ):
            lookups: tuple[Lookup, ...] = (SockDiag(), proc_owner)
            for lookup in lookups:
                owner = lookup(channel.getsockname(), server.getsockname())
                if owner is not None and owner.uid in uids:
                    return lookup
    except OSError:
        pass  # no IPv4 on loopback
    return None


class SockDiag:
    """A lookup by sock_diag(7); its socket stays open, because closing one takes longer."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._sequence = 0

    def __call__(self, local: Address, remote: Address) -> Owner | None:
        """Return the owner of a socket."""
        family, packed_local = _packed(local)
        _, packed_remote = _packed(remote)
        request = (
            DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, ALL_STATES)
            + PORTS.pack(local[1], remote[1])
            + packed_local.ljust(16, b"\0")
            + packed_remote.ljust(16, b"\0")
            + NO_COOKIE
        )
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        header = NETLINK_HEADER.pack(
            *(NETLINK_HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST),
            *(self._sequence, 0),
        )
        try:
            answer = self._exchange(header + request)
        except OSError:
            self.close()
            return None
        if len(answer) < OWNER_OFFSET + DIAG_OWNER.size:
            return None  # an error: there is no such socket
        _, kind, _, sequence, _ = NETLINK_HEADER.unpack_from(answer)
        if (kind, sequence) != (SOCK_DIAG_BY_FAMILY, self._sequence):
            self.close()
            return None
        return Owner(*DIAG_OWNER.unpack_from(answer, OWNER_OFFSET))

    def close(self) -> None:
        """Close the socket; the next lookup opens another one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _exchange(self, message: bytes) -> bytes:
        if self._channel is None:
            self._channel = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG)
            self._channel.settimeout(NETLINK_TIMEOUT)
        self._channel.send(message)
        return self._channel.recv(4096)


def proc_owner(local: Address, remote: Address) -> Owner | None:
    """Return the owner of a socket, by the table of all connections in /proc."""
    wanted = [_table_name(local), _table_name(remote)]
    table = Path("/proc/self/net", "tcp6" if ":" in local[0] else "tcp")
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        columns = line.split()
        if columns[1:3] == wanted:
            return Owner(int(columns[7]), int(columns[9]))
    return None


def _packed(address: Address) -> tuple[int, bytes]:
    host = address[0].partition("%")[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, socket.inet_pton(family, host)


def _table_name(address: Address) -> str:
    """Return an address as /proc/net/tcp writes it: words of four bytes in the machine's order."""
    _, packed = _packed(address)
    words = [packed[i : i + 4] for i in range(0, len(packed), 4)]
    host = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
    return f"{host}:{address[1]:04X}"
