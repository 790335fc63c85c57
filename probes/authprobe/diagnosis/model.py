"""The trained model: a linear classifier of causes over the features of a text.

`bench/training.py` makes `model.bin` by one logistic regression for each cause (`make model`). Each
cause has a weight for each feature, so that an answer can be traced to the lines of the text.
"""

import functools
import json
import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from authprobe.diagnosis.features import PAIRS, PARTS, WORDS, TextFeature

MODEL_FILE: Final = Path(__file__).with_name("model.bin")
SHARED: Final = (WORDS, PAIRS, PARTS)
"""Groups whose features share a weight of 1, so that a long text does not outweigh its facts."""
MAX_WEIGHT: Final = 127


class Trust(NamedTuple):
    """Factors by which the parts of a decision are added up."""

    model: float
    """For the logarithm of the model's probability."""
    score: float
    """For the score of a cause's signs, from 0 to 1."""
    decisive: float
    """For a decisive sign."""
    first: float
    """For the cause that the signs alone name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Weights of features, and what else a decision needs that is not written by hand."""

    training: str
    """SHA-256 of what the model was made from."""
    causes: tuple[str, ...]
    names: Mapping[str, int]
    """Features by name, with the numbers of their rows in `weights`."""
    weights: bytes
    """A signed byte for each feature and cause, feature by feature."""
    step: float
    """Weight that 1 in `weights` stands for."""
    bias: tuple[float, ...]
    trust: Trust
    calibration: tuple[tuple[float, float], ...]
    """Probabilities, rising, each with the share of such answers that are right."""
    certain: float
    """Confidence from which an answer is certain."""
    likely: float

    def confidence(self, probability: float) -> float:
        """Return the share of answers with this probability that are right."""
        for (low, least), (high, most) in pairwise(self.calibration):
            if probability <= high:
                return least + (most - least) * (probability - low) / (high - low)
        return self.calibration[-1][1]

    def log_probabilities(self, found: Mapping[str, TextFeature]) -> dict[str, float]:
        """Return the logarithm of each cause's probability."""
        sums = list(self.bias)
        for name, value in feature_values(found, self.names).items():
            factor = value * self.step
            for index, weight in enumerate(self._row(name)):
                if weight:
                    sums[index] += weight * factor
        most = max(sums)
        total = most + math.log(sum(math.exp(each - most) for each in sums))
        return {cause: each - total for cause, each in zip(self.causes, sums, strict=True)}

    def line_weights(self, found: Mapping[str, TextFeature], cause: str) -> dict[int, float]:
        """Return how much each line speaks for a cause, compared with the average of all."""
        lines: defaultdict[int, float] = defaultdict(float)
        if cause not in self.causes:
            return lines
        index = self.causes.index(cause)
        for name, value in feature_values(found, self.names).items():
            if line := found[name].line:
                row = self._row(name)
                lines[line] += (row[index] - sum(row) / len(row)) * self.step * value
        return lines

    def _row(self, name: str) -> Sequence[int]:
        width = len(self.causes)
        start = self.names[name] * width
        return memoryview(self.weights)[start : start + width].cast("b")

    def to_bytes(self) -> bytes:
        """Return the content of a model file."""
        header = {
            "training": self.training,
            "causes": self.causes,
            "features": list(self.names),
            "step": self.step,
            "bias": self.bias,
            "trust": self.trust,
            "calibration": self.calibration,
            "certain": self.certain,
            "likely": self.likely,
        }
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
        return zlib.compress(text.encode() + b"\n" + self.weights, 9)


def feature_values(found: Mapping[str, TextFeature], names: Mapping[str, int]) -> dict[str, float]:
    """Return the values of the features that a model knows, also for its training."""
    known = [name for name in found if name in names]
    counts = Counter(name[:2] for name in known)
    return {
        name: counts[name[:2]] ** -0.5 if name[:2] in SHARED else found[name].value
        for name in known
    }


def model_from_bytes(content: bytes) -> Model:
    """Return the model in the content of a model file."""
    text, _, weights = zlib.decompress(content).partition(b"\n")
    header: dict[str, Any] = json.loads(text)
    return Model(
        training=header["training"],
        causes=tuple(header["causes"]),
        names={name: number for number, name in enumerate(header["features"])},
        weights=weights,
        step=header["step"],
        bias=tuple(header["bias"]),
        trust=Trust(*header["trust"]),
        calibration=tuple((low, high) for low, high in header["calibration"]),
        certain=header["certain"],
        likely=header["likely"],
    )


@functools.cache
def model() -> Model:
    """Return the bundled model."""
    return model_from_bytes(MODEL_FILE.read_bytes())
