"""A hostile service: whatever it answers, `drift` ends, and shows and keeps nothing dangerous."""

import gzip
import json
import re
import socket
from pathlib import Path
from typing import Final

import pytest

from authprobe.commands.drift import DriftOptions, drift
from authprobe.errors import ExitCode
from tests.support.service import hostile_server, read_head

ESCAPES: Final = (
    "\x1b[2J\x1b]0;t\x07\x9b31m\u202e\n::error::x\n##[error]y <script>alert(1)</script> | `a` @b"
)
VALUE: Final = "org_0123456789abcdef"
"""Stands for the values that no record may have."""
JSON: Final = "content-type: application/json"
ERROR: Final = {
    "type": "error",
    "error": {"type": "authentication_error", "message": "invalid x-api-key"},
}


def answer(status: int, body: object, *fields: str) -> bytes:
    """Return a response; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (f"HTTP/1.1 {status} {VALUE}", f"content-length: {len(data)}", *fields, "", "")
    return "\r\n".join(head).encode("latin-1") + data


def raw(*lines: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 401 No", *lines))


CHANGED: Final = {
    "words": answer(
        401,
        {"type": "error", "error": dict.fromkeys(("type", "message"), ESCAPES * 50)},
        "content-type: a\x9b31m/x;" + "b" * 500,
        "date: Mon, 01 Jan 0001 00:00:00 GMT",
    ),
    "surrogates": answer(
        401, b'{"type":"error","error":{"type":"\\ud800x","message":"\\u0000\\u001b[31m"}}', JSON
    ),
    "types": answer(401, {"type": ["error"], "error": {"type": {}, "message": 7}}, JSON),
    "deep": answer(401, b"[" * 60_000, JSON),
    "deep object": answer(401, b'{"error":' * 7_000, JSON),
    "number": answer(401, b'{"type":' + b"9" * 9_000 + b"}", JSON),
    "compressed": answer(401, gzip.compress(b"0" * 50_000_000), JSON, "content-encoding: gzip"),
    "redirect": answer(307, b"", f"location: https://{VALUE}.example/\x9b31m"),
    "success": answer(200, b"<html><script>alert(1)</script>", JSON),
    "short length": raw(b"content-length: 5", b"", b'{"type":'),
    "endless chunk": raw(b"transfer-encoding: chunked", b"", b"F" * 15, b"x" * 200_000),
    "many fields": answer(
        403, ERROR, "date: x", "date: y", "retry-after: -1", *(f"x-{n}: {VALUE}" for n in range(90))
    ),
}
"""Answers that the service itself could give."""
NOT_ASKED: Final = {
    "limit": answer(429, ERROR, JSON, "retry-after: 9" + "9" * 40),
    "outage": answer(599, ERROR),
    "odd status": answer(999, ERROR),
    "challenge": answer(403, b"<!doctype html>" + ESCAPES.encode(), "cf-mitigated: challenge"),
    "login page": answer(401, b"  <html>" + ESCAPES.encode(), JSON),
    "network refusal": answer(403, {"error": {"type": "forbidden", "message": ESCAPES}}),
    "interim for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "switch": b"HTTP/1.1 101 Switch\r\nupgrade: x\r\n\r\n" + b"x" * 1000,
    "two lengths": raw(b"content-length: 5", b"content-length: 6", b"", b"12345"),
    "long length": raw(b"content-length: 50000", b"", b"{}"),
    "odd chunk": raw(b"transfer-encoding: chunked", b"", f"{VALUE}\x1b\r\n".encode()),
    "odd field": raw(f"request-id: {VALUE}\x00\x1b".encode(), b"", b""),
    "odd name": raw(f"{VALUE}\x1b[31m: x".encode(), b"", b""),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no head": f"<html>{VALUE}".encode(),
    "zeros": b"\0" * 5_000,
    "nothing": b"",
}
"""Answers that say nothing about the rules of the service."""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        *(pytest.param(data, ExitCode.CHANGED, id=name) for name, data in CHANGED.items()),
        *(pytest.param(data, ExitCode.NOT_ASKED, id=name) for name, data in NOT_ASKED.items()),
    ],
)
def test_a_hostile_answer_is_data(
    data: bytes, code: ExitCode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(data)

    out = tmp_path / "out"
    with hostile_server(serve, tmp_path) as (connections, directions):
        assert drift(DriftOptions(rows=("L03",), out=out), directions, pause=0.0) == code
    assert len(connections) == 1
    printed = capsys.readouterr()
    files = {path.name: path.read_text() for path in out.iterdir()}
    assert set(files) == {"drift.html", "drift.md", "drift.json", "observation.json"}
    for text in (printed.out, printed.err, *files.values()):
        assert all(c.isprintable() or c == "\n" for c in text)
        assert not re.search(r"(?m)^\s*::|##\[", text)
        assert VALUE not in text
    assert "<script>alert" not in files["drift.html"] + files["drift.md"]
    observed = json.loads(files["observation.json"])["rows"]
    assert [row["row"] for row in observed] == (["L03"] if code is ExitCode.CHANGED else [])
