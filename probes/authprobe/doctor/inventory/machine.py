"""The machine under examination: its environment, folders, platform and time."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MACOS: Final = "darwin"
"""`sys.platform` on macOS."""
TRUE_VALUES: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Inputs of the doctor: environment, folders, platform and time."""

    environment: Mapping[str, str] = field(repr=False)
    """Environment variables, with credentials in them."""
    home: Path
    search_path: tuple[Path, ...] = ()
    """The folders of `PATH`."""
    platform: str = "linux"
    """As in `sys.platform`."""
    now: datetime.datetime
    folder: Path
    """Current folder, whose project settings apply."""
    root: Path = Path("/")
    """Root of the file system, with the administrator's settings below it."""
    own_config_folder: Path | None = None
    """Folder of authprobe's own configuration; None: there is none."""
    moved_config: str | None = None
    """Value of CLAUDE_CONFIG_DIR in settings, which moves the folder once more."""
    moved_by: str = ""
    """Settings file with that value, for display."""

    @property
    def config_value(self) -> str | None:
        """Value of CLAUDE_CONFIG_DIR that Claude Code uses; None: it is not set."""
        if self.moved_config is not None:
            return self.moved_config
        return self.environment.get("CLAUDE_CONFIG_DIR")

    @property
    def first_config_folder(self) -> Path:
        """Folder of the user's settings that are read first, and can move the folder."""
        return self._config_folder(self.environment.get("CLAUDE_CONFIG_DIR"))

    @property
    def config_folder(self) -> Path:
        """Folder with Claude Code's settings and login (code.claude.com/docs/en/env-vars).

        Measured with 2.1.142 to 2.1.332: an empty value is the current folder, and `~` is a name.
        """
        return self._config_folder(self.config_value)

    def _config_folder(self, value: str | None) -> Path:
        return self.home / ".claude" if value is None else self.folder / value

    @property
    def state_file(self) -> Path:
        """File with the state of Claude Code, such as answers that the user gave.

        Only CLAUDE_CONFIG_DIR of the shell moves it (measured with 2.1.142 to 2.1.332).
        """
        config_dir = self.environment.get("CLAUDE_CONFIG_DIR")
        return (self.folder / config_dir if config_dir else self.home) / ".claude.json"

    @property
    def profile_folder(self) -> Path:
        """Folder with the profiles of the API's SDKs and `ant`.

        platform.claude.com/docs/en/manage-claude/wif-reference
        """
        config_dir = self.environment.get("ANTHROPIC_CONFIG_DIR")
        return self.folder / config_dir if config_dir else self.home / ".config" / "anthropic"

    @property
    def managed_folder(self) -> Path:
        """Folder with the administrator's settings (code.claude.com/docs/en/settings)."""
        if self.platform == MACOS:
            return self.root / "Library" / "Application Support" / "ClaudeCode"
        return self.root / "etc" / "claude-code"

    def display_path(self, path: Path) -> str:
        """Return the path for display, with `~` for the home and variables for moved folders."""
        names = ("CLAUDE_CONFIG_DIR", "ANTHROPIC_CONFIG_DIR")
        folders = {f"${name}": self.folder / (self.environment.get(name) or "/") for name in names}
        for name, folder in {**folders, "~": self.home}.items():
            if folder != Path("/") and path.is_relative_to(folder):
                below = path.relative_to(folder)
                return f"{name}/{below}" if below.parts else name
        return str(path)


def is_enabled(value: str | None) -> bool:
    """Return True if the value of a variable turns a switch on."""
    return value is not None and value.strip().lower() in TRUE_VALUES
