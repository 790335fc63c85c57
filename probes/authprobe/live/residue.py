"""Residue: the search of what a live run wrote for each secret of the user, whole and in pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from authprobe.core.byte_sizes import format_size
from authprobe.core.safe_files import read_bounded
from authprobe.live.guards import HasValues
from authprobe.redaction.canary import Canary
from authprobe.redaction.redactor import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Result of the search."""

    names: tuple[str, ...]
    """Variables of the secrets that were searched for."""
    files: int
    size_bytes: int
    found: tuple[tuple[str, Path], ...]
    """Variable and file of each secret that was left, and of each file that cannot be searched."""
    blind: bool
    """True: the search missed a made-up secret, so that its result says nothing."""

    @property
    def is_clean(self) -> bool:
        """True if the search works, and found nothing."""
        return not self.found and not self.blind

    @property
    def lines(self) -> Iterator[str]:
        """The result in a line, or a line for each secret that was left."""
        for name, path in self.found:
            yield f"{path}: has {name}, whole or in pieces, or cannot be read; delete it"
        if self.blind:
            yield "the search for your secrets missed a made-up one; please report it"
        elif not self.found:
            number = "1 file" if self.files == 1 else f"{self.files:,} files"
            size = format_size(self.size_bytes)
            names = ", ".join(self.names)
            yield f"nothing of {names} in {number} ({size}); a made-up one was found"


def search_residue(secrets: HasValues, folders: Iterable[Path]) -> Residue:
    """Search every file below these folders for the secrets."""
    redactor = Redactor()
    secrets.learn(redactor)
    blind = bool(Canary(redactor).problems())
    files = sorted({file for folder in folders for file in folder.rglob("*") if file.is_file()})
    found: list[tuple[str, Path]] = []
    size = 0
    for file in files:
        try:
            content = read_bounded(file)
        except OSError:
            found.extend((name, file) for name in secrets.names)
            continue
        size += len(content)
        slots = redactor.slots_in(content.decode("utf-8", "replace"))
        found.extend((name, file) for name in secrets.names if name in slots)
    return Residue(
        names=secrets.names, files=len(files), size_bytes=size, found=tuple(found), blind=blind
    )
