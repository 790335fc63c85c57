"""Versions of installed packages, as their metadata states them."""

import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from authprobe.clients.installation.storage import VERSION
from authprobe.core import safe_files
from authprobe.core.client_kinds import Package, Registry, split_requirement

MAX_PACKAGE_JSON_BYTES: Final = 1_000_000


def installed_version(package: Package, name: str, folder: Path) -> str | None:
    """Return the version of a package, or one beside it, in the folder of a client; None: none."""
    try:
        version = (
            str(read_package_json(folder / "node_modules" / name)["version"])
            if package.registry is Registry.NPM
            else _python_version(folder.glob("lib/python*/site-packages"), name.partition("[")[0])
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return version if VERSION.fullmatch(version) else None


def companion_versions(package: Package, folder: Path) -> Mapping[str, str]:
    """Return the installed versions of the packages beside a client, by name."""
    names = sorted(split_requirement(companion)[0] for companion in package.companions)
    versions = {name: installed_version(package, name, folder) for name in names}
    return {name: version for name, version in versions.items() if version}


def read_package_json(package: Path) -> Any:
    """Return the content of the package.json of an npm package.

    Raises:
        OSError, ValueError, RecursionError: it cannot be read, or is not JSON.
    """
    return json.loads(safe_files.read_bounded(package / "package.json", MAX_PACKAGE_JSON_BYTES))


def _python_version(folders: Iterable[Path], name: str) -> str:
    path = [str(folder) for folder in folders]
    (distribution, *_) = importlib.metadata.distributions(name=name, path=path)
    return distribution.version
