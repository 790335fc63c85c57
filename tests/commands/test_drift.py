"""`authprobe drift` against an emulator in the place of the service; no other host is asked."""

import contextlib
import dataclasses
import datetime
import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authprobe.cli import main
from authprobe.cli.drift import CONTINENTS
from authprobe.commands.drift import DriftOptions, drift
from authprobe.core.claude_api import API, HOSTS, PLATFORM
from authprobe.core.directions import Directions
from authprobe.drift.model import MAX_REQUESTS, Drift, RowResult
from authprobe.drift.observation_file import REGIONS, Region
from authprobe.drift.rows import ROWS
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault, TokenKind
from authprobe.emulator.rules.base import Answer, page
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.emulator import emulate
from authprobe.errors import ExitCode, ProbesError, SettingsError
from authprobe.report.drift import headline, rows_words
from authprobe.service.answer import NotAsked, ServiceAnswer
from tests.drift.test_comparison import mutate, status, with_error
from tests.support.service import open_service

Real = tuple[CaseBackend, Directions]
FILES = {"drift.html", "drift.md", "drift.json", "observation.json"}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def real(network: Network) -> Iterator[Real]:
    with open_service(network) as service:
        yield service


def run(real: Real, out: Path, *rows: str, **options: Any) -> int:
    """Return the exit code of the command."""
    return drift(DriftOptions(rows=rows, out=out, **options), real[1], pause=0.0)


