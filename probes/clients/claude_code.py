"""The `claude` command at one npm version, asked one question: `claude -p ping`."""

import json
import time
from typing import Any, Final

from probes.clients.base import Bench, find_program
from probes.clients.observing import Report, cut_short, last_words, observe, verified_version
from probes.clients.process import Ended, Finished
from probes.observation import Observation, Outcome

PRODUCTS: Final = ("claude-cli", "claude-code")


def probe(bench: Bench) -> Observation:
    """Run the command to its end, and read the one JSON object that it prints."""
    installed = bench.installed(bench.case.client)
    environment = bench.environment({"node": find_program("node")})
    began = time.monotonic()
    finished = bench.laboratory.children.run(
        [installed.program, "-p", "ping", "--output-format", "json"],
        env=environment,
        cwd=bench.work_folder(),
        limit=bench.case.limit,
    )
    version = verified_version(bench.exchanges, PRODUCTS, installed.version)
    told = read_report(finished.stdout)
    if finished.ended is Ended.LIMIT or told is None:
        return ended_early(bench, finished, began=began, version=version)
    return observe(bench, told, began=began, exit_code=finished.exit_code, version=version)


def read_report(stdout: str) -> Report | None:
    """What the command told its user; None: not in the form that it promises.

    `subtype` says success even of a 401 (anthropics/claude-code#79500), so `is_error` decides.
    """
    for line in reversed(stdout.splitlines()):
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        # Up to 1.0 and with --verbose the object is the last of a list.
        last: Any = told[-1] if isinstance(told, list) and told else told
        if isinstance(last, dict) and "is_error" in last:
            status = last.get("api_error_status")
            result = last.get("result")
            return Report(
                is_error=bool(last["is_error"]),
                message=result if isinstance(result, str) else None,
                status=status if type(status) is int else None,
            )
    return None


def ended_early(
    bench: Bench, finished: Finished, *, began: float, version: str | None
) -> Observation:
    """The observation of a child that hit the limit, or ended without a readable report."""
    if finished.ended is Ended.LIMIT:
        asked = len(bench.exchanges)
        detail = f"still running after {bench.case.limit:g} s, in which it made {asked} requests"
        return cut_short(bench, Outcome.TIMED_OUT, detail, began=began, version=version)
    said = last_words(finished.stderr.strip() or finished.stdout)
    if finished.truncated:
        said += " (its output was too long to be kept whole)"
    return cut_short(
        bench,
        Outcome.CRASHED,
        f"ended with exit code {finished.exit_code}: {said}",
        began=began,
        exit_code=finished.exit_code,
        version=version,
    )
