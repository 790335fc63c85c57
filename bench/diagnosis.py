"""Accuracy of the diagnosis on a corpus of real symptoms, and the time that `explain` takes.

    python bench/diagnosis.py            accuracy on both parts of the corpus, and the time
    python bench/diagnosis.py --wrong    also the texts of the written part with a wrong answer

The scored part is held out: no condition may be written for its texts, so they are only counted.
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
TIME_LIMIT: Final = 0.3
"""Seconds from start to end of the command, for a log of `LOG_BYTES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Accuracy on one part of the corpus."""

    correct: int
    total: int
    false_positives: int
    """Texts without a cause that were answered with a certain one."""
    errors: tuple[str, ...]
    """One line for each wrong answer."""


def read_symptoms(part: str) -> list[dict[str, Any]]:
    """Return the texts of a part, with their labels."""
    symptoms: list[dict[str, Any]] = yaml.safe_load((CORPUS / f"{part}.yaml").read_text("utf-8"))
    return symptoms


def score(part: str) -> Score:
    """Compare the first cause for each text with its label."""
    errors, false_positives = [], 0
    symptoms = read_symptoms(part)
    for symptom in symptoms:
        first = rank_causes(symptom_from_text(symptom["text"]))[0]
        if first.cause.id == symptom["cause"]:
            continue
        errors.append(f"{symptom['source']}: {symptom['cause']}, answered {first.cause.id}")
        has_no_cause = symptom["cause"] in (NOT_AUTH, UNKNOWN)
        is_answered = first.cause.id not in (NOT_AUTH, UNKNOWN)
        is_certain = first.level is ConfidenceLevel.CERTAIN
        false_positives += has_no_cause and is_answered and is_certain
    return Score(
        correct=len(symptoms) - len(errors),
        total=len(symptoms),
        false_positives=false_positives,
        errors=tuple(errors),
    )


def make_log() -> str:
    """Return a log of `LOG_BYTES`, with one error at three quarters of it."""
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


def measure_explain() -> list[float]:
    """Return the seconds that the command takes in each round."""
    with temporary() as folder:
        path = folder / "claude.log"
        path.write_text(make_log(), encoding="utf-8")
        argv = [sys.executable, "-m", "authprobe", "explain", "--json", str(path)]
        env = own_environment() | {"PYTHONPATH": str(PROJECT)}
        return [timed(argv, cwd=folder, env=env)[0].wall for _ in range(ROUNDS)]


def main(arguments: Sequence[str]) -> None:
    """Print the accuracy and the time."""
    for part in ("written", "scored"):
        result = score(part)
        share = result.correct / result.total
        print(
            f"{part}: {result.correct} of {result.total} correct, {share:.1%}; "
            f"false positives: {result.false_positives}"
        )
        if "--wrong" in arguments and part == "written":
            print("\n".join(result.errors))
    seconds = measure_explain()
    print(
        f"explain, {LOG_BYTES // 1000} kB of log: {statistics.median(seconds):.3f} s "
        f"({min(seconds):.3f} to {max(seconds):.3f}), limit {TIME_LIMIT} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
