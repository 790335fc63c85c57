"""What the commands that ask many versions have in common: the log, and how an answer goes out."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.report.model.phrases import plural
from authprobe.trials.log import ProbeLog, Trial

INTERRUPTED: Final = "interrupted; run the same command again to continue"
LOOKS: Final = 2
"""How often is looked where a difference may be chance, unless the user says otherwise."""


def check_output_format(*, as_json: bool, as_markdown: bool) -> None:
    """See that one way to print is asked for.

    Raises:
        SettingsError: both are.
    """
    if as_json and as_markdown:
        raise SettingsError("--json and --markdown are two ways to print; give one of them")


def check_writable(folder: Path) -> None:
    """See that files can be written there, before anything is probed for them.

    Raises:
        SettingsError: they cannot.
    """
    try:
        there = next(each for each in (folder, *folder.parents) if each.exists())
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from None
    if not there.is_dir():
        raise SettingsError(f"{folder}: {there} is no folder; name another one")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"{folder}: cannot be written: Permission denied; name another one")


def looks_words(looks: int) -> list[str]:
    """The option of a command that asks the same, where it is not the usual one."""
    return [] if looks == LOOKS else ["--looks", str(looks)]


def read_trials(log: ProbeLog) -> tuple[Trial, ...]:
    """What the log has; that a line is damaged is told.

    Raises:
        RecordError: it cannot be read.
    """
    trials, damaged = log.read()
    if damaged:
        print(f"{log.path}: {plural(damaged, 'damaged line')} left out", file=sys.stderr)
    return trials


def print_lines(lines: Iterable[str], log: ProbeLog) -> ExitCode:
    """Print what holds no credential; the exit code."""
    told = "\n".join(lines)
    if scan_text(told, log.redactor):
        print("nothing is printed: it holds what looks like a credential", file=sys.stderr)
        return ExitCode.SECRET_FOUND
    if told:
        print(told)
    return ExitCode.OK


def publish(folder: Path, texts: Mapping[str, str], redactor: Redactor) -> ExitCode:
    """Write all of these files, or none if one holds a credential, and return the exit code.

    Raises:
        SettingsError: they cannot be written.
    """
    guard = ArtifactGuard(redactor)
    try:
        for name, text in texts.items():  # all of them before one is written
            guard.check(name, text)
        folder.mkdir(parents=True, exist_ok=True)
        guard.publish(folder, texts)
    except SecretFoundError as error:
        print(f"{error}\nnone of {', '.join(texts)} was written", file=sys.stderr)
        return ExitCode.SECRET_FOUND
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return ExitCode.OK
