"""A `claude` that does all it can with the user's secret, and a service that plants secrets."""

import contextlib
import dataclasses
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.claude_api import API
from authprobe.core.isolation import Isolation
from authprobe.errors import ClientError
from authprobe.live.gate import GateLimits
from authprobe.observation.model import EvidenceSource, Observation, Outcome
from tests.support.live_world import NEWEST, SETUP_TOKEN, World, prepare
from tests.support.service import hostile_server, read_head

SOURCE = Path(__file__).parents[1] / "support" / "chatty_claude.py"
PIECE = 8
"""Characters of a secret that must not be together in a record."""


@pytest.fixture
def outside() -> Iterator[int]:
    """A port of this machine, outside of the container."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def chatty(
    world: World, tmp_path: Path, outside: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A world in which the user's own `claude` is a program of the test."""
    folder = tmp_path / "bin"
    folder.mkdir()
    text = SOURCE.read_text().replace(
        "ADDRESSES: list[list[Any]] = []", f"ADDRESSES = [['127.0.0.1', {outside}]]"
    )
    (folder / "claude").write_text(f"#!{sys.executable} -I\n{text}")
    (folder / "claude").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with Children() as installers, Cache(tmp_path / "cache", installers) as cache:
        world.laboratory = dataclasses.replace(world.laboratory, cache=cache)
        prepare(world.laboratory, "installed")
        yield world


def ask(world: World, act: str, value: str) -> Observation:
    return world.ask(
        "claude-code@installed", SETUP_TOKEN, value, environment={"ANTHROPIC_MODEL": act}
    )


def pieces_in(text: str, secret: str) -> set[str]:
    """Return the pieces of a secret that a text holds, whatever the case of their letters."""
    text, random_part = text.lower(), secret.lower().removeprefix("sk-ant-oat01-")
    pieces = {random_part[i : i + PIECE] for i in range(len(random_part) - PIECE + 1)}
    return {piece for piece in pieces if piece in text}


def test_nothing_but_the_host_of_the_case_is_reached(chatty: World) -> None:
    observation = ask(chatty, "egress", chatty.token(SETUP_TOKEN))
    reached = dict(json.loads(observation.message or ""))
    assert reached == {
        "other": "403",
        "token endpoint": "403",
        "address": "403",
        "port": "403",
        "secret": ["403"] * 4,
        "past": ["ConnectionRefusedError"],
        "resolver": "gaierror",
        "internet": "OSError",
    }
    assert set(observation.egress_refused) >= {"example.com", "platform.claude.com", API}
    assert chatty.requests.total() == 0
    assert all(count.connections == 0 for count in observation.gate)


def test_nothing_listens_in_the_clients_network_but_the_gate_and_the_collector(
    chatty: World,
) -> None:
    observation = ask(chatty, "ports", chatty.token(SETUP_TOKEN))
    assert observation.message == "[]"


def test_secrets_of_a_client_are_in_no_record(chatty: World) -> None:
    secret = chatty.token(SETUP_TOKEN)
    observation = ask(chatty, "tell", secret)
    assert pieces_in(repr(observation), secret) == set()
    assert "somebody" not in repr(observation)
    assert "0123" not in repr(observation)
    assert (observation.message or "").startswith("sent [redacted:")
    assert observation.error_type is None
    files = {"~/[redacted:mine]", "~/debug.log", "~/notes.txt"}
    assert files | {"its output (stdout)", "its output (stderr)"} <= set(observation.leaks)
    assert observation.evidence == (
        EvidenceSource.RESULT,
        EvidenceSource.OTEL,
        EvidenceSource.DEBUG_LOG,
    )
    assert chatty.laboratory.scratch is not None
    for path in chatty.laboratory.scratch.rglob("*"):
        assert not path.is_file() or pieces_in(path.read_text("latin-1"), secret) == set()


def test_names_of_hosts_hold_no_piece_of_a_secret(chatty: World) -> None:
    secret = chatty.token(SETUP_TOKEN)
    observation = ask(chatty, "egress", secret)
    assert pieces_in(repr(observation), secret) == set()


def test_last_words_of_a_client_are_redacted(chatty: World) -> None:
    secret = chatty.token(SETUP_TOKEN)
    observation = ask(chatty, "crash", secret)
    assert observation.outcome is Outcome.CRASHED
    assert pieces_in(repr(observation), secret) == set()
    assert "its output (stderr)" in observation.leaks


def test_claim_without_a_connection_is_not_believed(chatty: World) -> None:
    observation = ask(chatty, "claim", chatty.token(SETUP_TOKEN))
    assert observation.outcome is Outcome.CRASHED
    assert observation.detail == f"it reports an answer, but received nothing from {API}"


