"""A run that is cut off leaves no process behind and keeps what was finished."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.process.launcher import descendants
from tests.support.command import command, environment, run, verdicts, write_scenario
from tests.support.waiting import wait_until

SCENARIO = """
id: cut-off
title: One case is quick, one never ends
why: To be interrupted.
sources: [https://example.org/]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
credentials:
  key: {token: api-key, via: x-api-key}
  environment-key: {token: api-key, via: ANTHROPIC_API_KEY}
backends:
  silent: {faults: [{name: delay, seconds: 3600}]}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [key]
include:
  - {client: claude-code@2.1.31, endpoint: default, credential: environment-key, backend: silent}
expect:
  outcome: accepted
"""
UNUSED_KEY = "  environment-key: {token: api-key, via: ANTHROPIC_API_KEY}\n"
QUICK = "cut-off/raw-http/messages/key"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run that has finished its quick case and waits for the other; and all its descendants."""
    scenario = write_scenario(folder, SCENARIO)
    child = subprocess.Popen(
        command("run", scenario),
        cwd=folder,
        env=environment(folder / "home", TMPDIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        below: list[int] = []
        partial = folder / "reports" / "results.partial.jsonl"
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and child.poll() is None:
            below = descendants(child.pid)
            if partial.exists() and QUICK in partial.read_text() and len(below) > 1:
                break
            time.sleep(0.05)
        if child.poll() is not None or len(below) < 2:
            child.kill()
            printed = "".join(child.communicate())
            if "registry cannot be reached" in printed:
                pytest.skip("NO PACKAGE REGISTRY: the client to interrupt is not installed")
            pytest.fail(f"the run did not get going: {printed}")
        yield child, below


def gone(pids: list[int]) -> bool:
    """Whether all these processes end within some seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_reports_what_was_finished(
    number: signal.Signals, tmp_path: Path
) -> None:
    with running(tmp_path) as (child, below):
        child.send_signal(number)
        _, printed = child.communicate(timeout=120)
        assert gone(below)
    assert child.returncode == 2
    assert "Traceback" not in printed
    assert verdicts(tmp_path / "reports") == {QUICK: "passed"}
    assert "interrupted" in (tmp_path / "reports" / "report.html").read_text()


def test_a_killed_run_keeps_its_records_and_leaves_no_process(tmp_path: Path) -> None:
    with running(tmp_path) as (child, below):
        child.kill()
        child.wait()
        assert gone(below)
    reports = tmp_path / "reports"
    partial = (reports / "results.partial.jsonl").read_text()
    kept = [json.loads(line) for line in partial.splitlines()]
    assert [record["id"] for record in kept] == [QUICK]
    assert not list(tmp_path.glob("authprobe-run-*"))

    run("run", "--case", QUICK, tmp_path / "example.yaml", cwd=tmp_path)
    assert (reports / "results.interrupted.jsonl").exists()
    assert verdicts(reports) == {QUICK: "passed"}


def test_an_interrupted_run_does_not_wait_for_an_answer(tmp_path: Path) -> None:
    """A request of authprobe's own has no process that could be ended."""
    include = SCENARIO.index("include:"), SCENARIO.index("expect:")
    silent = "  backend: [default, silent]\nlimit: 300\n"
    scenario = write_scenario(tmp_path, SCENARIO[: include[0]] + silent + SCENARIO[include[1] :])
    scenario.write_text(scenario.read_text().replace(UNUSED_KEY, ""))
    child = subprocess.Popen(
        command("run", scenario), cwd=tmp_path, env=environment(tmp_path / "home")
    )
    partial = tmp_path / "reports" / "results.partial.jsonl"
    with child:
        wait_until(lambda: partial.exists() and QUICK in partial.read_text())
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=30) == 2
    assert verdicts(tmp_path / "reports") == {QUICK: "passed"}
