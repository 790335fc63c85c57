"""The spans of a run."""

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from authprobe.engine.progress import NullReporter
from authprobe.engine.step_times import StepTime, TimedReporter
from authprobe.observation.model import Outcome
from authprobe.report.telemetry.traces import MAX_TEXT_LENGTH, run_spans
from authprobe.run.model import Run
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.command import PROJECT
from tests.support.make import make_exchange, make_observation, make_record, make_run

HOSTILE = "$(id)\n\x1b[31m\u202e`'\"" + "x" * 5000
REFUSED = make_record(
    id="a/b/c/refused",
    verdict=Verdict(
        status=Status.FAILED,
        mismatches=(Mismatch(field="outcome", expected="accepted", actual="rejected"),),
    ),
    observation=make_observation(
        outcome=Outcome.REJECTED,
        elapsed=2.0,
        exchanges=(
            make_exchange(at=0.5, elapsed=0.25, status=401, credential="api-key", rule="A36"),
            make_exchange(at=1.0, elapsed=0.5, status=529, method=HOSTILE, host=HOSTILE),
            make_exchange(at=1.5, status=None, path="/v1/x?secret=1"),
        ),
    ),
)
RUN = make_run(make_record(observation=make_observation(elapsed=0.5)), REFUSED, elapsed=5.0)
START = RUN.started_at.timestamp()
BEGUN = {record.id: START + 1 for record in RUN.cases}
INSTALLS = [StepTime(name="claude-code@2.1.1", begin=START + 0.25, end=START + 1)]


def named(spans: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def seconds(span: ReadableSpan) -> tuple[float, float]:
    """Return the beginning and the end of a span, from the beginning of the run."""
    assert span.start_time is not None
    assert span.end_time is not None
    return round(span.start_time / 1e9 - START, 3), round(span.end_time / 1e9 - START, 3)


def test_the_spans_are_those_of_the_run_in_their_times() -> None:
    spans = run_spans(RUN, BEGUN, INSTALLS)
    [run], [install] = named(spans, "authprobe run"), named(spans, "install client")
    assert (run.parent, seconds(run), seconds(install)) == (None, (0.25, 5.25), (0.25, 1.0))
    cases = {str((span.attributes or {})["test.case.name"]): span for span in named(spans, "case")}
    assert {seconds(span) for span in cases.values()} == {(1.0, 1.5), (1.0, 3.0)}
    refused = cases[REFUSED.id]
    requests = [span for span in spans if span.kind is SpanKind.SERVER]
    assert [seconds(span) for span in requests] == [(1.5, 1.75), (2.0, 2.5), (2.5, 2.5)]
    for child, parent in [
        (install, run),
        *((case, run) for case in cases.values()),
        *((request, refused) for request in requests),
    ]:
        assert child.parent is not None
        assert parent.context is not None
        assert child.parent.span_id == parent.context.span_id
    assert len({span.context.trace_id for span in spans if span.context}) == 1


def test_the_attributes_are_those_of_the_conventions() -> None:
    spans = run_spans(RUN, BEGUN, INSTALLS)
    first, second, third = (span for span in spans if span.kind is SpanKind.SERVER)
    assert dict(first.attributes or {}) == {
        "http.request.method": "POST",
        "server.address": "api.anthropic.com",
        "url.path": "/v1/messages",
        "url.scheme": "https",
        "http.response.status_code": 401,
        "authprobe.credential": "api-key",
        "authprobe.rule": "A36",
    }
    assert (first.name, first.status.status_code) == ("POST", StatusCode.UNSET)
    attributes = second.attributes or {}
    assert (second.name, attributes["http.request.method"]) == ("HTTP", "_OTHER")
    assert (attributes["error.type"], second.status.status_code) == ("529", StatusCode.ERROR)
    attributes = third.attributes or {}
    assert (attributes["error.type"], attributes["url.path"]) == ("no response", "/v1/x")
    results = {
        (span.attributes or {})["test.case.result.status"]: span for span in named(spans, "case")
    }
    assert results["pass"].status.status_code is StatusCode.UNSET
    assert results["fail"].status.status_code is StatusCode.ERROR
    assert "expected accepted" in str(results["fail"].status.description)
    [run] = named(spans, "authprobe run")
    assert (run.attributes or {})["test.suite.run.status"] == "failure"
    page = (PROJECT / "docs" / "telemetry.md").read_text()
    names = {name for span in spans for name in span.attributes or {}}
    assert names - set(page.split("`")) == {"http.request.method_original"}


def test_a_hostile_text_is_bounded_and_visible() -> None:
    for span in run_spans(RUN, BEGUN, INSTALLS):
        for value in (span.attributes or {}).values():
            assert len(str(value)) < MAX_TEXT_LENGTH + 60
            assert "\x1b" not in str(value)
            assert "\u202e" not in str(value)


@pytest.mark.parametrize("run", [make_run(), make_run(make_record(), interrupted=True), RUN])
def test_a_case_whose_beginning_is_unknown_has_no_span(run: Run) -> None:
    [span] = run_spans(run, {}, ())
    assert seconds(span) == (0.0, run.elapsed)


def test_the_user_s_name_of_the_service_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    def service() -> object:
        return run_spans(RUN, {}, ())[0].resource.attributes["service.name"]

    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    assert service() == "authprobe"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
    assert service() == "nightly"


def test_an_installation_has_one_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((1.0, 2.0, 3.0, 4.0))
    monkeypatch.setattr("authprobe.engine.step_times.time.time", lambda: next(now))
    reporter = TimedReporter(NullReporter())
    reporter.begin_step("client", "downloading")
    reporter.begin_step("client", "unpacking")
    reporter.drop_step("client")
    reporter.drop_step("client that was there")
    assert reporter.dropped == [StepTime(name="client", begin=1.0, end=2.0)]
    reporter.begin_step("case", "")
    reporter.begin_step("case", "")
    assert reporter.begun == {"case": 4.0}
