"""Clients that a program drives: it starts one by the name of its program on PATH."""

from pathlib import Path
from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.clients.claude_code.command import find_node_for
from authprobe.clients.observe import verified_version
from authprobe.scenario.clients import Client

BIN: Final = "{bin}/"


def driven_client(client: Client) -> Client | None:
    """Return the client that this one drives, or None."""
    through, definition = client.through, client.definition
    if through is None or definition is None or through.kind not in definition.drives:
        return None
    return through


def driven_programs(sandbox: Sandbox) -> dict[str, Path]:
    """Return the program of the driven client, by the name by which it is started."""
    driven = driven_client(sandbox.case.client)
    if driven is None:
        return {}
    installed = sandbox.installed_client(driven)
    if driven.definition is None:
        program = installed.program
        # The user's own one can be a link to a file that has the version as its name.
        package = driven.spec.package
        name = Path((package and package.program) or driven.kind).name
        return {name: program, **find_node_for(program)}
    first = (driven.definition.run or ("",))[0]
    name = first.removeprefix(BIN)
    program = installed.programs / name if first.startswith(BIN) else installed.program
    return {program.name: program}


def full_version(sandbox: Sandbox, version: str | None) -> str | None:
    """Return the version of a program together with that of the client that it drives, if any.

    Raises:
        ClientError: another version of that client sent a request.
    """
    driven = driven_client(sandbox.case.client)
    if driven is None:
        return version
    installed = sandbox.installed_client(driven).version
    other = verified_version(sandbox.exchanges, driven.spec.products, installed)
    return joined_version(sandbox.case.client, version, other)


def joined_version(client: Client, version: str | None, other: str | None) -> str | None:
    """Return both versions in the spelling of a client: `1.0+claude-code@2.1.31`."""
    if client.through is None:
        return version
    return f"{version or client.version}+{client.through.kind}@{other or client.through.version}"
