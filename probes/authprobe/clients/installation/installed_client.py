"""A client that is installed: in the cache, or by the user."""

from dataclasses import dataclass
from pathlib import Path

from authprobe.clients.installation import storage
from authprobe.core.client_kinds import ClientKind, package_of


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledClient:
    """An installed client: in the cache, or the user's own."""

    kind: ClientKind
    version: str
    folder: Path
    user_program: Path | None = None
    """Program of a client that is not in the cache but the user's own."""

    @property
    def package(self) -> Path:
        """Folder of the npm package."""
        return self.folder / "node_modules" / package_of(self.kind).name

    @property
    def program(self) -> Path:
        """Path to start: a program, or the folder of a library."""
        program = package_of(self.kind).program
        return self.user_program or (self.package if program is None else self.folder / program)

    def integrity_error(self) -> str | None:
        """Return a one-line integrity error, or None if the client is intact."""
        if not self.folder.is_dir():
            return "not installed"
        if error := storage.integrity_error(self.folder):
            return error
        return None if self.program.exists() else f"{self.program.name}: missing"
