"""Training of the model of `authprobe explain`: `make model` runs it.

    python bench/training.py

It reads the read part of the corpus and the made-up symptoms, never the unread part, and writes
`probes/authprobe/diagnosis/model.bin`. scikit-learn is of the extra `dev`; the model needs nothing.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

PROJECT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from authprobe.diagnosis.features import (  # noqa: E402
    CONCEPTS,
    FACTS,
    PAIRS,
    PARTS,
    SPEAKERS,
    WORDS,
    TextFeature,
    features,
)
from authprobe.diagnosis.model import (  # noqa: E402
    MAX_WEIGHT,
    MODEL_FILE,
    Model,
    Trust,
    feature_values,
)
from authprobe.diagnosis.text_facts import symptom_from_text  # noqa: E402
from bench.corpus import CORPUS, fold, project_of, read_part  # noqa: E402

DIAGNOSIS: Final = MODEL_FILE.parent
SOURCES: Final = (
    CORPUS / "read.yaml",
    CORPUS / "made-up.yaml",
    *(DIAGNOSIS / name for name in ("concepts.py", "features.py", "model.py", "phrases.py")),
    *(DIAGNOSIS / name for name in ("speakers.py", "text_facts.py", "text_redaction.py")),
    Path(__file__),
)
"""Files on which the model depends; it must be trained again when one of them changes."""
SCALES: Final = {WORDS: 3.0, PAIRS: 2.0, PARTS: 3.0, FACTS: 0.5, SPEAKERS: 0.5, CONCEPTS: 1.0}
"""Size of each group's values: a larger one lets its weights grow more easily."""
MIN_TEXTS: Final = 2
"""Texts in which a feature must occur."""
MAX_FEATURES: Final = 14000
INVERSE_PENALTY: Final = 5.0
MADE_UP_WEIGHT: Final = 0.5
"""Weight of a made-up text; that of a thread is 1."""
TRUST: Final = Trust(model=0.85, score=0.35, decisive=0.3, first=0.1)
"""Fitted on threads that were gathered after the signs were written.

The signs cannot be weighed on the texts that they were written for.
"""
CALIBRATION: Final = (
    *((0.0, 0.0), (0.2, 0.25), (0.4, 0.42), (0.6, 0.55), (0.8, 0.65), (0.9, 0.72), (0.95, 0.8)),
    *((0.97, 0.86), (0.985, 0.94), (0.995, 0.97), (1.0, 0.99)),
)
"""Share of answers that are right, for probabilities.

Set by cross-validation with signs that had not seen the threads, and lowered where the totals of
the unread part were below it.
"""
CERTAIN: Final = 0.945
LIKELY: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A labelled text with its features."""

    text: str
    cause: str
    project: str | None
    """None for a made-up text."""
    found: Mapping[str, TextFeature]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of each cause (rows) for each feature (columns)."""

    causes: tuple[str, ...]
    table: "np.ndarray[tuple[int, int], np.dtype[np.float64]]"
    biases: tuple[float, ...]


def read_examples() -> list[Example]:
    """Return the read part and the made-up texts, with their features."""
    return [make_example(entry) for part in ("read", "made-up") for entry in read_part(part)]


def make_example(entry: Mapping[str, Any]) -> Example:
    """Return an entry of the corpus with its features."""
    return Example(
        text=entry["text"],
        cause=entry["cause"],
        project=project_of(entry) if "source" in entry else None,
        found=features(symptom_from_text(entry["text"])),
    )


def train(examples: Sequence[Example]) -> Model:
    """Return the model of these examples."""
    names = _frequent(examples)
    fitted = _fit(examples, names)
    if len(names) > MAX_FEATURES:
        names = _weightiest(examples, names, fitted)
        fitted = _fit(examples, names)
    table = fitted.table * np.array([SCALES[name[:2]] for name in names])
    step = float(np.abs(table).max() / MAX_WEIGHT)
    return Model(
        training=fingerprint(),
        causes=fitted.causes,
        names=names,
        weights=np.rint(table.T / step).astype(np.int8).tobytes(),
        step=step,
        bias=tuple(round(each, 4) for each in fitted.biases),
        trust=TRUST,
        calibration=CALIBRATION,
        certain=CERTAIN,
        likely=LIKELY,
    )


def _weightiest(
    examples: Sequence[Example], names: Mapping[str, int], fitted: Weights
) -> dict[str, int]:
    """Return the `MAX_FEATURES` features that matter most, numbered."""
    counts = Counter(name for each in examples for name in each.found)
    sizes = np.abs(fitted.table).max(axis=0)
    weighed = {name: sizes[row] * counts[name] ** 0.5 for name, row in names.items()}
    best = sorted(names, key=lambda name: (-weighed[name], name))[:MAX_FEATURES]
    return {name: row for row, name in enumerate(sorted(best))}


def _frequent(examples: Iterable[Example]) -> dict[str, int]:
    """Return the features that enough texts have, numbered."""
    counts = Counter(name for each in examples for name in each.found)
    kept = sorted(name for name, count in counts.items() if count >= MIN_TEXTS)
    return {name: row for row, name in enumerate(kept)}


def _fit(examples: Sequence[Example], names: Mapping[str, int]) -> Weights:
    """Return the weights of one classifier for each cause, against all others.

    Together they are calibrated better than a multinomial one, and are trained in a tenth of the
    time.
    """
    matrix = _matrix(examples, names)
    labels = np.array([each.cause for each in examples])
    weights = [1.0 if each.project else MADE_UP_WEIGHT for each in examples]
    causes = sorted(set(labels))
    rows, biases = [], []
    for cause in causes:
        classifier = LogisticRegression(
            C=INVERSE_PENALTY, solver="liblinear", dual=True, max_iter=100, tol=1e-2, random_state=0
        )
        classifier.fit(matrix, labels == cause, sample_weight=weights)
        rows.append(classifier.coef_[0])
        biases.append(float(classifier.intercept_[0]))
    return Weights(tuple(map(str, causes)), np.array(rows), tuple(biases))


def _matrix(examples: Sequence[Example], names: Mapping[str, int]) -> csr_matrix:
    rows, columns, values = [], [], []
    for row, example in enumerate(examples):
        for name, value in feature_values(example.found, names).items():
            rows.append(row)
            columns.append(names[name])
            values.append(value * SCALES[name[:2]])
    return csr_matrix((values, (rows, columns)), shape=(len(examples), len(names)))


def trained_without(examples: Sequence[Example], number: int) -> Model:
    """Return a model that has not seen the projects of a fold."""
    return train([each for each in examples if not each.project or fold(each.project) != number])


def fingerprint() -> str:
    """Return a hash of everything that the model is made from."""
    digest = hashlib.sha256()
    for path in SOURCES:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def main() -> None:
    """Train the model and write it."""
    examples = read_examples()
    content = train(examples).to_bytes()
    MODEL_FILE.write_bytes(content)
    print(f"{MODEL_FILE.name}: {len(content) // 1000} kB from {len(examples)} texts")


if __name__ == "__main__":
    main()
