import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.clients.process.launcher import descendants
from authprobe.core.client_kinds import ClientKind
from authprobe.core.temporary_folder import unused_folder
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.server.network import Network
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.engine import probe as engine
from authprobe.engine.laboratory import start_emulator
from authprobe.engine.probe import (
    RUNNERS,
    probe_case,
    required_clients,
)
from authprobe.errors import ClientError, InstallError
from authprobe.observation.model import Observation, Outcome, Session
from authprobe.plan.case import Case
from authprobe.scenario.clients import Client, parse_client
from authprobe.scenario.model import Endpoint
from tests.support.make import make_case, make_observation
from tests.support.requests import make_request
from tests.support.wire import connect

TIMEOUT = 10.0
FAILED = make_observation(outcome=Outcome.CRASHED)
RAW = Client(kind=ClientKind.RAW_HTTP)
PROGRAM = Client(kind=ClientKind.CLAUDE_CODE, version="1.0.0")


def cases_of(client: Client, number: int) -> tuple[Case, ...]:
    """Return `number` cases of a client, numbered in their ids."""
    return tuple(
        replace(make_case(), id=f"{client.kind}-{n}", client=client) for n in range(number)
    )


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    folder = tmp_path_factory.mktemp("laboratory")
    with Network(folder) as network, Children() as children:
        cache = Cache(folder / "cache", children)
        yield Laboratory(network, children, cache, scratch=folder)


def test_a_crash_of_the_emulator_is_an_error_of_the_cases_that_it_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runner(sandbox: Sandbox) -> Observation:
        if sandbox.case.id.endswith("-2"):
            assert sandbox.proxy_url  # opens the proxy
            network._process._child.kill()
        return original[ClientKind.RAW_HTTP](sandbox)

    original = dict(RUNNERS)
    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, runner)
    with RemoteNetwork(tmp_path) as network, Children() as children:
        laboratory = Laboratory(network, children, Cache(tmp_path / "cache", children))
        endpoint = Endpoint(url="https://api.anthropic.com/v1/messages")
        cases = [replace(case, endpoint=endpoint) for case in cases_of(RAW, 5)]
        outcomes = [probe_case(laboratory, case) for case in cases]
    statuses = [observation.outcome is not Outcome.UNAVAILABLE for observation in outcomes]
    assert statuses == [True, True, False, True, True]
    assert outcomes[2].detail == "the emulator process has ended unexpectedly"
    assert all(len(outcomes[number].exchanges) == 1 for number in (0, 1, 3, 4))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the table of sockets in /proc")
def test_other_users_can_open_nothing_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scratch folder is private whatever the umask is, and no socket has a name."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    umask = os.umask(0)
    try:
        with contextlib.ExitStack() as stack:
            scratch = unused_folder("authprobe-run-")
            network = start_emulator(stack, scratch)
            children = stack.enter_context(Children())
            laboratory = Laboratory(network, children, Cache(tmp_path / "cache", children))
            case = replace(make_case(), client=PROGRAM)
            with laboratory.sandbox(case) as sandbox:
                assert sandbox.home.is_dir()
                assert sandbox.proxy_url
                modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
                names = named_sockets()
    finally:
        os.umask(umask)
    assert scratch in modes
    assert set(modes.values()) == {0o700}
    assert names == []


