"""How often the right cause comes first, on real symptoms; and how long `explain` takes.

    python bench/diagnosis.py            both parts of the corpus, and the time
    python bench/diagnosis.py --wrong    the texts of the written part that are not answered right

The scored part is only counted: nobody is to write conditions for it.
"""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN  # noqa: E402
from authprobe.diagnosis.match import ConfidenceLevel, rank_causes  # noqa: E402
from authprobe.diagnosis.text_facts import symptom_from_text  # noqa: E402
from bench.measure import own_environment, temporary, timed  # noqa: E402

CORPUS: Final = PROJECT / "tests" / "diagnosis" / "corpus"
LOG_BYTES: Final = 100_000
ROUNDS: Final = 9
LIMIT: Final = 0.3
"""Seconds from start to end of the command, for 100 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a part of the corpus was answered."""

    right: int
    of: int
    confident_wrong: int
    """Texts that name no cause and were answered with a certain one."""
    wrong: tuple[str, ...]


def symptoms(part: str) -> list[dict[str, Any]]:
    """The texts of a part, with their labels."""
    found: list[dict[str, Any]] = yaml.safe_load((CORPUS / f"{part}.yaml").read_text("utf-8"))
    return found


def score(part: str) -> Score:
    """Whether the first answer to each text is the one it is labelled with."""
    wrong, confident = [], 0
    texts = symptoms(part)
    for symptom in texts:
        first = rank_causes(symptom_from_text(symptom["text"]))[0]
        if first.cause.id == symptom["cause"]:
            continue
        wrong.append(f"{symptom['source']}: {symptom['cause']}, answered {first.cause.id}")
        nothing = symptom["cause"] in (NOT_AUTH, UNKNOWN)
        answered = first.cause.id not in (NOT_AUTH, UNKNOWN)
        confident += nothing and answered and first.level is ConfidenceLevel.CERTAIN
    return Score(
        right=len(texts) - len(wrong),
        of=len(texts),
        confident_wrong=confident,
        wrong=tuple(wrong),
    )


def log() -> str:
    """100 kB of a log, with one error far down in it."""
    lines = [
        f"2026-11-23T10:{n // 60 % 60:02}:{n % 60:02}Z DEBUG request {n} to "
        f"https://api.anthropic.com/v1/messages took {n * 7 % 900} ms, status=200 tokens={n}"
        for n in range(LOG_BYTES // 105)
    ]
    error = (
        'API Error: 401 {"type":"error","error":{"type":"authentication_error",'
        '"message":"OAuth token has expired."}}'
    )
    lines.insert(len(lines) * 3 // 4, error)
    return "\n".join(lines)


def seconds() -> list[float]:
    """What the command takes, start to end, round by round."""
    with temporary() as folder:
        path = folder / "claude.log"
        path.write_text(log(), encoding="utf-8")
        argv = [sys.executable, "-m", "authprobe", "explain", "--json", str(path)]
        env = own_environment() | {"PYTHONPATH": str(PROJECT)}
        return [timed(argv, cwd=folder, env=env)[0].wall for _ in range(ROUNDS)]


def main(arguments: Sequence[str]) -> None:
    """Print what was counted and measured."""
    for part in ("written", "scored"):
        got = score(part)
        share = f"{got.right} of {got.of} right, {got.right / got.of:.1%}"
        print(f"{part}: {share}; confidently wrong where there is no cause: {got.confident_wrong}")
        if "--wrong" in arguments and part == "written":
            print("\n".join(got.wrong))
    taken = seconds()
    print(
        f"explain, {LOG_BYTES // 1000} kB of log: {statistics.median(taken):.3f} s "
        f"({min(taken):.3f} to {max(taken):.3f}), limit {LIMIT} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
