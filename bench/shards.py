"""Benchmark of shards: how evenly they divide a run, and what merging them costs.

    python bench/shards.py [--shards N] [OPTION OF authprobe run]...

The shards are run one after the other on this machine, by the times of a whole run, whose clients
must be installed. The ratio is the time of the slowest shard, by that of the whole run divided by
their number: 1 is a run that N machines do in an Nth of the time.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

from bench.full_run import RUN_TIMEOUT, environment, run
from bench.measure import temporary, timed

HEADER: Final = ("| run | wall | cases |", "| --- | --- | --- |")


def main() -> None:
    """Measure a whole run, its shards and their merging, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shards", type=int, default=3, help="number of shards (default: 3)")
    arguments, options = parser.parse_known_args()
    count: int = arguments.shards
    if not 2 <= count <= 100:
        parser.error(f"--shards {count}: give a number from 2 to 100")
    print("\n".join(HEADER))
    with temporary() as folder:
        whole = run(folder / "whole", options)
        print(f"| whole | {whole.cost.wall:.1f} s | {len(whole.statuses)} |", flush=True)
        weights = ["--shard-weights", str(folder / "whole" / "results.json")]
        walls, names = [], []
        for index in range(1, count + 1):
            place = folder / str(index)
            shard = run(place, [*options, *weights, "--shard", f"{index}/{count}"])
            walls.append(shard.cost.wall)
            names.append(place)
            print(
                f"| shard {index}/{count} | {walls[-1]:.1f} s | {len(shard.statuses)} |", flush=True
            )
        argv: list[str | Path] = [sys.executable, "-m", "authprobe", "merge", *names]
        argv += ["--out", folder / "merged"]
        argv += ["--history", "none", "--fail-on", "never"]
        merging, _ = timed(argv, cwd=folder, env=environment(), timeout=RUN_TIMEOUT)
    print(f"| merge | {merging.wall:.1f} s | {len(whole.statuses)} |")
    print(f"\nSlowest shard / (whole / {count}): {max(walls) * count / whole.cost.wall:.2f}")


if __name__ == "__main__":
    main()
