"""Parsing and formatting of sizes such as `10G`, `1.5 GB` and `512MiB`."""

import re
from typing import Final

_UNITS: Final = "kMGT"
# No disk needs more digits, and a float has no room for endless ones.
_SIZE: Final = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) ?(?:([kmgt])(i)?)?b?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return a size in bytes: `G` and `GB` are 10^9, `GiB` is 2^30.

    Raises:
        ValueError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a size; write it as 10G or 500M")
    number, unit, binary = match.groups()
    power = _UNITS.lower().index(unit.lower()) + 1 if unit else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def format_size(size_bytes: int) -> str:
    """Return a size as three digits and a decimal unit: `84.0 MB`."""
    power = 0
    while power < len(_UNITS) and size_bytes >= 999.5 * 1000**power:
        power += 1
    if not power:
        return f"{size_bytes} B"
    size = size_bytes / 1000**power
    return f"{size:.{max(0, 3 - len(str(round(size))))}f} {_UNITS[power - 1]}B"
