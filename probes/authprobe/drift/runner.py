"""The run of a comparison: each row is put to the emulator and then, once, to the service."""

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from authprobe.drift.comparison import compare, compare_clock
from authprobe.drift.emulated import EmulatedService
from authprobe.drift.model import Drift, DriftRow, RowResult, Values
from authprobe.drift.rows import MODEL_ROW, ROWS
from authprobe.drift.wording import comparable
from authprobe.service.answer import NotAsked, ServiceAnswer
from authprobe.service.asker import Asker

KEY_REFUSALS = frozenset({401, 403})
"""Statuses with which a key is refused that should be valid."""


def compare_rows(
    rows: Sequence[DriftRow],
    asker: Asker,
    emulator: EmulatedService,
    values: Values,
    on_result: Callable[[RowResult], None] = lambda result: None,
) -> Drift:
    """Ask every row and return the comparison; `on_result` is called after each that was tried.

    A host with which no TLS connection can be made is not asked again.
    """
    started_at = datetime.datetime.now(datetime.UTC)
    results: list[RowResult] = []
    unreachable: dict[str, ServiceAnswer] = {}
    for row in rows:
        if row.host in unreachable:
            results.append(RowResult(row=row, answer=unreachable[row.host]))
            continue
        if row.needs_model and not values.model:
            result = RowResult(row=row, answer=_without_model(results))
        else:
            result, values = _result(row, asker, emulator, values)
        if row.is_connection and result.answer.not_asked is not None:
            unreachable[row.host] = result.answer
        results.append(result)
        on_result(result)
    return Drift(started_at=started_at, rows=tuple(_with_clocks(results)))


def _result(
    row: DriftRow, asker: Asker, emulator: EmulatedService, values: Values
) -> tuple[RowResult, Values]:
    """Return the result of a row, and the values with the model that it told."""
    if row.is_connection:
        return RowResult(row=row, answer=asker.connect(row.host)), values
    others = {row.order_of: emulator.answer(ROWS[row.order_of], values)} if row.order_of else {}
    expected = _with_comparable_message(emulator.answer(row, values))
    answer = _ask(row, asker, values)
    differences = compare(row, answer, expected, others)
    result = RowResult(row=row, answer=answer, expected=expected, differences=differences)
    return result, dataclasses.replace(values, model=answer.model or values.model)


def _ask(row: DriftRow, asker: Asker, values: Values) -> ServiceAnswer:
    """Return the answer of the service; a key that is refused shows nothing about the service."""
    answer = _with_comparable_message(asker.ask(row.question(values)))
    if row.needs_key and answer.not_asked is None and answer.status in KEY_REFUSALS:
        return dataclasses.replace(answer, not_asked=NotAsked.CREDENTIAL, problem=answer.message)
    return answer


def _with_comparable_message(answer: ServiceAnswer) -> ServiceAnswer:
    """Return the answer without ids, dates, addresses and numbers in its message.

    With a key of the user's own, they say whose it is.
    """
    message = answer.message and comparable(answer.message)
    return dataclasses.replace(answer, message=message)


def _without_model(results: Sequence[RowResult]) -> ServiceAnswer:
    """Return why a row that needs a model is not asked: what the list of models ended with."""
    listed = next((each.answer for each in results if each.row == MODEL_ROW), None)
    if listed is not None and listed.not_asked is not None:
        return dataclasses.replace(listed, status=None)
    return ServiceAnswer(not_asked=NotAsked.CREDENTIAL, problem="the key has no model")


def _with_clocks(results: Sequence[RowResult]) -> Iterator[RowResult]:
    """Yield the results; those of connections with the difference of the host's clock.

    A connection alone has no `Date`; it is taken from another answer of the host.
    """
    offsets: Mapping[str, float] = dict(_offsets(results))
    for result in results:
        if not result.row.is_connection:
            yield result
            continue
        differences = compare_clock(result.answer, offsets.get(result.row.host))
        yield dataclasses.replace(result, differences=differences)


def _offsets(results: Iterable[RowResult]) -> Iterator[tuple[str, float]]:
    for result in results:
        if result.answer.date_offset is not None:
            yield result.row.host, result.answer.date_offset
