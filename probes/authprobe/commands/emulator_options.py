"""Options of `authprobe emulator`, and what the report of its command needs of them."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from authprobe.commands.command_report import CommandSetup, check_report_folder
from authprobe.commands.issued_credentials import IssuedCredential
from authprobe.core.shown_paths import display_path
from authprobe.core.suggestions import did_you_mean
from authprobe.emulator.catalogue import check_fault
from authprobe.emulator.config import AccountState, Backend
from authprobe.emulator.standalone.control import choose
from authprobe.errors import SettingsError
from authprobe.observation.model import Outcome
from authprobe.run.baseline import EMPTY_BASELINE, read_baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorOptions:
    """Options of `authprobe emulator`; a port of 0 is a free one."""

    host: str
    port: int
    https_port: int
    control_port: int
    date: datetime.date | None
    """The backend's day; None: today."""
    standing: str
    counts_as_claude_code: bool
    follows_prompts: bool
    faults: tuple[str, ...]
    issue: tuple[str, ...]
    """Credentials to issue, each as the option spells it."""
    any_user: bool
    """Answer programs of other users of this machine too."""
    env_file: Path | None
    sets_base_url: bool
    """Set ANTHROPIC_BASE_URL too; otherwise programs find the emulator by their proxy variables."""
    quiet: bool
    as_json: bool
    is_isolated: bool
    """Run the command in a container, with a private home."""
    shares_home: bool
    """Show the command the user's home, read-only."""
    command: tuple[str, ...]
    """The command to run, with its arguments; empty: serve until interrupted."""
    exposes: bool = False
    """Listen beyond loopback, for whom has the access token."""
    access_token_file: Path | None = None
    control_token_file: Path | None = None
    public_name: str | None = None
    """Host by which programs know the emulator."""
    ca_file: Path | None = None
    """File for the certificate authority, where the programs of other containers read it."""
    report: Path | None = None
    """Directory for the report of the command; None: none is written."""
    expected: str | None = None
    """Outcome by which the command is judged; None: it is only observed."""
    baseline: Path | None = None
    """Baseline to compare the command with."""


def command_setup(
    options: EmulatorOptions, setup: Backend, issued: tuple[IssuedCredential, ...]
) -> CommandSetup | None:
    """Return what the report of the command needs; None: none is written.

    Raises:
        SettingsError: the outcome is unknown, or the report cannot be written.
        RecordError: the baseline cannot be read.
    """
    if options.report is None:
        return None
    expected = _outcome(options.expected) if options.expected is not None else None
    baseline = read_baseline(options.baseline) if options.baseline else EMPTY_BASELINE
    check_report_folder(options.report)
    return CommandSetup(
        argv=options.command,
        out=options.report,
        backend=setup,
        issued=issued,
        sets_base_url=options.sets_base_url,
        is_isolated=options.is_isolated,
        options=_arguments(options, issued),
        expected=expected,
        baseline=baseline,
        quiet=options.quiet,
    )


def read_standing(name: str) -> AccountState:
    """Return the state of the organisation and plan.

    Raises:
        SettingsError: there is none of this name.
    """
    try:
        standing: AccountState = choose(AccountState, name, "standing")
    except SettingsError as error:
        raise SettingsError(f"--standing: {error}") from None
    return standing


def check_faults(names: Sequence[str]) -> None:
    """Raise if one of these is no fault.

    Raises:
        SettingsError: it is none.
    """
    for name in names:
        try:
            check_fault(name)
        except SettingsError as error:
            raise SettingsError(f"--fault: {error}") from None


def _outcome(name: str) -> Outcome:
    if name not in list(Outcome):
        remedy = did_you_mean(name, Outcome, otherwise=f"use {', '.join(Outcome)}")
        raise SettingsError(f"--expect {name[:80]}: no such outcome{remedy}")
    return Outcome(name)


def _arguments(options: EmulatorOptions, issued: Sequence[IssuedCredential]) -> tuple[str, ...]:
    """Return the options that run the command again in the same way."""
    flags = (
        ("--counts-as-claude-code", options.counts_as_claude_code),
        ("--follows-prompts", options.follows_prompts),
        ("--no-base-url", not options.sets_base_url),
        ("--share-home", options.shares_home),
        ("--no-isolation", not options.is_isolated),
    )
    pairs = (
        *(("--date", str(date)) for date in filter(None, [options.date])),
        *(("--standing", name) for name in [options.standing] if name != AccountState.ACTIVE),
        *(("--fault", name) for name in options.faults),
        *(("--issue", each.text) for each in issued),
        *(("--report", display_path(folder)) for folder in filter(None, [options.report])),
        *(("--expect", name) for name in filter(None, [options.expected])),
    )
    words = (word for pair in pairs for word in pair)
    return (*(name for name, is_set in flags if is_set), *words)
