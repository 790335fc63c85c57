"""Drivers: small user programs that call an SDK and print one JSON object as their last line."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authprobe.clients.base import DRIVERS, Sandbox, find_program
from authprobe.clients.observe import verified_version
from authprobe.clients.process.child import CompletedChild
from authprobe.core.client_kinds import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverRun:
    """Result of a driver that exited or timed out."""

    result: CompletedChild
    began: float
    version: str


def run_driver(sandbox: Sandbox, name: str, library: Path) -> DriverRun:
    """Run the driver `name` in the library's Python, or in Node.js with the library's path.

    Raises:
        ClientError: Node.js is missing, or another version than the installed one ran.
    """
    installed = sandbox.installed_client(sandbox.case.client)
    argv: list[str | Path]
    if installed.package and installed.package.registry is Registry.PYPI:
        environment = sandbox.environment({})
        argv = [installed.program, "-I", DRIVERS / f"{name}.py"]
    else:
        node = find_program("node")
        environment = sandbox.environment({"node": node})
        argv = [node, DRIVERS / f"{name}.mjs", library]
    began = time.monotonic()
    result = sandbox.run(
        argv, env=environment, cwd=sandbox.make_work_folder(), limit=sandbox.case.limit
    )
    version = verified_version(
        sandbox.exchanges, sandbox.case.client.spec.products, installed.version
    )
    return DriverRun(result=result, began=began, version=version)


def read_last_object(stdout: str) -> dict[str, Any] | None:
    """Return the JSON object in the last line, or None if the driver did not complete."""
    lines = stdout.strip().splitlines()
    try:
        document = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
