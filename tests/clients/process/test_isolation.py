"""Containers: what their processes see and can do, and how the run reaches them."""

import contextlib
import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.defined.loopback_http import LoopbackRequest, send
from authprobe.clients.process import children as children_module
from authprobe.clients.process import system_call_filter
from authprobe.clients.process.child import CompletedChild
from authprobe.clients.process.children import Children, Container, Visibility
from authprobe.clients.process.required_files import required_files
from authprobe.core.isolation import Isolation
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.errors import ClientError
from tests.support.ordinary_user import as_user, folder_of_user, python_of_user

PROJECT = Path(__file__).parents[3]
PYTHON = Visibility(read_only=required_files(Path(sys.executable)))
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
WITHOUT_PRIVILEGES = """
from pathlib import Path
from authprobe.clients.process.children import Children, Visibility
from authprobe.core.isolation import Isolation
script = "id | cut -d' ' -f1; tail -n +3 /proc/net/dev | cut -d: -f1; ls ~; ls /root /home"
with Children(isolation=Isolation.SEALED) as children:
    print(children.isolation, children.known_refusal or "")
    with children.open_container(Visibility()) as container:
        result = container.run(
            ["/bin/sh", "-c", script],
            env={"PATH": "/usr/bin:/bin", "HOME": str(container.home)}, cwd=container.home, limit=30
        )
        print(result.stdout)
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
SILENT = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=0)
print("ready", flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def sealing_children() -> Iterator[Children]:
    """Children whose containers are sealed; skips if the system forbids it."""
    with Children(isolation=Isolation.SEALED) as children:
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        yield children


@pytest.fixture
def sealed(sealing_children: Children) -> Iterator[Container]:
    """A sealed container."""
    with sealing_children.open_container(PYTHON) as container:
        yield container


@pytest.fixture(params=list(Isolation))
def container(request: pytest.FixtureRequest) -> Iterator[Container]:
    """A container of each isolation."""
    with Children(isolation=request.param) as children:
        if children.isolation is not request.param:
            pytest.skip(f"THIS SYSTEM DOES NOT ISOLATE SO: {children.known_refusal}")
        with children.open_container(PYTHON) as opened:
            yield opened


def run(container: Container, script: str, *arguments: str) -> CompletedChild:
    """Run a Python program in the container."""
    return container.run(
        [sys.executable, "-I", "-c", script, *arguments], env={}, cwd=Path("/"), limit=30
    )


def shell(container: Container, script: str) -> str:
    """Run a shell script in the container's home; return what it printed."""
    result = container.run(
        ["/bin/sh", "-c", f"exec 2>&1; {script}"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(container.home)},
        cwd=container.home,
        limit=30,
    )
    return result.stdout.strip()


# --- network --------------------------------------------------------------------------------------


def test_sealed_child_has_only_the_loopback_interface(sealed: Container) -> None:
    assert run(sealed, INTERFACES).stdout.split() == ["lo"]


def test_isolated_child_cannot_reach_the_machine_or_beyond(container: Container) -> None:
    if container.isolation is Isolation.NONE:
        pytest.skip("only environment variables isolate this child")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert run(container, CONNECT, "127.0.0.1", port).stdout.strip() == "Connection refused"
    # A documentation address (RFC 5737), to which no machine has a route.
    answer = run(container, CONNECT, "192.0.2.1", "443").stdout.strip()
    assert answer == "Network is unreachable"


def test_two_cases_have_nothing_in_common(sealing_children: Children, sealed: Container) -> None:
    with sealing_children.open_container(PYTHON) as other, other.bind() as server:
        server.listen()
        port = str(server.getsockname()[1])
        assert run(other, CONNECT, "127.0.0.1", port).stdout.strip() == "connected"
        assert run(sealed, CONNECT, "127.0.0.1", port).stdout.strip() == "Connection refused"
        shell(other, "touch ~/one /tmp/two; setsid sleep 300 &")
        assert shell(sealed, "ls ~; ls /tmp/two").startswith("tmp\nls: cannot access")
        assert "sleep" not in shell(sealed, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_abstract_socket_of_the_machine_is_out_of_reach(sealed: Container) -> None:
    name = f"\0authprobe-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        script = (
            "import socket, sys\n"
            "try: socket.socket(socket.AF_UNIX).connect('\\0' + sys.argv[1])\n"
            "except OSError as error: print(error.strerror)"
        )
        assert run(sealed, script, name[1:]).stdout == "Connection refused\n"


