"""Program that stands in for `claude` and attacks the machine as `ANTHROPIC_MODEL` says.

It imports only the standard library. Each attack is bounded. What it reports is `contained`, or the
list of what it has reached.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

CANARY = "canary-of-the-user"
HOME = pathlib.Path.home()
CONFIG = HOME / ".claude"
CREDENTIALS = CONFIG / ".credentials.json"
TARGETS: dict[str, Any] = {"files": [], "port": 1, "abstract": "x", "unix": "x"}
"""What the test has put beside the run; it replaces this line."""

Attack = Callable[[], list[str] | None]
ATTACKS: dict[str, Attack] = {}


def attack(act: Attack) -> Attack:
    """Register an attack, which returns what it has reached."""
    ATTACKS[act.__name__.replace("_", "-")] = act
    return act


def report(result: str) -> None:
    """Print a report as the client does."""
    print(json.dumps({"type": "result", "is_error": False, "result": result}))


# --- resources ------------------------------------------------------------------------------------


@attack
def fork_bomb() -> None:
    children = []
    with contextlib.suppress(OSError):
        for _ in range(1500):
            pid = os.fork()
            if pid == 0:
                time.sleep(20)
                os._exit(0)
            children.append(pid)
    time.sleep(20)


@attack
def fork_chain() -> None:
    """Fork from the newest process each time, so that every older one becomes an orphan."""
    until = time.monotonic() + 3
    for _ in range(3000):
        if time.monotonic() > until or os.fork():
            os._exit(0)


@attack
def memory() -> None:
    blocks = [b"%d" % n * (1 << 25) for n in range(10, 50)]
    print(len(blocks))


@attack
def memory_of_many() -> None:
    for _ in range(8):
        if os.fork() == 0:
            block = bytearray(b"x" * (1 << 28))
            time.sleep(15)
            os._exit(len(block) and 0)
    block = bytearray(b"x" * (1 << 28))
    time.sleep(15)


@attack
def full_disk() -> None:
    for number in range(4):
        with contextlib.suppress(OSError):
            (HOME / f"big{number}").write_bytes(b"x" * (100 << 20))


@attack
def full_disk_of_deleted_files() -> None:
    files = []
    with contextlib.suppress(OSError):
        for number in range(4):
            file = (HOME / f"big{number}").open("wb", buffering=0)
            files.append(file)
            (HOME / f"big{number}").unlink()
            file.write(b"x" * (100 << 20))
    time.sleep(2)


@attack
def huge_file() -> list[str]:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        os.truncate(os.open(HOME / "sparse", os.O_CREAT | os.O_RDWR), 50 << 30)
    except OSError:
        return []
    return ["a file of 50 GB"]


@attack
def many_files() -> None:
    with contextlib.suppress(OSError):
        for number in range(70_000):
            (HOME / str(number)).touch()


@attack
def deep_folders() -> None:
    with contextlib.suppress(OSError):
        for _ in range(3000):
            pathlib.Path("d").mkdir()
            os.chdir("d")
        pathlib.Path("token").write_text(os.environ["ANTHROPIC_API_KEY"])


@attack
def much_output() -> None:
    for _ in range(1024):
        os.write(1, b"x" * (1 << 20))


@attack
def endless_output() -> None:
    while True:
        os.write(2, b"y\n" * 4096)


@attack
def closed_output() -> None:
    for descriptor in range(3):
        os.close(descriptor)
    time.sleep(300)


@attack
def open_descriptors() -> None:
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)
    time.sleep(1)


@attack
def threads() -> None:
    with contextlib.suppress(RuntimeError):
        for _ in range(6000):
            threading.Thread(target=time.sleep, args=(15,), daemon=True).start()


# --- processes ------------------------------------------------------------------------------------


@attack
def ignored_signals() -> None:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    time.sleep(300)


@attack
def stopped() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@attack
def daemon() -> None:
    """Leave a process in a session of its own, which holds no stream open."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(3):
                os.close(descriptor)
            os.execv(
                sys.executable, [sys.executable, "-c", f"import time; '{CANARY}'; time.sleep(300)"]
            )
        os._exit(0)


