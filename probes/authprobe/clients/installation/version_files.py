"""Files of the cache with the versions that a registry published."""

import json
from pathlib import Path
from typing import Final

from authprobe.core import safe_files
from authprobe.core.version_ranges import EXACT

LATEST_FILE: Final = "latest.json"
VERSIONS_FILE: Final = "published.json"
MAX_FILE_BYTES: Final = 4_000_000


def read_versions(file: Path, *, single: bool) -> tuple[tuple[str, ...], float] | None:
    """Return the cached versions and the time of their query; None if unreadable or invalid."""
    try:
        record = json.loads(safe_files.read_bounded(file, MAX_FILE_BYTES))
        versions = (record["version"],) if single else tuple(record["versions"])
        at = float(record["at"])
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None
    is_valid = versions and all(isinstance(x, str) and EXACT.fullmatch(x) for x in versions)
    return (versions, at) if is_valid else None