def records(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the written JSON by id."""
    return {row["row"]: row for row in json.loads((out / "drift.json").read_text())["rows"]}


def own_key(real: Real, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a key that the service accepts, which is in the variable MY_KEY."""
    key = real[0].state.tokens.make(TokenKind.API_KEY).value
    monkeypatch.setenv("MY_KEY", key)
    monkeypatch.delenv("GITHUB_EVENT_NAME", raising=False)
    return key


def test_same(real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(real, tmp_path) == ExitCode.OK
    out, err = capsys.readouterr()
    assert "The service answers as the emulator says, in 17 rows." in out
    assert err.startswith("drift asks the real service, with 12 requests:\n  api.anthropic.com ")
    assert "[17/17] L13" in err
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert {row["kind"] for row in records(tmp_path).values()} == {"same"}
    assert real[0].log.request_count == 12


def test_requests_are_few_and_nobodys(real: Real, tmp_path: Path) -> None:
    run(real, tmp_path, undocumented=True)
    backend = real[0]
    assert backend.log.request_count == 13 <= MAX_REQUESTS
    assert {exchange.credential for exchange in backend.log.exchanges} <= {None, "foreign"}
    assert {p.partition("/")[0] for e in backend.log.exchanges for p in e.products} == {"authprobe"}
    assert "/api/oauth/usage" not in {exchange.path for exchange in backend.log.exchanges}


@pytest.mark.parametrize("fault", ["A29", "A30", "A34", "api-error", "reset", "B07"])
def test_budget_holds_under_every_fault(fault: str, real: Real, tmp_path: Path) -> None:
    real[0].faults.add(Fault(name=fault))
    assert run(real, tmp_path) in (ExitCode.NOT_ASKED, ExitCode.OK)
    assert real[0].log.request_count <= 12


def test_change_is_told_everywhere(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(403))
    assert run(real, tmp_path) == ExitCode.CHANGED
    out, _ = capsys.readouterr()
    assert "✗ changed     L08" in out
    for text in (out, (tmp_path / "drift.html").read_text(), (tmp_path / "drift.md").read_text()):
        assert "status: emulator 400, service 403" in text
        assert "1 row answers otherwise than the emulator." in text
        assert "--confirm" in text
    row = records(tmp_path)["L08"]
    assert row["differences"] == [
        {"part": "status", "kind": "changed", "emulator": "400", "service": "403"}
    ]


def test_change_wins_over_what_could_not_be_asked(real: Real, tmp_path: Path) -> None:
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(403))
    real[0].faults.add(Fault(name="A34", host=API))
    assert run(real, tmp_path) == ExitCode.CHANGED


def test_other_wording_and_challenged_page_are_no_change(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate(real[0], API, "/v1/messages", with_error(message="No."))
    real[0].faults.add(Fault(name="A34", host="claude.ai"))
    assert run(real, tmp_path) == ExitCode.OK
    out, _ = capsys.readouterr()
    assert "message: emulator invalid x-api-key, service No." in out
    assert "answer: emulator a page, service a challenge" in out
    assert "1 reworded, 1 noticed, 15 same" in out


def test_some_rows_that_could_not_be_asked_are_not_green(real: Real, tmp_path: Path) -> None:
    real[0].faults.add(Fault(name="B11", host=PLATFORM))
    assert run(real, tmp_path) == ExitCode.NOT_ASKED
    assert run(real, tmp_path, "L02", "L03") == ExitCode.OK


@pytest.mark.parametrize(("asked", "words"), [(1, "the other one is"), (2, "the other 2 are")])
def test_the_rows_that_were_asked_are_counted(asked: int, words: str) -> None:
    missing = RowResult(row=ROWS["L02"], answer=ServiceAnswer(not_asked=NotAsked.TIMEOUT))
    same = RowResult(row=ROWS["L03"], answer=ServiceAnswer(status=401))
    now = datetime.datetime.now(datetime.UTC)
    assert words in headline(Drift(started_at=now, rows=(missing, *[same] * asked)))


def test_network_is_named_where_every_host_fails_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Directions({(host, 443): ("nowhere.invalid", 443) for host in HOSTS})
    code = drift(DriftOptions(out=tmp_path), nowhere, pause=0.0)
    out, _ = capsys.readouterr()
    assert code == ExitCode.NOT_ASKED
    assert "Nothing could be asked (name not found: " in out
    assert "this says nothing about the service" in out


@pytest.mark.parametrize("echo", ["message", "page", "header", "type"])
def test_echoed_secrets_are_nowhere(
    echo: str,
    real: Real,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = own_key(real, monkeypatch)

    def change(answer: Answer) -> Answer:
        body = {"type": "error", "error": {"type": "odd", "message": "m"}, "request_id": key}
        if echo == "page":
            return page(200, f"<b>{key}</b>")
        if echo == "header":
            return Answer(status=418, body=body, headers={"request-id": key, "set-cookie": key})
        part = {"message": f"no {key} \\ {key[30:70]}"} if echo == "message" else {"type": key}
        return Answer(status=418, body=body | {"error": {"type": "odd", "message": "m"} | part})

    mutate(real[0], API, "/v1/models", change)
    code = run(real, tmp_path, key_variable="MY_KEY", is_agreed=True)
    assert code == ExitCode.CHANGED
    out, err = capsys.readouterr()
    texts = [out, err, *(path.read_text() for path in tmp_path.iterdir())]
    for text in texts:
        assert key not in text
        assert key[30:70] not in text


def test_own_key(real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_key(real, monkeypatch)
    assert run(real, tmp_path, key_variable="MY_KEY", is_agreed=True) == ExitCode.OK
    assert list(records(tmp_path)) == ["L20", "L21", "L23"]
    assert real[0].log.request_count == 3
    assert {exchange.host for exchange in real[0].log.exchanges} == {API}
    assert not any("messages" in e.path and "count" not in e.path for e in real[0].log.exchanges)


def test_count_of_tokens_alone_asks_for_a_model_first(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_key(real, monkeypatch)
    assert run(real, tmp_path, "L21", key_variable="MY_KEY", is_agreed=True) == ExitCode.OK
    assert list(records(tmp_path)) == ["L20", "L21"]


def test_key_is_not_sent_without_a_yes(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_key(real, monkeypatch)
    with pytest.raises(SettingsError, match="add --yes to agree without a terminal"):
        run(real, tmp_path, key_variable="MY_KEY")
    assert real[0].log.request_count == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reply", "requests"), [("y\n", 3), ("YES\n", 3), ("n\n", 0), ("\n", 0), ("", 0)]
)
def test_key_is_sent_after_a_yes_at_the_terminal(
    reply: str,
    requests: int,
    real: Real,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own_key(real, monkeypatch)
    terminal = io.StringIO(reply)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    with contextlib.suppress(SettingsError):
        run(real, tmp_path, key_variable="MY_KEY")
    assert real[0].log.request_count == requests
    err = capsys.readouterr().err
    assert "The API key in MY_KEY goes to api.anthropic.com only" in err
    assert "Send it? [y/N]" in err


def test_key_is_not_sent_after_an_answer_that_cannot_be_read(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_key(real, monkeypatch)
    terminal = io.TextIOWrapper(io.BytesIO(b"\xffy\n"), encoding="utf-8")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(SettingsError, match="nothing was sent"):
        run(real, tmp_path, key_variable="MY_KEY")
    assert real[0].log.request_count == 0


def test_key_is_not_sent_where_code_of_strangers_may_run(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_key(real, monkeypatch)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request_target")
    with pytest.raises(SettingsError, match="--key-env: never for the event"):
        run(real, tmp_path, key_variable="MY_KEY", is_agreed=True)
    assert real[0].log.request_count == 0
    assert run(real, tmp_path, "L02") == ExitCode.OK


@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_key_is_not_green(
    value: str | None,
    real: Real,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    assert run(real, tmp_path, key_variable="MY_KEY", is_agreed=True) == ExitCode.NOT_ASKED
    assert "MY_KEY: is not set or empty, so nothing was asked" in capsys.readouterr().err
    assert real[0].log.request_count == 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("sk-ant-oat01-" + "x" * 80, "has no API key"),
        ("sk-ant-ort01-" + "x" * 80, "has no API key"),
        ("sk-ant-admin01-" + "x" * 80, "has no API key"),
        ("sk-proj-" + "x" * 80, "has no API key"),
        ("sk-ant-api03-" + "x" * 80 + "\n", "ends with a line break"),
        ("sk-ant-api03-" + "x" * 40 + "\r\nx: y", "has several lines"),
        ("sk-ant-api03-" + "é" * 40, "has a character that no header can carry"),
    ],
)
def test_other_credentials_are_not_sent_and_not_quoted(
    value: str, reason: str, real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(SettingsError, match=f"MY_KEY: .*{reason}") as error:
        run(real, tmp_path, key_variable="MY_KEY", is_agreed=True)
    assert "xxx" not in str(error.value)
    assert real[0].log.request_count == 0


def earlier(out: Path, minutes: float, **changes: Any) -> Path:
    """Return the comparison in `out` as if it had been made some minutes ago."""
    data = json.loads((out / "drift.json").read_text())
    started_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    file = out / "earlier.json"
    file.write_text(json.dumps(data | {"started_at": started_at.isoformat()} | changes))
    return file


def test_change_that_lasts_is_confirmed(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(403))
    run(real, tmp_path, "L08")
    capsys.readouterr()
    assert run(real, tmp_path, "L08", confirm=earlier(tmp_path, 16)) == ExitCode.CHANGED
    assert "changed, confirmed" in capsys.readouterr().out
    assert records(tmp_path)["L08"]["confirmed"] is True


def test_change_that_is_new_or_another_is_not_confirmed(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(real, tmp_path, "L08")
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(403))
    assert run(real, tmp_path, "L08", confirm=earlier(tmp_path, 16)) == ExitCode.NOT_ASKED
    assert "changed, not confirmed" in capsys.readouterr().out
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(404))
    assert run(real, tmp_path, "L08", confirm=earlier(tmp_path, 16)) == ExitCode.NOT_ASKED


def test_change_that_is_gone_is_no_change(real: Real, tmp_path: Path) -> None:
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(403))
    run(real, tmp_path, "L08")
    mutate(real[0], PLATFORM, "/v1/oauth/token", status(400))
    assert run(real, tmp_path, "L08", confirm=earlier(tmp_path, 16)) == ExitCode.OK


def test_earlier_time_is_shown_in_utc(real: Real, tmp_path: Path) -> None:
    run(real, tmp_path, "L02")
    file = earlier(tmp_path, 0, started_at="2026-01-01T12:00:00+14:00")
    assert run(real, tmp_path, "L02", confirm=file) == ExitCode.OK
    assert "the run of 2025-12-31 22:00 UTC" in (tmp_path / "drift.md").read_text()


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (5, "it is not 15 minutes old; run this again in 10 min"),
        (14.5, "run this again in 1 min"),
        (-5, "it began in the future"),
    ],
)
def test_comparison_that_is_too_young(
    minutes: float, message: str, real: Real, tmp_path: Path
) -> None:
    run(real, tmp_path, "L02")
    file = earlier(tmp_path, minutes)
    count = real[0].log.request_count
    with pytest.raises(SettingsError, match=re.escape(message)):
        run(real, tmp_path, confirm=file)
    assert real[0].log.request_count == count


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1",
        '{"schema": "authprobe-drift/2"}',
        '{"schema": "authprobe-drift/1", "started_at": "2026-01-01", "rows": []}',
        '{"schema": "authprobe-drift/1", "started_at": "2026-01-01T00:00:00Z", "rows": [1]}',
        '{"schema": "authprobe-drift/1", "started_at": "0001-01-01T00:00:00+14:00", "rows": []}',
        "[" * 100_000,
        "x" * 1_000_001,
    ],
)
def test_file_that_is_no_comparison(content: str, real: Real, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    with pytest.raises(ProbesError, match=r"give the drift.json"):
        run(real, tmp_path / "out", confirm=file)
    assert real[0].log.request_count == 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (("L99",), {}, "'L99': no such row or rule"),
        (("L3",), {}, "'L3': no such row or rule; did you mean 'L03'?"),
        (("l7",), {}, "'l7': no such row or rule; did you mean 'L07'?"),
        (("A2",), {}, "'A2': no such row or rule; did you mean 'A02'?"),
        (("\x1b[31m",), {}, "no such row or rule"),
        (("L07",), {}, "L07: its endpoint is not documented; add --undocumented"),
        (("L20",), {}, "L20: needs an API key; add --key-env NAME"),
        (("L03",), {"key_variable": "MY_KEY"}, "no chosen row has a key"),
        ((), {"key_variable": "sk-ant-api03-" + "x" * 90}, "needs the name of a variable"),
        (
            tuple(f"L{number:02}" for number in (2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 21, 23)),
            {"key_variable": "MY_KEY"},
            "15 requests, but at most 14 are sent",
        ),
    ],
)
def test_bad_options_send_nothing(
    rows: tuple[str, ...],
    options: dict[str, Any],
    message: str,
    real: Real,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own_key(real, monkeypatch)
    with pytest.raises(SettingsError) as error:
        run(real, tmp_path, *rows, is_agreed=True, **options)
    assert message in str(error.value)
    assert "\x1b" not in str(error.value)
    assert "xxxx" not in str(error.value)
    assert real[0].log.request_count == 0
    assert list(tmp_path.iterdir()) == []


def test_out_that_is_a_file_is_told_before_anything_is_sent(real: Real, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="is not a directory"):
        run(real, tmp_path / "file")
    assert real[0].log.request_count == 0


def test_row_is_chosen_by_number_part_or_rule(real: Real, tmp_path: Path) -> None:
    run(real, tmp_path, "l06", "B05", "L01c")
    assert list(records(tmp_path)) == ["L01c", "L06a", "L06b", "L08"]


def test_json_is_the_only_output(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(real, tmp_path, "L02", as_json=True)
    out, _ = capsys.readouterr()
    assert json.loads(out) == json.loads((tmp_path / "drift.json").read_text())


def test_list_sends_nothing(real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(real, tmp_path, list_only=True) == ExitCode.OK
    assert "--undocumented" in capsys.readouterr().out
    assert run(real, tmp_path, list_only=True, as_json=True) == ExitCode.OK
    assert len(json.loads(capsys.readouterr().out)) == 21
    assert real[0].log.request_count == 0
    assert list(tmp_path.iterdir()) == []


def test_hostile_texts_are_harmless_in_every_format(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "<script>alert(1)</script> | `x` \x1b]0;t\x07 \u202e\n::error::x https://a.example @b"
    mutate(real[0], API, "/v1/messages", with_error(message=hostile))
    assert run(real, tmp_path, "L05") == ExitCode.OK
    out, err = capsys.readouterr()
    html, markdown = ((tmp_path / f"drift.{kind}").read_text() for kind in ("html", "md"))
    assert "<script>alert" not in html + markdown
    for text in (out, err, html, markdown):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert "\n::error" not in text
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(table) == 3


def test_page_loads_nothing(real: Real, tmp_path: Path) -> None:
    run(real, tmp_path)
    html = (tmp_path / "drift.html").read_text()
    assert "Content-Security-Policy" in html
    assert not re.search(r"(?:src|href)=\"(?!#)", html)


def test_only_rows_with_older_rules_are_listed_and_asked(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(real, tmp_path, list_only=True, as_json=True, older_than=0)
    all_rows = {row["row"] for row in json.loads(capsys.readouterr().out)}
    run(real, tmp_path, list_only=True, as_json=True, older_than=200)
    older = {row["row"] for row in json.loads(capsys.readouterr().out)}
    assert "L03" in older < all_rows
    assert real[0].log.request_count == 0
    assert run(real, tmp_path, older_than=200) == ExitCode.OK
    assert set(records(tmp_path)) == older - {"L07", "L20", "L21", "L23"}


def test_nothing_is_asked_if_no_rule_is_older(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(real, tmp_path, older_than=90_000) == ExitCode.NOTHING_SELECTED
    assert "no rule is older than 90000 days" in capsys.readouterr().err
    assert real[0].log.request_count == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("region", [None, "continent:EU"])
def test_continent_is_in_the_observation_only_if_given(
    region: Region | None, real: Real, tmp_path: Path
) -> None:
    run(real, tmp_path, "L02", asked_from=region)
    data = json.loads((tmp_path / "observation.json").read_text())
    assert data.get("asked_from") == region
    assert ("asked_from" in data) is (region is not None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--older-than", "30"), "--older-than 30: must be a number of days, such as 30d"),
        (("--older-than", "x" * 50 + "d"), "must be a number of days"),
        (
            ("--asked-from", "city:Oslo"),
            "--asked-from city:Oslo: no such value; use continent:AF, ",
        ),
    ],
)
def test_bad_days_and_places(arguments: tuple[str, ...], message: str) -> None:
    ended = CliRunner().invoke(main, ["drift", "--list", *arguments])
    assert ended.exit_code == ExitCode.USAGE
    assert message in ended.stderr


def test_continents_of_the_command_are_those_of_the_file() -> None:
    assert CONTINENTS == REGIONS


@contextlib.contextmanager
def command(
    folder: Path, environment: dict[str, str], *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Start the command as a user does, with nothing but these variables."""
    with subprocess.Popen(
        [sys.executable, "-m", "authprobe", "drift", *arguments],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def test_command_uses_the_proxy_and_the_authority_of_its_environment(tmp_path: Path) -> None:
    with emulate() as real:
        arguments = ("L01a", "L02", "L08")
        with command(tmp_path, dict(real.proxy_environment), *arguments) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == ExitCode.OK, err
        assert sorted(exchange.host for exchange in real.exchanges) == [API, PLATFORM]
    assert "in 3 rows" in out
    assert (tmp_path / "reports" / "drift.html").is_file()


def test_reader_that_has_enough_costs_no_file(tmp_path: Path) -> None:
    """The service is not asked again for what `head` did not want to read."""
    with emulate() as real, command(tmp_path, dict(real.proxy_environment), "L02") as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.OK, err
    assert "page: reports/drift.html" in err
    assert len(list((tmp_path / "reports").iterdir())) == 4


def test_interruption_writes_nothing(tmp_path: Path) -> None:
    with emulate() as real:
        real.fault("delay", seconds=30)
        with command(tmp_path, dict(real.proxy_environment), "L01a", "L02") as process:
            assert process.stderr is not None
            while "[1/2]" not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in err
    assert not (tmp_path / "reports").exists()


def test_options_have_no_way_to_other_addresses() -> None:
    names = {field.name for field in dataclasses.fields(DriftOptions)}
    assert not {name for name in names if "direction" in name or "host" in name or "url" in name}


def nowhere(real: Real) -> Directions:
    """Return the way to a port on which nobody listens."""
    return Directions(dict.fromkeys(real[1].addresses, ("127.0.0.1", 1)), real[1].authority)


def test_rows_with_the_same_reason_are_one_line(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = drift(DriftOptions(out=tmp_path), nowhere(real), pause=0.0)
    assert code == ExitCode.NOT_ASKED
    out, err = capsys.readouterr()
    first, reason, *_ = out.splitlines()
    assert first == "? not asked   L01 to L13 (17 rows)"
    assert reason.strip() == "connection: connection refused"
    assert out.count("connection refused") == 2  # there, and in the answer
    assert [line.split("]")[0] for line in err.splitlines() if line.startswith("[")] == [
        f"[{number}/17" for number in range(1, 6)
    ]
    assert "to give back" not in err


def test_rows_of_a_key_say_why_the_list_of_models_was_not_asked(
    real: Real,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own_key(real, monkeypatch)
    options = DriftOptions(out=tmp_path, key_variable="MY_KEY", is_agreed=True)
    assert drift(options, nowhere(real), pause=0.0) == ExitCode.NOT_ASKED
    assert capsys.readouterr().out.splitlines()[:2] == [
        "? not asked   L20 to L23 (3 rows)",
        "              connection: connection refused",
    ]
    assert real[0].log.request_count == 0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("L02", "L03", "L04"), "L02 to L04"),
        (("L02", "L03"), "L02, L03"),
        (("L06a", "L06b", "L08"), "L06, L08"),
        (("L05", "L06a", "L06b", "L08"), "L05 to L08"),
        (("L02", "L04", "L05"), "L02, L04, L05"),
    ],
)
def test_numbers_of_rows_are_a_range_only_without_a_gap(rows: tuple[str, ...], words: str) -> None:
    results = [RowResult(row=ROWS[id], answer=ServiceAnswer()) for id in rows]
    assert rows_words(results) == words