def test_client_leaves_no_core_and_knows_no_user(chatty: World) -> None:
    """For a limit of 1 byte the kernel writes no core, and starts no program for it either."""
    observation = ask(chatty, "limits", chatty.token(SETUP_TOKEN))
    assert dict(json.loads(observation.message or "")) == {
        "core": [1, 1],
        "environment": [],
        "config": [],
    }


def test_without_a_network_of_its_own_no_client_is_asked(chatty: World, tmp_path: Path) -> None:
    with Children(tmp_path, isolation=Isolation.NONE) as children:
        chatty.laboratory = dataclasses.replace(chatty.laboratory, children=children)
        with pytest.raises(ClientError, match="only from a network of its own"):
            ask(chatty, "claim", chatty.token(SETUP_TOKEN))


PLANTED = {
    "organization": "cafe0001-0000-4000-8000-000000000001",
    "workspace": "wrkspc_cafe0002cafe0002",
    "request": "req_cafe0003cafe0003",
    "ray": "cafe0004cafe0004-FRA",
    "cookie": "session=cafe0005cafe0005",
    "mail": "cafe0006@example.com",
}


def planted_answer(secret: str, status: str) -> bytes:
    """Return an answer with secrets in all headers and in each part of the body."""
    text = f"refused {secret} of {PLANTED['mail']} in {PLANTED['organization']}"
    body = json.dumps(
        {
            "type": "error",
            "error": {"type": "authentication_error", "message": text, "details": PLANTED},
            "request_id": PLANTED["request"],
        }
    ).encode()
    headers = [
        f"HTTP/1.1 {status}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"anthropic-organization-id: {PLANTED['organization']}",
        f"anthropic-workspace-id: {PLANTED['workspace']}",
        f"request-id: {PLANTED['request']}",
        f"cf-ray: {PLANTED['ray']}",
        f"set-cookie: {PLANTED['cookie']}",
        f"x-echo: {secret}",
        "connection: close",
    ]
    return "\r\n".join([*headers, "", ""]).encode() + body


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "400 Bad Request"])
@pytest.mark.parametrize("version", ["2.1.112", NEWEST])
def test_secrets_that_the_service_plants_are_in_no_record(
    world: World, tmp_path: Path, status: str, version: str
) -> None:
    client = prepare(world.laboratory, version)
    secret = world.token(SETUP_TOKEN)

    def answer(channel: socket.socket) -> None:
        head = read_head(channel)
        size = next(
            (
                int(line[15:])
                for line in head.lower().split(b"\r\n")
                if line[:15] == b"content-length:"
            ),
            0,
        )
        rest = size - len(head.partition(b"\r\n\r\n")[2])
        while rest > 0 and (data := channel.recv(65536)):
            rest -= len(data)
        channel.sendall(planted_answer(secret, status))

    with hostile_server(answer, tmp_path) as (_, directions):
        world.directions = directions
        observation = world.ask(client, SETUP_TOKEN, secret)
    assert observation.status == int(status[:3])
    assert observation.outcome is Outcome.REJECTED
    assert "refused [redacted:" in (observation.message or "")
    assert pieces_in(repr(observation), secret) == set()
    assert "cafe" not in repr(observation)


def redirect_to_itself(channel: socket.socket) -> None:
    """Answer every request with a redirect to the same address."""
    head = read_head(channel)
    path = head.split(b" ")[1]
    channel.sendall(
        b"HTTP/1.1 307 Again\r\nlocation: " + path + b"\r\ncontent-length: 0\r\n"
        b"connection: close\r\n\r\n"
    )


def test_service_that_redirects_to_itself_gets_few_connections(
    world: World, tmp_path: Path
) -> None:
    client = prepare(world.laboratory, NEWEST)
    secret = world.token(SETUP_TOKEN)
    with hostile_server(redirect_to_itself, tmp_path) as (connections, directions):
        world.directions = directions
        observation = world.ask(client, SETUP_TOKEN, secret)
    assert len(connections) <= GateLimits().tunnels
    assert (observation.outcome, observation.status) == (Outcome.UNREACHABLE, None)


def test_service_that_cannot_be_reached_is_told_with_the_reason(world: World) -> None:
    client = prepare(world.laboratory, NEWEST)
    with socket.socket() as unused, contextlib.suppress(OSError):
        unused.bind(("127.0.0.1", 0))
        addresses = {(API, 443): unused.getsockname()[:2]}
        world.directions = dataclasses.replace(world.directions, addresses=addresses)
        observation = world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
    assert (observation.outcome, observation.status) == (Outcome.UNREACHABLE, None)
    assert observation.detail == f"the gate could not reach {API}: connection refused"
