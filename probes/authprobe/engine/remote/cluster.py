"""Connection to a dask scheduler: its workers, what they say of themselves, and calls to them.

`dask.distributed` moves the calls and the answers, and tells which workers live. Which worker
probes what is decided in `placement`, as dask knows nothing of clients in a cache.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final

import authprobe
from authprobe.clients.installation.cache import InstallationKey
from authprobe.core.executors import ExecutorAddress
from authprobe.core.isolation import Isolation
from authprobe.engine.progress import Reporter
from authprobe.engine.remote import worker as remote
from authprobe.engine.remote.placement import CaseBatch
from authprobe.engine.remote.worker import Conditions, RemoteAnswer, WorkerFacts
from authprobe.errors import SettingsError
from authprobe.scenario.clients import Client

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for a scheduler to answer."""
ANSWER_TIMEOUT: Final = 15.0
"""Seconds for the answer of a batch that has ended to come from its worker."""
WORKERS_INTERVAL: Final = 1.0
"""Seconds between two looks at which workers live."""


class SchedulerGoneError(Exception):
    """The scheduler does not answer any more."""


class BatchLostError(Exception):
    """A batch has no answer, as its worker or the scheduler is gone."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A batch that has ended, on its worker."""

    worker: str
    batch: CaseBatch
    answers: tuple[RemoteAnswer, ...] | Exception


@dataclass(slots=True)
class Cluster:
    """Workers of a scheduler; a context manager that ends what they do for the run."""

    address: ExecutorAddress
    conditions: Conditions
    reporter: Reporter
    threads: dict[str, int] = field(default_factory=dict)
    """Number of the batches that each usable worker takes at a time."""
    isolations: dict[Isolation, str | None] = field(default_factory=dict)
    """Isolations of the clients on the workers, with the reason of a weaker one."""
    _dask: Any = None
    _refused: set[str] = field(default_factory=set)
    _running: dict[str, tuple[str, CaseBatch, Any]] = field(default_factory=dict)
    """Worker, batch and future by the key of the future."""
    _events: "SimpleQueue[str]" = field(default_factory=SimpleQueue)
    _looked_at: float = 0.0

    def __enter__(self) -> "Cluster":
        self._dask = _connect(self.address)
        try:
            self.look()
            if not self.threads:
                count = len(self._refused)
                raise SettingsError(
                    f"--executor {self.address}: no usable worker, {count} refused; start one with "
                    f"`dask worker {self.address.dask_address}` where this authprobe is installed"
                )
        except SchedulerGoneError:
            self._dask.close(timeout=2)
            raise SettingsError(f"--executor {self.address}: the scheduler is gone") from None
        except BaseException:
            self._dask.close(timeout=2)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.cancel()
            if self.threads and self._dask.status == "running":
                self._run(
                    remote.close, self.conditions.run, workers=list(self.threads), on_error="ignore"
                )
        except Exception:  # noqa: BLE001, S110 - the results count, and the scheduler may be gone
            pass
        finally:
            self._dask.close(timeout=2)

    @property
    def running(self) -> Sequence[tuple[str, CaseBatch]]:
        """The batches that run, with their workers."""
        return tuple((worker, batch) for worker, batch, _ in self._running.values())

    def free(self, worker: str) -> int:
        """Return how many more batches a worker takes."""
        return self.threads.get(worker, 0) - sum(w == worker for w, _ in self.running)

    def look(self) -> tuple[Sequence[str], Sequence[str]] | None:
        """Return the workers that have joined and those that are lost; None: it is not yet time.

        Raises:
            SchedulerGoneError: the scheduler does not answer.
        """
        if time.monotonic() - self._looked_at < WORKERS_INTERVAL:
            return None
        try:
            alive: dict[str, int] = self._dask.nthreads()
            self._refused &= alive.keys()  # what comes back at an address is another worker
            lost = [worker for worker in self.threads if worker not in alive]
            new = [w for w in alive if w not in self.threads and w not in self._refused]
            joined = self._admit(new) if new else []
        except Exception as error:
            raise SchedulerGoneError(type(error).__name__) from error
        for worker in lost:
            del self.threads[worker]
        for worker in joined:
            self.threads[worker] = max(1, alive[worker])
        self._looked_at = time.monotonic()
        return joined, lost

    def _admit(self, workers: list[str]) -> Sequence[str]:
        """Return the usable ones of these workers; tell why the others are not used."""
        facts = self._run(remote.describe, workers=workers, on_error="return")
        problems = {worker: _problem(facts.get(worker)) for worker in workers}
        for worker, problem in problems.items():
            if problem:
                self._refused.add(worker)
                self.reporter.notify(f"worker {worker} is not used: {problem}")
        return [worker for worker, problem in problems.items() if not problem]

    def clients_on(
        self, workers: Sequence[str], clients: Sequence[Client]
    ) -> Mapping[str, frozenset[InstallationKey]]:
        """Return which of these clients are in the cache of each worker.

        Raises:
            SchedulerGoneError: the scheduler does not answer.
        """
        try:
            held = self._run(remote.held_clients, clients, workers=list(workers), on_error="ignore")
        except Exception as error:
            raise SchedulerGoneError(type(error).__name__) from error
        return {worker: held.get(worker, frozenset()) for worker in workers}

    def _run(
        self, function: Callable[..., object], *arguments: object, **options: Any
    ) -> dict[str, Any]:
        """Return what each worker returns, or its error, for a call that waits for no case."""
        results: dict[str, Any] = self._dask.run(
            remote.beside_the_loop, function, *arguments, **options
        )
        return results

    def submit(self, worker: str, batch: CaseBatch) -> None:
        """Let a worker probe a batch.

        Raises:
            SchedulerGoneError: the scheduler does not answer.
        """
        try:
            future = self._dask.submit(
                remote.probe_batch, self.conditions, batch.cases, workers=[worker], pure=False
            )
        except Exception as error:
            raise SchedulerGoneError(type(error).__name__) from error
        self._running[future.key] = worker, batch, future
        future.add_done_callback(lambda ended: self._events.put(ended.key))

    def next_end(self, timeout: float = WORKERS_INTERVAL) -> Ended | None:
        """Return the next batch that has ended; None: none did in time."""
        try:
            key = self._events.get(timeout=timeout)
        except Empty:
            return None
        if (running := self._running.pop(key, None)) is None:
            return None  # its worker was given up before
        worker, batch, future = running
        try:
            return Ended(worker, batch, _answers(future, len(batch.cases)))
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                future.release()

    def forget(self, worker: str) -> tuple[CaseBatch, ...]:
        """Give up a lost worker; return the batches that it has not answered."""
        keys = [key for key, (each, _, _) in self._running.items() if each == worker]
        lost = [self._running.pop(key) for key in keys]
        for _, _, future in lost:
            # It may not come later, when the cases are probed elsewhere; a scheduler that is gone
            # cannot be told.
            with contextlib.suppress(Exception):
                future.cancel()
        return tuple(batch for _, batch, _ in lost)

    def cancel(self) -> tuple[CaseBatch, ...]:
        """Give up everything that runs, and return it."""
        workers = dict.fromkeys(worker for worker, _, _ in self._running.values())
        return tuple(batch for worker in workers for batch in self.forget(worker))


