"""Residue: the search of what a live run wrote for each secret of the user, whole and in pieces."""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.core.byte_sizes import format_size
from authprobe.core.safe_files import read_bounded
from authprobe.live.guards import HasValues
from authprobe.redaction.canary import SLOT, Canary
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import UNSCANNED, scan_data

CANARY_PREFIX: Final = ".authprobe-canary-"
CANARY_LIFETIME: Final = 3600.0
"""Seconds after which no search still needs its made-up secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Result of the search."""

    names: tuple[str, ...]
    """Variables of the secrets that were searched for."""
    files: int
    size_bytes: int
    found: tuple[tuple[str, str], ...]
    """Variable and file of each secret that was left, and of each file that cannot be searched; a
    secret in a path is redacted."""
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
            yield f"{self.summary}; a made-up one was found"

    @property
    def summary(self) -> str:
        """Number and size of the searched files: `nothing of OUR_KEY in 7 files (1.2 MB)`."""
        number = "1 file" if self.files == 1 else f"{self.files:,} files"
        return f"nothing of {', '.join(self.names)} in {number} ({format_size(self.size_bytes)})"


def search_residue(own: HasValues, places: Iterable[Path]) -> Residue:
    """Search files, and every file below folders, for the secrets.

    A made-up secret is left in the first folder meanwhile, to see that the search finds it.
    """
    redactor = Redactor()
    own.learn(redactor)
    places = tuple(dict.fromkeys(place.resolve() for place in places if place.exists()))
    with _planted_canary(places, redactor) as canary:
        files = size = 0
        found: dict[tuple[str, str], None] = {}
        is_found = canary is None
        for path in _paths_in(places):
            names, length = _names_in(path, redactor)
            if path == canary:
                is_found = SLOT in names
                continue
            files += length is not None
            size += length or 0
            for name in own.names:
                if name in names or UNSCANNED in names:
                    found[name, redactor(str(path))] = None
    return Residue(
        names=own.names,
        files=files,
        size_bytes=size,
        found=tuple(found),
        blind=bool(Canary(redactor).problems()) or not is_found,
    )


@contextlib.contextmanager
def _planted_canary(places: Iterable[Path], redactor: Redactor) -> Iterator[Path | None]:
    """Keep a file with a made-up secret in the first folder; None: no place is one."""
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        yield None
        return
    for old in folder.glob(f"{CANARY_PREFIX}*"):  # of a search that was killed
        with contextlib.suppress(OSError):
            if time.time() - old.lstat().st_mtime > CANARY_LIFETIME:
                old.unlink()
    value = secrets.token_hex(24)
    redactor.learn(SLOT, value)
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=CANARY_PREFIX) as file:
        file.write(f"a made-up secret: {value}\n")
        file.flush()
        yield Path(file.name)


def _paths_in(places: Iterable[Path]) -> list[Path]:
    """Return everything below the folders, each once; links are not followed."""
    found: set[Path] = set()
    for place in places:
        found.update(place.rglob("*") if place.is_dir() else (place,))
    return sorted(found)


def _names_in(path: Path, redactor: Redactor) -> tuple[frozenset[str], int | None]:
    """Return the slots of the secrets in a path, or `unscanned`, and the size of a file in bytes.

    Its name and its extended attributes are searched as well, and the target of a link, but nothing
    that the link points to.
    """
    names = redactor.slots_in(path.name) | _attribute_names(path, redactor)
    with contextlib.suppress(OSError):  # no link, or gone meanwhile
        return names | redactor.slots_in(str(path.readlink())), None
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        return names | {UNSCANNED}, None
    if not path.is_file():
        return names, None
    try:
        content = read_bounded(path)
    except OSError:
        return names | {UNSCANNED}, 0
    return names | {match.name for match in scan_data(content, redactor)}, len(content)


def _attribute_names(path: Path, redactor: Redactor) -> frozenset[str]:
    """Return the slots of the secrets in the extended attributes of a path, where there are any."""
    if not hasattr(os, "listxattr"):
        return frozenset()
    found: set[str] = set()
    with contextlib.suppress(OSError):  # a file system without them
        for name in os.listxattr(path, follow_symlinks=False):
            found |= redactor.slots_in(name)
            value = os.getxattr(path, name, follow_symlinks=False)
            found |= {match.name for match in scan_data(value, redactor)}
    return frozenset(found)
