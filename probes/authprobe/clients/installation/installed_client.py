"""A client that is installed: in the cache, or by the user."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from authprobe.clients.installation import storage
from authprobe.core.client_kinds import Package, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledClient:
    """An installed client: in the cache, or the user's own."""

    kind: str
    package: Package | None
    """None: it is not in the cache but the user's own."""
    version: str
    folder: Path
    user_program: Path | None = None
    """Program of a client that is not in the cache but the user's own."""
    interpreter: tuple[str, ...] = ()
    """Command that runs this program, if it is a script with a first line that names one."""

    companions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the packages beside it, by name."""

    @property
    def package_folder(self) -> Path:
        """Folder of the npm package."""
        return self.folder / "node_modules" / (self.package.name if self.package else "")

    @property
    def programs(self) -> Path:
        """Folder with the programs of the package and of those beside it."""
        is_npm = self.package is not None and self.package.registry is Registry.NPM
        return self.folder / ("node_modules/.bin" if is_npm else "bin")

    @property
    def program(self) -> Path:
        """Path to start: a program, or the folder of a library."""
        if self.user_program is not None:
            return self.user_program
        program = self.package.program if self.package else None
        return self.package_folder if program is None else self.folder / program

    def integrity_error(self) -> str | None:
        """Return a one-line integrity error, or None if the client is intact."""
        if not self.folder.is_dir():
            return "not installed"
        if error := storage.integrity_error(self.folder):
            return error
        return None if self.program.exists() else f"{self.program.name}: missing"
