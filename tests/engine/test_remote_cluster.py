import logging
import socket

import pytest

from authprobe.core.executors import ExecutorAddress
from authprobe.engine.remote import cluster
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
