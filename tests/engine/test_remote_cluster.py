import asyncio
import dataclasses
import inspect
import logging
import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.executors import ExecutorAddress
from authprobe.core.isolation import Isolation
from authprobe.engine.progress import NullReporter
from authprobe.engine.remote import cluster
from authprobe.engine.remote import worker as remote
from authprobe.engine.remote.executor import RemoteExecutor
from authprobe.engine.remote.placement import REQUEST_BATCH
from authprobe.engine.remote.reasons import NO_CLUSTER
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from tests.support.make import make_case


def test_dask_logs_nothing_beside_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and nobody listens
        address = ExecutorAddress("dask", *silent.getsockname())
        with pytest.raises(SettingsError, match="--executor dask://127"):
            cluster._connect(address)
    for name in (
        "distributed",
        "distributed.client",
        "distributed.comm.tcp",
        "tornado.application",
    ):
        assert not logging.getLogger(name).isEnabledFor(logging.CRITICAL), name


class OneWorker:
    """A client of dask with one worker, which runs a call on its event loop as those of dask do."""

    status = "running"

    def nthreads(self) -> dict[str, int]:
        """Return the workers with their threads."""
        return {"tcp://one": 1}

    def run(self, function: Callable[..., Any], *values: object, **_: object) -> dict[str, Any]:
        """Return the answer of the worker (distributed/worker.py: run)."""

        async def on_the_loop() -> Any:
            result = function(*values)
            return await result if inspect.iscoroutinefunction(function) else result

        return {"tcp://one": asyncio.run(on_the_loop())}

    def close(self, timeout: float) -> None:
        """Disconnect."""


def test_no_call_blocks_the_event_loop_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def note(name: str, result: object) -> None:
        def call(*_: object) -> object:
            calls.append((name, threading.current_thread() is threading.main_thread()))
            return result

        monkeypatch.setattr(remote, name, call)

    note("describe", remote.describe())
    note("held_clients", frozenset())
    note("close", None)
    monkeypatch.setattr(cluster, "_connect", lambda address: OneWorker())
    conditions = remote.Conditions(run="x", isolation=Isolation.NONE)
    address = ExecutorAddress("dask", "127.0.0.1", 1)
    with cluster.Cluster(address, conditions, NullReporter()) as workers:
        workers.clients_on(["tcp://one"], [])
    assert calls == [("describe", False), ("held_clients", False), ("close", False)]


class LostScheduler(OneWorker):
    """A client of dask that was closed, as its scheduler has not come back."""

    def submit(self, *_: object, **__: object) -> object:
        """Fail (distributed/client.py: _send_to_scheduler)."""
        raise RuntimeError("Client is closed. Can't send update-graph message.")


def probe_nothing(*_: object) -> Generator[tuple[Case, Observation]]:
    yield from ()


def test_no_case_is_lost_with_the_scheduler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cluster, "_connect", lambda address: LostScheduler())
    cases = [dataclasses.replace(make_case(), id=str(n)) for n in range(REQUEST_BATCH + 1)]
    conditions = remote.Conditions(run="x", isolation=Isolation.NONE)
    address = ExecutorAddress("dask", "127.0.0.1", 1)
    with (
        cluster.Cluster(address, conditions, NullReporter()) as workers,
        Children() as children,
        Cache(tmp_path / "cache", children) as cache,
    ):
        executor = RemoteExecutor(workers, cache, NullReporter(), probe_nothing)
        for probed in (cases, cases[:1]):  # failed cases are probed again, alone
            ended = list(executor.probe(probed))
            assert {case.id for case, _ in ended} == {case.id for case in probed}
            assert all(NO_CLUSTER in (observation.detail or "") for _, observation in ended)
