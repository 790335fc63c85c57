"""Costs of questions on this machine: seconds of work and of waiting, learned from earlier runs.

They decide only the order in which cases start. The file is in the cache, because they are those of
this machine, and has digests in place of ids: scenarios of the user's own can have any name.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.safe_files import read_bounded, write_atomically
from authprobe.plan.case_ids import without_version

COSTS_FILE: Final = "costs.json"
MAX_QUESTIONS: Final = 50_000
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_SECONDS: Final = 86_400.0
DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class CaseCost:
    """Seconds that a case takes, and how many of them processors work for it."""

    elapsed: float
    work: float

    @property
    def wait(self) -> float:
        """Seconds in which no processor works for it; a program can also keep two busy."""
        return max(0.0, self.elapsed - self.work)


@dataclass(slots=True)
class Costs:
    """Costs of questions by digest, from the file in a folder, with those of this run."""

    path: Path
    known: dict[str, CaseCost] = field(default_factory=dict)
    _new: dict[str, CaseCost] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, case_id: str) -> CaseCost | None:
        """Return the cost of a case's question, at any version of its client; None: unknown."""
        return self.known.get(_digest(case_id))

    def note(self, case_id: str, cost: CaseCost) -> None:
        """Learn the cost of a case that has ended."""
        with self._lock:
            self._new[_digest(case_id)] = cost

    def save(self) -> None:
        """Add what was learned to the file; without a cache that can be written, forget it."""
        if not self._new or not self.path.parent.is_dir():
            return
        costs = read_costs(self.path)  # again: another run may have written it
        for digest, cost in self._new.items():
            old = costs.pop(digest, cost)  # the newest are the last ones, which are kept
            costs[digest] = CaseCost((old.elapsed + cost.elapsed) / 2, (old.work + cost.work) / 2)
        newest = list(costs.items())[-MAX_QUESTIONS:]
        values = {digest: [round(c.elapsed, 2), round(c.work, 2)] for digest, c in newest}
        with contextlib.suppress(OSError):
            write_atomically(self.path, json.dumps({"costs": values}))


def load_costs(folder: Path) -> Costs:
    """Return what is known about the costs of questions; nothing if the file is unusable."""
    path = folder / COSTS_FILE
    return Costs(path, read_costs(path))


def read_costs(path: Path) -> dict[str, CaseCost]:
    """Return the costs in a file by digest; none if it cannot be read or was not written by us."""
    try:
        content = json.loads(read_bounded(path, MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    costs = content.get("costs") if isinstance(content, dict) else None
    if not isinstance(costs, Mapping):
        return {}
    return {digest: CaseCost(*values) for digest, values in costs.items() if _is_cost(values)}


def _is_cost(values: object) -> bool:
    """Return True for two numbers of seconds."""
    return (
        isinstance(values, list)
        and len(values) == len(CaseCost.__slots__)
        and all(type(value) in (int, float) for value in values)
        and all(0 <= value <= MAX_SECONDS for value in values)
    )


def _digest(case_id: str) -> str:
    return hashlib.sha256(without_version(case_id).encode()).hexdigest()[:DIGEST_LENGTH]