def _connect(address: ExecutorAddress) -> Any:
    """Return a connected client of dask.

    Raises:
        SettingsError: dask is not installed, or no scheduler answers.
    """
    try:
        import dask
        import distributed
    except ImportError:
        raise SettingsError(
            f"--executor {address}: dask.distributed is not installed; "
            "install it with `pip install 'authprobe[dask]'`"
        ) from None
    # The run says itself what it lost; dask would print tracebacks beside the progress.
    for name in ("distributed", "tornado", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):  # some have a level of their own
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    dask.config.set({"distributed.comm.timeouts.connect": CONNECT_TIMEOUT})
    try:
        return distributed.Client(
            address.dask_address, timeout=CONNECT_TIMEOUT, set_as_default=False
        )
    except Exception as error:  # noqa: BLE001 - of sockets, TLS, or of a peer that is no scheduler
        raise SettingsError(
            f"--executor {address}: no dask scheduler answers there ({type(error).__name__}); "
            "start one with `dask scheduler`, or leave the option out"
        ) from None


def _answers(future: Any, count: int) -> tuple[RemoteAnswer, ...] | Exception:
    """Return the answers of a batch, or the fault that it ended with.

    A worker that is lost now, and one that dask itself has given up, are a BatchLostError.
    """
    import distributed

    try:
        if future.status in ("cancelled", "lost"):
            return BatchLostError()
        answers: tuple[RemoteAnswer, ...] = future.result(timeout=ANSWER_TIMEOUT)
    except (distributed.scheduler.KilledWorker, TimeoutError, OSError):
        return BatchLostError()
    except Exception as error:  # noqa: BLE001 - whatever the worker raised
        if isinstance(error, distributed.client.FutureCancelledError):
            return BatchLostError()
        return error
    return answers if len(answers) == count else BatchLostError()


def _problem(facts: object) -> str | None:
    """Return why a worker cannot be used; None: it can."""
    if isinstance(facts, ImportError):
        return "it has no authprobe, or another version of it; install the same one there"
    if not isinstance(facts, WorkerFacts):
        return f"it does not say what it is ({type(facts).__name__})"
    if facts.version != authprobe.__version__:
        return f"it has authprobe {facts.version}, and this is {authprobe.__version__}"
    if facts.digest != remote.source_digest():
        return f"its program or its scenarios differ from those of {authprobe.__version__} here"
    return None
