"""Children in a network of their own: nothing but loopback, and the run's sockets lead there."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.process import launcher
from authprobe.clients.process.child import CompletedChild
from authprobe.clients.process.children import Children
from authprobe.clients.proxies.loopback_http import post
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.errors import ClientError
from authprobe.observation.model import ChildNetwork

PROJECT = Path(__file__).parents[3]
INTERFACES = "import socket; print(*(name for _, name in socket.if_nameindex()))"
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
except OSError as error:
    print(error.strerror)
else:
    print("connected")
"""
SERVE = """
import http.server, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(418)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo)
print("ready", flush=True)
server.serve_forever()
"""
WITHOUT_PRIVILEGES = """
import ctypes, json, os, socket, sys
sys.path.insert(0, sys.argv[1])
from authprobe.clients.process import launcher
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after exec: the files in /proc/self are one's own
before = os.getuid(), os.getgid()
left = launcher.leave_network()
names = [name for _, name in socket.if_nameindex()]
print(json.dumps({"left": left, "same": before == (os.getuid(), os.getgid()), "names": names}))
"""


@pytest.fixture(scope="module")
def apart() -> Iterator[Children]:
    """Children with a network of their own."""
    with Children(isolated=True) as opened:
        opened.free_port()
        if opened.network is not ChildNetwork.LOOPBACK:
            pytest.skip("this system lets nobody have a network of their own")
        yield opened


@pytest.fixture(scope="module", params=[True, False], ids=["apart", "not apart"])
def children(request: pytest.FixtureRequest) -> Iterator[Children]:
    """Children with a network of their own where that is possible, and others."""
    with Children(isolated=request.param) as opened:
        yield opened


def run(children: Children, script: str, *arguments: str) -> CompletedChild:
    return children.run(
        [sys.executable, "-I", "-c", script, *arguments], env={}, cwd=Path("/"), limit=30
    )


def test_there_is_no_interface_but_loopback(apart: Children) -> None:
    assert run(apart, INTERFACES).stdout.split() == ["lo"]


def test_the_machine_cannot_be_reached(apart: Children) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(apart, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "Connection refused"
    # An address kept for documentation (RFC 5737): on no machine is there a way to it.
    assert run(apart, CONNECT, "192.0.2.1", "443").stdout.strip() == "Network is unreachable"


def test_other_children_have_the_network_of_the_machine() -> None:
    with Children() as others, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(others, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "connected"
        others.bind().close()
        assert others.network is ChildNetwork.MACHINE


def test_a_bound_port_is_one_of_their_network(children: Children) -> None:
    with children.bind() as bound:
        address, port = bound.getsockname()
        refused = run(children, CONNECT, address, str(port))
        bound.listen()
        assert refused.stdout.strip() == "Connection refused"
        assert run(children, CONNECT, address, str(port)).stdout.strip() == "connected"


def test_a_case_is_served_in_both_networks(children: Children, tmp_path: Path) -> None:
    with RemoteNetwork(tmp_path) as network:
        further = children.bind()
        port = further.getsockname()[1]
        listener = network.open(CaseBackend(Backend()), further=further)
        assert further.fileno() == -1
        assert run(children, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "connected"
        socket.create_connection(("127.0.0.1", listener.port)).close()
        network.close(listener)
        assert run(children, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "Connection refused"


def test_a_program_of_theirs_is_asked(children: Children) -> None:
    port = children.free_port()
    with children.start(
        [sys.executable, "-I", "-c", SERVE, str(port)], env={}, cwd=Path("/")
    ) as server:
        assert server.read_line_with("ready", 30)
        told = post(children, port, "/any", {"a": 1}, headers={}, limit=10)
        assert (told[0], json.loads(told[1])) == (418, {"a": 1})


def test_a_port_at_which_nobody_listens_refuses(children: Children) -> None:
    port = children.free_port()
    with pytest.raises(ConnectionRefusedError):
        post(children, port, "/any", {}, headers={}, limit=10)


def test_nothing_is_bound_when_the_run_is_over() -> None:
    children = Children(isolated=True)
    children.close()
    with pytest.raises(ClientError, match="shutting down"):
        children.bind()


def test_a_system_that_does_not_allow_it_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(launcher.__file__).read_text().replace('sys.platform != "linux"', "True", 1)
    other = tmp_path / "launcher.py"
    other.write_text(source)
    monkeypatch.setattr(launcher, "__file__", str(other))
    with Children(isolated=True) as children:
        children.free_port()
        assert children.network is ChildNetwork.MACHINE
        assert run(children, INTERFACES).exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has networks of this kind")
def test_it_needs_no_privileges() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRIVILEGES, str(PROJECT)],
        capture_output=True,
        timeout=30,
        check=True,
        env={"PATH": os.defpath},
    )
    told = json.loads(done.stdout)
    if not told["left"]:
        pytest.skip("this system lets only the administrator make a network")
    assert told == {"left": True, "same": True, "names": ["lo"]}
