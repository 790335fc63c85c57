"""Made-up Python packages in a folder, from which pip installs with PIP_FIND_LINKS."""

import tarfile
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    files: Mapping[str, str] | None = None,
    program: str | None = None,
    metadata: str = "",
) -> None:
    """Write a wheel; `program` is an entry point such as `bot = bot:main`."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in (files or {f"{module}.py": ""}).items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/METADATA", head + metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        if program:
            archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{program}\n")
        archive.writestr(f"{info}/RECORD", "")


def write_source(folder: Path, name: str, version: str) -> None:
    """Write a source distribution, the build of which fails."""
    stem = f"{name}-{version}"
    with tarfile.open(folder / f"{stem}.tar.gz", "w:gz") as archive:
        for path, text in (("setup.py", "raise SystemExit(1)\n"), ("PKG-INFO", f"Name: {name}\n")):
            entry = tarfile.TarInfo(f"{stem}/{path}")
            entry.size = len(text)
            archive.addfile(entry, BytesIO(text.encode()))
