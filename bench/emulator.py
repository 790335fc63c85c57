"""Measure the standalone emulator under load: requests per second on one processor, and memory.

    python bench/emulator.py [--seconds N] [--requests N] [--json]

`wrk` (Debian's package `wrk`) sends `POST /v1/messages` to `authprobe emulator` and, in turn, to
bare uvicorn with an application that always returns the same response. The server runs on one
processor and wrk on another. Then the emulator answers many requests while its memory is read.
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
TARGET_RATE: Final = 2000
"""Requests per second that the emulator should serve at least."""

WRK_SCRIPT: Final = """
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
BARE_SERVER: Final = """
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
    """A server under load, pinned to one processor."""

    process: "subprocess.Popen[str]"
    url: str
    key: str

    @property
    def memory(self) -> int:
        """Resident memory of the server now, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMeasurement:
    """Result of one benchmark; rates are requests per second, memory is in bytes."""

    rates: list[float]
    bare_rates: list[float]
    requests: int
    memory: list[int]


@contextlib.contextmanager
def running_server(argv: list[str | Path], processor: int) -> Iterator[Server]:
    """Start a server and yield it once it has printed its address; terminate it on exit."""
    with subprocess.Popen(
        ["taskset", "--cpu-list", str(processor), *argv],  # noqa: S607
        env=own_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            description = json.loads((process.stdout and process.stdout.readline()) or "{}")
            key = description["environment"].get("ANTHROPIC_API_KEY", "none")
            yield Server(process, description["base_url"], key)
        finally:
            process.terminate()


def load(server: Server, script: Path, processor: int, seconds: int) -> tuple[int, float]:
    """Run wrk against the server; return the number of requests and the seconds they took.

    Raises:
        SystemExit: a request failed.
    """
    wrk = subprocess.run(
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
    counts = re.search(r"counted (\d+) in (\d+) us, (\d+) bad", wrk.stdout)
    if counts is None or int(counts[3]):
        raise SystemExit(f"some requests failed; output of wrk:\n{wrk.stdout}")
    return int(counts[1]), int(counts[2]) / 1e6


def measure(folder: Path, *, seconds: int, requests: int) -> LoadMeasurement:
    """Measure the rates of both servers in turn, then the emulator's memory over `requests`."""
    script, bare = folder / "request.lua", folder / "bare.py"
    script.write_text(WRK_SCRIPT)
    bare.write_text(BARE_SERVER)
    first, second = sorted(os.sched_getaffinity(0))[:2]
    emulator: list[str | Path] = [AUTHPROBE, "emulator", "--quiet", "--json", "--issue", "api-key"]
    rates: dict[str, list[float]] = {"emulator": [], "bare": []}
    commands: dict[str, list[str | Path]] = {"emulator": emulator, "bare": [sys.executable, bare]}
    for number in range(ROUNDS):
        for name, argv in commands.items():
            with running_server(argv, first) as server:
                load(server, script, second, 1)  # warm up
                count, took = load(server, script, second, seconds)
            rates[name].append(count / took)
            print(f"  round {number + 1}, {name}: {count / took:.0f} per second", file=sys.stderr)
    memory, total = [], 0
    with running_server(emulator, first) as server:
        load(server, script, second, 3)  # until the emulator holds its maximum of exchanges
        memory.append(server.memory)
        while total < requests:
            total += load(server, script, second, 3)[0]
            memory.append(server.memory)
            print(f"  {total} requests: {memory[-1] / 2**20:.1f} MiB", file=sys.stderr)
    return LoadMeasurement(
        rates=rates["emulator"], bare_rates=rates["bare"], requests=total, memory=memory
    )


def main() -> None:
    """Run the benchmark and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=5, help="length of a round (default: 5)")
    parser.add_argument(
        "--requests",
        type=int,
        default=200_000,
        help="requests while memory is measured (default: 200000)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            parser.error(f"{program}: not installed; install Debian's wrk and util-linux")
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("only one processor is available; the server and wrk need one each")
    with temporary() as folder:
        result = measure(folder, seconds=arguments.seconds, requests=arguments.requests)
    print(json.dumps(asdict(result)) if arguments.json else summary(result))


def summary(result: LoadMeasurement) -> str:
    """Return the medians of a measurement as two lines of text."""
    rate, bare = statistics.median(result.rates), statistics.median(result.bare_rates)
    pairs = zip(result.rates, result.bare_rates, strict=True)
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    before, peak = result.memory[0] / 2**20, max(result.memory) / 2**20
    return (
        f"{rate:.0f} requests per second on one processor (target: {TARGET_RATE}); "
        f"bare uvicorn: {bare:.0f}; ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})\n"
        f"memory: {before:.1f} MiB at first, at most {peak:.1f} MiB during {result.requests} more "
        "requests"
    )


if __name__ == "__main__":
    main()
