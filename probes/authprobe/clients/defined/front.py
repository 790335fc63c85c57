"""Clients in front of a server: they ask it instead of the API."""

import time
from collections.abc import Mapping
from pathlib import Path

from authprobe.clients.base import Sandbox, find_program
from authprobe.clients.claude_code.command import Command, find_node_for
from authprobe.clients.claude_code.prompt import JSON_OPTIONS, ask
from authprobe.clients.defined.placeholders import fill
from authprobe.clients.defined.preparation import Preparation, prepare_front, write_files
from authprobe.clients.defined.program import observe_program, run
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.clients.variables import merge_headers
from authprobe.core.client_kinds import Registry
from authprobe.observation.model import Observation
from authprobe.scenario.client_definitions import Front
from authprobe.scenario.clients import Client

NODE = "node"


def front_programs(sandbox: Sandbox, client: Client) -> dict[str, Path]:
    """Return the programs that a client in front of the server needs on PATH, by name."""
    installed = sandbox.installed_client(client)
    if client.definition is None:
        return find_node_for(installed.program)
    is_npm = installed.package is not None and installed.package.registry is Registry.NPM
    return {NODE: find_program(NODE)} if is_npm else {}


def ask_through(
    server: Preparation, client: Client, environment: Mapping[str, str], *, began: float
) -> Observation:
    """Run a client with the server as its API, and return the observation.

    `environment` has its own variables, and nothing of the server's.

    Raises:
        ClientError: it cannot be tested on this machine.
    """
    front = server.definition.fronts[client.kind]
    url = f"http://{LOOPBACK}:{server.values['port']}"
    write_files(server.sandbox, front.files, server.values)
    variables = {"ANTHROPIC_BASE_URL": url, **_variables(server, front)}
    environment = merge_headers(environment, variables)
    if client.definition is None:
        installed = server.sandbox.installed_client(client)
        return ask(Command(server.sandbox, installed, environment, began), JSON_OPTIONS)
    preparation = prepare_front(server, client, environment, base_url=url)
    remaining = max(began + server.sandbox.case.limit - time.monotonic(), 0.0)
    result = run(preparation, limit=remaining)
    return observe_program(preparation, result, began=began)


def _variables(server: Preparation, front: Front) -> dict[str, str]:
    return {name: fill(text, server.values) for name, text in front.variables.items()}
