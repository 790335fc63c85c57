"""Benchmark of installations, as Markdown: uv against pip, and clients that share files.

    python bench/installation.py [--rounds N] [--library]

`--library` leaves out the Agent SDK and `claude`, downloads of 170 MB each. All caches are private
and removed; the package registry must be within reach.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

from authprobe.clients.installation import storage
from authprobe.clients.installation.cache import Cache
from authprobe.clients.installation.installers import Installers
from authprobe.clients.process.children import Children
from authprobe.core.byte_sizes import format_size
from authprobe.core.isolation import Isolation
from authprobe.scenario.clients import parse_client

LIBRARY: Final = "anthropic-python@0.60.0"
LARGE: Final = "agent-sdk-python@0.2.189"
SHARING: Final = ("claude-code@2.1.332", LARGE)
"""Two clients with the same program."""
LIMIT_RATIO: Final = 1.0
"""uv may not take longer than pip."""


class PipOnly(Installers):
    """Installers that have no uv."""

    def _prepare_uv(self) -> None:
        return None


def seconds(installers: Installers, name: str) -> float:
    """Return the time that the installation of a client takes."""
    client = parse_client(name)
    package = client.spec.package
    if package is None:
        raise SystemExit(f"{name} is not installed from a registry")
    with tempfile.TemporaryDirectory(prefix="bench-installation-") as parent:
        folder = Path(parent, "client")
        folder.mkdir()
        start = time.perf_counter()
        installers.install(package, client.version, folder)
        return time.perf_counter() - start


def uv_rows(names: tuple[str, ...], rounds: int) -> Iterator[str]:
    """Yield a row for each client: uv, pip, and the median of their ratios."""
    yield "| | uv | pip | ratio | limit |"
    yield "| --- | --- | --- | --- | --- |"
    with tempfile.TemporaryDirectory(prefix="bench-installation-") as tools, Children() as children:
        uv, pip = Installers(Path(tools), children), PipOnly(Path(tools), children)
        start = time.perf_counter()
        if uv._prepare_uv() is None:
            raise SystemExit("uv cannot be set up here; is the package registry within reach?")
        print(f"  uv was set up in {time.perf_counter() - start:.1f} s", file=sys.stderr)
        for name in names:
            pairs = []
            for number in range(rounds):
                order = (uv, pip) if number % 2 == 0 else (pip, uv)
                times = {each: seconds(each, name) for each in order}
                pairs.append((times[uv], times[pip]))
                print(f"  {name}: {times[uv]:.2f} s, {times[pip]:.2f} s", file=sys.stderr)
            ratios = [ours / reference for ours, reference in pairs]
            ours, reference = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(ratios)
            mark = ", **exceeded**" if ratio > LIMIT_RATIO else ""
            yield (
                f"| {name} | {ours:.2f} s | {reference:.2f} s "
                f"| {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {LIMIT_RATIO:g}{mark} |"
            )


def sharing_line() -> str:
    """Return what clients with equal files take, together and one by one."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-installation-") as folder,
        Children(isolation=Isolation.SEALED) as children,
        Cache(Path(folder), children) as cache,
    ):
        for name in SHARING:
            client = parse_client(name)
            cache.prepare(client, lambda step: print(f"  {step}", file=sys.stderr))
            cache.get(client)
        entries = storage.entries(cache.folder)
        together = format_size(storage.used_bytes(entries))
        alone = format_size(sum(entry.size_bytes for entry in entries))
    return f"{' and '.join(SHARING)} take {together}, and {alone} if nothing is shared."


def main() -> None:
    """Print the table, and the sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--library", action="store_true")
    options = parser.parse_args()
    names = (LIBRARY,) if options.library else (LIBRARY, LARGE)
    print(*uv_rows(names, options.rounds), sep="\n")
    if not options.library:
        print("", sharing_line(), sep="\n")


if __name__ == "__main__":
    main()
