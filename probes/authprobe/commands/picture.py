"""Writing of the pictures of a run, to a file or to standard output."""

import sys
from collections.abc import Callable
from pathlib import Path

from authprobe.commands.output import check_writable
from authprobe.commands.printing import print_error, print_text
from authprobe.core.safe_files import make_folder, write_atomically
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError


def check_picture(out: Path | None) -> None:
    """Check that a picture can be written.

    Raises:
        SettingsError: it cannot.
    """
    if out is not None:
        check_writable(out.parent, [out.name])


def write_picture(
    out: Path | None, text: str, convert: Callable[[str], bytes] | None = None
) -> ExitCode:
    """Write a picture, converted if need be, unless its text has a credential; return the code.

    Raises:
        SettingsError: the file cannot be written, or the picture not be converted.
    """
    try:
        ArtifactGuard().check(str(out or "the picture"), text)
    except SecretFoundError as error:
        print_error(str(error))
        return ExitCode.SECRET_FOUND
    if out is None:
        print_text(text, end="")
        sys.stdout.flush()
        return ExitCode.OK
    content = convert(text) if convert else text
    try:
        make_folder(out.parent)
        write_atomically(out, content)
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror or error}") from None
    return ExitCode.OK
