"""Processors and memory that this process may use, also where a control group limits them."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

GROUPS: Final = Path("/sys/fs/cgroup")
OWN_GROUP: Final = Path("/proc/self/cgroup")


def available_processors() -> int:
    """Return the number of processors that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        number = len(os.sched_getaffinity(0))
    else:
        number = os.cpu_count() or 1
    quota = processor_quota()
    return number if quota is None else max(1, min(number, math.ceil(quota)))


def processor_quota() -> float | None:
    """Return the number of processors that the control groups allow; None: as many as there are."""
    return min(filter(None, (_quota(group) for group in own_groups())), default=None)


def own_groups() -> Iterator[Path]:
    """Yield the folders of this process's control groups (version 2), the innermost first."""
    try:
        lines = OWN_GROUP.read_text().splitlines()
    except OSError:  # no Linux
        return
    name = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if name is not None and ".." not in name.split("/"):
        folder = GROUPS / name
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(GROUPS))


def read_number(path: Path, key: str | None = None) -> int | None:
    """Return the number in a file, or in its line with this key; None: there is none."""
    try:
        words = path.read_text().split()
    except OSError:
        return None
    text = words[words.index(key) + 1] if key in words[:-1] else words[0] if words else ""
    return int(text) if text.isascii() and text.isdecimal() else None


def _quota(group: Path) -> float | None:
    """Return the processors of a group; its file says `max 100000` or `200000 100000`."""
    try:
        time, period = (group / "cpu.max").read_text().split()
        return int(time) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
