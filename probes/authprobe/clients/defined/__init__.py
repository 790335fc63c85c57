"""Clients that are defined as data."""

from authprobe.clients.base import Sandbox
from authprobe.clients.defined.program import run_program
from authprobe.clients.defined.server import probe_server
from authprobe.observation.model import Observation


def probe(sandbox: Sandbox) -> Observation:
    """Run the client of the case as its definition says, and return the observation.

    Raises:
        ClientError: it cannot be tested on this machine.
    """
    definition = sandbox.case.client.definition
    if definition is not None and definition.serve is not None:
        return probe_server(sandbox)
    return run_program(sandbox)
