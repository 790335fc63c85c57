"""Finished artifacts: looked through for credentials, then put in place under their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.atomic_write import write
from authprobe.redaction.canary import Canary
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import SecretMatch, scan_text

TOLD: Final = 3
"""Places in one artifact that are told."""


class SecretFoundError(Exception):
    """Artifacts that held a credential and were not written: names and places, never values."""


@dataclass(slots=True)
class Guard:
    """What every artifact of a run has to pass; it knows the credentials of all cases."""

    redactor: Redactor = field(default_factory=Redactor)
    canary: Canary = field(init=False)

    def __post_init__(self) -> None:
        self.canary = Canary(self.redactor)

    def publish(self, folder: Path, texts: Mapping[str, str]) -> None:
        """Write these files, each under a temporary name first; none that holds a credential.

        Raises:
            SecretFoundError: some were held back, and the others are written; or none is, as the
                guard does not see the canary.
        """
        problems = self._blindness()
        blind = bool(problems)
        for name, text in texts.items():
            if found := scan_text(text, self.redactor):
                problems.append(_withheld(name, found))
            elif not blind:
                write(folder / name, text)
        if problems:
            raise SecretFoundError("\n".join(problems))

    def check(self, name: str, text: str) -> None:
        """Let a text pass that is shown and kept in no file.

        Raises:
            SecretFoundError: it holds a credential, or the guard does not see the canary.
        """
        problems = self._blindness()
        if found := scan_text(text, self.redactor):
            problems.append(_withheld(name, found))
        if problems:
            raise SecretFoundError("\n".join(problems))

    def _blindness(self) -> list[str]:
        return [f"nothing was written: {complaint}" for complaint in self.canary.complaints()]


def _withheld(name: str, found: Sequence[SecretMatch]) -> str:
    """Why an artifact is not there, in one line."""
    more = f" and {len(found) - TOLD:,} more" if len(found) > TOLD else ""
    return f"{name} was not written: it holds {'; '.join(map(str, found[:TOLD]))}{more}"
