"""The way to the hosts of the service; only tests give another one than the usual."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Directions:
    """Other addresses for hosts, and an authority for their certificates.

    The names in SNI, Host and certificates stay the real ones.
    """

    addresses: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Host and port by which a host and its port are reached instead."""
    authority: Path | None = None
    """Certificate of a further authority, in PEM."""


DIRECT: Final = Directions()
"""By names and ports as they are."""
