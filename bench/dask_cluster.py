"""Benchmark of a run on a local dask cluster of 2 and of 4 workers against the same run on threads.

    python bench/dask_cluster.py [OPTION OF authprobe run]...

The clients must be installed: run it once before. All workers are on this machine and share its
processors and its client cache, so a cluster cannot be faster than threads: the ratio shows what
moving the cases and one laboratory per worker cost. The limit is 1.5.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

import distributed

from authprobe.core.processors import available_processors
from bench.commands import AUTHPROBE
from bench.measure import own_environment, temporary, timed

LIMIT: Final = 1.5
WORKERS: Final = (2, 4)
DEFAULT: Final = ("--suite", "full", "--client", "anthropic-python", "--client", "anthropic-node")
HEADER: Final = (
    "| executor | wall | of which probing | ratio to threads | limit | cases | same statuses |",
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
)
RUN_TIMEOUT: Final = 3600.0


def run(options: Sequence[str], folder: Path) -> tuple[float, float, dict[str, str]]:
    """Run the cases; return the time of the command, that of the probes, and the statuses."""
    out = folder / "out"
    argv: list[str | Path] = [
        AUTHPROBE,
        "run",
        *options,
        "--history",
        "none",
        "--fail-on",
        "never",
        "--out",
        out,
    ]
    cost, _ = timed(argv, cwd=folder, env=own_environment(), timeout=RUN_TIMEOUT)
    document = json.loads((out / "results.json").read_text())
    statuses = {case["id"]: case["verdict"]["status"] for case in document["cases"]}
    return cost.wall, document["elapsed"], statuses


def main() -> None:
    """Measure the runs, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    _, given = parser.parse_known_args()
    options = given or list(DEFAULT)
    print("\n".join(HEADER), flush=True)
    with temporary() as folder:
        threads, probing, statuses = run(options, folder)
        print(
            f"| threads | {threads:.1f} s | {probing:.1f} s | 1 | | {len(statuses)} | |", flush=True
        )
    for count in WORKERS:
        each = max(1, 2 * available_processors() // count)
        with (
            temporary() as folder,
            distributed.LocalCluster(
                n_workers=count, threads_per_worker=each, dashboard_address=None
            ) as cluster,
        ):
            address = cluster.scheduler_address.replace("tcp://", "dask://")
            wall, probing, found = run([*options, "--executor", address], folder)
        print(
            f"| dask, {count} workers with {each} threads | {wall:.1f} s | {probing:.1f} s "
            f"| {wall / threads:.2f} | {LIMIT} | {len(found)} "
            f"| {'yes' if found == statuses else 'no'} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
