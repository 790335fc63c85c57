"""Measures the emulator alone under load: requests per second on one processor, and memory.

    python bench/emulator.py [--seconds N] [--requests N] [--json]

One pool of `wrk` asks `POST /v1/messages` of `authprobe emulator`, and in turn of uvicorn with an
application that always answers the same, each on one processor while wrk has another. Then the
emulator answers many requests, and its memory is read on the way. wrk is Debian's package `wrk`.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # started as a file

from bench.measure import own_environment, temporary

AUTHPROBE: Final = Path(sys.executable).with_name("authprobe")
CONNECTIONS: Final = 16
ROUNDS: Final = 5
WANTED: Final = 2000
"""Requests per second that are enough."""

REQUEST: Final = """
wrk.method = "POST"
wrk.body = '{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}'
wrk.headers["content-type"] = "application/json"
wrk.headers["anthropic-version"] = "2023-06-01"
wrk.headers["x-api-key"] = os.getenv("ANTHROPIC_API_KEY")
function done(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read
  print(string.format("counted %d in %d us, %d bad", summary.requests, summary.duration, bad))
end
"""
BARE: Final = """
import json, sys, uvicorn

BODY = json.dumps({"type": "message", "content": "x" * 150}).encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
HEADERS += [(b"x-header-%d" % n, b"a value") for n in range(14)]


async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"base_url": f"http://127.0.0.1:{port}", "environment": {}}), flush=True)


Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off")).run()
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load, on a processor of its own."""

    process: "subprocess.Popen[str]"
    url: str
    key: str

    @property
    def memory(self) -> int:
        """What it holds in memory now, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured; rates are requests per second, memory is in bytes."""

    rates: list[float]
    bare_rates: list[float]
    requests: int
    memory: list[int]


@contextlib.contextmanager
def served(argv: list[str | Path], processor: int) -> Iterator[Server]:
    """The server that this command starts, when it has told its address."""
    with subprocess.Popen(
        ["taskset", "--cpu-list", str(processor), *argv],  # noqa: S607
        env=own_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            told = json.loads((process.stdout and process.stdout.readline()) or "{}")
            key = told["environment"].get("ANTHROPIC_API_KEY", "none")
            yield Server(process, told["base_url"], key)
        finally:
            process.terminate()


def load(server: Server, script: Path, processor: int, seconds: int) -> tuple[int, float]:
    """Requests that were answered well, and in how many seconds."""
    done = subprocess.run(
        [
            *("taskset", "--cpu-list", str(processor)),
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{seconds}s", "--script", str(script), f"{server.url}/v1/messages"),
        ],
        env=own_environment() | {"ANTHROPIC_API_KEY": server.key},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"counted (\d+) in (\d+) us, (\d+) bad", done.stdout)
    if found is None or int(found[3]):
        raise SystemExit(f"not every request was answered well:\n{done.stdout}")
    return int(found[1]), int(found[2]) / 1e6


def measure(folder: Path, *, seconds: int, requests: int) -> Measured:
    """Both servers in turn, then the many requests."""
    script, bare = folder / "request.lua", folder / "bare.py"
    script.write_text(REQUEST)
    bare.write_text(BARE)
    first, second = sorted(os.sched_getaffinity(0))[:2]
    emulator: list[str | Path] = [AUTHPROBE, "emulator", "--quiet", "--json", "--issue", "api-key"]
    rates: dict[str, list[float]] = {"emulator": [], "bare": []}
    commands: dict[str, list[str | Path]] = {"emulator": emulator, "bare": [sys.executable, bare]}
    for number in range(ROUNDS):
        for name, argv in commands.items():
            with served(argv, first) as server:
                load(server, script, second, 1)
                count, took = load(server, script, second, seconds)
            rates[name].append(count / took)
            print(f"  round {number + 1}, {name}: {count / took:.0f} per second", file=sys.stderr)
    memory, total = [], 0
    with served(emulator, first) as server:
        load(server, script, second, 3)  # until the records that are kept are full
        memory.append(server.memory)
        while total < requests:
            total += load(server, script, second, 3)[0]
            memory.append(server.memory)
            print(f"  {total} requests: {memory[-1] / 2**20:.1f} MiB", file=sys.stderr)
    return Measured(
        rates=rates["emulator"], bare_rates=rates["bare"], requests=total, memory=memory
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=5, help="of each round (default: 5)")
    parser.add_argument("--requests", type=int, default=200_000, help="(default: 200000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            parser.error(f"{program} is not there; install Debian's wrk and util-linux")
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("two processors are needed: one for the server and one for wrk")
    with temporary() as folder:
        measured = measure(folder, seconds=given.seconds, requests=given.requests)
    if given.json:
        print(json.dumps(asdict(measured)))
        return
    rate, bare = statistics.median(measured.rates), statistics.median(measured.bare_rates)
    pairs = zip(measured.rates, measured.bare_rates, strict=True)
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    low, high = measured.memory[0] / 2**20, max(measured.memory) / 2**20
    print(
        f"{rate:.0f} requests per second on one processor ({WANTED} are wanted); "
        f"bare uvicorn: {bare:.0f}; ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})\n"
        f"memory: {low:.1f} MiB before, at most {high:.1f} MiB during {measured.requests} more"
    )


if __name__ == "__main__":
    main()
