"""Clients that are defined as data."""

from authprobe.clients.base import Sandbox
from authprobe.clients.defined.program import run_program
from authprobe.errors import ClientError
from authprobe.observation.model import Observation


def probe(sandbox: Sandbox) -> Observation:
    """Run the client of the case as its definition says, and return the observation.

    Raises:
        ClientError: it cannot be tested on this machine.
    """
    definition = sandbox.case.client.definition
    if definition is None or definition.run is None:
        raise ClientError(f"{sandbox.case.client} cannot be run yet")
    return run_program(sandbox)
