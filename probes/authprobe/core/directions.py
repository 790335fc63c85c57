"""Directions: where the hosts of the service are reached instead, in tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Directions:
    """The way to the hosts of the service; no option and no variable sets it.

    The names in SNI, `Host` and certificates stay the real ones.
    """

    addresses: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Host and port that are connected to instead of those of a name."""
    authority: Path | None = None
    """PEM file of a further certificate authority to trust."""

    def address(self, host: str, port: int) -> tuple[str, int]:
        """Return the host and port to connect to."""
        return self.addresses.get((host, port), (host, port))


DIRECT: Final = Directions()
"""The way of everybody: names are resolved, and the usual authorities are trusted."""
