"""Measures authprobe against what it builds on, in pairs, and prints a Markdown table.

    python bench/bench.py [--rounds N] [--json] [requests|requests-strict|cli|cli-many|version]...

Machines are noisy, so each round measures both sides, in turn the one and the other first, and
what counts is the median of the rounds' ratios. Nothing fails by time: the table says which ratio
is over its limit. The client is the newest in the cache, and nothing but loopback is needed:
`unshare -rn sh -c 'ip link set lo up; python bench/bench.py'` works as well.
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # started as a file

import authprobe
from authprobe.options import default_jobs
from bench import clients, commands
from bench.measure import Calls, Cost, Pair

PAIRS: Final = {
    "requests": Pair(
        ours=f"`authprobe run`, {commands.REQUESTS} requests answered after 50 ms",
        reference=f"`pytest --html`, {commands.REQUESTS} empty tests",
        rounds=7,
        limit_ratio=2.0,
        prepare=commands.requests,
    ),
    "requests-strict": Pair(
        ours="the same",
        reference="the same, without the other pytest plugins that are installed",
        rounds=7,
        prepare=functools.partial(commands.requests, *commands.HTML_ALONE),
    ),
    "cli": Pair(
        ours="one more `claude -p ping` case in an open run",
        reference="the same call without authprobe",
        rounds=15,
        limit_ratio=1.05,
        prepare=clients.one_case,
    ),
    "cli-many": Pair(
        ours=f"{clients.MANY} `claude -p ping` cases, {clients.JOBS} at once, start to verdicts",
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
}
HEADER: Final = ("| | ours | reference | ratio | limit |", "| --- | --- | --- | --- | --- |")


@dataclass(frozen=True, slots=True)
class Spread:
    """Lowest, median and highest of some numbers."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, numbers: list[float]) -> "Spread":
        """Of at least one number."""
        return cls(min(numbers), statistics.median(numbers), max(numbers))


@dataclass(frozen=True, slots=True)
class Measured:
    """All rounds of one pair: seconds of both sides, and their ratio in each round."""

    name: str
    pair: Pair
    ours: Spread
    reference: Spread
    ratio: Spread
    processor_ratio: Spread | None

    @property
    def over(self) -> bool:
        """Whether a limit was exceeded."""
        pair = self.pair
        return (pair.limit_ratio is not None and self.ratio.median > pair.limit_ratio) or (
            pair.limit is not None and self.ours.median > pair.limit
        )


def measure(name: str, rounds: int | None) -> tuple[Measured, dict[str, str]]:
    """Measure one pair, after a first round that does not count; and what to know about it."""
    pair = PAIRS[name]
    with pair.prepare() as calls:
        one_round(calls, ours_first=True)
        costs = []
        for number in range(rounds or pair.rounds):
            costs.append(one_round(calls, ours_first=number % 2 == 0))
            ours, reference = costs[-1]
            print(f"  {name}: {ours.wall:.3f} s, {reference.wall:.3f} s", file=sys.stderr)
    processor = [
        ours.processor / reference.processor
        for ours, reference in costs
        if ours.processor and reference.processor
    ]
    measured = Measured(
        name,
        pair,
        Spread.of([ours.wall for ours, _ in costs]),
        Spread.of([reference.wall for _, reference in costs]),
        Spread.of([ours.wall / reference.wall for ours, reference in costs]),
        Spread.of(processor) if processor else None,
    )
    return measured, dict(calls.facts)


def one_round(calls: Calls, *, ours_first: bool) -> tuple[Cost, Cost]:
    """Both sides, one after the other: ours and the reference."""
    if ours_first:
        return calls.ours(), calls.reference()
    reference = calls.reference()
    return calls.ours(), reference


def row(measured: Measured) -> str:
    """A row of the table."""
    pair, ratio = measured.pair, measured.ratio
    limit = "none"
    if pair.limit_ratio is not None:
        limit = f"{pair.limit_ratio:g}"
    elif pair.limit is not None:
        limit = f"{pair.limit:g} s"
    cells = (
        measured.name,
        f"{pair.ours}: {measured.ours.median:.2f} s",
        f"{pair.reference}: {measured.reference.median:.2f} s",
        f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
        f"{limit}, **exceeded**" if measured.over else limit,
    )
    return f"| {' | '.join(cells)} |"


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "processors": str(default_jobs()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "authprobe": authprobe.__version__,
        "pytest": importlib.metadata.version("pytest"),
        "pytest-html": importlib.metadata.version("pytest-html"),
    }


def as_json(results: list[Measured], facts: dict[str, str]) -> str:
    """Everything, for a script."""

    def spread(value: Spread | None) -> dict[str, float] | None:
        if value is None:
            return None
        return {name: round(getattr(value, name), 4) for name in ("low", "median", "high")}

    measured = {
        result.name: {
            "ours": spread(result.ours),
            "reference": spread(result.reference),
            "ratio": spread(result.ratio),
            "processor_ratio": spread(result.processor_ratio),
            "limit_ratio": result.pair.limit_ratio,
            "limit": result.pair.limit,
            "over": result.over,
        }
        for result in results
    }
    return json.dumps({"machine": facts, "measured": measured}, indent=1)


def main() -> None:
    """Measure what was asked for, everything by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="|".join(PAIRS), help="default: all")
    parser.add_argument("--rounds", type=int, help="rounds of each (default: 3 to 15)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PAIRS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PAIRS)}")
    if options.rounds is not None and not 1 <= options.rounds <= 100:
        parser.error("--rounds: from 1 to 100")
    results, facts = [], machine()
    for name in options.names or PAIRS:
        print(f"{name}:", file=sys.stderr)
        measured, more = measure(name, options.rounds)
        results.append(measured)
        facts |= more
    if options.json:
        print(as_json(results, facts))
        return
    print("\n".join((*HEADER, *map(row, results))))
    print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".")
    print("Seconds are medians; a ratio is the median of the rounds' ratios (lowest to highest).")
    for result in results:
        if result.over:
            print(f"Over its limit: {result.name}.")


if __name__ == "__main__":
    main()
