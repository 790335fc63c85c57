"""Tests of the emulated network in a worker process, and of the state it copies back."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from authprobe.clients.process.launcher import descendants
from authprobe.core.ipc import send
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, TokenKind
from authprobe.emulator.server import worker
from authprobe.emulator.server.worker import RemoteListener, RemoteNetwork
from authprobe.errors import ClientError
from tests.support.waiting import wait_until
from tests.support.wire import trusting

REFRESH = "https://platform.claude.com/v1/oauth/token"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[RemoteNetwork]:
    with RemoteNetwork(tmp_path) as network:
        yield network


def post(network: RemoteNetwork, listener: RemoteListener, **fields: str) -> httpx.Response:
    """Send a request to the token endpoint through the proxy of a case."""
    context, proxy = trusting(network.ca_file), httpx.Proxy(listener.proxy_url)
    with httpx.Client(verify=context, proxy=proxy, trust_env=False) as client:
        return client.post(REFRESH, json={"client_id": "authprobe", **fields})


def test_exchanges_and_issued_tokens_are_copied_back(network: RemoteNetwork) -> None:
    backend = CaseBackend(Backend())
    token = backend.tokens.make(TokenKind.REFRESH_TOKEN)
    listener = network.open(backend)
    answer = post(network, listener, grant_type="refresh_token", refresh_token=token.value)
    assert not backend.log.exchanges

    network.close(listener)

    [exchange] = backend.log.exchanges
    assert (exchange.rule, exchange.credential, exchange.status) == ("refresh", token.slot, 200)
    access = backend.tokens.find(answer.json()["access_token"])
    assert access is not None
    assert backend.redactor(f"got {access.value}") == f"got [redacted:{access.slot}]"


def test_exchanges_of_an_open_case_can_be_read(network: RemoteNetwork) -> None:
    backend = CaseBackend(Backend())
    listener = network.open(backend)
    assert network.exchanges(listener) == ()
    answer = post(network, listener, grant_type="refresh_token", refresh_token="unknown")

    [exchange] = network.exchanges(listener)
    assert (exchange.path, exchange.status) == ("/v1/oauth/token", answer.status_code)
    assert backend.log.exchanges == ()  # until the case is closed

    network.close(listener)
    with pytest.raises(ClientError, match="could not read the case"):
        network.exchanges(listener)


def test_cases_record_only_their_own_requests(network: RemoteNetwork) -> None:
    backends = [CaseBackend(Backend()) for _ in range(3)]
    listeners = [network.open(backend) for backend in backends]
    for number, listener in enumerate(listeners):
        for _ in range(number):
            post(network, listener)
    for listener in listeners:
        network.close(listener)
    assert [len(backend.log.exchanges) for backend in backends] == [0, 1, 2]


def test_a_broken_rule_is_broken_in_the_worker_too(network: RemoteNetwork) -> None:
    backend = CaseBackend(Backend(), broken_rules=frozenset({"B05"}))
    listener = network.open(backend)
    assert post(network, listener, grant_type="refresh_token").json()["error"] == "invalid_grant"
    network.close(listener)
    assert [exchange.rule for exchange in backend.log.exchanges] == ["B03"]


def test_the_worker_ends_with_the_network(tmp_path: Path) -> None:
    before = set(child_processes())
    with RemoteNetwork(tmp_path):
        [process] = set(child_processes()) - before
    assert not Path(f"/proc/{process}").exists()


def test_a_killed_worker_is_the_error_of_its_cases_only(network: RemoteNetwork) -> None:
    before, during, after = (CaseBackend(Backend()) for _ in range(3))
    finished = network.open(before)
    post(network, finished)
    network.close(finished)
    listener, old_authority = network.open(during), network.ca_file.read_bytes()
    kill(network)
    with pytest.raises(ClientError, match="the emulator process has ended"):
        network.close(listener)

    listener = network.open(after)
    assert network.ca_file.read_bytes() != old_authority
    assert post(network, listener).status_code == 400
    network.close(listener)
    assert [len(backend.log.exchanges) for backend in (before, during, after)] == [1, 0, 1]


def test_the_authority_of_a_new_worker_is_known_before_its_first_case(
    network: RemoteNetwork,
) -> None:
    listener = network.open(CaseBackend(Backend()))
    kill(network)
    with pytest.raises(ClientError):
        network.close(listener)
    ca_file = network.ca_file
    network.open(CaseBackend(Backend()))
    assert network.ca_file == ca_file


def test_many_cases_share_one_new_worker(network: RemoteNetwork) -> None:
    before = set(child_processes())
    kill(network)
    backends = [CaseBackend(Backend()) for _ in range(8)]

    def probe(backend: CaseBackend) -> bool:
        try:
            listener = network.open(backend)
            post(network, listener)
            network.close(listener)
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(probe, backends))
        assert all(pool.map(probe, backends)), first
    assert len(set(child_processes()) - before) == 1


def test_a_worker_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RemoteNetwork(tmp_path) as network:
        listener = network.open(CaseBackend(Backend()))
        process = network._process
        process._socket.settimeout(0.3)
        process._child.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{process._child.pid}/task")
        wait_until(lambda: all(") T " in (task / "stat").read_text() for task in tasks.iterdir()))
        with pytest.raises(ClientError, match="the emulator process has ended"):
            network.close(listener)
        listener = network.open(CaseBackend(Backend()))
        assert post(network, listener).status_code == 400
    assert process._child.poll() is not None


def test_a_case_that_cannot_be_opened_leaves_the_others(network: RemoteNetwork) -> None:
    good, broken = CaseBackend(Backend()), CaseBackend(Backend())
    listener = network.open(good)
    del broken.faults
    with pytest.raises(ClientError, match="the emulator could not open the case: AttributeError"):
        network.open(broken)
    post(network, listener)
    network.close(listener)
    assert len(good.log.exchanges) == 1


def test_a_closed_network_starts_no_worker(tmp_path: Path) -> None:
    before = set(child_processes())
    with RemoteNetwork(tmp_path) as network:
        listener = network.open(CaseBackend(Backend()))
    with pytest.raises(ClientError, match="because the run ends"):
        network.open(CaseBackend(Backend()))
    with pytest.raises(ClientError, match="the emulator process has ended"):
        network.close(listener)
    assert set(child_processes()) == before


def kill(network: RemoteNetwork) -> None:
    network._process._child.kill()
    network._process._child.wait()


def test_a_worker_whose_folder_is_gone_says_so_and_ends(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(child_processes())
    with pytest.raises(ClientError, match="could not start: FileNotFoundError"):
        RemoteNetwork(tmp_path / "removed").__enter__()
    assert set(child_processes()) == before
    assert capfd.readouterr().err == ""


def test_a_worker_whose_run_has_ended_ends_without_an_error(tmp_path: Path) -> None:
    ours, run = socket.socketpair()
    our_channel, channel = socket.socketpair()
    send(ours, ("", tmp_path))
    ours.close()
    our_channel.close()
    worker.serve("", str(run.detach()), str(channel.detach()))


def test_an_interrupted_start_leaves_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = set(child_processes())
    network = RemoteNetwork(tmp_path)
    monkeypatch.setattr(worker, "send", interrupt)
    with pytest.raises(KeyboardInterrupt):
        network.__enter__()
    assert set(child_processes()) == before


def test_a_prestarted_worker_is_used_or_can_be_ended(tmp_path: Path) -> None:
    before = set(child_processes())
    worker.prestart()
    [process] = set(child_processes()) - before
    with RemoteNetwork(tmp_path):
        assert set(child_processes()) - before == {process}
    worker.prestart()
    [unused_process] = set(child_processes()) - before
    worker._prestarted.pop().end()
    wait_until(lambda: not Path(f"/proc/{unused_process}").exists())


def child_processes() -> list[int]:
    """Return the ids of all descendants of this process."""
    return descendants(os.getpid())
