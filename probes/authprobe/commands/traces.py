"""Traces of a run, sent to an OpenTelemetry collector (`authprobe run --traces`)."""

import importlib.util
import logging
from typing import Final

from authprobe.commands.printing import print_error
from authprobe.engine.step_times import TimedReporter
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.run.model import Run
from authprobe.settings import trace_endpoint

BATCH_SIZE: Final = 512
"""Spans of one request, as the SDK's own processor sends."""
REMEDY: Final = "leave --traces out"


def check_traces() -> None:
    """Check that traces can be made, and that the user has named a collector.

    Raises:
        SettingsError: they cannot.
    """
    if not trace_endpoint():
        raise SettingsError(
            "--traces: no collector; set OTEL_EXPORTER_OTLP_ENDPOINT to its URL, such as "
            f"http://localhost:4318, or {REMEDY}"
        )
    if importlib.util.find_spec("opentelemetry") is None or not _has_exporter():
        raise SettingsError(
            f"--traces needs the extra `otel`: pip install 'authprobe[otel]'; or {REMEDY}"
        )


def _has_exporter() -> bool:
    try:
        return bool(importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False


def send_traces(run: Run, times: TimedReporter, guard: ArtifactGuard) -> ExitCode | None:
    """Send the traces of a run; return the exit code if they contain a credential.

    A collector that does not answer does not change the result of a run.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    from authprobe.report.telemetry.traces import run_spans

    # Its loggers would print on stderr what is said here in one line.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    spans = run_spans(run, times.begun, times.dropped)
    try:
        guard.check("the trace", "\n".join(span.to_json() for span in spans))
    except SecretFoundError as error:
        print_error(str(error))
        return ExitCode.SECRET_FOUND
    exporter = OTLPSpanExporter()
    try:
        for first in range(0, len(spans), BATCH_SIZE):
            if exporter.export(spans[first : first + BATCH_SIZE]) is not SpanExportResult.SUCCESS:
                print_error("the trace could not be sent to OTEL_EXPORTER_OTLP_ENDPOINT")
                return None
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    print_error(f"trace: {len(spans):,} spans sent")
    return None
