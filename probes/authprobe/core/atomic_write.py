"""Files that are either whole or not there."""

import tempfile
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a file under a temporary name, then give it its own."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        new = Path(file.name)
        try:
            file.write(text)
            file.flush()
            new.chmod(0o644)
            new.replace(path)
        except OSError:
            new.unlink()
            raise
