"""Ctrl-C, SIGTERM and `kill -9` at any stage of a live run: no secret and no home stays behind."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from authprobe.clients.process.launcher import descendants
from authprobe.core.directions import Directions
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, TokenKind
from authprobe.emulator.server.network import Network
from authprobe.errors import ExitCode
from authprobe.settings import search_path
from tests.live.test_requests import SOON
from tests.support.exhaustive import exhaustive_but
from tests.support.live_command import live_process
from tests.support.service import open_service
from tests.support.waiting import wait_until

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MOMENTS: Final = 5
"""Moments at which each signal is sent: one of each fifth of a run, for each signal another."""
CLIENT: Final = """#!{python} -I
import json, os, pathlib, subprocess, sys, time
if "--version" in sys.argv:
    print("2.1.332 (Claude Code)")
    sys.exit()
if "--help" in sys.argv:
    print("Usage: claude [options] --output-format --model --tools --system-prompt --debug-file")
    sys.exit()
secret = os.environ["CLAUDE_CODE_OAUTH_TOKEN"]
for name in ("HOME", "TMPDIR", "CLAUDE_CONFIG_DIR"):
    pathlib.Path(os.environ[name], "kept.txt").write_text(secret)
subprocess.Popen(["sleep", "60"], start_new_session=True)
time.sleep(0.4)
print(json.dumps({{"type": "result", "is_error": False, "result": "pong"}}))
"""
SCENARIO: Final = f"""
id: cut-off
title: A request and a client
why: To be cut off at any time.
sources: [https://example.org/]
live: {{hosts: [api.anthropic.com], ask: message, expires: {SOON}}}
endpoints:
  models: {{url: https://api.anthropic.com/v1/models, request: models}}
credentials:
  key: {{token: api-key, from: env:OUR_KEY, via: x-api-key}}
  setup: {{token: setup-token, from: env:OUR_TOKEN, via: CLAUDE_CODE_OAUTH_TOKEN}}
matrix: {{client: [raw-http], endpoint: [models], credential: [key]}}
include:
  - {{client: claude-code@installed, endpoint: default, credential: setup}}
expect: {{outcome: accepted}}
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/ns").exists(), reason="NO /proc: needs Linux")
Service = tuple[CaseBackend, Directions]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Network() as network, open_service(network, Backend(counts_as_claude_code=True)) as opened:
        yield opened


class LiveRun:
    """A live run in a folder of its own, with two secrets."""

    def __init__(self, folder: Path, service: Service) -> None:
        backend, self._directions = service
        self.folder = folder
        for name in ("bin", "temp"):
            (folder / name).mkdir(parents=True)
        (folder / "example.yaml").write_text(SCENARIO)
        program = folder / "bin" / "claude"
        program.write_text(CLIENT.format(python=os.path.realpath(sys.executable)))
        program.chmod(0o755)
        self.secrets = [
            backend.tokens.make(kind).value for kind in (TokenKind.API_KEY, TokenKind.SETUP_TOKEN)
        ]

    def start(self) -> subprocess.Popen[str]:
        """Start the run, and return when it has shown its plan: before, it has no secret."""
        child = live_process(
            *("run", "example.yaml", "--target", "live", "--yes", "--history", "none"),
            directions=self._directions,
            cwd=self.folder,
            TMPDIR=str(self.folder / "temp"),
            PATH=f"{self.folder / 'bin'}:{search_path()}",
            OUR_KEY=self.secrets[0],
            OUR_TOKEN=self.secrets[1],
        )
        assert child.stderr is not None
        assert "This asks the real service" in child.stderr.readline()
        return child

    def check(self) -> None:
        """Check that nothing temporary is left, and no piece of a secret in any file."""
        wait_until(lambda: not list((self.folder / "temp").iterdir()))
        for path in self.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not any(secret[20:40].encode() in content for secret in self.secrets), path
        results = self.folder / "reports" / "results.json"
        if results.exists():
            assert json.loads(results.read_text())["cases"] is not None


def start_times(pids: list[int]) -> dict[int, str]:
    """Return when each process started that still lives, by which a reused id is told."""
    found = {}
    for pid in pids:
        try:
            found[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        except OSError:
            continue
    return found


def have_ended(processes: dict[int, str]) -> bool:
    """Return True if none of these processes lives."""
    return not processes.items() & start_times(list(processes)).items()


@pytest.fixture(scope="module")
def whole_seconds(service: Service, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that a run takes which nothing cuts off; it fails, as the client's answer is none."""
    whole = LiveRun(tmp_path_factory.mktemp("whole"), service)
    child = whole.start()
    began = time.monotonic()
    _, printed = child.communicate(timeout=120)
    seconds = time.monotonic() - began
    assert child.returncode == ExitCode.FAILURES, printed
    assert "nothing of OUR_KEY, OUR_TOKEN in" in printed
    whole.check()
    return seconds


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moments", exhaustive_but(((1, 3),), ((1, 3), (0, 2, 4))))
def test_a_live_run_can_be_cut_off_at_any_time(
    number: signal.Signals,
    moments: tuple[int, ...],
    service: Service,
    whole_seconds: float,
    tmp_path: Path,
) -> None:
    codes: set[int] = set()
    for moment in moments:
        part = (moment + (SIGNALS.index(number) + 0.5) / len(SIGNALS)) / MOMENTS
        cut = LiveRun(tmp_path / str(moment), service)
        child = cut.start()
        time.sleep(part * whole_seconds)
        below = start_times(descendants(child.pid))
        child.send_signal(number)
        out, printed = child.communicate(timeout=120)
        codes.add(child.returncode)
        wait_until(functools.partial(have_ended, below))
        cut.check()
        assert "Traceback" not in printed
        assert not any(secret[20:40] in out + printed for secret in cut.secrets)
    # One that came too late left the exit code of the whole run, or ended Python's own ending.
    assert codes <= {ExitCode.FAILURES, -number, ExitCode.INTERRUPTED}
    assert (ExitCode.INTERRUPTED in codes) is (number is not signal.SIGKILL)
