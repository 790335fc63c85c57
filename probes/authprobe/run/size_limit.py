"""Cutting of a run that is too large for its reports to be looked through for credentials."""

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Final

from authprobe.core.serialization import to_json
from authprobe.observation.model import Exchange
from authprobe.redaction.scanner import SCAN_LIMIT_BYTES
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import dump_record, dump_run
from authprobe.scenario.model import Expectation
from authprobe.verdict.model import Mismatch

CUT_RUN_LENGTH: Final = 12 * 1024 * 1024
"""Length to which a run is cut, in characters of JSON: pages are several times as long."""
MIN_RUN_LENGTH: Final = 256 * 1024
MAX_TRANSITIONS: Final = 10
MAX_VALUE_LENGTH: Final = 300
LEFT_OUT: Final = "{:,} requests and the rest of long values are left out, as the run is too large"
CUT_NOTICE: Final = (
    "the run is too large to be looked through for credentials: requests of its largest cases are "
    "left out of the reports, and their details say how many"
)


def fit_run(run: Run) -> tuple[Run, str]:
    """Return the run and its `results.json`, cut if that is too large to be looked through."""
    return _fit(run, dump_run)


def fitting_text(run: Run, make: Callable[[Run], str]) -> str:
    """Return the report that `make` returns for a run, or for a cut run if it were too large."""
    return _fit(run, make)[1]


def _fit(run: Run, make: Callable[[Run], str]) -> tuple[Run, str]:
    fitting, text, length = run, make(run), CUT_RUN_LENGTH
    while len(text) > SCAN_LIMIT_BYTES and length >= MIN_RUN_LENGTH:
        fitting = cut_run(run, length)
        text = make(fitting)
        length //= 4
    return fitting, text


def cut_run(run: Run, length: int) -> Run:
    """Return the run without requests of its largest cases, so that it is about this long."""
    lengths = [len(dump_record(record)) for record in run.cases]
    limit = _case_limit(lengths, length)
    return dataclasses.replace(
        run,
        own_scenarios={},
        own_definitions={},
        cases=tuple(
            _cut_record(record, limit) if size > limit else record
            for record, size in zip(run.cases, lengths, strict=True)
        ),
    )


def _case_limit(lengths: list[int], total: int) -> int:
    """Return the limit for a case with which all cases together have this length.

    The smaller cases leave the larger ones what they do not need.
    """
    limit, rest = 0, total
    for index, length in enumerate(sorted(lengths)):
        limit = rest // (len(lengths) - index)
        if length > limit:
            return limit
        rest -= length
    return max(lengths, default=limit)


def _cut_record(record: CaseRecord, limit: int) -> CaseRecord:
    """Return the record with the first and the last of its requests, and short values."""
    observation, verdict = record.observation, record.verdict
    short = dataclasses.replace(
        record,
        observation=dataclasses.replace(observation, exchanges=()),
        verdict=dataclasses.replace(
            verdict,
            mismatches=_short_mismatches(verdict.mismatches),
            attempts=tuple(
                dataclasses.replace(a, mismatches=_short_mismatches(a.mismatches))
                for a in verdict.attempts
            ),
            transitions=verdict.transitions[:MAX_TRANSITIONS],
        ),
        findings=tuple(dataclasses.replace(f, text=_short(f.text)) for f in record.findings),
    )
    length = len(dump_record(short))
    if length > limit:  # what a scenario expects is long
        expectation = record.expectation and Expectation(outcome=record.expectation.outcome)
        short = dataclasses.replace(short, expectation=expectation)
        length = len(dump_record(short))
    exchanges = _cut_exchanges(observation.exchanges, limit - length)
    missing = len(observation.exchanges) - len(exchanges)
    detail = "; ".join(filter(None, (_short(observation.detail or ""), LEFT_OUT.format(missing))))
    cut = dataclasses.replace(short.observation, exchanges=exchanges, detail=detail)
    return dataclasses.replace(short, observation=cut)


def _cut_exchanges(exchanges: tuple[Exchange, ...], room: int) -> tuple[Exchange, ...]:
    """Return the first and the last exchanges, as many as there is room for, alternately."""
    first: list[Exchange] = []
    last: list[Exchange] = []
    remaining = deque(exchanges)
    while remaining:
        is_first = len(first) <= len(last)
        exchange = remaining.popleft() if is_first else remaining.pop()
        room -= len(to_json(exchange))
        if room < 0:
            break
        (first if is_first else last).append(exchange)
    return (*first, *reversed(last))


def _short_mismatches(mismatches: tuple[Mismatch, ...]) -> tuple[Mismatch, ...]:
    return tuple(
        dataclasses.replace(m, expected=_short(m.expected), actual=_short(m.actual))
        for m in mismatches
    )


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
