"""Which versions of a client are published: the registry's answer, kept for a day."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from authprobe.clients.installation.installers import Installers
from authprobe.clients.installation.packages import PACKAGES
from authprobe.core import atomic_write
from authprobe.core.version_ranges import EXACT
from authprobe.errors import ClientError
from authprobe.scenario.model import ClientKind
from authprobe.settings import LATEST_AGE

LATEST_NOTE: Final = "latest.json"
VERSIONS_NOTE: Final = "published.json"


class Published:
    """Answers within a day are used again; older ones where the registry cannot be reached."""

    def __init__(self, cache: Path, installers: Installers) -> None:
        self._cache = cache
        self._installers = installers

    def latest(self, kind: ClientKind) -> str:
        """What the registry calls the latest version.

        Raises:
            ClientError: there is no answer, and was none before.
        """
        (version,) = self._heard(
            self._cache / kind.value / LATEST_NOTE,
            lambda: (self._installers.latest(PACKAGES[kind]),),
            single=True,
        )
        return version

    def versions(self, kind: ClientKind, having: Iterable[str] = ()) -> tuple[str, ...]:
        """Every published version; the registry is asked anew if one of these is not among them.

        Raises:
            ClientError: there is no answer, and was none before.
        """
        note = self._cache / kind.value / VERSIONS_NOTE
        return self._heard(
            note, lambda: self._installers.versions(PACKAGES[kind]), having, single=False
        )

    def _heard(
        self,
        note: Path,
        ask: Callable[[], tuple[str, ...]],
        having: Iterable[str] = (),
        *,
        single: bool,
    ) -> tuple[str, ...]:
        heard = _read(note, single=single)
        fresh = heard and time.time() - heard[1] < LATEST_AGE.total_seconds()
        if heard and fresh and set(having) <= set(heard[0]):
            return heard[0]
        try:
            versions = ask()
        except ClientError:
            if heard:
                return heard[0]
            raise
        told = {"version": versions[0]} if single else {"versions": versions}
        with contextlib.suppress(OSError):  # asked again next time
            note.parent.mkdir(parents=True, exist_ok=True)
            atomic_write.write(note, json.dumps(told | {"at": time.time()}))
        return versions


def _read(note: Path, *, single: bool) -> tuple[tuple[str, ...], float] | None:
    """The versions that were heard of, and when; None: nothing readable."""
    try:
        heard = json.loads(note.read_text(encoding="utf-8"))
        versions = (heard["version"],) if single else tuple(heard["versions"])
        at = float(heard["at"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    believed = versions and all(isinstance(x, str) and EXACT.fullmatch(x) for x in versions)
    return (versions, at) if believed else None
