"""A container whose only way out is the gate."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from authprobe.clients.base import proxy_variables
from authprobe.clients.process.children import Children, Container, Visibility
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.core.isolation import Isolation
from authprobe.errors import ClientError
from authprobe.live.gate import HEAD_LIMIT_BYTES, ConnectGate
from authprobe.live.servers import ServerThread


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedContainer:
    """The container of one live case, its servers, and the port of its gate."""

    container: Container
    servers: ServerThread
    port: int

    def proxy_variables(self) -> dict[str, str]:
        """Return the variables that lead a client to the gate."""
        return proxy_variables(f"http://{LOOPBACK}:{self.port}")


def check_isolation(children: Children) -> None:
    """Check that the gate is the only way out of a container.

    Raises:
        ClientError: it is not.
    """
    if children.isolation is Isolation.NONE:
        raise ClientError(
            "a client asks the real service only from a network of its own, which this system "
            f"does not give it ({children.known_refusal or 'isolation is turned off'})"
        )


@contextlib.contextmanager
def open_gated_container(
    children: Children,
    visibility: Visibility,
    gate: ConnectGate,
    door: tuple[str, int] | None = None,
) -> Iterator[GatedContainer]:
    """Open a container with a gate, and a door to a port of this machine's loopback if asked.

    Raises:
        ClientError: it could not be isolated.
    """
    with children.open_container(visibility) as container, ServerThread() as servers:
        port = servers.serve_streams(
            gate.handle, container.bind(), head_limit_bytes=HEAD_LIMIT_BYTES
        )
        if door is not None:
            host, at = door
            bound = container.bind(at, host if ":" in host else LOOPBACK)
            servers.serve_streams(gate.door(host, at), bound, head_limit_bytes=HEAD_LIMIT_BYTES)
        yield GatedContainer(container=container, servers=servers, port=port)
