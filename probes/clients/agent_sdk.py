"""The Agent SDKs, for Python and for Node, each driven by a small program as a user would write."""

import json
import time
from pathlib import Path
from typing import Final

from probes.clients.base import Bench, find_program
from probes.clients.claude_code import ended_early
from probes.clients.observing import Report, observe, verified_version
from probes.clients.process import Ended
from probes.observation import Observation
from probes.scenario.model import ClientKind

DRIVERS: Final = Path(__file__).parent / "drivers"
PRODUCTS: Final = ("agent-sdk",)


def probe(bench: Bench) -> Observation:
    """Run the driver to its end, and read the one JSON object that it prints."""
    installed = bench.installed(bench.case.client)
    argv: list[str | Path]
    if installed.kind is ClientKind.AGENT_SDK_PYTHON:
        environment = bench.environment({})
        argv = [installed.program, "-I", DRIVERS / "agent_sdk.py"]
    else:
        node = find_program("node")
        environment = bench.environment({"node": node})
        argv = [node, DRIVERS / "agent_sdk.mjs", installed.program]
    began = time.monotonic()
    finished = bench.laboratory.children.run(
        argv, env=environment, cwd=bench.work_folder(), limit=bench.case.limit
    )
    version = verified_version(bench.exchanges, PRODUCTS, installed.version)
    told = read_report(finished.stdout)
    if finished.ended is Ended.LIMIT or told is None:
        return ended_early(bench, finished, began=began, version=version)
    return observe(bench, told, began=began, exit_code=finished.exit_code, version=version)


def read_report(stdout: str) -> Report | None:
    """What the SDK gave its user; None: the driver did not come to its end.

    Both SDKs yield a failed result and then raise; what is raised counts where nothing was yielded.
    """
    lines = stdout.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or "error" not in told:
        return None
    result, raised = told.get("result") or {}, told["error"] or {}
    if not isinstance(result, dict) or not isinstance(raised, dict):
        return None
    status = result.get("api_error_status")
    message = result.get("result") or raised.get("message")
    return Report(
        is_error=bool(raised) or bool(result.get("is_error", not result)),
        message=str(message) if message else None,
        status=status if type(status) is int else None,
    )