def named_sockets() -> list[str]:
    """Return the names of this process's and its children's Unix sockets, abstract ones too."""
    inodes = set()
    for process in (os.getpid(), *descendants(os.getpid())):
        for path in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(str(path.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [row[7] for row in rows if len(row) > 7 and row[6] in inodes]


@pytest.mark.parametrize("error", [ClientError, InstallError, OSError, FileNotFoundError])
def test_untestable_client_is_unavailable(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def runner(sandbox: Sandbox) -> Observation:
        raise error("no such luck")

    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, runner)
    observation = probe_case(laboratory, make_case())
    assert (observation.outcome, observation.detail) == (Outcome.UNAVAILABLE, "no such luck")


def test_cache_path_is_masked_in_message_detail_and_sessions(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observation_with(name: str) -> Observation:
        session = Session(outcome=Outcome.CRASHED, message=f"no {name}/a")
        return make_observation(
            message=f"no {name}/b", detail=f"no {name}/c", sessions=(session, session)
        )

    folder = str(laboratory.cache.folder)
    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, lambda sandbox: observation_with(folder))
    assert probe_case(laboratory, make_case()) == observation_with(engine.CACHE_PLACEHOLDER)


def test_truncated_cache_path_is_masked(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(laboratory.cache.folder)
    truncated = f"no {folder[: len(folder) // 2]}… (1,234 more characters)"
    observation = make_observation(message=truncated, detail="no /home… (9 more characters)")
    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, lambda sandbox: observation)
    masked = probe_case(laboratory, make_case())
    assert masked.message == "no [clients]… (1,234 more characters)"
    assert masked.detail == observation.detail


def test_cache_path_is_masked_in_the_reason_of_an_untestable_case(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runner(sandbox: Sandbox) -> Observation:
        raise ClientError(f"{laboratory.cache.folder}/a cannot be started")

    monkeypatch.setitem(RUNNERS, ClientKind.RAW_HTTP, runner)
    assert probe_case(laboratory, make_case()).detail == "[clients]/a cannot be started"


def test_unprepared_client_is_unavailable(laboratory: Laboratory) -> None:
    observation = probe_case(laboratory, replace(make_case(), client=PROGRAM))
    assert observation.outcome is Outcome.UNAVAILABLE
    assert observation.detail == "claude-code@1.0.0 was not prepared"


def test_each_kind_of_client_has_a_runner(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(RUNNERS) == set(ClientKind)
    for kind in ClientKind:
        ran: list[Sandbox] = []

        def runner(sandbox: Sandbox, ran: list[Sandbox] = ran) -> Observation:
            ran.append(sandbox)
            return FAILED

        monkeypatch.setitem(RUNNERS, kind, runner)
        assert probe_case(laboratory, replace(make_case(), client=Client(kind=kind))) == FAILED
        assert [sandbox.case.client.kind for sandbox in ran] == [kind]


def test_requests_that_are_not_recorded_are_counted_in_the_detail(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends: list[CaseBackend] = []

    def runner(sandbox: Sandbox) -> Observation:
        backends.append(sandbox.backend)
        for number in range(1100):
            request = make_request(sandbox.backend, ("GET", "example.org", f"/{number}"), {})
            record = sandbox.backend.recorder.begin(request)
            sandbox.backend.recorder.end(record, sandbox.backend.answer(request))
        return FAILED

    monkeypatch.setitem(engine.RUNNERS, ClientKind.RAW_HTTP, runner)
    observation = probe_case(laboratory, make_case())
    [backend] = backends
    missing = 1100 - len(backend.log.exchanges)
    assert missing >= 100
    assert (observation.detail or "").endswith(f"{missing} further requests are not recorded")


@pytest.mark.parametrize("error", [None, ClientError("no"), ZeroDivisionError()])
def test_sandbox_leaves_nothing_behind(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    sandboxes: list[Sandbox] = []
    ports: list[int] = []

    def runner(sandbox: Sandbox) -> Observation:
        ports.append(sandbox.listener.port)
        connect(ports[0]).close()
        Path(sandbox.home, "file").touch()
        sandboxes.append(sandbox)
        if error:
            raise error
        return FAILED

    monkeypatch.setitem(engine.RUNNERS, ClientKind.RAW_HTTP, runner)
    probe_case(laboratory, make_case())
    [sandbox] = sandboxes
    assert not sandbox.home.exists()
    with pytest.raises(ConnectionRefusedError):
        connect(ports[0])
    with pytest.raises(ClientError, match="this case has finished"):
        _ = sandbox.listener


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["raw-http"], []),
        (["claude-code@2.1.31", "claude-code@2.1.31"], ["claude-code@2.1.31"]),
        (
            ["claude-code@2.1.31", "raw-http", "claude-code@latest"],
            ["claude-code@2.1.31", "claude-code@latest"],
        ),
        (
            ["claude-max-api-proxy@1.0.0+claude-code@latest", "claude-code@latest"],
            ["claude-max-api-proxy@1.0.0", "claude-code@latest"],
        ),
        (
            ["claude-max-api-proxy@1.0.0+claude-code@1.0.1", "claude-max-api-proxy@1.0.0"],
            ["claude-max-api-proxy@1.0.0", "claude-code@1.0.1", "claude-code@latest"],
        ),
    ],
)
def test_required_clients_are_distinct(names: list[str], expected: list[str]) -> None:
    cases = [replace(make_case(), client=parse_client(name)) for name in names]
    assert [str(client) for client in required_clients(cases)] == expected
