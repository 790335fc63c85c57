"""A machine as the doctor looks at it."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DARWIN: Final = "darwin"
ON: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where to look, and when."""

    environment: Mapping[str, str] = field(repr=False)
    """It holds credentials."""
    home: Path
    search_path: tuple[Path, ...] = ()
    """The folders of `PATH`."""
    platform: str = "linux"
    """As `sys.platform` has it."""
    now: datetime.datetime
    folder: Path
    """Whose project settings count."""
    root: Path = Path("/")
    """Below it are the settings of the machine's administrator."""

    @property
    def config_folder(self) -> Path:
        """Where Claude Code keeps its files (code.claude.com/docs/en/env-vars)."""
        moved = self.environment.get("CLAUDE_CONFIG_DIR")
        return Path(moved) if moved else self.home / ".claude"

    @property
    def state_file(self) -> Path:
        """The file beside them that says what its user has been asked."""
        moved = self.environment.get("CLAUDE_CONFIG_DIR")
        return Path(moved) / ".claude.json" if moved else self.home / ".claude.json"

    @property
    def profile_folder(self) -> Path:
        """Where the API's SDKs and `ant` keep profiles.

        platform.claude.com/docs/en/manage-claude/wif-reference
        """
        moved = self.environment.get("ANTHROPIC_CONFIG_DIR")
        return Path(moved) if moved else self.home / ".config" / "anthropic"

    @property
    def managed_folder(self) -> Path:
        """Where administrators put settings (code.claude.com/docs/en/settings)."""
        if self.platform == DARWIN:
            return self.root / "Library" / "Application Support" / "ClaudeCode"
        return self.root / "etc" / "claude-code"

    def shown(self, path: Path) -> str:
        """The path as it is told, with `~` for the home and variables for what they have moved."""
        moved = ("CLAUDE_CONFIG_DIR", "ANTHROPIC_CONFIG_DIR")
        folders = {f"${name}": Path(self.environment.get(name) or "/") for name in moved}
        for name, folder in {**folders, "~": self.home}.items():
            if folder != Path("/") and path.is_relative_to(folder):
                below = path.relative_to(folder)
                return f"{name}/{below}" if below.parts else name
        return str(path)


def is_on(value: str | None) -> bool:
    """Whether a variable that is a switch is on."""
    return value is not None and value.strip().lower() in ON
