"""Small programs that use a library as its users would, and print one JSON object at their end."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authprobe.clients.base import Sandbox, find_program
from authprobe.clients.installation.packages import PACKAGES, Registry
from authprobe.clients.observe import verified_version
from authprobe.clients.process.child import CompletedChild

DRIVERS: Final = Path(__file__).parent / "drivers"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverRun:
    """A driver that has come to its end, or to the limit of its case."""

    finished: CompletedChild
    began: float
    version: str


def run_driver(sandbox: Sandbox, name: str, library: Path, products: tuple[str, ...]) -> DriverRun:
    """Run the driver of this name: by the Python that has the library, or by Node, which is told
    where the library is.

    Raises:
        ClientError: there is no Node, or something else ran than what was installed.
    """
    installed = sandbox.installed_client(sandbox.case.client)
    argv: list[str | Path]
    if PACKAGES[installed.kind].registry is Registry.PYPI:
        environment = sandbox.environment({})
        argv = [installed.program, "-I", DRIVERS / f"{name}.py"]
    else:
        node = find_program("node")
        environment = sandbox.environment({"node": node})
        argv = [node, DRIVERS / f"{name}.mjs", library]
    began = time.monotonic()
    finished = sandbox.run(
        argv, env=environment, cwd=sandbox.make_work_folder(), limit=sandbox.case.limit
    )
    version = verified_version(sandbox.exchanges, products, installed.version)
    return DriverRun(finished=finished, began=began, version=version)


def read_last_object(stdout: str) -> dict[str, Any] | None:
    """The JSON object in the last line; None: the driver did not come to its end."""
    lines = stdout.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
