"""Benchmark of a run of many cases, as a Markdown table: 10,000 raw HTTP requests in two scenarios.

    python bench/many_cases.py [--count N]

The limits are 15 s and 300 MB of the largest process, for 10,000 cases on two processors; exceeding
one does not fail the benchmark. A second line compares the processor time with that of the same
number of requests by httpx alone (bench/plain_requests.py). Only loopback is needed.
"""

import argparse
import json
import resource
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

from bench.commands import AUTHPROBE
from bench.measure import Cost, own_environment, temporary, timed

CASES: Final = 10_000
MAX_NAMES: Final = 500
"""Names that an axis of a scenario may define."""
LIMIT: Final = 15.0
"""Seconds for 10,000 cases."""
LIMIT_MEGABYTES: Final = 300
PEER: Final = Path(__file__).with_name("plain_requests.py")


def scenario(count: int) -> dict[str, Any]:
    """Return a scenario of `count` cases, an even number: half of them with an unknown key."""
    backends = -(-count // (2 * MAX_NAMES))
    sets = count // (2 * backends)
    return {
        "id": "bench",
        "title": "Many requests",
        "why": "To measure the cost of a case.",
        "sources": ["bench/many_cases.py"],
        "endpoints": {"messages": {"url": "https://api.anthropic.com/v1/messages"}},
        "credentials": {
            "good": {"token": "api-key", "via": "x-api-key"},
            "bad": {"token": "api-key", "state": "unknown", "via": "x-api-key"},
        },
        "headers": {f"set-{n}": {"x-bench": f"{n}"} for n in range(sets)},
        "backends": {
            f"slow-{n}": {"faults": [{"name": "delay", "seconds": 0.001 * (n + 1)}]}
            for n in range(backends)
        },
        "matrix": {
            "client": ["raw-http"],
            "endpoint": ["messages"],
            "credential": ["good", "bad"],
            "headers": [f"set-{n}" for n in range(sets)],
            "backend": [f"slow-{n}" for n in range(backends)],
        },
        "expect": [
            {"when": {"credential": "good"}, "then": {"outcome": "accepted", "status": 200}},
            {"then": {"outcome": "rejected", "status": 401}},
        ],
    }


def measure(count: int) -> tuple[str, Cost]:
    """Run about `count` cases; return a row of the table and the cost."""
    with temporary() as folder:
        file, out = folder / "bench.yaml", folder / "out"
        file.write_text(json.dumps(scenario(count)))  # JSON is YAML
        cost, _ = timed([AUTHPROBE, "run", file, "--out", out], cwd=folder, env=own_environment())
        run = json.loads((out / "results.json").read_text())
    statuses = [case["verdict"]["status"] for case in run["cases"]]
    if set(statuses) != {"passed"}:
        raise SystemExit(f"not only passed cases: {sorted(set(statuses))}")
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    row = (
        f"| {len(statuses):,} | {cost.wall:.1f} s | {run['elapsed']:.1f} s "
        f"| {cost.processor or 0:.1f} s | {megabytes:.0f} MB | {_verdict(cost.wall, megabytes)} |"
    )
    return row, cost


def measure_peer(count: int) -> Cost:
    """Send as many requests by httpx alone, and return the cost."""
    with temporary() as folder:
        argv = [sys.executable, str(PEER), str(count)]
        cost, output = timed(argv, cwd=folder, env=own_environment())
    if json.loads(output) != [200]:
        raise SystemExit(f"not only answers of 200: {output}")
    return cost


def _verdict(seconds: float, megabytes: float) -> str:
    exceeded = seconds > LIMIT or megabytes > LIMIT_MEGABYTES
    return f"{LIMIT:g} s, {LIMIT_MEGABYTES} MB" + (", **exceeded**" if exceeded else "")


def main() -> None:
    """Measure one run, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=CASES, help=f"cases (default: {CASES:,})")
    options = parser.parse_args()
    if not 2 <= options.count <= 50_000:
        parser.error(f"--count {options.count}: give a number from 2 to 50,000")
    print("| cases | wall | of which probing | processors | largest process | limit |")
    print("| ---: | ---: | ---: | ---: | ---: | --- |")
    row, ours = measure(options.count)
    print(row)
    peer = measure_peer(options.count)
    ratio = (ours.processor or 0) / (peer.processor or 1)
    print(
        f"\nhttpx alone: {options.count:,} requests in {peer.wall:.1f} s, "
        f"{peer.processor or 0:.1f} s of the processors; authprobe needs {ratio:.2f} times as much"
    )


if __name__ == "__main__":
    main()
