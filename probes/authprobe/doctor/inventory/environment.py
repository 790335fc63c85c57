"""The variables that clients see: those of the environment, and what settings put over them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.doctor.inventory.machine import Machine, is_on
from authprobe.doctor.inventory.safe_read import FileSnapshot, read_json_file

ENVIRONMENT: Final = "environment"
DROP_INS: Final = 100
"""Files of the administrator that are looked at."""
OF_THE_HOST: Final = ("ANTHROPIC_", "CLAUDE_CODE_", "AWS_")
"""What settings cannot set where a host manages the provider (code.claude.com/docs/en/env-vars)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable as a client sees it."""

    name: str
    value: str = field(repr=False)
    where: str
    """`environment`, or the settings file that sets it."""
    hidden: tuple[str, ...] = ()
    """Where it has another value, which does not count."""

    @property
    def from_settings(self) -> bool:
        """Whether a settings file sets it."""
        return self.where != ENVIRONMENT

    @property
    def place(self) -> str:
        """How it is told: with its file, unless it comes from the environment."""
        return f"{self.name} in {self.where}" if self.from_settings else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A settings file."""

    document: FileSnapshot
    scope: str
    """`user`, `project`, `local` or `managed`."""
    shown: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that it sets."""
        found = self.document.tree.get("env")
        if not isinstance(found, dict):
            return {}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    @property
    def helper(self) -> str | None:
        """The command of `apiKeyHelper`, which may hold a secret."""
        found = self.document.tree.get("apiKeyHelper")
        return found if isinstance(found, str) and found.strip() else None


def load_settings(machine: Machine) -> tuple[SettingsFile, ...]:
    """The settings files, the one that wins last (code.claude.com/docs/en/settings)."""
    project = machine.folder / ".claude"
    places = {
        machine.config_folder / "settings.json": "user",
        project / "settings.json": "project",
        project / "settings.local.json": "local",
        machine.managed_folder / "managed-settings.json": "managed",
    }
    if project == machine.config_folder:
        places[project / "settings.json"] = "user"
    places |= dict.fromkeys(_drop_ins(machine.managed_folder / "managed-settings.d"), "managed")
    return tuple(
        SettingsFile(document=read_json_file(path), scope=scope, shown=machine.shown(path))
        for path, scope in places.items()
    )


def _drop_ins(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(folder.glob("*.json"))[:DROP_INS])
    except (OSError, RuntimeError):
        return ()


def effective_variables(
    machine: Machine, settings: tuple[SettingsFile, ...]
) -> Mapping[str, Variable]:
    """Each variable with the value that counts.

    A settings file beats the shell (code.claude.com/docs/en/llm-gateway-connect).
    """
    found = {
        name: Variable(name=name, value=value, where=ENVIRONMENT)
        for name, value in machine.environment.items()
    }
    host = is_on(machine.environment.get("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"))
    for each in settings:
        for name, value in each.environment.items():
            if not (host and name.startswith(OF_THE_HOST)):
                found[name] = _over(found.get(name), name, value, each.shown)
    return found


def _over(below: Variable | None, name: str, value: str, where: str) -> Variable:
    hidden: tuple[str, ...] = ()
    if below:
        hidden = (*below.hidden, below.where) if below.value != value else below.hidden
    return Variable(name=name, value=value, where=where, hidden=hidden)
