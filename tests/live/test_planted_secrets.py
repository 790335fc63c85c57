"""Secrets that the real service sends back, in any part of an answer and any spelling."""

import contextlib
import dataclasses
import json
import os
import re
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.core.claude_api import API, HOSTS
from authprobe.emulator.case_backend import CaseBackend
from authprobe.live.claude_result import ClaudeReading
from authprobe.live.claude_run import ClaudeRun
from authprobe.live.client_traces import ClientTraces
from authprobe.live.command_line import CommandLine
from authprobe.observation.model import GateCount
from authprobe.redaction.redactor import Redactor
from authprobe.service.asker import Asker
from authprobe.service.budget import Budget
from tests.live.test_requests import SCENARIO, SOON, Service, make_service
from tests.support.live_command import run_live
from tests.support.service import hostile_server, read_head
from tests.support.spellings import SPELLINGS

KEYS = ("sk-ant-api03-q7Zp" + "A1b2C3d4E5f6G7h8" * 5, "plain-4711-words-08-15-of-ours-and-nobody")
TOKENS_ONLY = ("85", "uuencode", "reversed")
"""Parts of the names of spellings in which a value without `sk-ant-` is not found (secrets.md)."""
RUN = 12
"""Consecutive characters of a secret that must be nowhere."""
PLACES = ("reason", "header", "name", "location", "type", "message", "code", "id", "model")
BODIES = ("api", "flat", "oauth", "list", "text", "page")


@dataclasses.dataclass
class Answer:
    """What the service sends next."""

    data: bytes = b""
    size: int = 1

    def send(self, channel: socket.socket) -> None:
        """Answer a request, in pieces."""
        read_head(channel)
        for start in range(0, len(self.data), self.size):
            channel.sendall(self.data[start : start + self.size])


@dataclasses.dataclass
class Planted:
    """A service whose next answer can be set, and a laboratory that asks it."""

    answer: Answer
    service: Service

    def texts(self, key: str, data: bytes, size: int) -> str:
        """Return everything that is kept of an answer to a request with this key."""
        self.answer.data, self.answer.size = data, size
        redactor = Redactor()
        redactor.learn("OUR_KEY", key)
        live, budget = self.service.live, Budget(2)
        asker = Asker(
            hosts=HOSTS,
            budget=budget,
            directions=live.directions,
            pause=0,
            timeout=5,
            redactor=redactor,
        )
        laboratory = self.service.laboratory
        self.service.laboratory = dataclasses.replace(
            laboratory,
            redactor=redactor,
            live=dataclasses.replace(live, asker=asker, budget=budget),
        )
        observation = self.service.probe("models/key")
        assert observation.exchanges or observation.untestable
        return repr(observation)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("planted")
    answer = Answer()
    with hostile_server(answer.send, folder) as (_, directions):
        yield Planted(answer, make_service(CaseBackend(), directions, folder, SCENARIO))


def body_of(form: str, parts: dict[str, str]) -> bytes:
    """Return a body of a form, with these texts in its parts."""
    kind, message = parts.get("type", "authentication_error"), parts.get("message", "invalid")
    error = {"type": kind, "message": message, "details": {"error_code": parts.get("code", "x")}}
    documents = {
        "api": {"type": "error", "error": error, "request_id": parts.get("id", "req_1")},
        "flat": {"error": error},
        "oauth": {"error": kind, "error_description": message},
        "list": {"data": [{"type": "model", "id": parts.get("model", "claude-haiku-4-5")}]},
    }
    if form == "page":
        return f"<!doctype html><p>{message}".encode()
    return json.dumps(documents[form]).encode() if form in documents else message.encode()


def line(text: str) -> str:
    """Return a text that can be in one line of a head."""
    return re.sub(r"[\r\n]", " ", text)


