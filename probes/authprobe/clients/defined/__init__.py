"""Clients that are defined as data."""

from authprobe.clients.base import Sandbox
from authprobe.errors import ClientError
from authprobe.observation.model import Observation


def probe(sandbox: Sandbox) -> Observation:
    """Run the client of the case as its definition says, and return the observation.

    Raises:
        ClientError: it cannot be tested on this machine.
    """
    raise ClientError(f"{sandbox.case.client} cannot be run yet")
