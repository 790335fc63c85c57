"""A run as metrics in the text format of Prometheus, for the node exporter's textfile collector
(prometheus.io/docs/instrumenting/exposition_formats, github.com/prometheus/node_exporter).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.errors import ExitCode
from authprobe.run.gates import gate_result
from authprobe.run.model import Run
from authprobe.verdict.model import Status

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
MAX_LABEL_LENGTH: Final = 200


def prometheus(run: Run) -> str:
    """Return the metrics of a run, without timestamps, as the collector requires."""
    return "".join(f"{line}\n" for line in _lines(run))


def _lines(run: Run) -> Iterator[str]:
    info = {
        "version": run.tool.version,
        "mode": run.mode,
        "suite": run.selection.suite or "",
    }
    yield from _gauge("run_info", "The last run.", [(info, 1)])
    yield from _gauge(
        "run_start_timestamp_seconds",
        "Beginning of the last run, in seconds since the epoch.",
        [({}, run.started_at.timestamp())],
    )
    yield from _gauge("run_duration_seconds", "Duration of the last run.", [({}, run.elapsed)])
    yield from _gauge(
        "run_success",
        "1 if the last run had no reason to fail (exit code 0), else 0.",
        [({}, int(gate_result(run).exit_code is ExitCode.OK))],
    )
    yield from _gauge("run_exit_code", "Exit code.", [({}, gate_result(run).exit_code)])
    statuses = Counter((record.client, record.verdict.status) for record in run.cases)
    clients = sorted({record.client for record in run.cases})
    yield from _gauge(
        "cases",
        "Cases of the last run, by client and verdict.",
        [
            ({"client": client, "status": status}, statuses[client, status])
            for client in clients
            for status in Status
        ],
    )


def _gauge(
    name: str, meaning: str, samples: list[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP authprobe_{name} {meaning}"
    yield f"# TYPE authprobe_{name} gauge"
    for labels, value in samples:
        words = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        yield f"authprobe_{name}{f'{{{words}}}' if words else ''} {float(value)!r}"


def _escape(text: str) -> str:
    return one_line(text, MAX_LABEL_LENGTH).translate(_ESCAPES)
