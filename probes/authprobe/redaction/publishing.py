"""Publishing of artifacts: files are written only if they contain no credential."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.safe_files import write_atomically
from authprobe.redaction.canary import Canary
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import SecretMatch, scan_text

MAX_PLACES_SHOWN: Final = 3
"""Places of credentials that a message names for one artifact."""


class SecretFoundError(Exception):
    """Credentials in artifacts, which were not written: their names and places, not their values.

    The message has a line for each artifact.
    """


@dataclass(slots=True)
class ArtifactGuard:
    """Check of every artifact of a run; its redactor knows the credentials of all cases."""

    redactor: Redactor = field(default_factory=Redactor)
    canary: Canary = field(init=False)

    def __post_init__(self) -> None:
        self.canary = Canary(self.redactor)

    def publish(self, folder: Path, texts: Mapping[str, str]) -> None:
        """Write each text that contains no credential to its file in `folder`, atomically.

        Raises:
            SecretFoundError: some texts contain a credential, and only the others are written; or
                the scanner misses the canary, and none is.
        """
        problems = self._canary_problems()
        may_write = not problems
        for name, text in texts.items():
            if matches := scan_text(text, self.redactor):
                problems.append(_withheld_message(name, matches))
            elif may_write:
                write_atomically(folder / name, text)
        if problems:
            raise SecretFoundError("\n".join(problems))

    def check(self, name: str, text: str) -> None:
        """Check a text that is printed, not written to a file.

        Raises:
            SecretFoundError: it contains a credential, or the scanner misses the canary.
        """
        problems = self._canary_problems()
        if matches := scan_text(text, self.redactor):
            problems.append(_withheld_message(name, matches))
        if problems:
            raise SecretFoundError("\n".join(problems))

    def _canary_problems(self) -> list[str]:
        return [f"nothing was written: {problem}" for problem in self.canary.problems()]


def _withheld_message(name: str, matches: Sequence[SecretMatch]) -> str:
    count = len(matches) - MAX_PLACES_SHOWN
    more = f" and {count:,} more" if count > 0 else ""
    places = "; ".join(map(str, matches[:MAX_PLACES_SHOWN]))
    return f"{name} was not written: it contains {places}{more}"
