"""Files of the user that a program needs, to be shown in a sealed container."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from authprobe.clients.process.private_places import is_private
from authprobe.settings import private_folders, search_path, user_homes

SHEBANG: Final = re.compile(rb"#!\s*(/\S+)(?:[ \t]+(?:-S[ \t]+)?([\w.-]+))?")
MAX_SHEBANG_BYTES: Final = 256
MAX_LINKS: Final = 40
"""Symbolic links that Linux follows in one path (path_resolution(7))."""
NODE_MODULES: Final = "node_modules"


def visible_files(programs: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files that these programs need, sorted, but no folder that holds a private one.

    So a program in a strange place does not bring the whole home into sight.
    """
    private = {path for folder in private_folders() for path in (folder, *folder.parents)}
    files = {path for program in programs for path in required_files(program)}
    return tuple(sorted(files - private))


def required_files(program: Path) -> tuple[Path, ...]:
    """Return the files and folders that a program needs to start, as far as its kind tells.

    These are the program itself, the interpreter that its first line names, the packages of
    Node.js around or beside it, and the environment and standard library of Python. Those in
    folders of the system are in sight anyway.
    """
    real = program.resolve()
    files = _chain(program)
    packages = [folder for folder in real.parents if folder.name == NODE_MODULES]
    files += packages[-1:]  # the outermost
    beside = program.parent / NODE_MODULES
    # A link of this name could lead to a folder with secrets, to have it shown.
    if beside.is_dir() and beside.resolve().name == NODE_MODULES:
        files.append(beside)
    interpreter = _interpreter(real) or program
    files += [*_chain(interpreter), *_python_files(interpreter)]
    return tuple(dict.fromkeys(files))


def _chain(program: Path) -> list[Path]:
    """Return a program and all that it is a symbolic link to, one after the other."""
    files = [program]
    while files[-1].is_symlink() and len(files) < MAX_LINKS:
        files.append(files[-1].parent / files[-1].readlink())
    return files


def _python_files(program: Path) -> list[Path]:
    """Return the virtual environment of a Python, and the installation that it is made from."""
    real = program.resolve()
    if not real.name.startswith("python"):
        return []
    environment, installation = program.parent.parent, real.parent.parent
    files = [environment] if (environment / "pyvenv.cfg").is_file() else []
    libraries = installation / "lib"
    return [*files, *libraries.glob("python3*"), *libraries.glob("libpython3*")]


def _interpreter(program: Path) -> Path | None:
    try:
        with program.open("rb") as file:
            match = SHEBANG.match(file.readline(MAX_SHEBANG_BYTES))
    except OSError:
        return None
    if match is None:
        return None
    interpreter = Path(match[1].decode("utf-8", "replace"))
    if interpreter.name == "env" and match[2]:
        interpreter = Path(shutil.which(match[2].decode(), path=search_path()) or interpreter)
    # A first line could name a file with secrets, to have it shown.
    is_program = interpreter.is_file() and os.access(interpreter, os.X_OK)
    return interpreter if is_program else None


def shebang_command(program: Path) -> list[str] | None:
    """Return the command that the first line of a script names; None: it is no script.

    A program that `env` is to find has no path: in a container, `PATH` is not the user's.
    """
    try:
        with program.open("rb") as file:
            line = file.readline(MAX_SHEBANG_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None
    if not line.startswith("#!"):
        return None
    interpreter, _, rest = line[2:].strip().partition(" ")
    words = rest.split()
    if Path(interpreter).name == "env" and words:
        name, *arguments = words[1:] if words[0] == "-S" and words[1:] else words
        return [name, *arguments]
    return [interpreter, *([rest.strip()] if words else [])]


def program_folder(program: Path) -> Path | None:
    """Return the folder of a program, with the files that it may read; None: it is a home, a hidden
    folder in one, or a folder of the system.
    """
    folder = program.resolve().parent
    return None if is_private(folder, [path.resolve() for path in user_homes()]) else folder
