"""Benchmark of a run of real clients: its time against what its processor time would need.

    python bench/full_run.py [--rounds N] [--jobs-1] [OPTION OF authprobe run]...

The clients must be installed: run it once before. The ratio is wall time / (processor time of all
its processes / processors), so 1 is a run in which no processor is ever idle; the limit is 1.2.
The machine must be quiet, as other programs take processors away: the table says how much of them
they took. With `--jobs-1`, one more run probes the clients one at a time, and every case is told
that has another status in any round.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

import psutil

from authprobe.core.processors import available_processors
from bench.measure import Cost, own_environment, temporary, timed

LIMIT: Final = 1.2
RUN_TIMEOUT: Final = 7200.0
HEADER: Final = (
    "| run | wall | processor time | ratio | limit | taken by others | cases | passed |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


@dataclass(frozen=True, slots=True)
class Round:
    """One run: its cost, the processor seconds of other programs, and the status of each case."""

    cost: Cost
    others: float
    statuses: dict[str, str]

    @property
    def ratio(self) -> float:
        """Wall time, by the time in which all processors would have done its work."""
        return self.cost.wall * available_processors() / (self.cost.processor or 1e-9)

    def row(self, name: str) -> str:
        """Return a row of the table."""
        passed = sum(status == "passed" for status in self.statuses.values())
        cells = (
            name,
            f"{self.cost.wall:.1f} s",
            f"{self.cost.processor or 0:.1f} s",
            f"{self.ratio:.2f}",
            f"{LIMIT:g}, **exceeded**" if self.ratio > LIMIT else f"{LIMIT:g}",
            f"{self.others:.1f} s",
            f"{len(self.statuses)}",
            f"{passed}",
        )
        return f"| {' | '.join(cells)} |"


def busy_seconds() -> float:
    """Return the seconds that all processors have worked."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)


def run(folder: Path, options: list[str]) -> Round:
    """Run the cases once."""
    argv: list[str | Path] = [sys.executable, "-m", "authprobe", "run", "--out", folder]
    folder.mkdir(exist_ok=True)
    before = busy_seconds()
    # Failed cases are no error of the benchmark: only their difference is.
    argv += ["--history", "none", "--fail-on", "never", *options]
    cost, _ = timed(argv, cwd=folder, env=environment(), timeout=RUN_TIMEOUT)
    others = busy_seconds() - before - (cost.processor or 0)
    results = json.loads((folder / "results.json").read_text())
    statuses = {case["id"]: case["verdict"]["status"] for case in results["cases"]}
    return Round(cost, max(0.0, others), statuses)


def environment() -> dict[str, str]:
    """Return an environment in which progress is no part of the work."""
    return {**own_environment(), "CI": "1"}


def differences(rounds: dict[str, Round]) -> list[str]:
    """Return a line for each case that has not the same status in all rounds."""
    ids = dict.fromkeys(id for each in rounds.values() for id in each.statuses)
    lines = []
    for id in ids:
        statuses = {name: each.statuses.get(id, "missing") for name, each in rounds.items()}
        if len(set(statuses.values())) > 1:
            lines.append(f"{id}: " + ", ".join(f"{n} {status}" for n, status in statuses.items()))
    return lines


def main() -> None:
    """Measure the rounds, and print a table and the cases that differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default: 3)")
    parser.add_argument("--jobs-1", action="store_true", help="compare with a run of --jobs 1")
    arguments, options = parser.parse_known_args()
    if not 1 <= arguments.rounds <= 100:
        parser.error(f"--rounds {arguments.rounds}: give a number from 1 to 100")
    names = {f"round {number}": options for number in range(1, arguments.rounds + 1)}
    if arguments.jobs_1:
        names["--jobs 1"] = [*options, "--jobs", "1"]
    rounds: dict[str, Round] = {}
    print("\n".join(HEADER))
    for name, words in names.items():
        with temporary() as folder:
            rounds[name] = run(folder, words)
        print(rounds[name].row(name), flush=True)
    lines = differences(rounds)
    print(f"\n{available_processors()} processors. Cases that differ: {len(lines)}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
