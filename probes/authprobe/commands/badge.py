"""`authprobe badge`: the badge of a run."""

import datetime
from pathlib import Path

from authprobe.commands.picture import check_picture, write_picture
from authprobe.report.svg.badge import badge_json, badge_svg
from authprobe.run.results_file import read_run


def badge(results: Path, *, out: Path | None, label: str, as_json: bool) -> int:
    """Write the badge of a run, and return the exit code.

    Raises:
        RecordError: `results` cannot be read, or is not a results file.
        SettingsError: `out` cannot be written.
    """
    check_picture(out)
    make = badge_json if as_json else badge_svg
    text = make(read_run(results), label, datetime.datetime.now(datetime.UTC))
    return write_picture(out, text)
