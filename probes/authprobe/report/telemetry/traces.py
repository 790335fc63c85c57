"""A run as an OpenTelemetry trace: spans of the run, its installations, cases and requests.

The attributes are those of the semantic conventions (opentelemetry.io/docs/specs/semconv: test,
HTTP and error attributes), and `authprobe.*`. Every text is one of `results.json`, which is
redacted. Import this module only where traces are sent: its packages are an extra.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context

import authprobe
from authprobe.core.escaping import one_line
from authprobe.engine.step_times import StepTime
from authprobe.errors import ExitCode
from authprobe.observation.model import Exchange
from authprobe.report.model.phrases import describe_problem
from authprobe.run.gates import gate_result
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict import model

METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""Known methods; every other one is `_OTHER` in the conventions."""
MAX_TEXT_LENGTH: Final = 300
RESULT_STATUSES: Final = {model.Status.PASSED: "pass", model.Status.FAILED: "fail"}
"""Values of `test.case.result.status`, which has no others."""
Attributes = Mapping[str, str | int | float | bool | Sequence[str]]


def run_spans(
    run: Run, begun: Mapping[str, float], installs: Sequence[StepTime]
) -> tuple[ReadableSpan, ...]:
    """Return the spans of a run, the children before their parents.

    `begun` has the time at which each case began, in seconds since the epoch, by id; a case
    without one, as of another machine, has no span.
    """
    memory = InMemorySpanExporter()
    own = Resource({"service.name": "authprobe", "service.version": authprobe.__version__})
    # The user's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    resource = own.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    _Writer(provider.get_tracer("authprobe", authprobe.__version__)).write(run, begun, installs)
    spans = memory.get_finished_spans()
    provider.shutdown()
    return spans


class _Writer:
    """Writer of the spans of one run."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def write(self, run: Run, begun: Mapping[str, float], installs: Sequence[StepTime]) -> None:
        """Write the spans."""
        begin = run.started_at.timestamp()
        # The beginning is kept as a whole second: what began in it is not before its run.
        times = [*begun.values(), *(install.begin for install in installs)]
        if times:
            begin = max(begin, min(begin + 1, *times))
        span = self._tracer.start_span(
            "authprobe run", attributes=_run_attributes(run), start_time=_nanoseconds(begin)
        )
        context = set_span_in_context(span)
        for install in installs:
            self._tracer.start_span(
                "install client",
                context,
                attributes={"authprobe.client": _text(install.name)},
                start_time=_nanoseconds(install.begin),
            ).end(_nanoseconds(install.end))
        ends = [
            self._write_case(record, begun[record.id], context)
            for record in run.cases
            if record.id in begun
        ]
        if run.interrupted or gate_result(run).exit_code is ExitCode.FAILURES:
            span.set_status(Status(StatusCode.ERROR, _text(gate_result(run).reason or "failed")))
        ends += [install.end for install in installs]
        span.end(_nanoseconds(max([begin + run.elapsed, *ends])))

    def _write_case(self, record: CaseRecord, begin: float, context: Context) -> float:
        """Write the spans of a case, and return its end."""
        span = self._tracer.start_span(
            "case", context, attributes=_case_attributes(record), start_time=_nanoseconds(begin)
        )
        inner = set_span_in_context(span)
        end = begin + record.observation.elapsed
        for exchange in record.observation.exchanges:
            end = max(end, self._write_request(exchange, begin, inner))
        if record.verdict.status in (model.Status.FAILED, model.Status.ERROR):
            problem = next(iter(describe_problem(record)), str(record.verdict.status))
            span.set_status(Status(StatusCode.ERROR, _text(problem)))
        span.end(_nanoseconds(end))
        return end

    def _write_request(self, exchange: Exchange, begin: float, context: Context) -> float:
        """Write the span of a request as its server saw it, and return its end."""
        method = exchange.method if exchange.method in METHODS else "_OTHER"
        start = begin + max(0.0, exchange.at)
        end = start + max(0.0, exchange.elapsed)
        span = self._tracer.start_span(
            "HTTP" if method == "_OTHER" else method,
            context,
            SpanKind.SERVER,
            _request_attributes(exchange, method),
            start_time=_nanoseconds(start),
        )
        if exchange.status is None or exchange.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(end))
        return end


def _run_attributes(run: Run) -> Attributes:
    is_failure = gate_result(run).exit_code is ExitCode.FAILURES
    return {
        "test.suite.name": _text(run.selection.suite or "scenarios"),
        "test.suite.run.status": "aborted"
        if run.interrupted
        else "failure"
        if is_failure
        else "success",
        "authprobe.run.id": run.id,
        "authprobe.run.mode": run.mode,
        "authprobe.run.cases": len(run.cases),
        "authprobe.isolation": run.client_isolation or "none started",
    }


def _case_attributes(record: CaseRecord) -> Attributes:
    status, outcome = record.verdict.status, record.observation.outcome
    attributes: dict[str, str | int | float | bool | Sequence[str]] = {
        "test.case.name": _text(record.id),
        "authprobe.verdict": status,
        "authprobe.outcome": outcome,
        "authprobe.scenario": _text(record.scenario),
        "authprobe.client": _text(record.client),
        "authprobe.credential": _text(record.credential),
    }
    if status in RESULT_STATUSES:
        attributes["test.case.result.status"] = RESULT_STATUSES[status]
    if record.client_version:
        attributes["authprobe.client.version"] = _text(record.client_version)
    if status in (model.Status.FAILED, model.Status.ERROR):
        attributes["error.type"] = outcome
    if record.findings:
        attributes["authprobe.findings"] = [_text(each.name) for each in record.findings]
    if record.diagnosis:
        attributes["authprobe.cause"] = _text(record.diagnosis.id)
    return attributes


def _request_attributes(exchange: Exchange, method: str) -> Attributes:
    attributes: dict[str, str | int | float | bool | Sequence[str]] = {
        "http.request.method": method,
        "server.address": _text(exchange.host),
        "url.path": _text(exchange.path.partition("?")[0]),
        "url.scheme": "https",
    }
    if method == "_OTHER":
        attributes["http.request.method_original"] = _text(exchange.method)
    if exchange.status is not None:
        attributes["http.response.status_code"] = exchange.status
    if exchange.status is None or exchange.status >= 500:
        attributes["error.type"] = str(exchange.status or "no response")
    if exchange.credential:
        attributes["authprobe.credential"] = _text(exchange.credential)
    if exchange.rule:
        attributes["authprobe.rule"] = _text(exchange.rule)
    return attributes


def _text(text: str) -> str:
    return one_line(text, MAX_TEXT_LENGTH)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
