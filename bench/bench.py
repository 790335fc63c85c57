"""Benchmark of authprobe against reference programs, in pairs, as a Markdown table.

    python bench/bench.py [--rounds N] [--json] [PAIR]...

PAIR is requests, requests-strict, requests-sent, requests-parts, cli, isolation, cli-many, version
or pytest; all by default.

Machines are noisy, so each round measures both sides, in alternating order, and the result is the
median of the rounds' ratios. No measurement fails the benchmark: the table marks the ratios that
exceed their limit. The client is the newest in the cache. Only loopback is needed, so
`unshare -rn sh -c 'ip link set lo up; python bench/bench.py'` works too.
"""

import argparse
import functools
import importlib.metadata
import json
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

import authprobe
from authprobe.core.processors import available_processors
from bench import clients, commands
from bench.measure import Calls, Cost, Pair

PAIRS: Final = {
    "requests": Pair(
        ours=f"`authprobe run`, {commands.REQUESTS} requests answered after 50 ms",
        reference=f"`pytest --html`, {commands.REQUESTS} empty tests",
        rounds=7,
        limit_ratio=1.5,
        prepare=commands.requests,
    ),
    "requests-strict": Pair(
        ours="the same",
        reference="the same, without the other pytest plugins that are installed",
        rounds=7,
        prepare=functools.partial(commands.requests, *commands.HTML_ALONE),
    ),
    "requests-sent": Pair(
        ours="the same",
        reference=f"`pytest --html`, {commands.REQUESTS} tests that send such a request by httpx",
        rounds=3,
        prepare=commands.requests_sent,
    ),
    "requests-parts": Pair(
        ours="the same",
        reference="`pytest --html` of empty tests, then the requests by httpx alone",
        rounds=7,
        prepare=commands.requests_parts,
    ),
    "cli": Pair(
        ours="one `claude -p ping` case in an open run",
        reference="the same call without authprobe",
        rounds=15,
        limit_ratio=1.05,
        prepare=clients.one_case,
    ),
    "isolation": Pair(
        ours="one `claude -p ping` case in a sealed container",
        reference="the same case without isolation",
        rounds=31,
        limit_ratio=1.03,
        prepare=clients.isolation,
    ),
    "cli-many": Pair(
        ours=f"{clients.CASES} `claude -p ping` cases, {clients.JOBS} at once, start to verdicts",
        reference=f"the same calls by `xargs -P {clients.JOBS}`",
        rounds=3,
        limit_ratio=1.1,
        prepare=clients.many_cases,
    ),
    "version": Pair(
        ours="`authprobe --version`",
        reference="`python -c pass`",
        rounds=15,
        limit=0.2,
        prepare=commands.version,
    ),
    "pytest": Pair(
        ours="pytest collects one test in a project that has authprobe installed",
        reference="the same with `-p no:authprobe`",
        rounds=31,
        limit_ratio=1.02,  # 5 ms of the 0.25 s that pytest takes to start
        prepare=commands.pytest_start,
    ),
}
HEADER: Final = ("| | ours | reference | ratio | limit |", "| --- | --- | --- | --- | --- |")


