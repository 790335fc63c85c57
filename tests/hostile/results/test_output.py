"""No command prints or writes text from outside as a terminal, a CI log or a browser obeys it."""

import dataclasses
import enum
import html
import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

import click
import pytest
from pydantic_core import to_json

from authprobe.cli import main
from authprobe.core.escaping import is_visible
from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Exchange, Outcome, Session
from authprobe.plan.shards import digest_ids
from authprobe.run.history.database import append
from authprobe.run.model import CaseRecord, Diagnosis, Run
from authprobe.run.results_file import dump_run
from authprobe.scenario.model import Expectation
from authprobe.trials.log import Trial, TrialKey
from authprobe.verdict.model import BaselineState, Mismatch, Status, Verdict
from tests.support.command import Ended, run
from tests.support.make import make_exchange, make_observation, make_record, make_run, make_shard

HOSTILE: Final = (
    "\n::error::x\r\n  ::stop-commands::x\n##[error]x \x1b[2J\x1b]0;t\x07\x9b31m\x7f \u202e\u2066 "
    "\u200b\ufeff\ufe0f\u034f\u3164\U000e0041\U000e0100 <script>alert(1)</script> "
    "<img src=x onerror=alert(1)> https://evil.example/ www.evil.example @octocat #12 0a1b2c3d "
    "\"$(touch pwned)\" `touch pwned` '; touch pwned; '"
)
SHOWN: Final = re.sub("[\x00-\x1f\x7f-\x9f]", " ", HOSTILE).strip()
"""What a scenario file may contain of it."""
SCENARIO: Final = """
id: evil
title: {text}
why: {text}
sources: [https://example.org/1]
credentials: {{bad: {{token: api-key, state: unknown, via: x-api-key}}}}
endpoints: {{messages: {{url: "https://api.anthropic.com/v1/messages"}}}}
matrix: {{client: [raw-http], endpoint: [messages], credential: [bad]}}
expect: {{outcome: accepted, message: {text}}}
"""
COMMANDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "run": (
        ("evil.yaml", "--out", "out"),
        ("evil.yaml", "--out", "out", "--json"),
        ("evil.yaml", "--list"),
        ("evil.yaml", "-k", HOSTILE),
        ("--case", HOSTILE),
        ("--baseline", HOSTILE),
    ),
    "merge": (("s.json", "--out", "out", "--json"), ("s.json", "--out", "out"), (HOSTILE,)),
    "report": (("r.json", "--out", "out"), ("r.json", "--history", HOSTILE)),
    "accept": (("--results", "r.json", "--baseline", "b.json"), (HOSTILE, "--results", "r.json")),
    "history": (
        ("--history", "h.db"),
        ("--history", "h.db", "--json"),
        (f"case{HOSTILE}", "--history", "h.db"),
        (f"case{HOSTILE}", "--history", "h.db", "--json"),
        (HOSTILE, "--history", "h.db"),
    ),
    "share": (("--results", "r.json"), ("--results", "r.json", "--out", "x.md")),
    "diff": (
        ("r.json", "r2.json"),
        ("r.json", "r2.json", "--json"),
        ("r.json", "r2.json", "--markdown"),
        ("r.json", "r2.json", HOSTILE),
    ),
    "bisect": (("--log", "--out", "."), ("--log", "--out", ".", "--json"), (HOSTILE,)),
    "versions": (("--client", HOSTILE), ("--client", "claude-code", "--data", HOSTILE, "--log")),
    "explain": (("r.json",), ("r.json", "--json"), ("hostile.txt",), ("hostile.txt", "--json")),
    "doctor": ((), ("--json",)),
    "drift": (("--list",), ("--list", "--json"), (HOSTILE,)),
    "observe": (("r.json",), ("hostile.txt",), ("r.json", "--json"), (HOSTILE,)),
    "emulator": (("--rules",), ("--issue", HOSTILE)),
    "clients": (("list", "--json"), ("install", HOSTILE)),
    "scan": (("r.json", "--json"), ("folder",), ("folder", "--json"), (HOSTILE,)),
    "schema": ((HOSTILE,),),
    "badge": (("r.json",), ("r.json", "--json"), ("r.json", "--out", "x.svg"), (HOSTILE,)),
    "card": (("r.json",), ("r.json", "--out", "x.svg"), (HOSTILE,)),
    "watch": (("--client", HOSTILE), ("--scenarios", "evil.yaml", "-k", HOSTILE)),
    "config": ((), (HOSTILE,)),
    "completion": (("bash",), ("bash", f"authprobe {HOSTILE}"), (HOSTILE,)),
    "init": (("--use", HOSTILE), (f"new/{HOSTILE}", "--yes", "--no-run")),
}
"""Command lines of every command, on the files of `folder`."""


