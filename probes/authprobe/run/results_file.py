"""Reading and writing of `results.json`, and its JSON Schema."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from authprobe.core.escaping import for_json
from authprobe.core.json_schema import published
from authprobe.core.serialization import to_json
from authprobe.core.shards import MAX_SHARDS
from authprobe.errors import RecordError
from authprobe.observation.model import Observation
from authprobe.run import json_file
from authprobe.run.model import CaseRecord, Run

MIN_YEAR, MAX_YEAR = 1970, 9998
"""Years of a run: those around them cannot be converted to every time zone."""
MAX_NUMBER: Final = 10**12
"""Largest number in a run: more than its times, sizes and exit codes, and less than overflows."""
_NOUN: Final = "a results file of authprobe"
_REMEDY: Final = "write a new one with `authprobe run`"


@functools.cache
def _reader() -> TypeAdapter[Run]:
    # Created on first use: most runs read no file, and creating it takes longer than writing one.
    return TypeAdapter(Run)


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of `results.json`, as text."""
    schema = _reader().json_schema(mode="serialization")
    document = published(schema, file="docs/results.schema.json", title="authprobe results")
    return to_json(document, indent=2).decode() + "\n"


def dump_run(run: Run) -> str:
    """Return a run as the text of `results.json`."""
    return for_json(to_json(run, indent=1).decode()) + "\n"


def dump_record(record: CaseRecord) -> str:
    """Return a case as one line of JSON."""
    return for_json(to_json(record).decode()) + "\n"


def read_run(path: Path) -> Run:
    """Return the run in a results file.

    Raises:
        RecordError: the file cannot be read, or is not a run of this schema version.
    """
    return parse_run(path, json_file.read_content(path, _REMEDY))


def parse_run(path: Path, content: bytes) -> Run:
    """Return the run in the content of a file.

    Raises:
        RecordError: it is not a run of this schema version.
    """
    run = json_file.validate(path, content, _reader(), _NOUN, _REMEDY)
    for problem in _problems(run):
        raise RecordError(f"{path}: not {_NOUN}: {problem}; {_REMEDY}")
    return run


def _problems(run: Run) -> Iterator[str]:
    """Yield what no run has, and what reports cannot show."""
    if run.started_at.tzinfo is None or not MIN_YEAR <= run.started_at.year <= MAX_YEAR:
        yield f"started_at must be a time with its time zone, from {MIN_YEAR} to {MAX_YEAR}"
    if not 0 <= run.elapsed <= MAX_NUMBER:
        yield "elapsed must be a number of seconds"
    if not 0 <= run.not_started <= MAX_NUMBER:
        yield "not_started must be a number of cases"
    if run.shard and not 1 <= run.shard.index <= run.shard.count <= MAX_SHARDS:
        yield f"shard must have an index from 1 to its count, which is at most {MAX_SHARDS}"
    if (search := run.secret_search) and max(search.files, search.size_bytes) > MAX_NUMBER:
        yield "secret_search has a number that is too large"
    if len({record.id for record in run.cases}) < len(run.cases):
        yield "cases has two cases with the same id"
    for index, record in enumerate(run.cases):
        numbers = (*_numbers(record.observation), *_confidences(record))
        if not all(abs(number) <= MAX_NUMBER for number in numbers):
            yield f"cases.{index} has a number that is too large"
        if record.observation.elapsed < 0:
            yield f"cases.{index}.observation.elapsed must be a number of seconds"


def is_plausible(observation: Observation) -> bool:
    """Return True unless an observation has a number that no probe gives."""
    return observation.elapsed >= 0 and all(
        abs(number) <= MAX_NUMBER for number in _numbers(observation)
    )


def _numbers(observation: Observation) -> Iterator[float]:
    yield observation.elapsed
    yield from (observation.status or 0, observation.reported_status or 0)
    yield observation.exit_code or 0
    for exchange in observation.exchanges:
        yield from (exchange.elapsed, exchange.at, exchange.clock_offset)
        yield from (exchange.status or 0, exchange.size_bytes or 0)
        yield exchange.rewritten.status if exchange.rewritten else 0
    for session in observation.sessions:
        yield from (session.status or 0, session.exit_code or 0)
    for count in observation.gate:
        yield from (count.connections, count.refused, count.sent, count.received, count.seconds)
    if cost := observation.cost:
        yield from (cost.requests or 0, cost.estimated_usd or 0.0)


def _confidences(record: CaseRecord) -> Iterator[float]:
    if record.diagnosis:
        yield record.diagnosis.confidence
        yield from (alternative.confidence for alternative in record.diagnosis.alternatives)
