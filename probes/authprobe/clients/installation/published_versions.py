"""Published client versions, cached from the package registry for 24 h."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from authprobe.clients.installation import storage
from authprobe.clients.installation.installers import Installers
from authprobe.clients.installation.version_files import (
    LATEST_FILE,
    VERSIONS_FILE,
    read_versions,
)
from authprobe.core import safe_files
from authprobe.core.client_kinds import Package
from authprobe.errors import ClientError
from authprobe.settings import PUBLISHED_VERSIONS_TTL


class PublishedVersions:
    """Published versions from a 24 h cache, stale ones when the registry is unavailable."""

    def __init__(self, cache: Path, installers: Installers) -> None:
        self._cache = cache
        self._installers = installers

    def latest(self, package: Package) -> str:
        """Return the registry's latest version.

        Raises:
            ClientError: the registry is unavailable, and no answer is cached.
        """
        (version,) = self._lookup(
            self._cache / package.folder / LATEST_FILE,
            lambda: (self._installers.latest(package),),
            single=True,
        )
        return version

    def versions(self, package: Package, having: Iterable[str] = ()) -> tuple[str, ...]:
        """Return all published versions; refetch them if a version in `having` is missing.

        Raises:
            ClientError: the registry is unavailable, and no answer is cached.
        """
        file = self._cache / package.folder / VERSIONS_FILE
        return self._lookup(file, lambda: self._installers.versions(package), having, single=False)

    def current(self, package: Package) -> tuple[str, ...]:
        """Return all versions that the registry publishes now, whatever is cached; cache them.

        Raises:
            ClientError: the registry is unavailable.
        """
        versions = self._installers.versions(package)
        self._store(self._cache / package.folder / VERSIONS_FILE, {"versions": versions})
        return versions

    def _lookup(
        self,
        file: Path,
        fetch: Callable[[], tuple[str, ...]],
        having: Iterable[str] = (),
        *,
        single: bool,
    ) -> tuple[str, ...]:
        entry = read_versions(file, single=single)
        age = time.time() - entry[1] if entry else 0.0  # below 0: a clock was wrong
        is_fresh = 0 <= age < PUBLISHED_VERSIONS_TTL.total_seconds()
        if entry and is_fresh and set(having) <= set(entry[0]):
            return entry[0]
        try:
            versions = fetch()
        except ClientError:
            if entry:
                return entry[0]
            raise
        self._store(file, {"version": versions[0]} if single else {"versions": versions})
        return versions

    def _store(self, file: Path, fields: Mapping[str, object]) -> None:
        with contextlib.suppress(OSError):  # without a cache entry the next lookup refetches
            storage.make_folder(self._cache, file.parent.name)
            safe_files.write_atomically(file.resolve(), json.dumps({**fields, "at": time.time()}))
