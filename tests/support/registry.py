"""Fake package registry: an `npm` that installs made-up packages without a network."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.errors import InstallError
from authprobe.scenario.clients import parse_client

UNREACHABLE = "the package registry cannot be reached"
OFFLINE = "npm error code ENOTFOUND\nnpm error network request failed"

NPM = r"""#!/bin/sh
here=$(dirname "$0")
echo "$1" >> "$here/calls"
env > "$here/environment"
if [ -e "$here/before" ]; then . "$here/before"; fi
if [ -e "$here/output" ]; then cat "$here/output" >&2; exit 1; fi
if [ "$1" = view ]; then
    case "$*" in *--json) cat "$here/versions" ;; *) cat "$here/latest" ;; esac
    exit
fi
for last; do :; done
package=${last%@*} version=${last##*@} modules=$3/node_modules
if [ -e "$here/says" ]; then version=$(cat "$here/says"); fi
mkdir -p "$modules/.bin" "$modules/$package"
echo "{\"version\": \"$version\"}" > "$modules/$package/package.json"
for name in claude claude-max-api; do
    printf '#!/bin/sh\necho "%s (made up)"\n' "$version" > "$modules/.bin/$name"
    chmod 755 "$modules/.bin/$name"
done
if [ -e "$here/after" ]; then . "$here/after"; fi
"""


@dataclass(frozen=True)
class Registry:
    """Folder of the fake `npm` and `node`, to put on PATH."""

    folder: Path

    def __post_init__(self) -> None:
        for name, text in (("npm", NPM), ("node", "#!/bin/sh\n")):
            file = self.folder / name
            file.write_text(text)
            file.chmod(0o755)

    def fail(self, output: str) -> None:
        """Make all further calls print this and fail."""
        (self.folder / "output").write_text(output)

    def recover(self) -> None:
        """Make calls succeed again."""
        (self.folder / "output").unlink()

    def publish(self, latest: str) -> None:
        """Set the latest version."""
        (self.folder / "latest").write_text(f"{latest}\n")

    def publish_all(self, *versions: str) -> None:
        """Set the published versions."""
        content = versions[0] if len(versions) == 1 else versions  # as npm prints them
        (self.folder / "versions").write_text(json.dumps(content))

    def mislabel(self, version: str) -> None:
        """Make installed packages report this version."""
        (self.folder / "says").write_text(version)

    def before(self, script: str) -> None:
        """Run this script at the beginning of each call."""
        (self.folder / "before").write_text(script)

    def after(self, script: str) -> None:
        """Run this script at the end of each installation."""
        (self.folder / "after").write_text(script)

    @property
    def calls(self) -> list[str]:
        """Subcommands of all calls so far."""
        calls = self.folder / "calls"
        return calls.read_text().split() if calls.exists() else []

    @property
    def environment(self) -> str:
        """Environment of the last call, as `env` prints it."""
        return (self.folder / "environment").read_text()


def prepare(cache: Cache, name: str) -> list[str]:
    """Prepare a client by name; return the progress messages."""
    messages: list[str] = []
    cache.prepare(parse_client(name), messages.append)
    return messages


def install(cache: Cache, name: str) -> InstalledClient:
    """Prepare a client by name, and return it."""
    prepare(cache, name)
    return cache.get(parse_client(name))


def fault(cache: Cache, name: str) -> str:
    """Return the error of a client that cannot be installed."""
    with pytest.raises(InstallError) as error:
        install(cache, name)
    return str(error.value)


def content(cache: Cache, kind: str = "claude-code") -> list[str]:
    """Return the names in the folder of a kind, without locks."""
    folder = cache.folder / kind
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if not name.endswith(".lock"))