@attack
def daemon_with_output() -> None:
    """Leave a process that holds the output open."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(300)


@attack
def killed_parents() -> list[str]:
    """Kill all that can be killed, the launcher included."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(OSError):
            os.kill(1, number)
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            if pid not in (1, os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
    return []


@attack
def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@attack
def traced_launcher() -> list[str]:
    attached = ctypes.CDLL(None).ptrace(16, 1, 0, 0)  # PTRACE_ATTACH
    return ["the launcher's memory"] if attached == 0 else []


@attack
def environments_of_others() -> list[str]:
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if CANARY.encode() in path.read_bytes():
                found.append(str(path))
    return found


@attack
def new_namespaces() -> list[str]:
    library = ctypes.CDLL(None)
    done = [hex(flag) for flag in (0x10000000, 0x20000, 0x40000000) if library.unshare(flag) == 0]
    mounted = library.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
    return done + (["a mount"] if mounted else [])


# --- files of the user ----------------------------------------------------------------------------


@attack
def read_files() -> list[str]:
    others = map(str, pathlib.Path("/proc/1").glob("root/etc/*"))
    found = []
    for name in (*TARGETS["files"], "/etc/shadow", "/proc/1/environ", *others):
        with contextlib.suppress(OSError):
            pathlib.Path(name).read_bytes()
            found.append(name)
    return found


@attack
def written_files() -> list[str]:
    found = []
    for name in (*TARGETS["files"], "/usr/x", "/etc/x", "/proc/sys/kernel/core_pattern"):
        with contextlib.suppress(OSError):
            pathlib.Path(name).write_text("overwritten")
            found.append(name)
    return found


@attack
def writes_by_links() -> list[str]:
    for number, name in enumerate(TARGETS["files"]):
        (HOME / f"link{number}").symlink_to(name)
        with contextlib.suppress(OSError):
            (HOME / f"link{number}").write_text("overwritten")
    return []


def replace_credentials() -> None:
    """Remove the credentials file, and make its folder."""
    CONFIG.mkdir(exist_ok=True)
    CREDENTIALS.unlink(missing_ok=True)


@attack
def credentials_link_to_zero() -> None:
    replace_credentials()
    CREDENTIALS.symlink_to("/dev/zero")


@attack
def credentials_link_to_the_users() -> None:
    replace_credentials()
    CREDENTIALS.symlink_to(TARGETS["files"][0])


@attack
def credentials_fifo() -> None:
    replace_credentials()
    os.mkfifo(CREDENTIALS)


@attack
def credentials_folder() -> None:
    replace_credentials()
    CREDENTIALS.mkdir()


@attack
def credentials_sparse() -> None:
    replace_credentials()
    os.truncate(os.open(CREDENTIALS, os.O_CREAT | os.O_RDWR), 255 << 20)


@attack
def credentials_deep() -> None:
    replace_credentials()
    CREDENTIALS.write_text("[" * 5_000_000)


@attack
def config_folder_is_a_link() -> None:
    CONFIG.rename(HOME / "before") if CONFIG.exists() else None
    CONFIG.symlink_to(pathlib.Path(TARGETS["files"][0]).parent)


@attack
def unreadable_folders() -> None:
    for number in range(50):
        folder = HOME / f"folder{number}"
        folder.mkdir()
        (folder / "file").touch()
        folder.chmod(0)
    HOME.chmod(0o500)


@attack
def odd_names() -> None:
    for name in ("\n", "\x1b[31mred", "a" * 255, "\u202e", "$(touch x)", os.fsdecode(b"\xff\xfe")):
        (HOME / name).write_text(os.environ["ANTHROPIC_API_KEY"])


# --- network --------------------------------------------------------------------------------------


@attack
def canary_port() -> list[str]:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", TARGETS["port"]), timeout=3).close()
        return ["the canary's port"]
    return []


@attack
def abstract_socket() -> list[str]:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as ours:
        ours.connect("\0" + TARGETS["abstract"])
        return ["the canary's abstract socket"]
    return []


@attack
def unix_socket() -> list[str]:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as ours:
        ours.connect(TARGETS["unix"])
        return ["the canary's Unix socket"]
    return []


@attack
def all_ports() -> list[str]:
    """Connect to every port of the loopback interface: one is the case's own."""
    found = []
    for port in range(1, 65536):
        with socket.socket() as ours:
            if ours.connect_ex(("127.0.0.1", port)) == 0 and ours.getsockname()[1] != port:
                found.append(port)  # not connected to itself, by a source port that it was given
    own = int(os.environ["HTTPS_PROXY"].rpartition(":")[2])
    return [f"port {port}" for port in found if port != own]


@attack
def other_machines() -> list[str]:
    found = []
    for address in ("192.0.2.1", "169.254.169.254", "10.0.0.1"):
        with contextlib.suppress(OSError):
            socket.create_connection((address, 80), timeout=2).close()
            found.append(address)
    return found


@attack
def names() -> list[str]:
    found = []
    for name in ("api.anthropic.com", "example.org"):
        with contextlib.suppress(OSError):
            socket.getaddrinfo(name, 443)
            found.append(name)
    return found


@attack
def many_requests() -> None:
    """Send requests with long paths to the proxy, over one connection."""
    host, _, port = os.environ["HTTP_PROXY"].removeprefix("http://").partition(":")
    for _ in range(20):
        with (
            contextlib.suppress(OSError),
            socket.create_connection((host, int(port))) as connection,
        ):
            for number in range(60):
                target = f"http://example.org/{number}/{'x' * 7000}"
                request = f"GET {target} HTTP/1.1\r\nhost: example.org\r\n\r\n"
                connection.sendall(request.encode())
            connection.settimeout(0.2)
            with contextlib.suppress(OSError):
                while connection.recv(65536):
                    pass


@attack
def garbage_requests() -> None:
    host, _, port = os.environ["HTTP_PROXY"].removeprefix("http://").partition(":")
    for data in (
        b"\x16\x03\x01" + b"\xff" * 500,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 9000,
    ):
        with (
            contextlib.suppress(OSError),
            socket.create_connection((host, int(port))) as connection,
        ):
            connection.sendall(data)
            connection.settimeout(0.5)
            connection.recv(100)


# --- output ---------------------------------------------------------------------------------------


@attack
def control_characters() -> None:
    report(
        "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066::error::x\n##[error]x <script>alert(1)</script>"
    )
    sys.exit()


@attack
def deep_report() -> None:
    sys.stdout.write("[" * 200_000 + "\n")


@attack
def huge_report() -> None:
    report("x" * 3_000_000)
    sys.exit()


@attack
def token_in_spellings() -> None:
    key = os.environ["ANTHROPIC_API_KEY"]
    sys.exit(f"Error: {key} {key.encode().hex(' ')} {list(key.encode())}")


def main() -> None:
    """Run one attack, and report what it has reached."""
    if "--version" in sys.argv:
        print("9.9.9 (Claude Code)")
        return
    reached = ATTACKS[os.environ["ANTHROPIC_MODEL"]]()
    report(f"reached {reached}" if reached else "contained")


main()
