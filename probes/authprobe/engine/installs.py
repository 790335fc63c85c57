"""Installation of the clients of a run in the background, while what is there is probed."""

import functools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from authprobe.clients.installation.cache import Cache, InstallationKey, installation_key
from authprobe.engine.laboratory import MAX_CONCURRENT_INSTALLS
from authprobe.engine.probe import required_clients
from authprobe.engine.progress import Reporter
from authprobe.plan.case import Case
from authprobe.scenario.clients import Client


@dataclass(slots=True)
class Installs:
    """Clients that are prepared, two at a time; a context manager that ends what is unfinished."""

    cache: Cache
    reporter: Reporter
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(
            MAX_CONCURRENT_INSTALLS, thread_name_prefix="install"
        )
    )
    _futures: dict[InstallationKey, Future[None]] = field(default_factory=dict)
    _running: set[InstallationKey] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Installs":
        return self

    def __exit__(self, *_: object) -> None:
        unfinished = any(not future.done() for future in self._futures.values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        if unfinished:
            self.cache.stop()
        self._pool.shutdown()

    @property
    def running(self) -> int:
        """Number of the clients that are being installed now."""
        return len(self._running)

    def begin(self, cases: Sequence[Case]) -> None:
        """Prepare the clients of these cases: those first that are in the cache, then in order."""
        clients = [c for c in required_clients(cases) if installation_key(c) not in self._futures]
        self.cache.pin(clients)
        for client in sorted(clients, key=lambda client: not self.cache.has(client)):
            future = self._pool.submit(self._prepare, client)
            self._futures[installation_key(client)] = future

    def unfinished(self, case: Case) -> list[Future[None]]:
        """Return the installations that a case has to wait for; raise the faults of others."""
        found = (self._futures.get(installation_key(c)) for c in required_clients([case]))
        futures = [future for future in found if future]
        for future in futures:
            if future.done():
                future.result()
        return [future for future in futures if not future.done()]

    def wait_for(self, case: Case) -> None:
        """Return when the clients of a case are prepared."""
        for future in self.unfinished(case):
            future.result()

    def _prepare(self, client: Client) -> None:
        name, key = str(client), installation_key(client)
        show: Callable[[str], None] = functools.partial(self._show, key, name)
        try:
            self.cache.prepare(client, show, self.reporter.notify)
        finally:
            with self._lock:
                self._running.discard(key)
            self.reporter.drop_step(name)

    def _show(self, key: InstallationKey, name: str, activity: str) -> None:
        """Show what is done; only a client that is not simply there has an activity."""
        with self._lock:
            self._running.add(key)
        self.reporter.begin_step(name, activity)
