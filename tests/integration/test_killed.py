"""`kill -9` of a run at any time: nothing is left, and every finished result is kept."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from authprobe.clients.process.launcher import descendants
from tests.support.command import command, environment, run, write_scenario
from tests.support.exhaustive import exhaustive_but
from tests.support.waiting import wait_until

RUNS_AT_ONCE: Final = 4
CLIENT: Final = """#!{python} -I
import json, os, sys, time
if "--version" in sys.argv:
    print("9.9.9")
    sys.exit()
for _ in range(2):  # daemons in sessions of their own
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
time.sleep(0.3)
print(json.dumps({{"type": "result", "is_error": False, "result": "pong"}}))
"""
SCENARIO: Final = """
id: killed
title: A few programs and requests
why: To be killed at any time.
sources: [https://example.org/]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
credentials:
  key: {token: api-key, via: ANTHROPIC_API_KEY}
  expired: {token: api-key, state: expired, via: ANTHROPIC_API_KEY}
  revoked: {token: api-key, state: revoked, via: ANTHROPIC_API_KEY}
  login: {token: login, via: credentials-file}
  header: {token: api-key, via: x-api-key}
matrix:
  client: [claude-code@installed]
  credential: [key, expired, revoked, login]
include:
  - {client: raw-http, endpoint: messages, credential: header}
expect: {outcome: accepted}
"""


def start(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line of a run in this folder, and its environment."""
    env = environment(
        folder / "home", TMPDIR=str(folder / "temp"), PATH=f"{folder / 'bin'}:/usr/bin:/bin"
    )
    return command("run", folder / "example.yaml", "--jobs", "2", "--history", "none"), env


def prepare(folder: Path) -> None:
    """Make a folder with a scenario, a client and an empty folder for what is temporary."""
    for name in ("bin", "temp"):
        (folder / name).mkdir(parents=True)
    write_scenario(folder, SCENARIO)
    program = folder / "bin" / "claude"
    program.write_text(CLIENT.format(python=os.path.realpath(sys.executable)))
    program.chmod(0o755)


def start_time(pid: int) -> str | None:
    """Return the time at which a process started, by which a reused id is told; None: ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def run_one(folder: Path) -> float:
    """Return the seconds that a whole run takes."""
    prepare(folder)
    argv, env = start(folder)
    began = time.monotonic()
    subprocess.run(argv, cwd=folder, env=env, capture_output=True, check=True)
    return time.monotonic() - began


def kill_one(folder: Path, delay: float) -> list[str]:
    """Kill a run after this delay; return the ids of the finished cases that it has recorded."""
    prepare(folder)
    argv, env = start(folder)
    with subprocess.Popen(
        argv, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        time.sleep(delay)
        below = {pid: start_time(pid) for pid in descendants(child.pid)}
        child.kill()
    wait_until(lambda: all(start_time(pid) != began for pid, began in below.items() if began))
    with contextlib.suppress(AssertionError):  # the next line says what is left
        wait_until(lambda: not list((folder / "temp").iterdir()))
    assert not list((folder / "temp").rglob("*")), f"left by a run killed after {delay:.2f} s"
    reports = folder / "reports"
    partial = reports / "results.partial.jsonl"
    finished = partial if partial.exists() else reports / "results.json"
    if not finished.exists():
        return []
    if finished.name == "results.json":
        return [case["id"] for case in json.loads(finished.read_text())["cases"]]
    lines = finished.read_text().splitlines(keepends=True)
    assert all(line.endswith("\n") for line in lines)
    return [json.loads(line)["id"] for line in lines]


@pytest.mark.skipif(not Path("/proc/self/ns").exists(), reason="NO /proc: needs Linux")
@pytest.mark.parametrize("kills", exhaustive_but((20,), (20, 30)))
def test_a_run_can_be_killed_at_any_time(kills: int, tmp_path: Path) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:  # which also take a while beside each other
        whole = min(pool.map(run_one, [tmp_path / f"whole{number}" for number in range(4)]))
    random_delays = random.Random(kills)  # noqa: S311 - only times
    delays = [random_delays.uniform(0.1, whole) for _ in range(kills)]
    folders = [tmp_path / str(number) for number in range(kills)]
    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        finished = list(pool.map(kill_one, folders, delays))

    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert len({len(ids) for ids in finished}) > 2, "the kills did not hit different moments"

    # No lock is left: the next run in the same folder ends, and keeps what was finished before.
    latest = max(range(kills), key=lambda number: (0 < len(finished[number]) < 5, number))
    folder = folders[latest]
    _, env = start(folder)
    again = run(
        *("run", folder / "example.yaml", "--history", "none"),
        cwd=folder,
        argv=None,
        PATH=env["PATH"],
    )
    assert again.code == 0, again.err
    kept = folder / "reports" / "results.interrupted.jsonl"
    ids = [json.loads(line)["id"] for line in kept.read_text().splitlines()]
    assert ids == finished[latest]
