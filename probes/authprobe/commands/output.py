"""Output of the commands: checks of where it goes, the probe log, and files without credentials."""

import errno
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from authprobe.commands.printing import print_error, print_text
from authprobe.core.safe_files import check_places, make_folder
from authprobe.core.signals import uninterrupted
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.report.model.phrases import plural
from authprobe.trials.log import ProbeLog, Trial

INTERRUPTED: Final = "interrupted; run the same command again to continue"
DEFAULT_LOOKS: Final = 2
"""Probes per version of a case that differs, unless --looks sets another number."""


def check_output_format(*, as_json: bool, as_markdown: bool) -> None:
    """Raise SettingsError if more than one output format is chosen."""
    if as_json and as_markdown:
        raise SettingsError("--json and --markdown exclude each other; give only one")


def check_writable(folder: Path, names: Iterable[str] = ()) -> None:
    """Check that these files can be written to a directory, before anything is probed.

    Raises:
        SettingsError: they cannot.
    """
    try:
        existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not existing.is_symlink() and not existing.is_dir():
            raise SettingsError(f"{folder}: {existing} is not a directory; name another one")
        check_places(existing, names if existing == folder else ())
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from None
    if not os.access(existing, os.W_OK | os.X_OK):
        is_read_only = os.statvfs(existing).f_flag & os.ST_RDONLY  # root is denied nothing else
        reason = os.strerror(errno.EROFS if is_read_only else errno.EACCES)
        raise SettingsError(f"{folder}: cannot be written: {reason}; name another one")


def looks_arguments(looks: int) -> list[str]:
    """Return the arguments that repeat --looks in a command; none for the default."""
    return [] if looks == DEFAULT_LOOKS else ["--looks", str(looks)]


def read_trials(log: ProbeLog) -> tuple[Trial, ...]:
    """Return the trials of the probe log; print a note if it has damaged lines.

    Raises:
        RecordError: the log cannot be read.
    """
    trials, damaged = log.read()
    if damaged:
        print_error(f"{log.path}: {plural(damaged, 'damaged line')} left out")
    return trials


def print_lines(lines: Iterable[str], log: ProbeLog) -> ExitCode:
    """Print lines unless they contain a credential; return the exit code."""
    text = "\n".join(lines)
    if scan_text(text, log.redactor):
        print_error("output withheld: it contains what looks like a credential")
        return ExitCode.SECRET_FOUND
    if text:
        print_text(text)
    return ExitCode.OK


def publish(folder: Path, texts: Mapping[str, str], redactor: Redactor) -> ExitCode:
    """Write all of these files, or none if one contains a credential; return the exit code.

    Raises:
        SettingsError: the files cannot be written.
    """
    guard = ArtifactGuard(redactor)
    try:
        for name, text in texts.items():  # check every file before the first is written
            guard.check(name, text)
        make_folder(folder)
        with uninterrupted():
            guard.publish(folder, texts)
    except SecretFoundError as error:
        print_error(f"{error}\nnone of {', '.join(texts)} was written")
        return ExitCode.SECRET_FOUND
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return ExitCode.OK
