import asyncio
import inspect
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from authprobe.core.executors import ExecutorAddress
from authprobe.core.isolation import Isolation
from authprobe.engine.progress import NullReporter
from authprobe.engine.remote import cluster
from authprobe.engine.remote import worker as remote
from authprobe.errors import SettingsError


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
