"""The scripted answers of the model that are still to be given."""

from collections.abc import Iterator

from authprobe.emulator.config import ModelAnswer
from authprobe.emulator.model.answer import fits
from authprobe.emulator.model.conversation import Conversation


class Script:
    """The scripted answers of one backend, each with the number of times it is still given."""

    def __init__(self, answers: tuple[ModelAnswer, ...] = ()) -> None:
        self._pending = [(answer, answer.times) for answer in answers]

    def __iter__(self) -> Iterator[ModelAnswer]:
        return iter([answer for answer, _ in self._pending])

    def add(self, *answers: ModelAnswer) -> None:
        """Add answers at the end."""
        self._pending += [(answer, answer.times) for answer in answers]

    def clear(self) -> None:
        """Drop all answers."""
        self._pending = []

    def take(self, conversation: Conversation) -> ModelAnswer | None:
        """Return the first answer that fits, which counts as given; None: there is none."""
        for index, (answer, times) in enumerate(self._pending):
            if fits(conversation, answer):
                if times == 1:
                    del self._pending[index]
                else:
                    self._pending[index] = (answer, times - 1)
                return answer
        return None
