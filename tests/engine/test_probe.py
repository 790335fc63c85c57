import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import ClientKind
from authprobe.emulator.server.network import Network
from authprobe.engine import probe as engine
from authprobe.engine.probe import (
    MAX_CONCURRENT_REQUESTS,
    RUNNERS,
    make_thread_pool,
    probe_case,
    probe_cases,
    required_clients,
)
from authprobe.errors import ClientError, InstallError
from authprobe.observation.model import Observation, Outcome, Session
from authprobe.plan.case import Case
from authprobe.scenario.clients import Client, parse_client
from tests.support.make import make_case, make_observation
from tests.support.wire import connect

PATIENCE = 10.0
FAILED = make_observation(outcome=Outcome.CRASHED)
RAW = Client(kind=ClientKind.RAW_HTTP)
PROGRAM = Client(kind=ClientKind.CLAUDE_CODE, version="1.0.0")


def cases_of(client: Client, number: int) -> tuple[Case, ...]:
    """So many cases of a client, named by their number."""
    return tuple(
        replace(make_case(), id=f"{client.kind}-{n}", client=client) for n in range(number)
    )


class Crowd:
    """How many probes run at once; each stays until `size` have come together."""

    def __init__(self, size: int) -> None:
        self.most = 0
        self._here = 0
        self._lock = threading.Lock()
        self._together = threading.Barrier(size, timeout=PATIENCE)

    def __call__(self, case: Case) -> Observation:
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
        self._together.wait()
        with self._lock:
            self._here -= 1
        return FAILED


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_so_many_programs_run_at_a_time_and_no_more(jobs: int) -> None:
    crowd = Crowd(jobs)
    cases = cases_of(PROGRAM, jobs * 4)
    with make_thread_pool(jobs) as pool:
        seen = [case.id for case, _ in probe_cases(cases, crowd, pool, jobs=jobs)]
    assert crowd.most == jobs
    assert sorted(seen) == sorted(case.id for case in cases)


def test_requests_do_not_wait_for_programs() -> None:
    """All 64 and both programs stay until all of them have come together."""
    requests, programs = Crowd(MAX_CONCURRENT_REQUESTS + 2), 2
    cases = cases_of(RAW, MAX_CONCURRENT_REQUESTS) + cases_of(PROGRAM, programs)
    with make_thread_pool(programs) as pool:
        assert len(list(probe_cases(cases, requests, pool, jobs=programs))) == len(cases)
    assert requests.most == MAX_CONCURRENT_REQUESTS + programs


def test_so_many_requests_are_made_at_a_time_and_no_more() -> None:
    crowd = Crowd(MAX_CONCURRENT_REQUESTS)
    with ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS * 2) as pool:
        assert len(list(probe_cases(cases_of(RAW, 256), crowd, pool, jobs=1))) == 256
    assert crowd.most == MAX_CONCURRENT_REQUESTS


def test_each_observation_is_handed_out_with_its_case_as_soon_as_it_is_made() -> None:
    """Each case but the last ends only when the one behind it has been handed out."""
    cases = cases_of(PROGRAM, 4)
    handed_out = {case.id: threading.Event() for case in cases}
    waits_for = {cases[n].id: cases[n + 1].id for n in range(3)}

    def probe_one(case: Case) -> Observation:
        if case.id in waits_for:
            assert handed_out[waits_for[case.id]].wait(PATIENCE)
        return make_observation(detail=case.id)

    order = []
    with make_thread_pool(4) as pool:
        for case, observation in probe_cases(cases, probe_one, pool, jobs=4):
            assert observation.detail == case.id
            order.append(case)
            handed_out[case.id].set()
    assert order == list(reversed(cases))


def test_cases_begin_in_the_order_of_the_plan() -> None:
    begun = []

    def probe_one(case: Case) -> Observation:
        begun.append(case)
        return FAILED

    cases = cases_of(PROGRAM, 20)
    with make_thread_pool(1) as pool:
        assert [case for case, _ in probe_cases(cases, probe_one, pool, jobs=1)] == list(cases)
    assert begun == list(cases)


def test_what_has_not_begun_when_the_consumer_stops_never_does() -> None:
    begun: list[str] = []
    gate, second = threading.Event(), threading.Event()

    def probe_one(case: Case) -> Observation:
        begun.append(case.id)
        if len(begun) == 2:
            second.set()
            assert gate.wait(PATIENCE)
        return FAILED

    cases = cases_of(PROGRAM, 20)
    with ThreadPoolExecutor(1) as pool:
        for case, _ in probe_cases(cases, probe_one, pool, jobs=3):
            assert case is cases[0]
            assert second.wait(PATIENCE)
            break  # the iterator is closed with its last reference
        gate.set()
    assert begun == [case.id for case in cases[:2]]


def test_a_bug_in_a_probe_comes_to_light() -> None:
    def probe_one(case: Case) -> Observation:
        raise ZeroDivisionError

    with make_thread_pool(1) as pool, pytest.raises(ZeroDivisionError):
        list(probe_cases(cases_of(PROGRAM, 3), probe_one, pool, jobs=1))


