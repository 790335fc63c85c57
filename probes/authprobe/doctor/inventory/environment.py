"""Effective variables of Claude Code: the environment, overridden by its settings files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.safe_read import FileSnapshot, read_json_file
from authprobe.doctor.inventory.machine import Machine, is_enabled

ENVIRONMENT: Final = "environment"
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
    overridden_sources: tuple[str, ...] = ()
    """Sources with a different value, which has no effect."""

    @property
    def is_from_settings(self) -> bool:
        """True if a settings file sets it."""
        return self.source != ENVIRONMENT

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


def load_settings(machine: Machine) -> tuple[SettingsFile, ...]:
    """Return the settings files by rising precedence (code.claude.com/docs/en/settings)."""
    project = machine.folder / ".claude"
    scopes = {
        machine.config_folder / "settings.json": "user",
        project / "settings.json": "project",
        project / "settings.local.json": "local",
        machine.managed_folder / "managed-settings.json": "managed",
    }
    if project == machine.config_folder:
        scopes[project / "settings.json"] = "user"
    scopes |= dict.fromkeys(_drop_ins(machine.managed_folder / "managed-settings.d"), "managed")
    return tuple(
        SettingsFile(
            file=read_json_file(path), scope=scope, display_path=machine.display_path(path)
        )
        for path, scope in scopes.items()
    )


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
                variables[name] = _override(variables.get(name), name, value, file.display_path)
    return variables


def _override(previous: Variable | None, name: str, value: str, source: str) -> Variable:
    overridden: tuple[str, ...] = ()
    if previous:
        overridden = previous.overridden_sources
        if previous.value != value:
            overridden = (*overridden, previous.source)
    return Variable(name=name, value=value, source=source, overridden_sources=overridden)
