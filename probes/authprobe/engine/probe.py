"""Probe a case, or several one after the other; `scheduler` probes many at the same time."""

import dataclasses
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from authprobe.clients import claude_code, raw_http
from authprobe.clients.base import Laboratory, Runner, Sandbox
from authprobe.clients.home_inspection import inspect_home
from authprobe.clients.installation.cache import InstallationKey, installation_key
from authprobe.clients.observe import MAX_DETAIL_LENGTH, mention_unrecorded
from authprobe.clients.sdk import agent_sdk, api_sdk
from authprobe.core.client_kinds import ClientKind
from authprobe.engine.faults import failed_observation
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.run.costs import CaseCost
from authprobe.scenario.clients import Client

RUNNERS: Final[dict[str, Runner]] = {
    ClientKind.RAW_HTTP: raw_http.probe,
    ClientKind.CLAUDE_CODE: claude_code.probe,
    ClientKind.AGENT_SDK_PYTHON: agent_sdk.probe,
    ClientKind.AGENT_SDK_NODE: agent_sdk.probe,
    ClientKind.ANTHROPIC_PYTHON: api_sdk.probe,
    ClientKind.ANTHROPIC_NODE: api_sdk.probe,
}
CACHE_PLACEHOLDER: Final = "[clients]"
MIN_PREFIX_LENGTH: Final = 5
"""Shortest path prefix worth masking, in characters: `/home` reveals nothing."""
MAX_CONCURRENT_REQUESTS: Final = 64
"""More than `jobs`, as raw HTTP requests wait for responses and need no processor."""


def probe_case(laboratory: Laboratory, case: Case) -> Observation:
    """Return the observation of a case; `unavailable` with the reason if it is untestable here.

    Raises nothing but KeyboardInterrupt and the like: one case never ends a run.
    """
    began = time.monotonic()
    try:
        return _mask_cache_path(laboratory, _observe(laboratory, case))
    except Exception as error:  # noqa: BLE001 - a fault of ours, provoked by this case
        return failed_observation(error, elapsed=time.monotonic() - began)


def _observe(laboratory: Laboratory, case: Case) -> Observation:
    began = time.monotonic()
    try:
        if case.live is not None:
            # Imported here: most runs ask only the emulator, and this takes a quarter of the start.
            from authprobe.live import probe as live_probe

            return live_probe.probe(laboratory, case)
        with laboratory.sandbox(case) as sandbox:
            try:
                observation = _runner(case)(sandbox)
                if limit := sandbox.end_processes():
                    observation = _exceeded(observation, limit)
                _note_cost(sandbox, elapsed=time.monotonic() - began)
                sandbox.finish()  # only now is the number of requests known here
                return inspect_home(sandbox, mention_unrecorded(sandbox, observation))
            except (ClientError, OSError) as error:
                return _unavailable(sandbox.redactor, error, began=began)
    except (ClientError, OSError) as error:
        return _unavailable(laboratory.redactor, error, began=began)


def _note_cost(sandbox: Sandbox, *, elapsed: float) -> None:
    """Learn what the case cost; requests of authprobe's own have no process and cost nothing."""
    if (costs := sandbox.laboratory.costs) is not None and (work := sandbox.work) is not None:
        costs.note(sandbox.case.id, CaseCost(elapsed, work))


def _runner(case: Case) -> Runner:
    if not case.client.definition:
        return RUNNERS[case.client.kind]
    # Imported here: most runs have no such client, and need no JSONPath.
    from authprobe.clients import defined

    return defined.probe


def _exceeded(observation: Observation, limit: str) -> Observation:
    """Return the observation of a client that was ended, or hindered, by a resource limit."""
    detail = f"the client exceeded a limit of authprobe: {limit}"
    if observation.detail:
        detail = f"{detail}; {observation.detail}"
    return dataclasses.replace(
        observation, outcome=Outcome.CRASHED, detail=detail[:MAX_DETAIL_LENGTH]
    )


def _mask_cache_path(laboratory: Laboratory, observation: Observation) -> Observation:
    """Mask the local path of the cache, which errors about unstartable programs contain."""
    folder = str(laboratory.cache.folder)

    def mask(text: str | None) -> str | None:
        return text and _mask_truncated_path(text.replace(folder, CACHE_PLACEHOLDER), folder)

    return dataclasses.replace(
        observation,
        message=mask(observation.message),
        detail=mask(observation.detail),
        sessions=tuple(
            dataclasses.replace(session, message=mask(session.message))
            for session in observation.sessions
        ),
    )


def _mask_truncated_path(text: str, folder: str) -> str:
    """Mask the beginning of the path if the text was truncated within it."""
    head, ellipsis, tail = text.rpartition("…")
    lengths = range(len(folder) - 1, MIN_PREFIX_LENGTH, -1) if ellipsis else ()
    prefix = next((folder[:length] for length in lengths if head.endswith(folder[:length])), None)
    return f"{head.removesuffix(prefix)}{CACHE_PLACEHOLDER}{ellipsis}{tail}" if prefix else text


def _unavailable(redactor: Redactor, error: Exception, *, began: float) -> Observation:
    return Observation(
        outcome=Outcome.UNAVAILABLE,
        elapsed=round(time.monotonic() - began, 3),
        detail=redactor.cut(str(error), MAX_DETAIL_LENGTH),
    )


def probe_in_turn(
    cases: Sequence[Case],
    probe_one: Callable[[Case], Observation],
    may_start: Callable[[], bool] = lambda: True,
) -> Generator[tuple[Case, Observation]]:
    """Yield each case with its observation, one after the other: so the real service is asked."""
    for case in cases:
        if not may_start():
            return
        yield case, probe_one(case)


def make_thread_pool(jobs: int) -> ThreadPoolExecutor:
    """Return a pool with enough threads for a scheduler."""
    return ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS + jobs, thread_name_prefix="probe")


def required_clients(cases: Sequence[Case]) -> tuple[Client, ...]:
    """Return the distinct clients that the cases need installed."""
    clients: dict[InstallationKey, Client] = {}
    # Two scenarios can give the same name to different programs, which are equal then.
    distinct = {(case.client, id(case.client.known)): case.client for case in cases}
    for client in distinct.values():
        for each in filter(None, (dataclasses.replace(client, through=None), client.through)):
            if not each.is_authprobe:
                clients.setdefault(installation_key(each), each)
    return tuple(clients.values())
