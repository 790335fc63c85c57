"""Atomic writing of files: a reader finds the old content or the new, never a part."""

import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write a file under a temporary name in the same directory, then rename it.

    Raises:
        OSError: the file cannot be written; the temporary file is removed.
    """
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError:
            temporary.unlink()
            raise
