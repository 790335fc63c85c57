"""The API's own SDKs, for Python and for Node, each driven by a small program as a user's."""

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes.clients.agent_sdk import DRIVERS
from probes.clients.base import Bench, find_program
from probes.clients.claude_code import ended_early
from probes.clients.observing import Report, observe, verified_version, without_request_id
from probes.clients.process import Ended
from probes.observation import Observation
from probes.scenario.model import ClientKind

PRODUCTS: Final = ("Anthropic/Python", "Anthropic/JS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the driver printed."""

    report: Report
    detail: str | None = None
    """What else an exception told: whether it has the request id, and its cause."""


def probe(bench: Bench) -> Observation:
    """Run the driver to its end, and read the one JSON object that it prints."""
    installed = bench.installed(bench.case.client)
    argv: list[str | Path]
    if installed.kind is ClientKind.ANTHROPIC_PYTHON:
        environment = bench.environment({})
        argv = [installed.program, "-I", DRIVERS / "anthropic_sdk.py"]
    else:
        node = find_program("node")
        environment = bench.environment({"node": node})
        argv = [node, DRIVERS / "anthropic_sdk.mjs", installed.folder]
    began = time.monotonic()
    finished = bench.laboratory.children.run(
        argv, env=environment, cwd=bench.work_folder(), limit=bench.case.limit
    )
    version = verified_version(bench.exchanges, PRODUCTS, installed.version)
    told = read_report(finished.stdout)
    if finished.ended is Ended.LIMIT or told is None:
        return ended_early(bench, finished, began=began, version=version)
    seen = observe(bench, told.report, began=began, exit_code=finished.exit_code, version=version)
    notes = [bench.redactor(note)[:500] for note in (told.detail, seen.detail) if note]
    return dataclasses.replace(seen, detail="; ".join(notes) or None)


def read_report(stdout: str) -> Told | None:
    """What the SDK gave its user; None: the driver did not come to its end.

    An exception is told by its class and its text, as a traceback ends.
    """
    lines = stdout.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not {"answer", "error"} <= told.keys():
        return None
    raised = told["error"]
    if raised is None:
        return Told(report=Report(is_error=False, message=str(told["answer"])))
    if not isinstance(raised, dict):
        return None
    status = raised.get("status")
    text = without_request_id(str(raised.get("message") or ""))
    report = Report(
        is_error=True,
        message=f"{raised.get('type')}: {text}",
        status=status if type(status) is int else None,
    )
    has_id = "with" if raised.get("request_id") else "without"
    cause = f"; caused by {raised['cause']}" if raised.get("cause") else ""
    return Told(report=report, detail=f"raised {has_id} the request id{cause}")