def answer_with(
    secret: str, status: int, places: frozenset[str], form: str, *, is_chunked: bool
) -> bytes:
    """Return an answer that has a text in these places."""
    parts = {place: f"no {secret} here" if place == "message" else secret for place in places}
    body = body_of(form, parts)
    name = re.sub(r"[^A-Za-z0-9-]", "-", secret)[:200]
    head = [
        f"HTTP/1.1 {status} {line(parts.get('reason', 'No'))}",
        f"content-type: application/json; {line(parts.get('header', 'x'))}",
        f"x-{name if 'name' in parts else 'y'}: 1",
        f"retry-after: {line(parts.get('header', '7'))}",
        f"date: {line(parts.get('header', 'x'))}",
        f"request-id: {line(parts.get('id', 'req_1'))}",
        f"set-cookie: a={line(parts.get('header', 'x'))}",
        f"www-authenticate: Bearer {line(parts.get('header', 'x'))}",
        f"location: https://claude.ai/{line(parts.get('location', ''))}",
    ]
    if not is_chunked:
        head.append(f"content-length: {len(body)}")
        return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body
    chunks = b"".join(
        b"%x;%b\r\n%b\r\n" % (len(part), name.encode(), part)
        for part in (body[start : start + 7] for start in range(0, len(body), 7))
    )
    trailer = f"0\r\nx-trailer: {line(secret)}\r\n\r\n".encode("latin-1", "replace")
    head.append("transfer-encoding: chunked")
    return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + chunks + trailer


def check_clean(key: str, secrets: Sequence[str], text: str) -> None:
    """Check that a text has nothing of a key, nor one of these spellings of it."""
    own = Redactor()
    own.learn("OUR_KEY", key)
    assert "OUR_KEY" not in own.slots_in(text.replace("[redacted:OUR_KEY]", ""))
    assert not [secret for secret in secrets if secret in text]
    lower, start = text.lower(), len("sk-ant-api03-") if key.startswith("sk-ant") else 0
    pieces = (key[n : n + RUN].lower() for n in range(start, len(key) - RUN + 1))
    assert not [piece for piece in pieces if piece in lower]


def test_nothing_of_a_secret_is_kept_wherever_the_service_plants_it(planted: Planted) -> None:
    @given(
        key=st.sampled_from(KEYS),
        spelling=st.sampled_from(["as it is", *SPELLINGS]),
        status=st.sampled_from([200, 307, 400, 401, 403, 404, 429, 500, 529]),
        places=st.frozensets(st.sampled_from(PLACES), min_size=1),
        form=st.sampled_from(BODIES),
        is_chunked=st.booleans(),
        size=st.sampled_from([1_000_000, 50, 7]),
    )
    def check(
        key: str,
        spelling: str,
        status: int,
        places: frozenset[str],
        form: str,
        is_chunked: bool,
        size: int,
    ) -> None:
        assume(key == KEYS[0] or not any(part in spelling for part in TOKENS_ONLY))
        secret = SPELLINGS.get(spelling, str)(key)
        data = answer_with(secret, status, places, form, is_chunked=is_chunked)
        check_clean(key, [secret], planted.texts(key, data, size))

    check()


WAYS = ("result", "error", "stdout", "stderr", "host", "file", "file name", "option")


def client_run(secret: str, ways: frozenset[str], home: Path) -> ClaudeRun:
    """Return a run of a client that leaks a text in these ways."""
    texts = {way: f"see {secret} there" if way in ways else "nothing" for way in WAYS}
    document = {
        "is_error": "error" in ways,
        "result": texts["error"] if "error" in ways else texts["result"],
        "api_error_type": secret,
        "total_cost_usd": secret,
    }
    name = re.sub(r"[/\0\r\n]", "-", secret)[:50] if "file name" in ways else "log"
    with contextlib.suppress(OSError):  # not the name of a file
        (home / name).write_text(texts["file"], encoding="utf-8", errors="replace")
    stdout = texts["stdout"] if "stdout" in ways else json.dumps(document)
    return ClaudeRun(
        result=CompletedChild(
            exit_code=1,
            stdout=stdout,
            stderr=texts["stderr"],
            exit_reason=ExitReason.EXITED,
            elapsed=0.1,
            truncated=False,
        ),
        command=CommandLine(options=(), missing=("--tools", texts["option"])),
        events=(),
        debug_log=None,
        gate=(GateCount(host=API, connections=1, sent=9, received=9),)
        + ((GateCount(host=secret.lower()[:200], refused=1),) if "host" in ways else ()),
        home_folder=home,
        limit=None,
    )


