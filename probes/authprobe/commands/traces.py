"""Traces of a run, sent to an OpenTelemetry collector (`authprobe run --traces`)."""

import contextlib
import importlib.util
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from authprobe.commands.printing import print_error
from authprobe.core.escaping import one_line
from authprobe.engine.step_times import TimedReporter
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.run.model import Run
from authprobe.settings import trace_endpoint, trace_timeout

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from requests import Response

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

    A collector that does not answer does not change the result of a run, nor do values of the
    variables OTEL_* that OpenTelemetry does not accept.
    """
    # Its loggers would print on stderr, some while it is imported, what is said here in one line.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    try:
        timeout_seconds = trace_timeout()
        from authprobe.report.telemetry.traces import run_spans

        spans = run_spans(run, times.begun, times.dropped)
    except ValueError as error:
        print_error(f"the trace could not be made: {one_line(guard.redactor(str(error)), 300)}")
        return None
    try:
        guard.check("the trace", "\n".join(span.to_json() for span in spans))
    except SecretFoundError as error:
        print_error(str(error))
        return ExitCode.SECRET_FOUND
    # A collector may answer one byte at a time; no timeout of a socket ends that.
    sent = threading.Event()
    thread = threading.Thread(target=_export, args=(spans, sent), daemon=True)
    thread.start()
    thread.join(timeout_seconds)
    if sent.is_set():
        print_error(f"trace: {len(spans):,} spans sent")
    elif thread.is_alive():
        print_error(
            f"the trace could not be sent in {timeout_seconds:g} s (OTEL_EXPORTER_OTLP_TIMEOUT)"
        )
    else:
        print_error("the trace could not be sent to OTEL_EXPORTER_OTLP_ENDPOINT")
    return None


def _export(spans: Sequence["ReadableSpan"], sent: threading.Event) -> None:
    """Send the spans, and set `sent` if the collector has taken all of them."""
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    session = requests.Session()
    session.stream = True  # the body of an answer says nothing that is used, and may be endless
    session.hooks["response"].append(_close)
    # Whatever a collector or a variable OTEL_* makes it raise may hold the user's credential.
    with contextlib.suppress(Exception):
        exporter = OTLPSpanExporter(session=session)
        for first in range(0, len(spans), BATCH_SIZE):
            batch = spans[first : first + BATCH_SIZE]
            if exporter.export(batch) is not SpanExportResult.SUCCESS:
                return
        sent.set()


def _close(response: "Response", **_options: object) -> None:
    """Leave the body of an answer unread, and refuse a redirect, which the exporter takes for sent.

    Raises:
        requests.TooManyRedirects: the answer is a redirect.
    """
    import requests

    response.close()
    if 300 <= response.status_code < 400:
        raise requests.TooManyRedirects(response=response)
