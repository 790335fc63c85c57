"""Checks of installed clients: versions, duplicates and known regressions."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from authprobe.diagnosis.known_issues import Regression, known_issues
from authprobe.doctor.inventory.installed_clients import DetectedClient
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.machine import MACOS
from authprobe.doctor.result import CheckResult, info, ok, warning

MACOS_CAUSES: Final = frozenset({"keychain-unavailable"})
"""Causes that only occur on macOS."""


def check_commands(inventory: Inventory) -> Iterator[CheckResult]:
    """Report each `claude` on PATH, and which one runs."""
    if not inventory.commands:
        yield info("command-missing", "No claude is on PATH.", "PATH")
    for command in inventory.commands:
        where = inventory.machine.display_path(command.path)
        if command.version:
            yield ok("command", f"Claude Code {command.version}", where)
        else:
            yield info(
                "command-version-unknown",
                "The version of this claude cannot be determined without running it.",
                where,
                remedy="Run `claude --version`, and update an old version.",
            )
    if len(inventory.commands) > 1:
        first, *rest = (inventory.machine.display_path(each.path) for each in inventory.commands)
        yield warning(
            "several-commands",
            f"Several claude are on PATH; this one runs, not {', '.join(rest)}.",
            first,
            remedy="Remove those that you do not use: an update may change one that does not run.",
            source="https://code.claude.com/docs/en/troubleshoot-install",
        )


def check_sdks(inventory: Inventory) -> Iterator[CheckResult]:
    """Report each SDK, and those installed in several versions."""
    for sdk in inventory.sdks:
        version = sdk.version or "(unknown version)"
        yield ok("sdk", f"{sdk.name} {version}", inventory.machine.display_path(sdk.path))
    versions = {(sdk.name, sdk.version) for sdk in inventory.sdks}
    counts = Counter(name for name, _ in versions)
    for name in sorted(name for name, count in counts.items() if count > 1):
        yield info("several-sdks", f"{name} is installed in several versions.")


def check_regressions(inventory: Inventory) -> Iterator[CheckResult]:
    """Report known regressions of the installed versions of Claude Code."""
    commands = {command.version: command for command in reversed(inventory.commands)}
    for version, command in commands.items():
        regressions = _regressions(inventory, version) if version else ()
        if regressions:
            yield _regression_result(inventory, command, regressions)


def _regressions(inventory: Inventory, version: str) -> tuple[Regression, ...]:
    excluded = MACOS_CAUSES if inventory.machine.platform != MACOS else frozenset()
    return tuple(
        regression
        for regression in known_issues().regressions
        if regression.affects(version) and set(regression.causes) - excluded
    )


def _regression_result(
    inventory: Inventory, command: DetectedClient, regressions: tuple[Regression, ...]
) -> CheckResult:
    count = len(regressions)
    subject = f"{count} known regressions affect" if count > 1 else "A known regression affects"
    result = warning(
        "known-regression",
        f"{subject} Claude Code {command.version}.",
        inventory.machine.display_path(command.path),
        cause="cli-regression",
        remedy="Update Claude Code (`claude update`), unless you need this version.",
    )
    sources = dict.fromkeys(source for each in regressions for source in each.sources)
    return replace(
        result,
        sources=tuple(sources),
        details=tuple(f"{each.versions}: {each.what}" for each in regressions),
    )
