"""Prepared home directories with made-up tokens, and the machine around them."""

import datetime
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authprobe.doctor.inventory.machine import Machine

NOW: Final = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
NEWEST: Final = "2.1.330"
"""A version without known regressions."""
CANARY: Final = "canary-of-the-user-" * 3
API_KEY: Final = f"sk-ant-api03-{CANARY}"
ACCESS: Final = f"sk-ant-oat01-{CANARY}"
REFRESH: Final = f"sk-ant-ort01-{CANARY}"
SCOPES: Final = ("user:inference", "user:profile")


def hours_from_now(number: float) -> int:
    """Return the time `number` hours from NOW, in milliseconds since 1970."""
    return int((NOW.timestamp() + number * 3600) * 1000)


@dataclass
class Home:
    """A home directory under construction, and the variables of its machine."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    platform: str = "linux"
    subfolder: str = ""
    """Current folder below the project."""

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def own_config_folder(self) -> Path:
        return self.home / ".config" / "authprobe"

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
        """Write a file with an old modification time: a string as it is, anything else as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        return path

    def install(self, version: str = NEWEST, folder: str = "bin") -> Path:
        """Install a `claude` of this version, as npm does."""
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
        """Write a valid login with these fields changed; None omits a field."""
        record = {
            "accessToken": ACCESS,
            "refreshToken": REFRESH,
            "expiresAt": hours_from_now(5),
            "scopes": list(SCOPES),
            "subscriptionType": "max",
        } | changes
        fields = {name: value for name, value in record.items() if value is not None}
        return self.write(self.credentials, {"claudeAiOauth": fields})

    def settings(self, **tree: Any) -> Path:
        """Write the settings of the user."""
        return self.write(self.settings_file, tree)

    def finish_onboarding(self) -> Path:
        """Write the state that Claude Code saves after its first start."""
        return self.write(self.home / ".claude.json", {"hasCompletedOnboarding": True})

    def profile(self, kind: str = "user_oauth", **credentials: Any) -> None:
        """Write a profile of `ant`, and its credentials if there are any."""
        folder = self.home / ".config" / "anthropic"
        self.write(folder / "configs" / "default.json", {"authentication": {"type": kind}})
        if credentials:
            self.write(folder / "credentials" / "default.json", credentials)

    def machine(self) -> Machine:
        """Return the machine with this home."""
        self.home.mkdir(exist_ok=True)
        folder = self.project / self.subfolder
        folder.mkdir(parents=True, exist_ok=True)
        return Machine(
            environment=self.variables,
            home=self.home,
            search_path=(self.folder / "bin", self.folder / "bin-2"),
            platform=self.platform,
            now=NOW,
            folder=folder,
            own_config_folder=self.own_config_folder,
            root=self.folder / "root",
        )


def make_home(folder: Path, **variables: str) -> Home:
    """Return a home with the newest `claude`, its onboarding finished, and these variables."""
    home = Home(folder, dict(variables))
    home.install()
    home.finish_onboarding()
    return home
