"""Accuracy of `authprobe explain` on the corpus of public threads, and the time that it takes.

    python bench/diagnosis.py [read] [unread] [time]     all three without an argument
    python bench/diagnosis.py read --wrong               also each thread with a wrong answer

The read part is scored by models that have not seen the thread's project, the unread part by the
bundled model. Of the unread part only totals are printed.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN, causes  # noqa: E402
from authprobe.diagnosis.decision import decide  # noqa: E402
from authprobe.diagnosis.features import features  # noqa: E402
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel, rank_causes  # noqa: E402
from authprobe.diagnosis.model import Model, model  # noqa: E402
from authprobe.diagnosis.text_facts import symptom_from_text  # noqa: E402
from bench.corpus import fold, project_of, read_part  # noqa: E402
from bench.measure import Cost, own_environment, temporary, timed  # noqa: E402

SIZES: Final = {100_000: 0.2, 1_000_000: 2.0}
"""Bytes of a log, and the seconds that the command may take for it."""
ROUNDS: Final = 9
BANDS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 1.01)
"""Limits of the confidences that the reliability table counts together."""
NORMAL_95: Final = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The first cause for a thread, beside its label."""

    source: str
    label: str
    cause: str
    level: ConfidenceLevel
    confidence: float

    @property
    def is_right(self) -> bool:
        """True if the first cause is the label."""
        return self.cause == self.label


def answer(entry: Mapping[str, Any], trained: Model) -> Answer:
    """Return the first cause that a model gives for a thread."""
    return _answer(entry, decide(symptom_from_text(entry["text"]), trained=trained)[0])


def answer_of_signs(entry: Mapping[str, Any]) -> Answer:
    """Return the first cause that the signs alone give for a thread."""
    return _answer(entry, rank_causes(symptom_from_text(entry["text"]))[0])


def _answer(entry: Mapping[str, Any], first: CauseMatch) -> Answer:
    return Answer(
        source=entry["source"],
        label=entry["cause"],
        cause=first.cause.id,
        level=first.level,
        confidence=first.confidence,
    )


def is_model_right(entry: Mapping[str, Any], trained: Model) -> bool:
    """Return True if the model alone gives the label of a thread the highest probability."""
    logs = trained.log_probabilities(features(symptom_from_text(entry["text"])))
    return bool(max(logs, key=lambda cause: logs[cause]) == entry["cause"])


def cross_validated() -> tuple[list[Answer], int]:
    """Return the answers for the read part, and how many the model alone has right.

    Each is by a model that has not seen the thread's project.
    """
    from bench.training import read_examples, trained_without

    examples, answers, right = read_examples(), list[Answer](), 0
    entries = defaultdict[int, list[Mapping[str, Any]]](list)
    for entry in read_part("read"):
        entries[fold(project_of(entry))].append(entry)
    for number, held_out in sorted(entries.items()):
        trained = trained_without(examples, number)
        answers += [answer(entry, trained) for entry in held_out]
        right += sum(is_model_right(entry, trained) for entry in held_out)
    return answers, right


def interval(right: int, total: int) -> tuple[float, float]:
    """Return Wilson's interval of 95 % for a share."""
    if not total:
        return 0.0, 1.0
    share, square = right / total, NORMAL_95**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    reach = sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return middle - NORMAL_95 * reach, middle + NORMAL_95 * reach


def accuracy(title: str, answers: Iterable[Answer]) -> str:
    """Return a line with the share of right answers."""
    answers = list(answers)
    right = sum(each.is_right for each in answers)
    low, high = interval(right, len(answers))
    share = right / len(answers) if answers else 0.0
    return f"  {title:<22} {right:>4} of {len(answers):>4}  {share:6.1%}  ({low:.1%} to {high:.1%})"


