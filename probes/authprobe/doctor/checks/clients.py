"""Checks of what is installed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from authprobe.diagnosis.known_issues import Regression, known_issues
from authprobe.doctor.inventory.installed_clients import DetectedClient
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, info, ok, warning

NOT_BY_VERSION: Final = frozenset({"keychain-unavailable"})
"""Causes that only macOS has."""


def check_commands(survey: Inventory) -> Iterator[CheckResult]:
    """Each `claude` on PATH, and whether another one stands before it."""
    if not survey.commands:
        yield info("command-missing", "There is no claude on PATH.", "PATH")
    for program in survey.commands:
        where = survey.machine.shown(program.path)
        if program.version:
            yield ok("command", f"Claude Code {program.version}", where)
        else:
            yield info(
                "command-version-unknown",
                "A claude whose version is not known without running it.",
                where,
                remedy="See what `claude --version` says, and update it if it is old.",
            )
    if len(survey.commands) > 1:
        first, *rest = survey.commands
        others = ", ".join(survey.machine.shown(program.path) for program in rest)
        yield warning(
            "several-commands",
            f"Several claude are on PATH; the first one is run, not {others}.",
            survey.machine.shown(first.path),
            remedy="Remove those that you do not use: an update may change another one than runs.",
            source="https://code.claude.com/docs/en/troubleshoot-install",
        )


def check_libraries(survey: Inventory) -> Iterator[CheckResult]:
    """Each SDK."""
    for library in survey.sdks:
        version = library.version or "of an unknown version"
        yield ok("sdk", f"{library.name} {version}", survey.machine.shown(library.path))
    found = {(library.name, library.version) for library in survey.sdks}
    several = [name for name, times in Counter(name for name, _ in found).items() if times > 1]
    for name in sorted(several):
        yield info("several-sdks", f"{name} is installed in several versions.")


def check_regressions(survey: Inventory) -> Iterator[CheckResult]:
    """What is known to be broken in the versions that are installed."""
    versions = {program.version: program for program in reversed(survey.commands)}
    for version, program in versions.items():
        known = _known(survey, version) if version else ()
        if known:
            yield _told(survey, program, known)


def _known(survey: Inventory, version: str) -> tuple[Regression, ...]:
    elsewhere = NOT_BY_VERSION if survey.machine.platform != "darwin" else frozenset()
    return tuple(
        regression
        for regression in known_issues().regressions
        if regression.affects(version) and set(regression.causes) - elsewhere
    )


def _told(survey: Inventory, program: DetectedClient, known: tuple[Regression, ...]) -> CheckResult:
    many = f"{len(known)} known regressions concern" if len(known) > 1 else "A known regression has"
    result = warning(
        "known-regression",
        f"{many} Claude Code {program.version}.",
        survey.machine.shown(program.path),
        cause="cli-regression",
        remedy="Update Claude Code (`claude update`), unless you keep this version on purpose.",
    )
    return replace(
        result,
        sources=tuple(dict.fromkeys(source for each in known for source in each.sources)),
        details=tuple(f"{each.versions}: {each.what}" for each in known),
    )
