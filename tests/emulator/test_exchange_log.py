import pickle
import sys

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.exchange_log import (
    MAX_BYTES,
    MAX_FIRST,
    MAX_LAST,
    MAX_REFUSED_HOSTS,
    ExchangeLog,
    ExchangeRecord,
    exchange_size,
)
from authprobe.emulator.exchange_recorder import MAX_MESSAGE_LENGTH
from tests.support.make import make_exchange
from tests.support.requests import make_request


def filled(log: ExchangeLog, paths: list[str]) -> ExchangeLog:
    """Return the log after requests with these paths."""
    for path in paths:
        log.add(ExchangeRecord(make_exchange(path=path)))
    return log


def paths(log: ExchangeLog) -> list[str]:
    """Return the paths of the recorded requests."""
    return [exchange.path for exchange in log.exchanges]


def test_requests_up_to_the_limit_are_all_recorded() -> None:
    names = [f"/{number}" for number in range(MAX_FIRST + 50)]
    log = filled(ExchangeLog(), names)
    assert (paths(log), log.dropped) == (names, 0)


def test_first_and_last_requests_are_recorded_and_the_others_counted() -> None:
    names = [f"/{number}" for number in range(12)]
    log = filled(ExchangeLog(max_first=3, max_last=4), names)
    assert (paths(log), log.dropped) == (names[:3] + names[-4:], 5)
    assert paths(pickle.loads(pickle.dumps(log))) == paths(log)  # noqa: S301 - our own
    log.clear()
    assert (paths(log), log.dropped) == ([], 0)
    assert paths(filled(log, names[:2])) == names[:2]


def test_log_without_first_requests_keeps_the_newest() -> None:
    names = [f"/{number}" for number in range(9)]
    log = filled(ExchangeLog(max_first=0, max_last=4), names)
    assert (paths(log), log.dropped) == (names[-4:], 5)


def test_record_of_long_requests_is_limited_in_size() -> None:
    log = filled(ExchangeLog(), ["/" + "x" * 2000] * 10_500)
    assert sum(map(exchange_size, log.exchanges)) <= MAX_BYTES
    assert len(log.exchanges) + log.dropped == 10_500
    assert len(log.exchanges) < MAX_FIRST + MAX_LAST


def test_one_request_that_is_larger_than_the_record_is_kept() -> None:
    log = filled(ExchangeLog(max_bytes=100), ["/" + "x" * 2000, "/second"])
    assert (paths(log), log.dropped) == (["/second"], 1)


def test_backend_records_bounded_values_of_endless_requests() -> None:
    backend = CaseBackend()
    for number in range(1100):
        headers = {"anthropic-beta": ",".join(f"{n}{'b' * 300}" for n in range(5))}
        target = "GET", f"{number}.example.org", "/" + "p" * 9000
        request = make_request(backend, target, headers)
        record = backend.recorder.begin(request)
        backend.recorder.end(record, backend.answer(request))
        backend.recorder.add_refused_host(request.host)
    assert backend.log.request_count == 1100
    assert len(backend.log.exchanges) + backend.log.dropped == 1100
    assert sys.getsizeof(pickle.dumps(backend.log.exchanges)) < 4 * MAX_BYTES
    assert len(backend.log.egress_refused) == MAX_REFUSED_HOSTS
    assert all(len(e.message or "") < MAX_MESSAGE_LENGTH + 100 for e in backend.log.exchanges)
