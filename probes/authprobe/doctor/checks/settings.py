"""Checks of settings files that shadow the shell, one another, or are not read at all."""

from collections.abc import Iterator
from typing import Final

from authprobe.doctor.checks.variables import is_credential
from authprobe.doctor.inventory.environment import SettingsFile, Variable
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, info, warning

GATEWAY_DOCS: Final = "https://code.claude.com/docs/en/llm-gateway-connect"
SETTINGS_DOCS: Final = "https://code.claude.com/docs/en/settings"
PREFIXES: Final = ("ANTHROPIC_", "CLAUDE_CODE_", "AWS_", "GOOGLE_", "AZURE_")
"""Beginnings of the variables that decide where a request goes, and with which credential."""


def check_overridden_variables(inventory: Inventory) -> Iterator[CheckResult]:
    """Report variables with different values in a settings file and elsewhere."""
    for variable in inventory.variables.values():
        if variable.overridden_sources and variable.name.startswith(PREFIXES):
            yield _override_result(variable)


def _override_result(variable: Variable) -> CheckResult:
    others = " and ".join(variable.overridden_sources)
    if not variable.value.strip():
        # Documented as the way to unset a variable of the shell (code.claude.com/docs/en/env-vars).
        return info(
            "settings-blank",
            f"Settings empty {variable.name}, so its value in {others} has no effect.",
            variable.label,
            source="https://code.claude.com/docs/en/env-vars",
        )
    return warning(
        "settings-over-shell",
        f"{variable.name} has a different value in {others}, which is ignored.",
        variable.label,
        cause="ambient-credential-shadows",
        remedy=f"Set {variable.name} in one place only; settings override the shell, and among "
        "them local ones override those of the project, and these the user's.",
        source=GATEWAY_DOCS,
    )


def check_root_settings(inventory: Inventory) -> Iterator[CheckResult]:
    """Report settings at the root of the repository that are not read from a folder below it."""
    settings = inventory.unread_settings
    if settings and (names := _names(settings)):
        yield info(
            "settings-not-read",
            f"Claude Code reads the project's settings from the current folder, so {names} at the "
            "root of the repository has no effect.",
            settings.display_path,
            remedy="Start Claude Code at the root of the repository.",
            source=SETTINGS_DOCS,
        )


def _names(settings: SettingsFile) -> str:
    names = [
        name
        for name, value in settings.variables.items()
        if name.startswith(PREFIXES) or is_credential(name, value)
    ]
    return ", ".join([*sorted(names), *(["apiKeyHelper"] if settings.api_key_helper else [])])