def test_nothing_to_probe_is_no_trouble() -> None:
    with make_thread_pool(1) as pool:
        assert list(probe_cases((), lambda case: FAILED, pool, jobs=1)) == []


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    folder = tmp_path_factory.mktemp("laboratory")
    with Network(folder) as network, Children() as children:
        cache = Cache(folder / "cache", children)
        yield Laboratory(network, children, cache, scratch=folder)


@pytest.mark.parametrize("error", [ClientError, InstallError, OSError, FileNotFoundError])
def test_a_client_that_cannot_be_tested_is_unavailable(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def runner(sandbox: Sandbox) -> Observation:
        raise error("no such luck")

    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, runner)
    seen = probe_case(laboratory, make_case())
    assert (seen.outcome, seen.detail) == (Outcome.UNAVAILABLE, "no such luck")


def test_the_folder_of_clients_has_no_name_wherever_a_program_tells_it(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(name: str) -> Observation:
        session = Session(outcome=Outcome.CRASHED, message=f"no {name}/a")
        return make_observation(
            message=f"no {name}/b", detail=f"no {name}/c", sessions=(session, session)
        )

    folder = str(laboratory.cache.folder)
    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, lambda sandbox: told(folder))
    assert probe_case(laboratory, make_case()) == told(engine.CACHE_PLACEHOLDER)


def test_nor_where_what_it_tells_was_cut_within_it(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(laboratory.cache.folder)
    cut = f"no {folder[: len(folder) // 2]}… (1,234 more characters)"
    seen = make_observation(message=cut, detail="no /home… (9 more characters)")
    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, lambda sandbox: seen)
    found = probe_case(laboratory, make_case())
    assert found.message == "no [clients]… (1,234 more characters)"
    assert found.detail == seen.detail


def test_nor_where_it_cannot_be_tested(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runner(sandbox: Sandbox) -> Observation:
        raise ClientError(f"{laboratory.cache.folder}/a cannot be started")

    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, runner)
    assert probe_case(laboratory, make_case()).detail == "[clients]/a cannot be started"


def test_a_client_that_was_not_prepared_is_unavailable(laboratory: Laboratory) -> None:
    seen = probe_case(laboratory, replace(make_case(), client=PROGRAM))
    assert seen.outcome is Outcome.UNAVAILABLE
    assert seen.detail == "claude-code@1.0.0 was not prepared"


def test_each_kind_of_client_has_its_runner(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(RUNNERS) == set(ClientKind)
    for kind in ClientKind:
        ran: list[Sandbox] = []

        def runner(sandbox: Sandbox, ran: list[Sandbox] = ran) -> Observation:
            ran.append(sandbox)
            return FAILED

        monkeypatch.setitem(RUNNERS, kind, runner)
        assert probe_case(laboratory, replace(make_case(), client=Client(kind=kind))) == FAILED
        assert [sandbox.case.client.kind for sandbox in ran] == [kind]


@pytest.mark.parametrize("error", [None, ClientError("no"), ZeroDivisionError()])
def test_nothing_is_left_of_a_bench(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    sandboxes: list[Sandbox] = []
    ports: list[int] = []

    def runner(sandbox: Sandbox) -> Observation:
        ports.append(sandbox.listener.port)
        connect(ports[0]).close()
        Path(sandbox.home, "file").touch()
        sandboxes.append(sandbox)
        if error:
            raise error
        return FAILED

    monkeypatch.setitem(engine.RUNNERS, ClientKind.RAW_HTTP, runner)
    if isinstance(error, ZeroDivisionError):
        with pytest.raises(ZeroDivisionError):
            probe_case(laboratory, make_case())
    else:
        probe_case(laboratory, make_case())
    [sandbox] = sandboxes
    assert not sandbox.home.exists()
    with pytest.raises(ConnectionRefusedError):
        connect(ports[0])
    with pytest.raises(ClientError, match="this case has finished"):
        _ = sandbox.listener


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["raw-http"], []),
        (["claude-code@2.1.31", "claude-code@2.1.31"], ["claude-code@2.1.31"]),
        (
            ["claude-code@2.1.31", "raw-http", "claude-code@latest"],
            ["claude-code@2.1.31", "claude-code@latest"],
        ),
        (
            ["claude-max-api-proxy@1.0.0+claude-code@latest", "claude-code@latest"],
            ["claude-max-api-proxy@1.0.0", "claude-code@latest"],
        ),
        (
            ["claude-max-api-proxy@1.0.0+claude-code@1.0.1", "claude-max-api-proxy@1.0.0"],
            ["claude-max-api-proxy@1.0.0", "claude-code@1.0.1", "claude-code@latest"],
        ),
    ],
)
def test_every_client_is_to_be_installed_once(names: list[str], expected: list[str]) -> None:
    cases = [replace(make_case(), client=parse_client(name)) for name in names]
    assert [str(client) for client in required_clients(cases)] == expected
