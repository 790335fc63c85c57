"""Probes every case of a plan, concurrently, and hands out each observation as it is made."""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Final

from authprobe.clients import claude_code, raw_http
from authprobe.clients.base import Laboratory, Runner
from authprobe.clients.home_inspection import inspect_home
from authprobe.clients.observe import MAX_DETAIL_LENGTH
from authprobe.clients.proxies import claude_max_api, litellm
from authprobe.clients.sdk import agent_sdk, api_sdk
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.model import Client, ClientKind

RUNNERS: Final[dict[ClientKind, Runner]] = {
    ClientKind.RAW_HTTP: raw_http.probe,
    ClientKind.CLAUDE_CODE: claude_code.probe,
    ClientKind.AGENT_SDK_PYTHON: agent_sdk.probe,
    ClientKind.AGENT_SDK_NODE: agent_sdk.probe,
    ClientKind.CLAUDE_MAX_API_PROXY: claude_max_api.probe,
    ClientKind.ANTHROPIC_PYTHON: api_sdk.probe,
    ClientKind.ANTHROPIC_NODE: api_sdk.probe,
    ClientKind.LITELLM: litellm.probe,
}
CACHE_PLACEHOLDER: Final = "[clients]"
MIN_PREFIX_LENGTH: Final = 5
"""Characters of the name of a folder that say nothing, as `/home`."""
MAX_CONCURRENT_REQUESTS: Final = 64
"""Our own requests wait for answers, not for a processor."""


def probe(laboratory: Laboratory, case: Case) -> Observation:
    """What the case shows; `unavailable`, with the reason, if it cannot be tested here."""
    return _mask_cache_path(laboratory, _observe(laboratory, case))


def _observe(laboratory: Laboratory, case: Case) -> Observation:
    began = time.monotonic()
    try:
        with laboratory.sandbox(case) as sandbox:
            try:
                return inspect_home(sandbox, RUNNERS[case.client.kind](sandbox))
            except (ClientError, OSError) as error:
                return _unavailable(sandbox.redactor, error, began=began)
    except (ClientError, OSError) as error:
        return _unavailable(laboratory.redactor, error, began=began)


def _mask_cache_path(laboratory: Laboratory, seen: Observation) -> Observation:
    """The observation without this machine's name for the folder of clients, which programs that
    cannot be started like to tell.
    """
    folder = str(laboratory.cache.folder)

    def plain(text: str | None) -> str | None:
        return text and _mask_truncated_path(text.replace(folder, CACHE_PLACEHOLDER), folder)

    return dataclasses.replace(
        seen,
        message=plain(seen.message),
        detail=plain(seen.detail),
        sessions=tuple(
            dataclasses.replace(session, message=plain(session.message))
            for session in seen.sessions
        ),
    )


def _mask_truncated_path(text: str, folder: str) -> str:
    """The same where the text was cut within the name."""
    kept, cut, more = text.rpartition("…")
    lengths = range(len(folder) - 1, MIN_PREFIX_LENGTH, -1) if cut else ()
    part = next((folder[:length] for length in lengths if kept.endswith(folder[:length])), None)
    return f"{kept.removesuffix(part)}{CACHE_PLACEHOLDER}{cut}{more}" if part else text


def _unavailable(redactor: Redactor, error: Exception, *, began: float) -> Observation:
    return Observation(
        outcome=Outcome.UNAVAILABLE,
        elapsed=round(time.monotonic() - began, 3),
        detail=redactor.cut(str(error), MAX_DETAIL_LENGTH),
    )


def probe_all(
    cases: Sequence[Case],
    probe_one: Callable[[Case], Observation],
    executor: Executor,
    *,
    jobs: int,
) -> Iterator[tuple[Case, Observation]]:
    """Each case with its observation, in the order in which they end.

    At most `jobs` programs run at a time, and 64 requests of our own beside them. When the
    consumer stops, what has not begun never does.
    """
    programs = deque(case for case in cases if case.client.kind is not ClientKind.RAW_HTTP)
    requests = deque(case for case in cases if case.client.kind is ClientKind.RAW_HTTP)
    running: dict[Future[Observation], tuple[Case, deque[Case]]] = {}

    def begin(waiting: deque[Case]) -> None:
        if waiting:
            case = waiting.popleft()
            running[executor.submit(probe_one, case)] = case, waiting

    for _ in range(MAX_CONCURRENT_REQUESTS):
        begin(requests)
    for _ in range(jobs):
        begin(programs)
    try:
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                case, waiting = running.pop(future)
                begin(waiting)
                yield case, future.result()
    finally:
        for future in running:
            future.cancel()


def make_thread_pool(jobs: int) -> ThreadPoolExecutor:
    """Threads enough for `probe_all`."""
    return ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS + jobs, thread_name_prefix="probe")


def required_clients(cases: Sequence[Case]) -> tuple[Client, ...]:
    """Every client that must be installed, each once."""
    clients: dict[Client, None] = {}
    for case in cases:
        if case.client.kind is not ClientKind.RAW_HTTP:
            clients[Client(kind=case.client.kind, version=case.client.version)] = None
        if case.client.through:
            clients[case.client.through] = None
    return tuple(clients)
