"""Preparation of a client that is defined as data: its programs, files, variables and values."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authprobe.clients.base import Sandbox, find_program
from authprobe.clients.defined.placeholders import fill, fill_content
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.process.required_files import program_folder
from authprobe.core.client_kinds import Registry, Via
from authprobe.core.isolation import Isolation
from authprobe.core.version_ranges import INSTALLED
from authprobe.errors import ClientError
from authprobe.scenario.client_definitions import ClientDefinition, Front, Reach
from authprobe.scenario.clients import Client

PROGRAM: Final = "{program}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """A client that is ready to be started in its sandbox."""

    sandbox: Sandbox
    client: Client
    installed: InstalledClient
    values: Mapping[str, str]
    """Values of the placeholders."""
    environment: Mapping[str, str]

    @property
    def definition(self) -> ClientDefinition:
        """Definition of the client."""
        return _definition(self.client)

    @property
    def version(self) -> str | None:
        """Version of the installed package; None: it is not a package."""
        return None if self.installed.version == INSTALLED else self.installed.version

    def fill(self, text: str) -> str:
        """Return a text of the definition with the values of its placeholders."""
        return fill(text, self.values)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return a command of the definition, with the interpreter of a program of one's own."""
        program, *rest = map(self.fill, arguments)
        if self.installed.package is None and "/" not in program:
            program = str(self.installed.program)  # on the user's PATH, not on that of the case
        interpreter = self.installed.interpreter if arguments[0] == PROGRAM else ()
        return [*interpreter, program, *rest]


def prepare(
    sandbox: Sandbox,
    client: Client,
    *,
    programs: Mapping[str, Path] | None = None,
) -> Preparation:
    """Write the files of a client into the private home, and return its values and variables.

    `programs` are further programs for its PATH, by name. A server gets a free port.

    Raises:
        ClientError: it is not installed, or cannot be sealed off from the user's files.
    """
    definition, installed = _definition(client), sandbox.installed_client(client)
    programs = dict(programs or {})
    if installed.package and installed.package.registry is Registry.NPM:
        programs.setdefault("node", find_program("node"))
    for each in filter(None, (client, client.through)):
        _show_own_program(sandbox, each)
    _require_sealed(sandbox)
    environment = sandbox.environment(programs)
    base_url = sandbox.proxy_url
    values = _values(
        sandbox,
        client,
        base_url=base_url,
        key=environment.pop(Via.KEY_PLACEHOLDER, ""),
        port=str(sandbox.container.free_port()) if definition.serve else "",
    )
    driven = definition.drives.get(client.through.kind, Front()) if client.through else Front()
    write_files(sandbox, {**definition.files, **driven.files}, values)
    base = {"ANTHROPIC_BASE_URL": base_url} if definition.reach is Reach.BASE_URL else {}
    texts = {**definition.variables, **driven.variables}
    variables = {name: fill(text, values) for name, text in texts.items()}
    return Preparation(
        sandbox=sandbox,
        client=client,
        installed=installed,
        values=values,
        environment={**base, **variables, **environment},
    )


def _show_own_program(sandbox: Sandbox, client: Client) -> None:
    """Let the container show the folder and the interpreter of a program of one's own."""
    install = client.definition.install if client.definition else None
    if install is None or install.path is None:
        return
    installed = sandbox.installed_client(client)
    folder = program_folder(installed.program)
    definitions = (client.known.folder or Path()).resolve()
    if folder and not folder.is_relative_to(definitions):  # by a link, as of a cloned project
        folder = None
    interpreter = [Path(name) for name in installed.interpreter[:1]]
    sandbox.show(interpreter, [folder] if folder else [])


def prepare_front(
    server: Preparation, client: Client, environment: Mapping[str, str], *, base_url: str
) -> Preparation:
    """Write the files of a client that is in front of a server, at this address, and return its
    values and variables.
    """
    definition = _definition(client)
    values = _values(
        server.sandbox,
        client,
        base_url=base_url,
        key=server.values["key"],
        port=server.values["port"],
    )
    write_files(server.sandbox, definition.files, values)
    variables = {name: fill(text, values) for name, text in definition.variables.items()}
    return Preparation(
        sandbox=server.sandbox,
        client=client,
        installed=server.sandbox.installed_client(client),
        values=values,
        environment={**variables, **environment},
    )


def _values(
    sandbox: Sandbox, client: Client, *, base_url: str, key: str, port: str
) -> dict[str, str]:
    """Return the values of the placeholders of a client."""
    installed = sandbox.installed_client(client)
    return {
        "prompt": _definition(client).prompt,
        "base_url": base_url,
        "key": key,
        "port": port,
        "home": str(sandbox.home),
        "bin": str(installed.programs),
        "program": str(installed.program),
    }


def write_files(sandbox: Sandbox, files: Mapping[str, Any], values: Mapping[str, str]) -> None:
    """Write these files into the private home, before anything else runs in it.

    Raises:
        ClientError: a file cannot be written there.
    """
    for name, content in files.items():
        filled = fill_content(content, values)
        text = filled if isinstance(filled, str) else json.dumps(filled, indent=2)
        path = Path(name)
        try:
            _write(sandbox.home_folder, path, text)
        except OSError as error:
            raise ClientError(f"the file {name} cannot be written: {error.strerror}") from None
        sandbox.initial_files = (sandbox.initial_files or frozenset()) | {path}


def _write(home: Path, path: Path, text: str) -> None:
    folder = home
    for part in path.parent.parts:
        folder /= part
        folder.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(home / path, flags, 0o600), "wb") as file:  # noqa: PTH123 - of a descriptor
        file.write(text.encode("utf-8", "replace"))


def _definition(client: Client) -> ClientDefinition:
    if client.definition is None:
        raise ClientError(f"{client.kind} has no definition")
    return client.definition


def _require_sealed(sandbox: Sandbox) -> None:
    """Raise if foreign code could reach the user's files.

    Raises:
        ClientError: the system allows no sealed container.
    """
    is_sealed = sandbox.container.isolation is Isolation.SEALED
    if is_sealed or not sandbox.case.client.known.must_be_sealed:
        return
    reason = sandbox.laboratory.children.known_refusal or "the isolation is switched off"
    raise ClientError(
        f"{sandbox.case.client.kind} is run only where it cannot reach your files, "
        f"and this system does not seal it off: {reason}"
    )
