"""Checks of options of `authprobe emulator` that would have no effect beside others."""

from collections.abc import Mapping
from pathlib import Path

import click


def check_combination(
    *, rules: bool, as_json: bool, as_markdown: bool, command: tuple[str, ...]
) -> None:
    """Raise if an option would have no effect beside the others.

    Raises:
        UsageError: it would.
    """
    if as_markdown and not rules:
        raise click.UsageError("--markdown is only for --rules; add --rules, or leave it out")
    if rules and as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other; use one of them")
    if rules and command:
        raise click.UsageError("--rules runs no command; leave out the command, or --rules")
    if as_json and command:
        raise click.UsageError(
            "--json prints the addresses while the emulator serves alone; a command gets them in "
            "its environment: leave out --json"
        )


def check_report(
    *, report: Path | None, expect: str | None, baseline: Path | None, command: tuple[str, ...]
) -> None:
    """Raise if an option about the report of the command would have no effect.

    Raises:
        UsageError: it would.
    """
    if report is not None and not command:
        raise click.UsageError("--report is only for a command; add one after --, or leave it out")
    for name, value in (("--expect", expect), ("--baseline", baseline)):
        if value is not None and report is None:
            raise click.UsageError(f"{name} needs --report DIR, where the verdict is written")


def check_alone(options: Mapping[str, object], *, command: tuple[str, ...]) -> None:
    """Raise if an option about programs elsewhere is given beside a command.

    Raises:
        UsageError: one is.
    """
    for name, value in options.items():
        if value and command:
            raise click.UsageError(
                f"{name} is for an emulator that serves alone; leave out the command, or {name}"
            )


def check_isolation(*, share_home: bool, no_isolation: bool, command: tuple[str, ...]) -> None:
    """Raise if an option about the isolation of the command would have no effect.

    Raises:
        UsageError: it would.
    """
    if share_home and no_isolation:
        raise click.UsageError(
            "--share-home and --no-isolation exclude each other; use one of them"
        )
    for name, is_set in (("--share-home", share_home), ("--no-isolation", no_isolation)):
        if is_set and not command:
            raise click.UsageError(
                f"{name} is only for a command; add one after --, or leave it out"
            )
