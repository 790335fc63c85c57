"""Signs that a server is ready."""

import sys
import time
from pathlib import Path
from typing import Final

import pytest

from authprobe.clients.defined.readiness import is_ready_within
from authprobe.clients.process.children import Children
from authprobe.scenario.client_definitions import Ready

LIMIT: Final = 60.0
SERVER: Final = """
import http.server, sys, time

answers = iter(map(int, sys.argv[2].split(",")))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.path == "/health", self.path
        self.send_response(next(answers))
        self.send_header("content-length", "0")
        self.end_headers()

time.sleep(0.3)
with http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    print("now serving", file=sys.stderr, flush=True)
    server.serve_forever()
"""


def is_ready(
    children: Children, folder: Path, program: str, ready: Ready, limit: float = LIMIT
) -> bool:
    """Return whether the server that this program is becomes ready."""
    (folder / "server.py").write_text(program)
    port = children.free_port()
    argv: list[str | Path] = [sys.executable, "-I", folder / "server.py", str(port), "503,404,200"]
    with children.start(argv, env={}, cwd=folder) as server:
        return is_ready_within(limit, server, ready, port=port, children=children)


@pytest.mark.parametrize(
    "ready",
    [Ready(), Ready(line="now serv"), Ready(get="/health")],
    ids=["port", "line on stderr", "get"],
)
def test_server_is_ready_at_its_sign(children: Children, tmp_path: Path, ready: Ready) -> None:
    assert is_ready(children, tmp_path, SERVER, ready)


def test_line_on_stdout_counts(children: Children, tmp_path: Path) -> None:
    program = SERVER.replace("file=sys.stderr, ", "")
    assert is_ready(children, tmp_path, program, Ready(line="now serving"))


def test_server_that_prints_its_line_before_it_listens_is_waited_for(
    children: Children, tmp_path: Path
) -> None:
    program = SERVER.replace("time.sleep(0.3)", "print('soon', flush=True); time.sleep(0.7)")
    began = time.monotonic()
    assert is_ready(children, tmp_path, program, Ready(line="soon"))
    assert time.monotonic() - began >= 0.7


def test_line_without_an_open_port_is_not_enough(children: Children, tmp_path: Path) -> None:
    program = "import time; print('ready', flush=True); time.sleep(60)"
    assert not is_ready(children, tmp_path, program, Ready(line="ready"), 1.0)


@pytest.mark.parametrize(
    "ready", [Ready(), Ready(line="ready"), Ready(get="/")], ids=["port", "line", "get"]
)
@pytest.mark.parametrize(
    ("program", "limit"),
    [("print('bye')", LIMIT), ("import time; time.sleep(60)", 0.5)],
    ids=["ends", "is silent"],
)
def test_server_that_ends_or_is_silent_is_not_ready(
    children: Children, tmp_path: Path, program: str, limit: float, ready: Ready
) -> None:
    assert not is_ready(children, tmp_path, program, ready, limit)


def test_status_of_a_server_error_is_not_ready(children: Children, tmp_path: Path) -> None:
    program = SERVER.replace("next(answers)", "503")
    assert not is_ready(children, tmp_path, program, Ready(get="/health"), 1.5)


def test_a_server_that_never_answers_is_not_ready(children: Children, tmp_path: Path) -> None:
    program = (
        "import socket, sys, time; "
        "s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
    )
    assert not is_ready(children, tmp_path, program, Ready(get="/health"), 1.0)