@dataclass(frozen=True, slots=True)
class Spread:
    """Lowest, median and highest of several numbers."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, numbers: list[float]) -> "Spread":
        """Return the spread of at least one number."""
        return cls(min(numbers), statistics.median(numbers), max(numbers))


@dataclass(frozen=True, slots=True)
class Measurement:
    """All rounds of one pair: seconds of both sides, and their ratio."""

    name: str
    pair: Pair
    ours: Spread
    reference: Spread
    ratio: Spread
    processor_ratio: Spread | None

    @property
    def exceeds_limit(self) -> bool:
        """True if the median exceeds a limit."""
        pair = self.pair
        return (pair.limit_ratio is not None and self.ratio.median > pair.limit_ratio) or (
            pair.limit is not None and self.ours.median > pair.limit
        )


def measure(name: str, rounds: int | None) -> tuple[Measurement, dict[str, str]]:
    """Measure one pair, after a warm-up round; return the facts about its programs with it."""
    pair = PAIRS[name]
    with pair.prepare() as calls:
        measure_round(calls, ours_first=True)
        costs = []
        for number in range(rounds or pair.rounds):
            costs.append(measure_round(calls, ours_first=number % 2 == 0))
            ours, reference = costs[-1]
            print(f"  {name}: {ours.wall:.3f} s, {reference.wall:.3f} s", file=sys.stderr)
    processor = [
        ours.processor / reference.processor
        for ours, reference in costs
        if ours.processor and reference.processor
    ]
    measurement = Measurement(
        name,
        pair,
        Spread.of([ours.wall for ours, _ in costs]),
        Spread.of([reference.wall for _, reference in costs]),
        Spread.of([ours.wall / reference.wall for ours, reference in costs]),
        Spread.of(processor) if processor else None,
    )
    return measurement, dict(calls.facts)


def measure_round(calls: Calls, *, ours_first: bool) -> tuple[Cost, Cost]:
    """Measure both sides once, and return the cost of ours and of the reference."""
    if ours_first:
        return calls.ours(), calls.reference()
    reference = calls.reference()
    return calls.ours(), reference


def row(measurement: Measurement) -> str:
    """Return a row of the table."""
    pair, ratio = measurement.pair, measurement.ratio
    limit = "none"
    if pair.limit_ratio is not None:
        limit = f"{pair.limit_ratio:g}"
    elif pair.limit is not None:
        limit = f"{pair.limit:g} s"
    cells = (
        measurement.name,
        f"{pair.ours}: {measurement.ours.median:.2f} s",
        f"{pair.reference}: {measurement.reference.median:.2f} s",
        f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
        f"{limit}, **exceeded**" if measurement.exceeds_limit else limit,
    )
    return f"| {' | '.join(cells)} |"


def machine() -> dict[str, str]:
    """Return the facts about this machine that the numbers depend on."""
    return {
        "processors": str(available_processors()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "authprobe": authprobe.__version__,
        "pytest": importlib.metadata.version("pytest"),
        "pytest-html": importlib.metadata.version("pytest-html"),
    }


def as_json(results: list[Measurement], facts: dict[str, str]) -> str:
    """Return all results and facts as JSON."""

    def spread(value: Spread | None) -> dict[str, float] | None:
        if value is None:
            return None
        return {name: round(getattr(value, name), 4) for name in ("low", "median", "high")}

    by_name = {
        result.name: {
            "ours": spread(result.ours),
            "reference": spread(result.reference),
            "ratio": spread(result.ratio),
            "processor_ratio": spread(result.processor_ratio),
            "limit_ratio": result.pair.limit_ratio,
            "limit": result.pair.limit,
            "over": result.exceeds_limit,
        }
        for result in results
    }
    return json.dumps({"machine": facts, "measured": by_name}, indent=1)


def main() -> None:
    """Measure the pairs in the arguments, all by default, and print the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="|".join(PAIRS), help="pairs to measure (default: all)"
    )
    parser.add_argument(
        "--rounds", type=int, help="number of rounds for each pair (default: 3 to 15)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PAIRS):
        parser.error(f"no such pair: {', '.join(sorted(unknown))}; choose from {', '.join(PAIRS)}")
    if options.rounds is not None and not 1 <= options.rounds <= 100:
        parser.error(f"--rounds {options.rounds}: give a number from 1 to 100")
    results, facts = [], machine()
    for name in options.names or PAIRS:
        print(f"{name}:", file=sys.stderr)
        measurement, pair_facts = measure(name, options.rounds)
        results.append(measurement)
        facts |= pair_facts
    if options.json:
        print(as_json(results, facts))
        return
    print("\n".join((*HEADER, *map(row, results))))
    print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".")
    print("Seconds are medians; a ratio is the median of the rounds' ratios (lowest to highest).")
    for result in results:
        if result.exceeds_limit:
            print(f"Limit exceeded: {result.name}.")


if __name__ == "__main__":
    main()
