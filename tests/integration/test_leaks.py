"""Canaries: what the user has in the environment and the home is not seen, changed or shown."""

import base64
import html
import re
import socket
import sys
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from authprobe.commands.request_log import log_exchange
from authprobe.emulator.standalone.emulator import emulate, parts_of
from authprobe.errors import ExitCode
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.redaction.scanner import scan_text
from tests.support import leaking_claude
from tests.support.command import PROJECT, Ended, command, run, write_scenario
from tests.support.exhaustive import exhaustive_but
from tests.support.leaking_claude import ENCODINGS

CANARY = "sk-ant-oat01-" + "canary-of-the-user-" * 3
SCENARIO = """
id: leaks
title: Tokens in every place that a request has
why: To look for them afterwards.
sources: [https://example.org/]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
  platform: {url: "https://platform.claude.com/v1/oauth/token", request: refresh}
credentials:
  as-bearer: {token: access-token, via: bearer}
  as-key: {token: api-key, state: unknown, via: x-api-key}
  in-body: {token: refresh-token, state: used, via: body}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [as-bearer, as-key]
include:
  - {endpoint: platform, credential: in-body}
expect: {outcome: accepted, message: never said}
"""

KNOWN_FAILURE = f"""
known_failures:
  - case: leaks/raw-http/messages/as-key
    signature: {{outcome: rejected, status: 401}}
    expires: 2099-01-01
    note: {CANARY}
"""


def test_no_token_reaches_a_report_not_even_of_a_failed_case(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    out = tmp_path / "reports"
    ended = run(
        argv=[
            *(sys.executable, "-m", "pytest", *_place(["pytest"], scenario, out)),
            *("--showlocals", "-vv", "-o", f"cache_dir={tmp_path / 'cache'}"),
        ],
        cwd=PROJECT,
        HOME=str(tmp_path),
    )
    assert ended.code == 1
    texts = [path.read_bytes().decode("latin-1") for path in out.iterdir()] + [ended.out, ended.err]
    assert len(texts) >= 6
    assert not [text for text in texts if "sk-ant-" in text]
    assert any("[redacted:access-token]" in text for text in texts)


def test_the_users_own_credentials_are_neither_used_nor_touched(tmp_path: Path) -> None:
    home = tmp_path / "home"
    login = home / ".claude" / ".credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text(CANARY)
    variables = (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "ANTHROPIC_CUSTOM_HEADERS",
        "SOME_OTHER_SECRET",
    )
    before = sorted(home.rglob("*"))
    ended = run(
        *("run", "-k", "cli-nothing and 31", "--json"),
        cwd=tmp_path,
        argv=None,
        **dict.fromkeys(variables, CANARY),
        CLAUDE_CONFIG_DIR=str(login.parent),
    )
    if "registry cannot be reached" in ended.out:
        pytest.skip("NO PACKAGE REGISTRY: the client is not installed")
    assert ended.code == 0, ended.out
    assert "canary" not in ended.out + ended.err
    for path in (tmp_path / "reports").iterdir():
        assert b"canary" not in path.read_bytes()
    assert login.read_text() == CANARY
    assert [path for path in sorted(home.rglob("*")) if ".cache" not in str(path)] == before


def test_an_artifact_with_a_token_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "kept.html").write_text("of an earlier run")
    with pytest.raises(SecretFoundError, match=r"kept\.html was not written") as raised:
        ArtifactGuard().publish(tmp_path, {"clean.json": "{}", "kept.html": f"<p>{CANARY}</p>"})
    assert CANARY not in str(raised.value)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "clean.json": "{}",
        "kept.html": "of an earlier run",
    }


def test_a_leak_ends_the_run_with_its_own_exit_code(tmp_path: Path) -> None:
    # The note of a known failure may hold any text; one with a token in it must not be published.
    (tmp_path / "known.yaml").write_text(KNOWN_FAILURE)
    known = ("--known-failures", "known.yaml")
    ended = run("run", write_scenario(tmp_path, SCENARIO), *known, cwd=tmp_path)
    assert ended.code == ExitCode.SECRET_FOUND
    assert "results.json was not written: it contains what looks like a token, at line" in ended.err
    assert CANARY not in ended.err + ended.out
    kept = {p.name: p.read_text() for p in (tmp_path / "reports").iterdir() if p.stat().st_size}
    assert set(kept) == {"results.partial.jsonl"}  # of the other cases
    assert CANARY not in "".join(kept.values())


