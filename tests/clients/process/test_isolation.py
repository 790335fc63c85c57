"""Children in a network namespace with only loopback, reached through the launcher's sockets."""

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
def isolated_children() -> Iterator[Children]:
    """Children in a network namespace; skips if the system forbids it."""
    with Children(isolated=True) as children:
        children.free_port()
        if children.network is not ChildNetwork.LOOPBACK:
            pytest.skip("this system does not allow network namespaces")
        yield children


@pytest.fixture(scope="module", params=[True, False], ids=["isolated", "not isolated"])
def children(request: pytest.FixtureRequest) -> Iterator[Children]:
    """Children with and without isolation."""
    with Children(isolated=request.param) as children:
        yield children


def run(children: Children, script: str, *arguments: str) -> CompletedChild:
    return children.run(
        [sys.executable, "-I", "-c", script, *arguments], env={}, cwd=Path("/"), limit=30
    )


def test_isolated_child_has_only_the_loopback_interface(isolated_children: Children) -> None:
    assert run(isolated_children, INTERFACES).stdout.split() == ["lo"]


def test_isolated_child_cannot_reach_the_machine_or_beyond(isolated_children: Children) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (
            run(isolated_children, CONNECT, "127.0.0.1", str(port)).stdout.strip()
            == "Connection refused"
        )
    # A documentation address (RFC 5737), to which no machine has a route.
    assert (
        run(isolated_children, CONNECT, "192.0.2.1", "443").stdout.strip()
        == "Network is unreachable"
    )


def test_child_without_isolation_uses_the_machine_network() -> None:
    with Children() as other_children, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(other_children, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "connected"
        other_children.bind().close()
        assert other_children.network is ChildNetwork.MACHINE


def test_bound_port_is_in_the_network_of_the_children(children: Children) -> None:
    with children.bind() as port_socket:
        address, port = port_socket.getsockname()
        refused = run(children, CONNECT, address, str(port))
        port_socket.listen()
        assert refused.stdout.strip() == "Connection refused"
        assert run(children, CONNECT, address, str(port)).stdout.strip() == "connected"


def test_emulator_listens_in_both_networks(children: Children, tmp_path: Path) -> None:
    with RemoteNetwork(tmp_path) as network:
        client_socket = children.bind()
        port = client_socket.getsockname()[1]
        listener = network.open(CaseBackend(Backend()), bound_socket=client_socket)
        assert client_socket.fileno() == -1
        assert run(children, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "connected"
        socket.create_connection(("127.0.0.1", listener.port)).close()
        network.close(listener)
        assert run(children, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "Connection refused"


def test_post_reaches_a_server_among_the_children(children: Children) -> None:
    port = children.free_port()
    with children.start(
        [sys.executable, "-I", "-c", SERVE, str(port)], env={}, cwd=Path("/")
    ) as server:
        assert server.read_line_with("ready", 30)
        answer = post(children, port, "/any", {"a": 1}, headers={}, limit=10)
        assert (answer[0], json.loads(answer[1])) == (418, {"a": 1})


def test_post_to_a_closed_port_is_refused(children: Children) -> None:
    port = children.free_port()
    with pytest.raises(ConnectionRefusedError):
        post(children, port, "/any", {}, headers={}, limit=10)


def test_bind_after_close_is_an_error() -> None:
    children = Children(isolated=True)
    children.close()
    with pytest.raises(ClientError, match="shutting down"):
        children.bind()


def test_network_is_the_machines_where_isolation_is_impossible(
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
def test_isolation_needs_no_privileges() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRIVILEGES, str(PROJECT)],
        capture_output=True,
        timeout=30,
        check=True,
        env={"PATH": os.defpath},
    )
    answer = json.loads(result.stdout)
    if not answer["left"]:
        pytest.skip("this system allows network namespaces only to root")
    assert answer == {"left": True, "same": True, "names": ["lo"]}
