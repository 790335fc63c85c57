"""`authprobe run --traces` and `--metrics`, with a receiver of OTLP on loopback."""

import contextlib
import gzip
import importlib.util
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from authprobe.commands.traces import check_traces
from authprobe.errors import SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from tests.commands.test_run import BAD, SCENARIO
from tests.support.command import run, write_scenario


class Receiver:
    """A collector that keeps what it receives."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.headers: list[str | None] = []
        self.status = 200
        self.answer: Callable[[BinaryIO, threading.Event], None] | None = None
        self.ended = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                is_packed = self.headers.get("content-encoding") == "gzip"
                receiver.bodies.append(gzip.decompress(body) if is_packed else body)
                receiver.paths.append(self.path)
                receiver.headers.append(self.headers.get("x-key"))
                if receiver.answer:
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        receiver.answer(cast("BinaryIO", self.wfile), receiver.ended)
                    return
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A collector on loopback."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.ended.set()
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


def test_a_collector_receives_the_trace(receiver: Receiver, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    ended = run(
        *("run", scenario, "--traces", "--metrics", "metrics/authprobe.prom"),
        cwd=tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-key=made-up-key",
    )
    assert ended.code == 0, ended.err
    assert "trace: 5 spans sent" in ended.err
    assert "made-up-key" not in ended.out + ended.err
    assert (receiver.paths, receiver.headers) == (["/v1/traces"], ["made-up-key"])
    request = ExportTraceServiceRequest.FromString(receiver.bodies[0])
    [resource] = request.resource_spans
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "authprobe"
    spans = [span for scope in resource.scope_spans for span in scope.spans]
    assert sorted(span.name for span in spans) == ["POST", "POST", "authprobe run", "case", "case"]
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in spans)
    assert scan_text(str(request), Redactor()) == ()
    assert "authprobe_run_success 1.0\n" in (tmp_path / "metrics/authprobe.prom").read_text()


def test_nothing_is_sent_by_accident(receiver: Receiver, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    without_option = run("run", scenario, cwd=tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert without_option.code == 0
    without_variable = run("run", scenario, "--traces", "--out", "other", cwd=tmp_path)
    assert without_variable.code == 4
    assert without_variable.err.startswith("--traces: no collector; set OTEL_EXPORTER_OTLP_END")
    assert not (tmp_path / "other").exists()
    assert receiver.bodies == []


@pytest.mark.parametrize("status", [307, 403])
def test_a_collector_that_refuses_does_not_change_the_result(
    receiver: Receiver, tmp_path: Path, status: int
) -> None:
    receiver.status = status
    scenario = write_scenario(tmp_path, SCENARIO)
    ended = run(
        *("run", scenario, "--traces", "--case", BAD),
        cwd=tmp_path,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{receiver.url}/mine",
    )
    assert ended.code == 0
    assert receiver.paths == ["/mine"]
    assert ended.err.splitlines()[-1] == (
        "the trace could not be sent to OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    assert "Traceback" not in ended.err


def answer_slowly(out: BinaryIO, ended: threading.Event) -> None:
    """Send a header a byte at a time, so that no timeout of a socket ends the request."""
    out.write(b"HTTP/1.1 200 OK\r\nx: ")
    while not ended.wait(0.2):
        out.write(b"x")


def test_a_collector_that_never_ends_its_answer_is_given_up(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = answer_slowly
    ended = run(
        *("run", write_scenario(tmp_path, SCENARIO), "--traces", "--case", BAD),
        cwd=tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    assert (ended.code, len(receiver.bodies)) == (0, 1)
    assert ended.err.splitlines()[-1] == (
        "the trace could not be sent in 1 s (OTEL_EXPORTER_OTLP_TIMEOUT)"
    )


def test_the_body_of_an_answer_is_not_read(receiver: Receiver, tmp_path: Path) -> None:
    sent = 0

    def answer(out: BinaryIO, ended: threading.Event) -> None:
        nonlocal sent
        out.write(b"HTTP/1.1 200 OK\r\ncontent-length: 64000000\r\n\r\n")
        while sent < 64_000_000:
            out.write(b"x" * 1_000_000)
            sent += 1_000_000

    receiver.answer = answer
    ended = run(
        *("run", write_scenario(tmp_path, SCENARIO), "--traces", "--case", BAD),
        cwd=tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert (ended.code, "spans sent" in ended.err) == (0, True)
    assert sent < 32_000_000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "OTEL_EXPORTER_OTLP_TIMEOUT must be a number"),
        ("OTEL_PYTHON_CONTEXT", "x", "spans sent"),
    ],
)
def test_a_variable_that_opentelemetry_refuses_does_not_change_the_result(
    receiver: Receiver, tmp_path: Path, name: str, value: str, message: str
) -> None:
    variable: Any = {name: value}
    ended = run(
        *("run", write_scenario(tmp_path, SCENARIO), "--traces", "--case", BAD),
        cwd=tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        **variable,
    )
    assert ended.code == 0
    assert message in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_metrics_that_cannot_be_written_are_refused_before_the_run(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    (tmp_path / "file").write_text("")
    ended = run("run", scenario, "--metrics", "file/x.prom", cwd=tmp_path)
    assert (ended.code, "is not a directory" in ended.err) == (4, True)
    assert not (tmp_path / "reports").exists()


def test_traces_without_the_extra_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    check_traces()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'authprobe\[otel\]'"):
        check_traces()
