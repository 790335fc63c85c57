"""Targets: the service that answers the requests of a case."""

import enum
from typing import Final


class Target(enum.StrEnum):
    """Service that answers the requests of a case."""

    EMULATOR = "emulator"
    """The emulated backend, on loopback."""
    LIVE = "live"
    """The real service, or the gateway of the user."""


BOTH: Final = "both"
"""Word of `--target` for the same cases to each."""
CHOICES: Final = (*Target, BOTH)


def targets_of(word: str) -> tuple[Target, ...]:
    """Return the targets that a word of `--target` stands for."""
    return tuple(Target) if word == BOTH else (Target(word),)