@given(
    key=st.sampled_from(KEYS),
    spelling=st.sampled_from(["as it is", *SPELLINGS]),
    ways=st.frozensets(st.sampled_from(WAYS), min_size=1),
)
def test_nothing_of_a_secret_is_kept_however_the_client_leaks_it(
    key: str, spelling: str, ways: frozenset[str]
) -> None:
    assume(key == KEYS[0] or not any(part in spelling for part in TOKENS_ONLY))
    secret = SPELLINGS.get(spelling, str)(key)
    redactor = Redactor()
    redactor.learn("OUR_KEY", key)
    with tempfile.TemporaryDirectory() as folder:
        run = client_run(secret, ways, Path(folder))
        traces = ClientTraces(
            result=run.result,
            home_folder=run.home_folder,
            gate_counts=run.gate,
            host=API,
            redactor=redactor,
            secrets=(key,),
        )
        observation = ClaudeReading(run=run, traces=traces, version="2.1.332").observation()
    check_clean(key, [secret], repr(observation))
    if spelling == "as it is" and ways & {"file", "stderr", "stdout", "error", "result"}:
        assert observation.leaks


ARTIFACT_SPELLINGS = ("as it is", *SPELLINGS)[::4][:40]
ENDPOINTS = "\n".join(
    f"  e{number}: {{url: 'https://api.anthropic.com/e{number}/v1/models', request: models}}"
    for number in range(len(ARTIFACT_SPELLINGS))
)
NAMES = ", ".join(f"e{number}" for number in range(len(ARTIFACT_SPELLINGS)))
ONE_OF_EACH = f"""\
id: mine
title: Our key
why: It must be nowhere.
sources: [https://platform.claude.com/docs/en/api/overview]
live: {{hosts: [api.anthropic.com], max_requests: 40, expires: {SOON}}}
endpoints:
{ENDPOINTS}
credentials: {{key: {{token: api-key, from: env:OUR_KEY, via: x-api-key}}}}
matrix: {{client: [raw-http], endpoint: [{NAMES}], credential: [key]}}
expect: {{outcome: accepted}}
"""


def test_no_artifact_of_a_run_has_a_planted_secret(tmp_path: Path) -> None:
    key, secrets = KEYS[0], [SPELLINGS.get(name, str)(KEYS[0]) for name in ARTIFACT_SPELLINGS]

    def answer(channel: socket.socket) -> None:
        head = read_head(channel)
        match = re.match(rb"GET /e([0-9]+)/", head)
        assert match
        places = frozenset(PLACES) - {"model"}
        channel.sendall(answer_with(secrets[int(match[1])], 401, places, "api", is_chunked=True))

    (tmp_path / "mine.yaml").write_text(ONE_OF_EACH)
    with hostile_server(answer, tmp_path) as (connections, directions):
        ended = run_live(
            *("run", "mine.yaml", "--target", "live", "--yes", "--out", "out", "--har", "out/har"),
            *("--json", "--history", "out/history.db"),
            directions=directions,
            cwd=tmp_path,
            OUR_KEY=key,
        )
    assert len(connections) == len(secrets)
    assert ended.code == 1, ended.err
    assert "nothing of OUR_KEY in " in ended.err
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"results.json", "report.html", "junit.xml", "summary.md", "history.db"} <= {
        path.name for path in files
    }
    texts = [ended.out, ended.err]
    for path in files:
        assert os.listxattr(path) == []
        texts += [path.name, path.read_bytes().decode("utf-8", "replace")]
    for text in texts:
        check_clean(key, secrets, text)
