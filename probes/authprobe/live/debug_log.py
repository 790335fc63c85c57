"""The debug log of `claude`: the paths that it asked, and the statuses of its errors.

Nothing else is read of it: it also has whole error bodies with ids (`--debug-file`,
code.claude.com/docs/en/cli-reference). It is removed with the private home.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.home_files import read_home_file
from authprobe.core.claude_api import is_inference_path

REQUEST: Final = re.compile(rb"\[API REQUEST\] (/[a-z0-9_/-]{1,60})(?=[ \r\n?]|$)", re.MULTILINE)
STATUS: Final = re.compile(rb"API error \(attempt [0-9]{1,3}/[0-9]{1,3}\): ([1-5][0-9]{2})\b")
MAX_ENTRIES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugLog:
    """The kept part of a debug log."""

    paths: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()

    @property
    def model_requests(self) -> int:
        """Number of requests to a model."""
        return sum(map(is_inference_path, self.paths))


def read_debug_log(home_folder: Path, name: str) -> DebugLog | None:
    """Return what is kept of the debug log in a home; None: there is none that can be read."""
    try:
        file = read_home_file(home_folder, Path(name))
    except OSError:
        return None
    if file is None or file.is_too_large:
        return None
    return DebugLog(
        paths=tuple(match.decode() for match in REQUEST.findall(file.data)[:MAX_ENTRIES]),
        statuses=tuple(int(match) for match in STATUS.findall(file.data)[:MAX_ENTRIES]),
    )