def test_child_without_isolation_uses_the_machine_network() -> None:
    with (
        Children() as children,
        children.open_container(Visibility()) as container,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        port = server.getsockname()[1]
        assert run(container, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "connected"


def test_bound_port_is_in_the_network_of_the_children(container: Container) -> None:
    with container.bind() as port_socket:
        address, port = port_socket.getsockname()
        refused = run(container, CONNECT, address, str(port))
        port_socket.listen()
        assert refused.stdout.strip() == "Connection refused"
        assert run(container, CONNECT, address, str(port)).stdout.strip() == "connected"


def test_emulator_listens_in_both_networks(container: Container, tmp_path: Path) -> None:
    with RemoteNetwork(tmp_path) as network:
        client_socket = container.bind()
        port = client_socket.getsockname()[1]
        listener = network.open(CaseBackend(Backend()), bound_socket=client_socket)
        assert client_socket.fileno() == -1
        assert run(container, CONNECT, "127.0.0.1", str(port)).stdout.strip() == "connected"
        socket.create_connection(("127.0.0.1", listener.port)).close()
        network.close(listener)
        answer = run(container, CONNECT, "127.0.0.1", str(port)).stdout.strip()
        assert answer == "Connection refused"


def test_post_reaches_a_server_among_the_children(container: Container) -> None:
    port = container.free_port()
    with container.start(
        [sys.executable, "-I", "-c", SERVE, str(port)], env={}, cwd=Path("/")
    ) as server:
        assert server.read_line_with("ready", 30)
        answer = send(container, port, LoopbackRequest(path="/any", body={"a": 1}), limit=10)
        assert (answer[0], json.loads(answer[1])) == (418, {"a": 1})


def test_post_to_a_closed_port_is_refused(container: Container) -> None:
    port = container.free_port()
    with pytest.raises(ConnectionRefusedError):
        send(container, port, LoopbackRequest(path="/any", body={}), limit=10)


def connect_often(container: Container, port: int, count: int) -> None:
    """Make so many connections at the same time."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(container.connect(port))


def test_a_program_that_accepts_no_connection_does_not_hold_its_container_up(
    container: Container,
) -> None:
    port = container.free_port()
    with container.start(
        [sys.executable, "-I", "-c", SILENT, str(port)], env={}, cwd=Path("/")
    ) as server:
        assert server.read_line_with("ready", 30)
        with pytest.raises(TimeoutError) as error:
            connect_often(container, port, 10)  # more than its queue holds
    assert error.value.errno == errno.ETIMEDOUT  # of the launcher, which did not wait for long


# --- files ----------------------------------------------------------------------------------------


def test_only_the_system_and_the_private_home_are_in_sight(
    sealed: Container, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    places = [secret, PROJECT / "README.md", Path("/etc/shadow"), Path.home() / ".profile"]
    script = "import os, sys; print([p for p in sys.argv[1:] if os.path.exists(p)])"
    assert run(sealed, script, *map(str, places)).stdout == "[]\n"
    assert shell(sealed, "cat /etc/passwd; hostname; ls -A ~ /run").split() == [
        f"authprobe:x:{os.getuid()}:{os.getgid()}::/sandbox/home:/bin/sh",
        *("authprobe", "/run:", "/sandbox/home:", "tmp"),
    ]


def test_the_system_is_read_only(sealed: Container) -> None:
    for path in (
        "/usr/x",
        "/usr/bin/x",
        "/x",
        "/etc/x",
        "/opt/x",
        "/run/x",
        "/proc/sys/vm/drop_caches",
    ):
        if Path(path).parent.exists():
            assert "Read-only file system" in shell(sealed, f"echo 1 > {path}"), path
    assert not Path("/usr/x").exists()


def test_visible_files_are_read_only_and_writable_ones_are_not(
    sealing_children: Children, tmp_path: Path
) -> None:
    for name in ("seen", "written", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    visibility = Visibility(read_only=(tmp_path / "seen",), writable=(tmp_path / "written",))
    with sealing_children.open_container(visibility) as container:
        script = f"cd {tmp_path}; cat */file; echo x > seen/file; echo y > written/file; ls"
        assert shell(container, script).splitlines()[0].startswith("seenwritten")
    assert (tmp_path / "seen" / "file").read_text() == "seen"
    assert (tmp_path / "written" / "file").read_text() == "y\n"


def test_nothing_of_the_container_is_written_into_a_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if the user worked in `/etc`: the accounts of the container once replaced those there."""
    project, ca_file = tmp_path / "project", tmp_path / "ca.pem"
    project.mkdir()
    (project / "passwd").write_text("the user's")
    ca_file.write_text("certificate")
    monkeypatch.setattr(
        children_module,
        "LAUNCHER_PROGRAM",
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from authprobe.clients.process import file_system, launcher\n"
        f"file_system.ACCOUNTS = {str(project)!r}\n"
        f"file_system.CA_FILE = {str(project / 'ca.pem')!r}\n"
        "launcher.main(sys.argv[2:])",
    )
    with Children(isolation=Isolation.SEALED) as children:
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        visibility = Visibility(writable=(project,), ca_file=ca_file)
        with children.open_container(visibility) as container:
            assert shell(container, f"cat {project}/passwd") == "the user's"
    assert [path.name for path in project.iterdir()] == ["passwd"]
    assert (project / "passwd").read_text() == "the user's"


def test_links_to_visible_files_can_be_followed(sealing_children: Children, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("content")
    (tmp_path / "link").symlink_to("real")
    visibility = Visibility(read_only=(tmp_path / "link",))
    with sealing_children.open_container(visibility) as container:
        assert shell(container, f"cat {tmp_path}/link/file") == "content"


def test_missing_visible_file_is_a_client_error(sealing_children: Children) -> None:
    with pytest.raises(ClientError, match=r"container cannot be set up: .*No such file"):
        sealing_children.open_container(Visibility(read_only=(Path("/nowhere/x"),)))


def test_home_is_reached_from_outside(sealed: Container) -> None:
    (sealed.home_folder / "given").write_text("in")
    assert shell(sealed, "cat ~/given; echo out > ~/left; echo tmp > /tmp/temporary") == "in"
    assert (sealed.home_folder / "left").read_text() == "out\n"
    assert (sealed.home_folder / "tmp" / "temporary").read_text() == "tmp\n"
    sealed.end()
    assert (sealed.home_folder / "left").read_text() == "out\n"


def test_no_program_of_the_container_survives_it(sealing_children: Children) -> None:
    with sealing_children.open_container(PYTHON) as container:
        shell(container, "for i in 1 2 3; do setsid sleep 31.4159 & done")
        assert container.end() is None
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert b"31.4159" not in command_line.read_bytes()


# --- privileges and limits ------------------------------------------------------------------------


def test_child_has_no_capabilities_and_cannot_get_any(sealed: Container) -> None:
    status = shell(sealed, "grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs)' /proc/self/status").split()
    assert status == [
        *("CapPrm:", "0" * 16, "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"),
    ]
    assert "failed" in shell(sealed, "unshare -U true")
    assert "denied" in shell(sealed, "mount -t tmpfs none /tmp || echo denied").lower()


def test_child_cannot_look_into_the_launcher(sealed: Container) -> None:
    answer = shell(sealed, "cat /proc/1/environ; cat /proc/1/fd/3; kill -9 1; echo alive")
    assert answer.count("Permission denied") == 2
    assert answer.endswith("alive")
    assert shell(sealed, "echo still") == "still"


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ("for i in $(seq 400); do sleep 300 & done; wait", "more than 256 processes"),
        (
            "python3 -c 'x = []\nwhile True: x.append(bytearray(1 << 26))'",
            "more than 2 GiB of memory",
        ),
        ("head -c 400000000 /dev/zero > big; sleep 1", "files of more than 256 MiB"),
        ("python3 -c 'for i in range(99999): open(str(i), \"w\")'", "more than 65,536 files"),
    ],
    ids=["processes", "memory", "size", "files"],
)
def test_limit_of_resources_is_named(sealing_children: Children, script: str, limit: str) -> None:
    with sealing_children.open_container(PYTHON) as container:
        if "big" in script:  # each file is below the limit of one
            script = "for i in 1 2 3; do head -c 120000000 /dev/zero > big$i; done"
        shell(container, script)
        assert container.end() == limit


def test_file_beyond_the_limit_ends_the_program(sealed: Container) -> None:
    assert "File size limit exceeded" in shell(sealed, "head -c 300000000 /dev/zero > big")


SHARED_MAPPING = """
import ctypes, mmap, time
memory = mmap.mmap(-1, 200 << 20)
for place in range(0, len(memory), 4096):
    memory[place] = 1
if HIDDEN:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
time.sleep(5)
print("free")
"""
SEGMENT = """
import ctypes, time
library = ctypes.CDLL(None)
library.shmat.restype = ctypes.c_void_p
segment = library.shmget(0, ctypes.c_size_t(200 << 20), 0o1600)
address = library.shmat(segment, None, 0)
ctypes.memset(address, 1, 200 << 20)
library.shmdt(ctypes.c_void_p(address))
time.sleep(5)
print("free")
"""
MANY_FILES = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        try:
            while True:
                os.dup(0)
        except OSError:
            time.sleep(5)
            os._exit(0)
time.sleep(5)
print("free")
"""
FILTERED_CALLS = """
import ctypes, errno, json, sys
library = ctypes.CDLL(None, use_errno=True)
answers = {}
for name, number in json.loads(sys.argv[1]).items():
    result = library.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0)
    answers[name] = errno.errorcode[ctypes.get_errno()] if result < 0 else result