def summary(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield the accuracy in all, of each level, and the certain and wrong answers."""
    yield accuracy("all", answers)
    yield accuracy(NOT_AUTH, (each for each in answers if each.label == NOT_AUTH))
    yield accuracy(UNKNOWN, (each for each in answers if each.label == UNKNOWN))
    yield accuracy("auth", (each for each in answers if each.label not in (NOT_AUTH, UNKNOWN)))
    for level in ConfidenceLevel:
        yield accuracy(f"answered {level}", (each for each in answers if each.level is level))
    wrong = sum(each.level is ConfidenceLevel.CERTAIN and not each.is_right for each in answers)
    yield f"  certain and wrong: {wrong} of {len(answers)}, {wrong / max(len(answers), 1):.1%}"


def groups(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield the accuracy for each group of causes."""
    by_group = defaultdict[str, list[Answer]](list)
    for each in answers:
        if each.label not in (NOT_AUTH, UNKNOWN):
            by_group[causes()[each.label].group.value].append(each)
    yield from (accuracy(group, by_group[group]) for group in sorted(by_group))


def reliability(answers: Sequence[Answer]) -> Iterator[str]:
    """Yield, for each band of confidences, how many of its answers are right."""
    for low, high in pairwise(BANDS):
        inside = [each for each in answers if low <= each.confidence < high]
        yield accuracy(f"{low:.2f} to {min(high, 1):.2f}", inside)


def make_log(size: int) -> str:
    """Return a log of `size` bytes, with one error at three quarters of it."""
    lines = [
        f"2026-11-23T10:{n // 60 % 60:02}:{n % 60:02}Z DEBUG request {n} to "
        f"https://api.anthropic.com/v1/messages took {n * 7 % 900} ms, status=200 tokens={n}"
        for n in range(size // 105)
    ]
    error = (
        'API Error: 401 {"type":"error","error":{"type":"authentication_error",'
        '"message":"OAuth token has expired."}}'
    )
    lines.insert(len(lines) * 3 // 4, error)
    return "\n".join(lines)


def measure_explain(size: int) -> list[Cost]:
    """Return the cost of the command in each round, with modules compiled as in an installation."""
    with temporary() as folder:
        path = folder / "claude.log"
        path.write_text(make_log(size), encoding="utf-8")
        argv = [sys.executable, "-m", "authprobe", "explain", "--json", str(path)]
        env = own_environment() | {"PYTHONPATH": str(PROJECT)}
        env |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
        costs = [timed(argv, cwd=folder, env=env)[0] for _ in range(ROUNDS + 1)]
        return costs[1:]  # the first one compiles


def print_read(arguments: Sequence[str]) -> None:
    """Print the accuracy on the read part."""
    answers, right = cross_validated()
    print("read part, by models without the thread's project:")
    print("\n".join((*summary(answers), "by group:", *groups(answers))))
    print("\n".join(("by confidence:", *reliability(answers))))
    print(f"the model alone: {right} of {len(answers)}, {right / len(answers):.1%}")
    signs = [answer_of_signs(entry) for entry in read_part("read")]
    print("the signs alone, which were written for these texts:")
    print("\n".join(summary(signs)))
    if "--wrong" in arguments:
        for each in sorted(answers, key=lambda each: -each.confidence):
            if not each.is_right:
                print(f"{each.source}: {each.label}, answered {each.cause} {each.confidence:.2f}")


def print_unread(_: Sequence[str]) -> None:
    """Print the totals of the unread part."""
    answers = [answer(entry, model()) for entry in read_part("unread")]
    print("unread part, by the bundled model:")
    print("\n".join((*summary(answers), "by confidence:", *reliability(answers))))


def print_time(_: Sequence[str]) -> None:
    """Print the time of the command for logs of each size."""
    for size, limit in SIZES.items():
        costs = measure_explain(size)
        seconds = [cost.wall for cost in costs]
        processor = statistics.median(cost.processor or 0.0 for cost in costs)
        print(
            f"explain, {size // 1000} kB of log: {statistics.median(seconds):.3f} s "
            f"({min(seconds):.3f} to {max(seconds):.3f}), of the processor {processor:.3f} s, "
            f"limit {limit} s"
        )


PARTS: Final[dict[str, Callable[[Sequence[str]], None]]] = {
    "read": print_read,
    "unread": print_unread,
    "time": print_time,
}


def main(arguments: Sequence[str]) -> None:
    """Print the parts that are named, or all."""
    for name in [name for name in PARTS if name in arguments] or list(PARTS):
        PARTS[name](arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
