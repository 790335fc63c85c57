"""Programs of the user that a definition names; they are run in place and never changed."""

import os
import shutil
from pathlib import Path
from typing import Final

from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.process.child import CompletedChild
from authprobe.clients.process.children import Children
from authprobe.clients.process.required_files import shebang_command
from authprobe.core.version_ranges import INSTALLED
from authprobe.errors import InstallError
from authprobe.scenario.clients import Client
from authprobe.settings import home, search_path

OWN_PATH_OPTIONS: Final = {
    "python": ("-I", "-c", "import sys; print(sys.executable)"),
    "node": ("-p", "process.execPath"),
}
"""Options with which an interpreter prints its own path, by the beginning of its name."""
QUERY_TIMEOUT: Final = 30.0


def find_own_program(client: Client, children: Children) -> InstalledClient:
    """Return the program of a definition without a package.

    Raises:
        InstallError: it is missing, or cannot be started.
    """
    program = _named_file(client)
    interpreter: tuple[str, ...] = ()
    if program is None:
        program = _system_program(client)
    elif command := shebang_command(program):
        interpreter = (_interpreter(command[0], program, children), *command[1:])
    elif not os.access(program, os.X_OK):
        raise InstallError(f"{program.name} is not executable and begins with no #! line")
    return InstalledClient(
        kind=client.kind,
        package=None,
        version=INSTALLED,
        folder=program.parent,
        user_program=program,
        interpreter=interpreter,
    )


def _named_file(client: Client) -> Path | None:
    """Return the program of `install: {path: ...}`; None: the definition has none."""
    install = client.definition.install if client.definition else None
    if install is None or install.path is None:
        return None
    # Not its real path: the program of a virtual environment is a link, too.
    program = ((client.known.folder or Path()) / install.path).absolute()
    if not program.is_file():
        raise InstallError(f"there is no program {install.path}")
    return program


def _interpreter(name: str, program: Path, children: Children) -> str:
    """Return the path of an interpreter, which a version manager such as pyenv may have replaced by
    a script that needs files of the user's home.
    """
    path = shutil.which(name, path=search_path())
    # `python/x` is a file below the working directory, which may have come with the definition.
    if path is None or not Path(path).is_absolute():
        raise InstallError(f"{program.name} needs {name}, which is not on PATH")
    options = next((o for n, o in OWN_PATH_OPTIONS.items() if name.startswith(n)), None)
    if options is None:  # or it has a path: only a program on the user's PATH is run unsealed
        return path
    env = {"HOME": str(home()), "PATH": search_path()}
    result = children.run([path, *options], env=env, cwd=program.parent, limit=QUERY_TIMEOUT)
    return _printed_path(result) or path


def _printed_path(result: CompletedChild) -> str | None:
    path = result.stdout.strip()
    return path if result.exit_code == 0 and os.access(path, os.X_OK) else None


def _system_program(client: Client) -> Path:
    definition = client.definition
    run = definition.run or (definition.serve.run if definition.serve else ()) if definition else ()
    name = run[0] if run else client.kind
    path = shutil.which(name, path=search_path())
    if path is None:
        raise InstallError(f"there is no {name} on PATH")
    return Path(path).absolute()
