"""Effective variables of Claude Code: the environment, overridden by its settings files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from authprobe.core.safe_read import FileSnapshot, read_json_file
from authprobe.core.version_ranges import version_key
from authprobe.doctor.inventory.machine import Machine, is_enabled

ENVIRONMENT: Final = "environment"
CONFIG_DIR: Final = "CLAUDE_CONFIG_DIR"
USER_FILE: Final = "settings.json"
LOCAL_FILE: Final = "settings.local.json"
SCOPES: Final = ("user", "project", "local", "managed")
"""Scopes of settings by rising precedence."""
PROJECT_SCOPES: Final = frozenset({"project", "local"})
LAST_MOVED_BY_PROJECT: Final = "2.1.240"
"""Newest version measured to take CLAUDE_CONFIG_DIR from a project; 2.1.266 does not."""
LAST_LOCAL_IN_FOLDER: Final = "2.1.207"
"""Newest version measured to read local settings from the current folder, not from the root.

2.1.218 reads them from the root; the versions between are unknown.
"""
MAX_PARENTS: Final = 100
"""Parent folders that are searched for a git repository."""
MAX_DROP_INS: Final = 100
"""Files in `managed-settings.d` that are read."""
HOST_PREFIXES: Final = ("ANTHROPIC_", "CLAUDE_CODE_", "AWS_")
"""Variables that settings cannot set if a host application manages the provider.

code.claude.com/docs/en/env-vars
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable with its effective value."""

    name: str
    value: str = field(repr=False)
    source: str
    """`environment`, or the settings file that sets it."""
    scope: str | None = None
    """Scope of the settings file; None: the environment sets it."""
    overridden_sources: tuple[str, ...] = ()
    """Sources with a different value, which has no effect."""

    @property
    def is_from_settings(self) -> bool:
        """True if a settings file sets it."""
        return self.source != ENVIRONMENT

    @property
    def is_of_project(self) -> bool:
        """True if a settings file in the project sets it, which may be somebody else's."""
        return self.scope in PROJECT_SCOPES

    @property
    def label(self) -> str:
        """Name for display, with the settings file that sets it."""
        return f"{self.name} in {self.source}" if self.is_from_settings else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A settings file of Claude Code."""

    file: FileSnapshot
    scope: str
    """`user`, `project`, `local` or `managed`."""
    display_path: str

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables that it sets."""
        variables = self.file.data.get("env")
        if not isinstance(variables, dict):
            return {}
        return {name: value for name, value in variables.items() if isinstance(value, str)}

    @property
    def api_key_helper(self) -> str | None:
        """Command in `apiKeyHelper`, which may contain a secret."""
        command = self.file.data.get("apiKeyHelper")
        return command if isinstance(command, str) and command.strip() else None


def moved_config(machine: Machine, version: str | None = None) -> tuple[str, str] | None:
    """Return CLAUDE_CONFIG_DIR of settings, where the login is then read, and their path.

    Measured with 2.1.142 to 2.1.332. Projects cannot set it any more
    (code.claude.com/docs/en/settings-reference).
    """
    is_old = version is not None and version_key(version) <= version_key(LAST_MOVED_BY_PROJECT)
    scopes = ("user", *PROJECT_SCOPES) if is_old else ("user",)
    values = [
        (file.variables[CONFIG_DIR], file.display_path)
        for file in load_settings(machine, version)
        if file.scope in scopes and CONFIG_DIR in file.variables
    ]
    return values[-1] if values else None


def load_settings(machine: Machine, version: str | None = None) -> tuple[SettingsFile, ...]:
    """Return the settings files of this version by rising precedence.

    code.claude.com/docs/en/settings
    """
    project = machine.folder / ".claude"
    local = local_settings_folder(machine, version) / ".claude"
    moved = machine.first_config_folder / USER_FILE
    # A file that is the user's and the project's as well, as in the home, counts as the user's.
    scopes = {
        project / USER_FILE: "project",
        local / LOCAL_FILE: "local",
        moved: "user",
        machine.config_folder / USER_FILE: "user",
    }
    managed = machine.managed_folder
    scopes |= dict.fromkeys(
        (managed / "managed-settings.json", *_drop_ins(managed / "managed-settings.d")), "managed"
    )
    is_moved = machine.moved_config is not None
    return tuple(
        _settings_file(machine, path, scopes[path], env_only=is_moved and path == moved)
        for path in sorted(scopes, key=lambda path: SCOPES.index(scopes[path]))
    )


def _settings_file(
    machine: Machine, path: Path, scope: str, *, env_only: bool = False
) -> SettingsFile:
    """Return a settings file; only `env` of it counts if the folder was moved by it.

    Measured with 2.1.332.
    """
    file = read_json_file(path)
    if env_only and "env" in file.data:
        file = replace(file, data={"env": file.data["env"]})
    return SettingsFile(file=file, scope=scope, display_path=machine.display_path(path))


def load_unread_settings(machine: Machine) -> SettingsFile | None:
    """Return the project's settings at the root of a repository, if the current folder is below.

    Measured with 2.1.332: they are read from the current folder only.
    """
    root = repository_root(machine)
    if root is None or root == machine.folder:
        return None
    folder = root / ".claude"
    is_read = folder in (machine.first_config_folder, machine.config_folder)
    return None if is_read else _settings_file(machine, folder / USER_FILE, "project")


def local_settings_folder(machine: Machine, version: str | None) -> Path:
    """Return the folder whose `.claude` has the local settings: the root of a git repository.

    code.claude.com/docs/en/settings; the settings that a project shares are never moved.
    """
    root = repository_root(machine)
    is_old = version is not None and version_key(version) <= version_key(LAST_LOCAL_IN_FOLDER)
    if root is None or is_old or root == machine.home:
        return machine.folder
    owned = (root, root / ".git", root / ".claude")
    return root if all(_is_own(path) for path in owned) else machine.folder


def repository_root(machine: Machine) -> Path | None:
    """Return the root of the git repository around the current folder, or None."""
    folders = (machine.folder, *machine.folder.parents)[:MAX_PARENTS]
    try:
        return next((folder for folder in folders if (folder / ".git").is_dir()), None)
    except (OSError, ValueError):
        return None


def _is_own(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _drop_ins(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(folder.glob("*.json"))[:MAX_DROP_INS])
    except (OSError, RuntimeError):
        return ()


def effective_variables(
    machine: Machine, settings: tuple[SettingsFile, ...]
) -> Mapping[str, Variable]:
    """Return each variable with its effective value.

    A settings file overrides the shell (code.claude.com/docs/en/llm-gateway-connect).
    """
    variables = {
        name: Variable(name=name, value=value, source=ENVIRONMENT)
        for name, value in machine.environment.items()
    }
    is_managed = is_enabled(machine.environment.get("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"))
    for file in settings:
        for name, value in file.variables.items():
            if not (is_managed and name.startswith(HOST_PREFIXES)):
                variables[name] = _override(variables.get(name), name, value, file)
    return variables


def _override(previous: Variable | None, name: str, value: str, file: SettingsFile) -> Variable:
    overridden: tuple[str, ...] = ()
    if previous:
        overridden = previous.overridden_sources
        if previous.value != value:
            overridden = (*overridden, previous.source)
    return Variable(
        name=name,
        value=value,
        source=file.display_path,
        scope=file.scope,
        overridden_sources=overridden,
    )
