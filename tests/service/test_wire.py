"""The connection of one request, with a network that does as the test says."""

import time

import httpcore
import pytest

from authprobe.core.directions import DIRECT
from authprobe.service.answer import NotAsked
from authprobe.service.wire import ExchangeError, Wire


def test_a_silent_address_leaves_time_for_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: dict[str, float] = {}

    def connect(_: object, host: str, port: int, timeout: float) -> httpcore.NetworkStream:
        timeouts[host] = timeout
        raise httpcore.ConnectTimeout

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    wire = Wire(host="two.example", deadline=time.monotonic() + 600, directions=DIRECT)
    with pytest.raises(ExchangeError, match="no connection in time") as error:
        wire._connect([("192.0.2.1", 443), ("192.0.2.2", 443), ("192.0.2.3", 443)])
    assert error.value.reason is NotAsked.TIMEOUT
    assert timeouts["192.0.2.1"] <= 200
    assert timeouts["192.0.2.2"] <= 300 < timeouts["192.0.2.3"]
