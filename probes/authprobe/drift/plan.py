"""The plan of a comparison: which rows are asked, of which hosts, with how many requests."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from authprobe.core.suggestions import did_you_mean
from authprobe.drift.model import MAX_REQUESTS, DriftRow
from authprobe.drift.rows import CONNECTIONS, MADE_UP, MODEL_ROW, ROWS, WITH_KEY
from authprobe.errors import SettingsError

NAMES: Final = tuple(
    dict.fromkeys(
        name for row in ROWS.values() for name in (row.number, row.id, *row.rules) if name
    )
)
"""Every name by which rows can be chosen: those of rows, of their parts and of rules."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows of a comparison, in the order in which they are asked."""

    rows: tuple[DriftRow, ...]

    @property
    def requests(self) -> int:
        """Number of requests to the service; a connection is none."""
        return sum(not row.is_connection for row in self.rows)

    @property
    def hosts(self) -> dict[str, int]:
        """Number of requests by host; 0 if only a connection is made."""
        counts = Counter({row.host: 0 for row in self.rows})
        counts.update(row.host for row in self.rows if not row.is_connection)
        return dict(counts)

    @property
    def needs_key(self) -> bool:
        """True if a request has the user's own API key."""
        return any(row.needs_key for row in self.rows)


def make_plan(names: Sequence[str], *, with_key: bool, undocumented: bool) -> Plan:
    """Return the plan for names of rows or rules; by default all that need no key, or with a key
    all that need one.

    Raises:
        SettingsError: no such row, a row that needs another option, or too many requests.
    """
    rows = tuple(_chosen(names)) if names else _default(with_key=with_key)
    if not names and undocumented and with_key:
        rows = (*(row for row in MADE_UP if not row.is_documented), *rows)
    if not names and not undocumented:
        rows = tuple(row for row in rows if row.is_documented)
    for row in rows:
        if row.needs_key and not with_key:
            raise SettingsError(f"{row.id}: needs an API key; add --key-env NAME")
        if not row.is_documented and not undocumented:
            raise SettingsError(f"{row.id}: its endpoint is not documented; add --undocumented")
    if with_key and not any(row.needs_key for row in rows):
        raise SettingsError("--key-env: no chosen row has a key; add L20, or leave it out")
    plan = Plan(rows=rows)
    if plan.requests > MAX_REQUESTS:
        raise SettingsError(
            f"{plan.requests} requests, but at most {MAX_REQUESTS} are sent; name fewer rows"
        )
    return plan


def _default(*, with_key: bool) -> tuple[DriftRow, ...]:
    return WITH_KEY if with_key else (*CONNECTIONS, *MADE_UP)


def _chosen(names: Sequence[str]) -> Iterator[DriftRow]:
    """Yield the rows with these names, each once, in the order of the table."""
    wanted = {_known_name(name) for name in names}
    chosen = [row for row in ROWS.values() if wanted & {row.id, row.number, *row.rules}]
    if any(row.needs_model for row in chosen) and MODEL_ROW not in chosen:
        chosen.append(MODEL_ROW)
    order = list(ROWS.values())
    yield from sorted(chosen, key=order.index)


def _known_name(name: str) -> str:
    by_folded = {each.casefold(): each for each in NAMES}
    if (known := by_folded.get(name.casefold())) is None:
        short = re.fullmatch(r"([A-Za-z])(\d)([a-z]?)", name)
        whole = f"{short[1].upper()}0{short[2]}{short[3]}" if short else name
        hint = did_you_mean(whole, NAMES, otherwise="see `authprobe drift --list`")
        raise SettingsError(f"'{name}': no such row or rule{hint}")
    return known
