"""Homes as users have them, with made-up tokens, and the machine around them."""

import datetime
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authprobe.doctor.inventory.machine import Machine

NOW: Final = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
NEWEST: Final = "2.1.330"
"""A version of which nothing bad is known."""
CANARY: Final = "canary-of-the-user-" * 3
API_KEY: Final = f"sk-ant-api03-{CANARY}"
ACCESS: Final = f"sk-ant-oat01-{CANARY}"
REFRESH: Final = f"sk-ant-ort01-{CANARY}"
SCOPES: Final = ("user:inference", "user:profile")


def hours(number: float) -> int:
    """Milliseconds since 1970 of a moment so many hours from now."""
    return int((NOW.timestamp() + number * 3600) * 1000)


@dataclass
class Home:
    """A home that is being furnished."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    platform: str = "linux"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def credentials(self) -> Path:
        return self.home / ".claude" / ".credentials.json"

    @property
    def settings_file(self) -> Path:
        return self.home / ".claude" / "settings.json"

    def write(self, path: Path, content: Any, mode: int = 0o600) -> Path:
        """A file of long ago: a text as it is, anything else as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        return path

    def install(self, version: str = NEWEST, folder: str = "bin") -> Path:
        """A `claude` of this version, as npm installs it."""
        package = self.folder / f"npm-{version}" / "@anthropic-ai" / "claude-code"
        program = self.write(package / "cli.js", "", mode=0o755)
        self.write(
            package / "package.json", {"name": "@anthropic-ai/claude-code", "version": version}
        )
        link = self.folder / folder / "claude"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(program)
        return link

    def login(self, **changes: Any) -> Path:
        """A good login, but for these fields; None leaves a field out."""
        record = {
            "accessToken": ACCESS,
            "refreshToken": REFRESH,
            "expiresAt": hours(5),
            "scopes": list(SCOPES),
            "subscriptionType": "max",
        } | changes
        kept = {name: value for name, value in record.items() if value is not None}
        return self.write(self.credentials, {"claudeAiOauth": kept})

    def settings(self, **tree: Any) -> Path:
        """The settings of the user."""
        return self.write(self.settings_file, tree)

    def onboarded(self) -> Path:
        """What Claude Code writes after its first start."""
        return self.write(self.home / ".claude.json", {"hasCompletedOnboarding": True})

    def profile(self, kind: str = "user_oauth", **credentials: Any) -> None:
        """A profile of `ant`."""
        folder = self.home / ".config" / "anthropic"
        self.write(folder / "configs" / "default.json", {"authentication": {"type": kind}})
        if credentials:
            self.write(folder / "credentials" / "default.json", credentials)

    def machine(self) -> Machine:
        """The machine with this home."""
        self.home.mkdir(exist_ok=True)
        folder = self.folder / "project"
        folder.mkdir(exist_ok=True)
        return Machine(
            environment=self.variables,
            home=self.home,
            search_path=(self.folder / "bin", self.folder / "bin-2"),
            platform=self.platform,
            now=NOW,
            folder=folder,
            root=self.folder / "root",
        )


def make_home(folder: Path, **variables: str) -> Home:
    """A home with the newest `claude`, that has been started once, and these variables."""
    home = Home(folder, dict(variables))
    home.install()
    home.onboarded()
    return home