TELLING = """
id: telling
title: A client that tells what it knows
why: Every credential, in every place, in every spelling.
sources: [https://example.org/]
credentials:
  key: {token: api-key, via: ANTHROPIC_API_KEY}
  of-helper: {token: api-key, via: apiKeyHelper}
  access: {token: access-token, via: CLAUDE_CODE_OAUTH_TOKEN}
  in-settings: {token: setup-token, via: settings-env, variable: CLAUDE_CODE_OAUTH_TOKEN}
  in-headers: {token: access-token, via: ANTHROPIC_CUSTOM_HEADERS}
  login: {token: login, via: credentials-file}
  refresh: {token: refresh-token, via: CLAUDE_CODE_OAUTH_REFRESH_TOKEN}
  identity: {token: identity-token, via: ANTHROPIC_IDENTITY_TOKEN}
backends: {NAMES}
matrix:
  client: [claude-code@installed]
  credential: [key, of-helper, access, in-settings, in-headers, login, refresh, identity]
  backend: [NAMES]
expect: {outcome: accepted, message: never said}
"""
GRAM = 12
"""Secret characters in a row that must be nowhere."""


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that came of a run with a client that tells what it knows."""

    texts: dict[str, str]
    values: frozenset[str]
    starts: Counter[str]
    """Starts of the client by the kind of its credential, each with another spelling."""
    ended: Ended


def tell(folder: Path, argv: list[str], *, spellings: int = len(ENCODINGS)) -> Told:
    """Run the scenario with the telling client as the user's own `claude`."""
    programs, kept, out = folder / "bin", folder / "kept", folder / "reports"
    programs.mkdir()
    kept.mkdir()
    for name, line in {
        "claude": f'exec {sys.executable} -I {leaking_claude.__file__} {kept} "$@"',
        "node": "exit 1",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    names = [f"b{number}" for number in range(spellings)]
    text = TELLING.replace("{NAMES}", "{" + ", ".join(f"{n}: {{}}" for n in names) + "}")
    text = text.replace("[NAMES]", f"[{', '.join(names)}]")
    if spellings == len(ENCODINGS):
        text += left_out(names)
    scenario = write_scenario(folder, text)
    path = f"{programs}:/usr/bin:/bin"
    ended = run(
        argv=[*argv, *_place(argv, scenario, out)],
        cwd=PROJECT,
        HOME=str(folder),
        PATH=path,
        AUTHPROBE_HISTORY="",
        AUTHPROBE_ISOLATION="network",  # so that the client can write what it told to `kept`
    )
    texts = {file.name: file.read_bytes().decode("latin-1") for file in out.iterdir()}
    files = list(kept.glob("*/values"))
    return Told(
        {**texts, "stdout": ended.out, "stderr": ended.err},
        frozenset(value for file in files for value in file.read_text().split()),
        Counter(file.parent.name.rpartition("-")[0] for file in files),
        ended,
    )


def left_out(names: list[str]) -> str:
    """Return what leaves one start of each kind of credential for each spelling.

    Keys are in two credentials, and access tokens in four.
    """
    entries = [
        f"{{credential: [{credentials}], backend: [{', '.join(names[len(names) // share :])}]}}"
        for credentials, share in (
            ("key, of-helper", 2),
            ("access, in-settings, in-headers, login", 4),
        )
    ]
    return f"exclude: [{', '.join(entries)}]\n"


def _place(argv: list[str], scenario: Path, out: Path) -> list[str]:
    if "pytest" in argv:
        return [
            *(str(scenario), "-o", f"authprobe_scenarios={scenario}", f"--authprobe-report={out}"),
            *("-o", f"cache_dir={out.parent / 'c'}"),
        ]
    return [str(scenario), f"--out={out}"]


def unfolded(text: str, depth: int = 3) -> Iterator[str]:
    """The text and what it is read as, by other means than those of the project."""
    yield text
    flat = re.sub(r"\x1b\[[0-9;]*m|\x1b\][^\x07]*\x07", "", text)
    flat = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), flat)
    flat = re.sub(r"\\+[nrt]", "\n", flat)
    flat = html.unescape(html.unescape(urllib.parse.unquote(urllib.parse.unquote(flat))))
    flat = re.sub(r"\x1b\[[0-9;]*m|<br>", "", html.unescape(flat))
    glued = re.sub(r"[\s│\0]+", "", flat)
    yield flat
    yield glued
    for whole in (flat, glued) if depth else ():
        for run_of in set(re.findall(r"[A-Za-z0-9+/_-]{16,}", whole)):
            digits = run_of.replace("-", "+").replace("_", "/")
            for skipped in range(4):
                part = digits[skipped:]
                data = base64.b64decode(part[: len(part) // 4 * 4])
                readable = data.replace(b"\0", b"").decode("latin-1")
                if re.search(r"[A-Za-z0-9_+/-]{12}", readable):
                    yield from unfolded(readable, depth - 1)
        for run_of in set(re.findall(r"(?:[0-9a-fA-F]{2} ?){12,}", whole)):
            with_pairs = re.sub("[^0-9a-fA-F]", "", run_of)
            for skipped in range(2):
                part = with_pairs[skipped:]
                yield bytes.fromhex(part[: len(part) // 2 * 2]).decode("latin-1")


def grams(text: str) -> set[str]:
    """Every so many characters in a row that could be of a token."""
    words = set(re.findall(rf"[A-Za-z0-9_-]{{{GRAM},}}", text))
    return {word[place : place + GRAM] for word in words for place in range(len(word) - GRAM + 1)}


def grams_of(values: frozenset[str]) -> set[str]:
    """The same of the secret parts of tokens."""
    return grams(" ".join(value.split("-", 3)[3] for value in values))


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_search_finds_each_spelling(name: str) -> None:
    value = "sk-ant-oat01-x3Pq9ZbT-aL7vK2mW_sQ8rJ5nYc4Hd6Gf1Ue0BtXiRoMzNpDhSkVlCgFw"
    seen = set().union(*map(grams, unfolded(f"It says {ENCODINGS[name](value)} there")))
    assert seen & grams_of(frozenset({value}))


@pytest.fixture(
    scope="module", params=exhaustive_but(("pytest", "run"), ("pytest", "run", "run --json"))
)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What came of it, by each way to run."""
    if request.param == "pytest":
        argv = [sys.executable, "-m", "pytest", "--showlocals", "-vv"]
    else:
        argv = command(*request.param.split())
    spellings = len(ENCODINGS) if request.param == "pytest" else 6
    told = tell(tmp_path_factory.mktemp("telling"), argv, spellings=spellings)
    assert min(told.starts.values(), default=0) >= spellings, told.ended.out[-900:]
    return told


def test_no_credential_is_in_any_place_in_any_spelling(told: Told) -> None:
    assert told.ended.code == ExitCode.FAILURES, (told.ended.out + told.ended.err)[-900:]
    assert len(told.values) >= 8 * 6
    wanted = grams_of(told.values)
    for name, text in told.texts.items():
        assert [str(found) for found in scan_text(text)] == [], name
        seen = set().union(*map(grams, unfolded(text)))
        assert len(seen & wanted) == 0, name


def test_what_was_told_is_there_by_its_name(told: Told) -> None:
    for slot in ("api-key", "access-token", "setup-token", "refresh-token"):
        assert f"[redacted:{slot}]" in told.texts["results.json"]
    assert "~/debug.log" in told.texts["results.json"]
    assert "asked for 1.2.3, but 9 ran" in told.texts["results.json"]


def test_what_was_told_commands_nothing(told: Told) -> None:
    for name in ("stdout", "stderr", "summary.md"):
        lines = told.texts[name].splitlines()
        assert not [line for line in lines if line.lstrip().startswith("::")], name
    for name, text in told.texts.items() - {("history.db", told.texts.get("history.db"))}:
        assert not {"\x1b", "\u202e", "\x9b"} & set(text), name


LAYER_TWO_OFF = """
import socket
import sys
from authprobe.redaction.redactor import Redactor
Redactor.__call__ = lambda self, text: text
Redactor.cut = lambda self, text, limit: text
from authprobe.cli import main
main(sys.argv[1:])
"""


def test_without_the_second_layer_the_third_lets_nothing_out(tmp_path: Path) -> None:
    told = tell(tmp_path, [sys.executable, "-c", LAYER_TWO_OFF, "run"], spellings=1)
    assert told.ended.code == ExitCode.SECRET_FOUND, told.ended
    assert "nothing was written: a canary written as plain was not replaced" in told.ended.err
    assert re.search(
        r"results\.json was not written: it contains (api-key|access-token), "
        r"at line \d+, column \d+",
        told.ended.err,
    )
    assert told.values
    for name, text in told.texts.items():
        assert len(set().union(*map(grams, unfolded(text))) & grams_of(told.values)) == 0, name
    assert not [name for name in told.texts if name.endswith((".json", ".html", ".xml", ".md"))]


BUG = f"""
import socket
import sys
from authprobe.engine import probe as engine
def broken_probe(laboratory, case):
    value = "{CANARY}"
    raise RuntimeError(f"it broke with {{value}}")
engine.probe_case = broken_probe
"""


@pytest.mark.parametrize(
    ("way", "code", "told"),
    [
        ("run", ExitCode.BUG, "it broke with [redacted:token]"),
        # The item fails, and the other items run.
        ("pytest", ExitCode.FAILURES, "RuntimeError in items/prober.py: _probe_cases; please"),
    ],
)
def test_a_bug_tells_no_credential(way: str, code: int, told: str, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    start = "from authprobe.cli import main\nmain(sys.argv[1:])"
    arguments = ["run", str(scenario), f"--out={tmp_path / 'out'}"]
    if way == "pytest":
        start = "import pytest\nsys.exit(pytest.main(sys.argv[1:]))"
        ignored = "ignore::pytest.PytestAssertRewriteWarning"
        arguments = ["--showlocals", "-W", ignored, *_place(["pytest"], scenario, tmp_path / "out")]
    ended = run(argv=[sys.executable, "-c", BUG + start, *arguments], cwd=PROJECT)
    assert ended.code == code
    assert told in ended.out + ended.err
    assert "canary" not in ended.out + ended.err


def test_a_bug_of_another_command_tells_no_credential(tmp_path: Path) -> None:
    broken = f"""
import sys
from authprobe.commands import clients
def list_clients(**options):
    raise RuntimeError("it broke with {CANARY}")
clients.list_clients = list_clients
from authprobe.cli import main
main(sys.argv[1:])
"""
    ended = run(argv=[sys.executable, "-c", broken, "clients", "list"], cwd=PROJECT)
    assert ended.code == ExitCode.BUG
    assert ended.err.endswith("RuntimeError: it broke with [redacted:token]\n")


@pytest.mark.parametrize("key", [CANARY, CANARY.replace("-", "%2d")])
def test_a_complaint_quotes_no_credential(key: str, tmp_path: Path) -> None:
    ended = run("run", write_scenario(tmp_path, f"{SCENARIO}\n{key}: 1\n"), cwd=tmp_path)
    assert ended.code == ExitCode.USAGE
    assert "example.yaml:" in ended.err
    assert "canary" not in ended.err + ended.out


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_emulators_log_and_control_api_hold_no_credential(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with emulate(control_port=0) as served:
        listener = parts_of(served).listener
        listener.backend.recorder.watch = log_exchange
        values = frozenset(served.issue(kind).value for kind in ("api-key", "access-token"))
        written = re.sub(r"[^!-~]", "", " ".join(map(ENCODINGS[name], values)))
        lines = [
            f"GET http://{written[:150]}.example.org/ HTTP/1.1\r\nhost: x",
            f"GET http://api.anthropic.com/{written}?{written} HTTP/1.1\r\n"
            f"host: {written[:150]}\r\nanthropic-beta: {written}\r\nx-api-key: {written}",
        ]
        for line in lines:
            with socket.create_connection(("127.0.0.1", listener.port)) as channel:
                channel.sendall(f"{line}\r\nconnection: close\r\n\r\n".encode("latin-1"))
                while channel.recv(65536):
                    pass
        told = httpx.get(
            f"{served.control_url}/exchanges",
            headers={"authorization": f"Bearer {served.control_token}"},
            trust_env=False,
        ).text
    for text in (told, capsys.readouterr().err):
        assert text
        assert not set().union(*map(grams, unfolded(text))) & grams_of(values)