print(json.dumps(answers))
"""
FAMILIES = """
import socket
allowed = []
for family in range(1, 64):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
        try:
            socket.socket(family, kind).close()
            allowed.append(family)
        except OSError:
            pass
print(*sorted(set(allowed)))
"""


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        (SHARED_MAPPING.replace("HIDDEN", "False"), "memory"),
        (SHARED_MAPPING.replace("HIDDEN", "True"), "memory"),
        (SEGMENT, "memory"),
        (MANY_FILES, "more than 16,384 open files"),
    ],
    ids=["shared mapping", "shared mapping of a hidden process", "segment", "open files"],
)
def test_memory_that_no_process_owns_is_limited(
    monkeypatch: pytest.MonkeyPatch, script: str, limit: str
) -> None:
    """The limit of memory is lower here, so that the test needs little."""
    if "files" in limit and not Path("/proc/self/fd").stat().st_size:
        pytest.skip("THIS KERNEL COUNTS NO OPEN FILES: it is older than Linux 6.2")
    monkeypatch.setattr(
        children_module,
        "LAUNCHER_PROGRAM",
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from authprobe.clients.process import launcher, limits\n"
        "limits.MAX_MEMORY_BYTES = 150 << 20\n"
        "launcher.main(sys.argv[2:])",
    )
    with Children(isolation=Isolation.SEALED) as children:
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        with children.open_container(PYTHON) as container:
            assert run(container, script).stdout == ""
            assert limit in (container.end() or "")


def test_memory_below_the_limit_is_none(sealed: Container) -> None:
    assert run(sealed, SHARED_MAPPING.replace("HIDDEN", "False")).stdout == "free\n"
    assert sealed.end() is None


def test_system_calls_outside_of_all_namespaces_are_denied(sealed: Container) -> None:
    machine = os.uname().machine
    numbers = {name: number[machine] for name, number in system_call_filter.DENIED.items()}
    answers = json.loads(run(sealed, FILTERED_CALLS, json.dumps(numbers)).stdout)
    assert answers == dict.fromkeys(numbers, "ENOSYS")
    assert {"keyctl", "add_key", "io_uring_setup", "memfd_create"} <= set(answers)


def test_child_makes_sockets_only_of_isolated_families(sealed: Container) -> None:
    families = {int(number) for number in run(sealed, FAMILIES).stdout.split()}
    assert {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6} <= families
    assert families <= set(system_call_filter.ALLOWED_FAMILIES)


def test_child_cannot_type_into_a_terminal(sealed: Container) -> None:
    script = (
        "import fcntl, pty, termios\n"
        "_, terminal = pty.openpty()\n"
        "fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))\n"
        "for request in (termios.TIOCSTI, 0x541C):\n"
        "    try: fcntl.ioctl(terminal, request, b'x'); print('typed')\n"
        "    except OSError as error: print(error.errno)"
    )
    assert run(sealed, script).stdout.split() == ["1", "1"]


def test_names_of_the_users_keys_are_out_of_sight(sealed: Container) -> None:
    assert shell(sealed, "cat /proc/keys /proc/timer_list 2>/dev/null") == ""


def test_crash_starts_no_program_of_the_machine_and_leaves_no_dump(sealed: Container) -> None:
    script = "cd ~; ulimit -Hc; ulimit -c; python3 -c 'import os; os.abort()'; ls"
    # dash counts in blocks of 512 bytes, so that it shows 1 byte as 0.
    assert "core" not in shell(sealed, script)
    limits = run(sealed, "import resource; print(*resource.getrlimit(resource.RLIMIT_CORE))")
    assert limits.stdout.split() == ["1", "1"]


def test_kernel_ends_a_client_before_the_users_programs(sealed: Container) -> None:
    assert shell(sealed, "cat /proc/self/oom_score_adj") == "1000"


def test_first_line_of_a_program_shows_no_secret(tmp_path: Path) -> None:
    secret, program = tmp_path / "secret", tmp_path / "program"
    secret.write_text("canary")
    program.write_text(f"#!{secret}\n")
    assert secret not in required_files(program)
    secret.chmod(0o700)
    assert secret in required_files(program)


def test_link_to_a_folder_of_packages_shows_no_secret(tmp_path: Path) -> None:
    program, link = tmp_path / "program", tmp_path / "node_modules"
    program.write_text("#!/bin/sh\n")
    secrets, packages = tmp_path / ".ssh", tmp_path / "project" / "node_modules"
    secrets.mkdir()
    packages.mkdir(parents=True)
    link.symlink_to(secrets)
    assert link not in required_files(program)
    link.unlink()
    link.symlink_to(packages)
    assert link in required_files(program)


def test_unexpected_error_in_a_container_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fault in a forked process once let the launcher's code go on in it, to its clean-up."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(
        children_module,
        "LAUNCHER_PROGRAM",
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from authprobe.clients.process import kernel, launcher\n"
        "def fail(flags): raise RuntimeError('unexpected')\n"
        "kernel.unshare = fail\n"
        "launcher.strongest_isolation = lambda wanted: (wanted, None)\n"
        "launcher.main(sys.argv[2:])",
    )
    with Children(scratch, isolation=Isolation.SEALED) as children:
        for _ in range(2):
            with pytest.raises(ClientError, match="RuntimeError: unexpected"):
                children.open_container(Visibility())
        assert children.run(["/bin/echo", "on"], env={}, cwd=Path("/"), limit=10).stdout == "on\n"
        assert scratch.is_dir()


# --- levels ---------------------------------------------------------------------------------------


def test_open_after_close_is_an_error() -> None:
    children = Children(isolation=Isolation.SEALED)
    children.close()
    with pytest.raises(ClientError, match="shutting down"):
        children.open_container(Visibility())


def test_reason_is_named_where_isolation_is_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is imitated by a launcher whose `unshare` fails."""
    monkeypatch.setattr(
        children_module,
        "LAUNCHER_PROGRAM",
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from authprobe.clients.process import kernel, launcher\n"
        "def refuse(flags): raise OSError(1, 'unshare: Operation not permitted')\n"
        "kernel.unshare = refuse\n"
        "launcher.main(sys.argv[2:])",
    )
    with Children(isolation=Isolation.SEALED) as children:
        assert children.isolation is Isolation.NONE
        assert children.known_refusal == "[Errno 1] unshare: Operation not permitted"
        with children.open_container(Visibility()) as container:
            assert container.isolation is Isolation.NONE
            assert container.home == container.home_folder
            assert run(container, INTERFACES).exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces")
def test_isolation_needs_no_privileges() -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests of this file have no privileges either")
    with folder_of_user() as folder:
        result = as_user([python_of_user(folder), "-c", WITHOUT_PRIVILEGES], folder)
    assert result.returncode == 0, result.stderr
    isolation, *answer = result.stdout.split()
    if isolation != "sealed":
        pytest.skip(f"THIS SYSTEM SEALS CONTAINERS ONLY FOR ROOT: {result.stdout}")
    assert answer == ["uid=65534(authprobe)", "lo", "tmp"]
