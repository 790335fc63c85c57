"""The kinds of result that make a run fail, as `--fail-on` names them."""

import enum
from typing import Final


class Gate(enum.StrEnum):
    """Kind of result that makes a run fail, if it is chosen."""

    FAILED = "failed"
    """A case differs from its expectation, or a known failure is out of date."""
    REGRESSED = "regressed"
    """A case fails that passed in the baseline, or fails unlike its known failure."""
    CHANGED = "changed"
    """A case differs from the baseline, for better or worse."""
    ABSENT = "absent"
    """A case of the baseline no longer exists."""
    FINDINGS = "findings"
    """A client misbehaves in a way that the scenario does not expect."""
    UNTESTABLE = "untestable"
    """A case could not be tested here."""
    FLAKY = "flaky"
    """A case failed, and passed when it was probed again."""


NEVER: Final = "never"
"""Word for none of them."""


def parse_gates(text: str) -> tuple[Gate, ...]:
    """Return the gates of a list such as `failed,changed`, in the order of the enumeration.

    Raises:
        ValueError: a word is not a gate; the message has the remedy.
    """
    # Imported here: the command line reads this module at its start.
    from authprobe.core.suggestions import did_you_mean

    words = [word.strip() for word in text.split(",")]
    allowed = (*Gate, NEVER)
    for word in words:
        if word not in allowed:
            remedy = did_you_mean(word, allowed, otherwise=f"use {', '.join(allowed)}")
            raise ValueError(f"'{word}' is not a reason to fail{remedy}")
    if NEVER in words and len(set(words)) > 1:
        raise ValueError(f"'{NEVER}' excludes the other words; give it alone")
    return tuple(gate for gate in Gate if gate in words)
