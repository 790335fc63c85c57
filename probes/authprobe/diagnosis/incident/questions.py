"""Questions that decide between causes, bundled as `questions.yaml`."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Final

from authprobe.diagnosis.causes import Cause, Text, Texts, causes
from authprobe.documents.bundled import read_bundled
from authprobe.documents.constraints import STRICT, Length

QUESTIONS_FILE: Final = Path(__file__).with_name("questions.yaml")
GROUP_SUFFIX: Final = "/*"
FACTORS: Final = {"supports": 3.0, "weakens": 1 / 3, "excludes": 1 / 30}
"""Change of the odds of a cause by each kind of effect."""
EXPERIMENT: Final = "experiment:"
"""Start of the id of a question that is a cause's experiment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswer:
    """A possible answer to a question, and what it does to causes."""

    __pydantic_config__: ClassVar = STRICT

    id: Text
    says: Text
    """The answer in words, as a statement."""
    supports: Texts = ()
    weakens: Texts = ()
    excludes: Texts = ()
    factors: Mapping[str, float] = field(init=False, default_factory=dict)
    """Change of the odds of each cause that it concerns, by cause id."""

    def __post_init__(self) -> None:
        """Resolve `factors`; the effect on a cause goes before that on its group."""
        factors: dict[str, float] = {}
        for is_group in (True, False):
            for effect, factor in FACTORS.items():
                for name in getattr(self, effect):
                    if name.endswith(GROUP_SUFFIX) is is_group:
                        factors |= dict.fromkeys(_members(name), factor)
        object.__setattr__(self, "factors", factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingQuestion:
    """A question about one fact, whose answers separate causes."""

    __pydantic_config__: ClassVar = STRICT

    id: Text
    asks: Text
    commands: Texts = ()
    """Commands that show the answer."""
    answers: Annotated[tuple[QuestionAnswer, ...], Length(2)]

    def answer(self, answer_id: str) -> QuestionAnswer:
        """Return the answer with this id."""
        return next(each for each in self.answers if each.id == answer_id)

    @property
    def is_yes_or_no(self) -> bool:
        """True if the answers are yes and no."""
        return tuple(each.id for each in self.answers) == ("yes", "no")


def _members(name: str) -> tuple[str, ...]:
    """Return the causes that a name in an answer stands for."""
    if not name.endswith(GROUP_SUFFIX):
        return (name,)
    group = name.removesuffix(GROUP_SUFFIX)
    return tuple(cause.id for cause in causes().values() if cause.group == group)


@functools.cache
def questions() -> Mapping[str, DecidingQuestion]:
    """Return the bundled questions by id."""
    bundled = read_bundled(QUESTIONS_FILE, tuple[DecidingQuestion, ...])
    return {question.id: question for question in bundled}


def experiment_question(cause: Cause) -> DecidingQuestion | None:
    """Return the experiment of a cause as a question, or None if it has none."""
    if cause.experiment is None:
        return None
    text = cause.experiment.text
    yes = QuestionAnswer(id="yes", says=text, supports=(cause.id,))
    no = QuestionAnswer(id="no", says=f"not so: {text}", excludes=(cause.id,))
    return DecidingQuestion(
        id=EXPERIMENT + cause.id,
        asks=f"If you try it, is this what happens? {text}",
        answers=(yes, no),
    )
