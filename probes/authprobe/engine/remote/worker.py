"""The half of a distributed run that lives in a worker: a laboratory of its own, and its probes.

Everything here is called by the name of its module, so a worker needs the same authprobe.
"""

import asyncio
import contextlib
import functools
import hashlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import authprobe
from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache, InstallationKey, installation_key
from authprobe.clients.observe import MAX_DETAIL_LENGTH
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.core.serialization import to_json
from authprobe.engine.faults import failed_observation
from authprobe.engine.laboratory import open_laboratory
from authprobe.engine.probe import probe_case, required_clients
from authprobe.engine.remote.reasons import SECRET_KEPT
from authprobe.errors import ProbesError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.scenario.clients import Client
from authprobe.settings import Settings, bundled_scenarios, cache_folder

T = TypeVar("T")
MAX_PREPARED: Final = 4
"""Clients that a worker keeps locked in its cache; others may be evicted from it."""
MAX_ENDED_RUNS: Final = 100
IDLE_TIMEOUT: Final = 3600.0
"""Seconds without a batch after which a run counts as killed, which nobody has told to this worker.
Its laboratory is closed when another run begins, and opened again if the run is slow instead."""
PACKAGE: Final = Path(authprobe.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """Facts about a worker, which it tells before it gets cases."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Conditions of a run that hold on every worker."""

    run: str
    """Made-up id."""
    isolation: Isolation
    broken_rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAnswer:
    """Answer of a worker about a case: its observation, redacted and searched for secrets."""

    observation: Observation
    companions: Mapping[str, str] = field(default_factory=dict)
    isolation: Isolation | None = None
    refusal: str | None = None
    lacks_client: bool = False
    """True if this worker could not install a client of the case; another one may."""
    installs: int = 0
    """Clients that this worker has installed for the run so far."""
    new_bytes: int = 0
    """Size of those that are still in its cache."""


@functools.cache
def source_digest() -> str:
    """Return a hash of the program and of the bundled scenarios."""
    digest = hashlib.sha256()
    left_out = ("__pycache__", "bundled_scenarios", "bundled_observations.json")
    for root in (PACKAGE, bundled_scenarios()):
        for path in sorted(each for each in root.rglob("*") if each.is_file()):
            name = path.relative_to(root)
            if not set(name.parts) & set(left_out):
                digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


async def beside_the_loop(function: Callable[..., T], *arguments: object) -> T:
    """Return what a function returns that dask is to run at once.

    dask runs it on the event loop of the worker, which sends no sign of life meanwhile: so a
    thread does.
    """
    return await asyncio.to_thread(function, *arguments)


def describe() -> WorkerFacts:
    """Return what this worker is."""
    return WorkerFacts(version=authprobe.__version__, digest=source_digest())


def held_clients(clients: Sequence[Client]) -> frozenset[InstallationKey]:
    """Return which of these clients are in the cache of this worker."""
    with Children() as children, Cache(cache_folder(), children) as cache:
        return frozenset(installation_key(each) for each in clients if cache.has(each))


def probe_batch(conditions: Conditions, cases: Sequence[Case]) -> tuple[RemoteAnswer, ...]:
    """Return the answer for each case; one case never ends a run.

    It raises no error: dask would send it whole, with the secrets in its text, or could not.
    """
    try:
        return _probe_batch(conditions, cases)
    except ProbesError as error:
        detail = Redactor().cut(str(error), MAX_DETAIL_LENGTH)
        failed = Observation(outcome=Outcome.UNAVAILABLE, elapsed=0.0, detail=detail)
    except Exception as error:  # noqa: BLE001 - a fault of ours
        failed = failed_observation(error)
    return tuple(RemoteAnswer(observation=failed) for _ in cases)


def _probe_batch(conditions: Conditions, cases: Sequence[Case]) -> tuple[RemoteAnswer, ...]:
    with _used(conditions) as laboratory, laboratory.clients_of(cases):
        if len(cases) == 1:
            return (laboratory.probe(cases[0]),)
        with ThreadPoolExecutor(len(cases), thread_name_prefix="probe") as pool:
            return tuple(pool.map(laboratory.probe, cases))


def close(run: str) -> None:
    """End what this worker still does for a run, and close its laboratory."""
    with _lock:
        _ended.append(run)
        laboratory = _laboratories.pop(run, None)
    if laboratory is not None:
        laboratory.close()


@dataclass(slots=True)
class _PreparedClient:
    """A client that is installed for a run, with the number of batches that use it."""

    client: Client
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    is_ready: bool = False


@dataclass(slots=True)
class _WorkerLaboratory:
    """Laboratory of a run in this worker."""

    laboratory: Laboratory
    stack: contextlib.ExitStack
    batches: int = 0
    """Number of the batches that are probed now."""
    used_at: float = 0.0
    """Time of `time.monotonic` at which the last batch ended."""
    _prepared: "OrderedDict[InstallationKey, _PreparedClient]" = field(default_factory=OrderedDict)
    """The one that was used last is at the end."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def clients_of(self, cases: Sequence[Case]) -> Iterator[None]:
        """Keep the clients of these cases installed; two threads never install the same one."""
        clients = required_clients(cases)
        with self._lock:
            used = [self._use(client) for client in clients]
        try:
            for each in used:
                with each.lock:
                    self._prepare(each)
            yield
        finally:
            with self._lock:
                for each in used:
                    each.users -= 1
                self._release_oldest()

    def _use(self, client: Client) -> _PreparedClient:
        key = installation_key(client)
        prepared = self._prepared.setdefault(key, _PreparedClient(client))
        self._prepared.move_to_end(key)
        prepared.users += 1
        return prepared

    def _prepare(self, prepared: _PreparedClient) -> None:
        if not prepared.is_ready:
            self.laboratory.cache.pin([prepared.client])
            self.laboratory.cache.prepare(prepared.client, lambda _: None)
            prepared.is_ready = True

    def _release_oldest(self) -> None:
        unused = [key for key, prepared in self._prepared.items() if not prepared.users]
        for key in unused[: max(0, len(self._prepared) - MAX_PREPARED)]:
            self.laboratory.cache.release(self._prepared.pop(key).client)

    def probe(self, case: Case) -> RemoteAnswer:
        """Return the answer for a case, which holds no secret."""
        observation = probe_case(self.laboratory, case)
        try:
            secrets = scan_text(to_json(observation).decode(), self.laboratory.redactor)
        except Exception as error:  # noqa: BLE001 - a fault of ours, provoked by this observation
            return RemoteAnswer(observation=failed_observation(error, elapsed=observation.elapsed))
        if secrets:
            observation = Observation(
                outcome=Outcome.UNAVAILABLE, elapsed=observation.elapsed, detail=SECRET_KEPT
            )
        children = self.laboratory.children
        return RemoteAnswer(
            observation=observation,
            companions=dict(self.laboratory.cache.companions(case.client)),
            isolation=children.known_isolation,
            refusal=children.known_refusal,
            lacks_client=any(map(self.laboratory.cache.lacks, required_clients([case]))),
            installs=self.laboratory.cache.installs,
            new_bytes=self.laboratory.cache.new_bytes,
        )

    def close(self) -> None:
        """End the children first, so that the threads that wait for them can end."""
        self.laboratory.children.close()
        self.laboratory.cache.stop()
        self.stack.close()


_lock: Final = threading.Lock()
_laboratories: Final[dict[str, _WorkerLaboratory]] = {}
_ended: Final[deque[str]] = deque(maxlen=MAX_ENDED_RUNS)


@contextlib.contextmanager
def _used(conditions: Conditions) -> Iterator[_WorkerLaboratory]:
    """Yield the laboratory of a run, which is not closed as idle meanwhile."""
    with _lock:
        laboratory = _open(conditions)
        laboratory.batches += 1
    try:
        yield laboratory
    finally:
        with _lock:
            laboratory.batches -= 1
            laboratory.used_at = time.monotonic()


def _open(conditions: Conditions) -> _WorkerLaboratory:
    """Return the laboratory of a run, opened for its first cases; the caller holds the lock."""
    if conditions.run in _ended:
        raise RuntimeError("the run has ended")
    if (opened := _laboratories.get(conditions.run)) is not None:
        return opened
    _close_idle()
    settings = Settings(
        isolation=conditions.isolation, break_rules=conditions.broken_rules, history="none"
    )
    with contextlib.ExitStack() as stack:
        laboratory = open_laboratory(stack, settings, Redactor())
        opened = _WorkerLaboratory(laboratory, stack.pop_all())
    _laboratories[conditions.run] = opened
    return opened


def _close_idle() -> None:
    """Close the laboratories of killed runs: each has an emulator, and locks clients."""
    for run, laboratory in tuple(_laboratories.items()):
        is_idle = time.monotonic() - laboratory.used_at >= IDLE_TIMEOUT
        if is_idle and not laboratory.batches:
            del _laboratories[run]
            with contextlib.suppress(Exception):  # of another run
                laboratory.close()