def hostile(value: Any) -> Any:
    """Return a value with the hostile text after each of its texts, but not in its words."""
    if type(value) is str:
        return value + HOSTILE
    if isinstance(value, tuple):
        return tuple(map(hostile, value))
    if isinstance(value, dict):
        return {name: hostile(each) for name, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type | enum.Enum):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **{name: hostile(each) for name, each in fields.items()})
    return value


def make_hostile_run(**changes: Any) -> Run:
    """Return a run with the hostile text wherever a results file has a text."""
    exchange: Exchange = make_exchange(
        credential="key",
        credential_header="x-api-key",
        betas=("beta",),
        rule="rule",
        faults=("fault",),
        nearest="nearest",
        differs=("field",),
        error_type="error",
        message="message",
        headers={"user-agent": "agent"},
        products=("product/1",),
        scopes=("scope",),
        retry_after="1",
        content_type="text/html",
        status=401,
    )
    observation = make_observation(
        outcome=Outcome.REJECTED,
        status=401,
        error_type="error",
        message="message",
        detail="detail",
        exchanges=(exchange,),
        egress_refused=("host",),
        client_version="1.0",
        leaks=("place",),
        sessions=(Session(outcome=Outcome.REJECTED, message="message"),),
    )
    record: CaseRecord = make_record(
        id="case",
        observation=observation,
        formerly=("former",),
        expectation=Expectation(outcome=Outcome.ACCEPTED, message="expected"),
        verdict=Verdict(
            status=Status.FAILED,
            baseline=BaselineState.UPDATED,
            regressed=True,
            mismatches=(Mismatch(field="message", expected="expected", actual="actual"),),
            transitions=(Transition(field="message", before="before", after="after"),),
        ),
        findings=(Finding(name="finding", text="text"),),
        diagnosis=Diagnosis(
            id="cause",
            summary="summary",
            remedy="remedy",
            sources=("https://example.org/1",),
            evidence=("evidence",),
            commands=("authprobe doctor",),
            experiment="experiment",
        ),
        **changes,
    )
    run = make_run(record, absent=("absent",), complaints=("complaint",))
    selection = dataclasses.replace(run.selection, scenarios=("a.yaml",), clients=("raw-http",))
    evil: Run = dataclasses.replace(hostile(run), selection=hostile(selection), mode=run.mode)
    return evil


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with hostile files of every kind."""
    folder = tmp_path_factory.mktemp("hostile")
    first, second = make_hostile_run(), make_hostile_run(fault="other")
    other = dataclasses.replace(
        second.cases[0], observation=make_observation(message=f"other{HOSTILE}")
    )
    second = dataclasses.replace(second, cases=(other,))
    # As another program would write it: nothing is escaped that JSON lets pass.
    for name, each in (("r.json", first), ("r2.json", second)):
        (folder / name).write_bytes(to_json(each))
    plan = digest_ids(record.id for record in first.cases)
    shard = dataclasses.replace(first, shard=make_shard(1, 1, plan=plan))
    (folder / "s.json").write_bytes(to_json(shard))
    (folder / "hostile.txt").write_text(f"API Error: 401 {HOSTILE}")
    for each in (first, second):
        append(str(folder / "h.db"), each, 9)
    key = TrialKey(case="c", definition="d", client="claude-code@1.0", platform="p", rules="r")
    trial = Trial(key=hostile(key), at=first.started_at, observation=first.cases[0].observation)
    (folder / "trials.jsonl").write_bytes(to_json(trial) + b"\n")
    (folder / "folder").mkdir()
    token = "sk-ant-api03-" + "Zq7" * 31 + "AA"
    Path(folder, "folder", HOSTILE.replace("/", "-")[:110]).write_text(token)
    text = '"{}"'.format("".join(f"\\U{ord(character):08x}" for character in SHOWN))
    (folder / "evil.yaml").write_text(SCENARIO.format(text=text))
    return folder


def require_harmless_file(text: str, suffix: str) -> None:
    """Fail if a browser, or an editor, would obey or hide a part of the text."""
    text = re.sub("(?s)<(script|style)[^>]*>.*?</\\1>", "", text)
    if suffix not in (".html", ".svg"):  # no CI log shows a page or a picture
        require_harmless(text)
    assert all(c == "\n" or is_visible(c) for c in text)
    if suffix in (".md", ".html", ".svg"):
        assert not re.search("<(script|img src=x)", re.sub("(?s)```.*?```", "", text))


LINES: Final = tuple((name, *words) for name, lines in COMMANDS.items() for words in lines)


def test_every_command_is_tried() -> None:
    assert set(COMMANDS) == set(main.commands)
    assert isinstance(main, click.Group)


def require_harmless(text: str) -> None:
    """Fail if a terminal or a CI log would obey or hide a part of the text."""
    assert not sorted({c for c in text if c not in "\n\t" and not is_visible(c)})
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in text


@pytest.mark.parametrize(
    "words", LINES, ids=[f"{number}-{words[0]}" for number, words in enumerate(LINES)]
)
def test_no_output_is_obeyed(folder: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "h.db").unlink()
    (tmp_path / "h.db").write_bytes((folder / "h.db").read_bytes())
    inputs = {path.name for path in tmp_path.iterdir()} | {"home"}
    ended: Ended = run(*words, cwd=tmp_path)
    assert ended.code in (0, 1, 4, 5, 10), ended.err
    require_harmless(ended.out)
    require_harmless(ended.err)
    if "--json" in words and ended.code < 4:
        each_line = ended.out.splitlines() if words[0] == "scan" else [ended.out]
        assert all(json.loads(each) is not None for each in each_line)
    written = [path for path in tmp_path.iterdir() if path.name not in inputs]
    for path in (file for top in written for file in (top, *top.rglob("*"))):
        if path.is_file() and path.suffix != ".db":
            require_harmless_file(path.read_text(encoding="utf-8"), path.suffix)
    assert not list(tmp_path.rglob("pwned"))


def test_annotations_of_github_are_only_our_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.yaml").symlink_to(folder / "evil.yaml")
    ended = run("run", "evil.yaml", cwd=tmp_path, GITHUB_ACTIONS="true")
    commands = [line for line in ended.out.splitlines() if line.lstrip().startswith("::")]
    assert all(re.match(r"::(error|notice) title=", line) for line in commands)
    assert len(commands) == 2
    assert "##[" not in ended.out


def test_a_token_in_a_case_id_is_redacted(tmp_path: Path) -> None:
    token = "sk-ant-api03-" + "Zq7" * 31 + "AA"
    refused = make_observation(outcome=Outcome.REJECTED, status=401)
    record = make_record(id=token, observation=refused, verdict=Verdict(status=Status.FAILED))
    (tmp_path / "r.json").write_text(dump_run(make_run(record)))
    for words in (("explain", "r.json"), ("explain", "r.json", "--json")):
        ended = run(*words, cwd=tmp_path)
        assert "[redacted:" in ended.out
        assert "Zq7Zq7" not in ended.out + ended.err


COMMAND_LINE: Final = re.compile(
    r"^```\w+\n(authprobe .*)$|class=\"ap-again\">[^<]*<code>(.*?)</code>", re.MULTILINE
)


@pytest.mark.parametrize(
    "words", [("share", "--results", "r.json"), ("report", "r.json", "--out", "out")]
)
def test_commands_to_copy_run_nothing_else(
    folder: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "r.json").symlink_to(folder / "r.json")
    ended = run(*words, cwd=tmp_path)
    assert ended.code == 0
    text = ended.out
    for path in (*tmp_path.glob("out/*.md"), *tmp_path.glob("out/*.html")):
        text += path.read_text()
    commands = [html.unescape("".join(found)) for found in COMMAND_LINE.findall(text)]
    assert commands
    for command in commands:
        # A shell finds the same words as shlex, so that nothing in them is expanded or run.
        program = f"authprobe() {{ printf '%s\\0' authprobe \"$@\"; }}; {command}"
        said = subprocess.run(
            ["/bin/sh", "-c", program],
            cwd=tmp_path,
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.split("\0")[:-1] == shlex.split(command)
    assert not list(tmp_path.rglob("pwned"))
