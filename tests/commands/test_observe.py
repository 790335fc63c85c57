"""`authprobe observe` as a user and as a reviewer run it; nothing is sent."""

import datetime
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.commands.drift import DriftOptions, drift
from authprobe.core.claude_api import API, PLATFORM
from authprobe.drift.observation_check import read_observation, shared_name
from authprobe.drift.observation_file import LIMIT_BYTES
from authprobe.emulator.server.network import Network
from authprobe.errors import ExitCode
from tests.drift.test_comparison import mutate, status, with_error
from tests.support.service import open_service

KEY = "sk-ant-api03-" + "AbCd1234" * 10
TODAY = datetime.datetime.now(datetime.UTC).date()
NEW = "The key that was sent is not valid."


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a comparison with a service that differs in two rows."""
    folder = tmp_path_factory.mktemp("written")
    with Network() as network, open_service(network) as (backend, directions):
        mutate(backend, PLATFORM, "/v1/oauth/token", status(403))
        mutate(backend, API, "/v1/messages", with_error(message=NEW))
        drift(DriftOptions(out=folder), directions, pause=0.0)
    return folder


@pytest.fixture
def file(written: Path, tmp_path: Path) -> Path:
    """Return a copy of the observation, with the comparison beside it."""
    for name in ("observation.json", "drift.json"):
        (tmp_path / name).write_bytes((written / name).read_bytes())
    return tmp_path / "observation.json"


def observe(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["observe", *map(str, arguments)])


def replace(file: Path, before: str, after: str) -> Path:
    """Replace a text in a file, which must have it."""
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    return file


def test_valid_file_is_printed_whole_and_named(file: Path) -> None:
    ended = observe(file)
    assert ended.exit_code == ExitCode.OK, ended.stderr
    assert ended.stdout == file.read_text()
    name = f"observations/{TODAY:%Y-%m}/"
    assert name in ended.stderr
    assert "12 rows" in ended.stderr
    assert "--show" not in ended.stderr


def test_json(file: Path) -> None:
    ended = observe(file, "--json")
    [data] = json.loads(ended.stdout)
    assert (ended.exit_code, data["valid"], data["problems"]) == (ExitCode.OK, True, [])
    assert data["observation"] == json.loads(file.read_text())
    assert data["name"].startswith("observations/")
    assert data["new_wordings"] == []


def test_one_invalid_file_does_not_hide_the_others(file: Path, tmp_path: Path) -> None:
    ended = observe(tmp_path / "missing.json", file)
    assert ended.exit_code == ExitCode.USAGE
    assert f"{tmp_path / 'missing.json'}:1:1: no such file" in ended.stderr
    assert ended.stdout == file.read_text()


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ('"status": 401', '"status": "401"', 5, "is not as `authprobe drift` writes it"),
        ('"status": 401', '"status": [1]', 5, "'status' must be a whole number"),
        ('"status": 401', '"status": 4010', 5, "must be at most 599"),
        ('"row": "L02"', '"row": "L99"', 5, "L99: no such row"),
        ('"row": "L02"', '"row": "L01a"', 5, "none that a rule answers"),
        ('"row": "L03"', '"row": "L02"', 6, "L02: the row is there twice"),
        ('"rule": "A01"', '"rule": "A02"', 5, "the rule of L02 is A01"),
        ('"rule": "A01"', '"rule": "../x"', 5, "is not a rule"),
        ('"kind": "same"', '"kind": "fine"', 5, "is not a kind of result"),
        ('"kind": "same"', '"kind": "not-asked"', 5, "says nothing"),
        ('"type": "authentication_error"', '"type": "jane"', 5, "is no word that a rule has"),
        ('"code": null', '"code": "jane-doe"', 5, "is no word that a rule has"),
        ('"content_type": "application/json"', '"content_type": "x/jane"', 5, "is no word"),
        ("x-api-key header is required", "mail jane@example.org", 5, "cannot be shared"),
        ("x-api-key header is required", "id 77aa88bb99", 5, "1 of its 2 parts is no word"),
        ('"content-type", "date"', '"content-type", "x-jane"', 5, "no names that authprobe gives"),
        ('"content-type", "date"', '"date", "content-type"', 5, "must be in order"),
        ('"request_id": "present"', '"request_id": "req_1"', 5, "is not a state of a request id"),
        ('"day": "', '"user": "jane", "day": "', 3, "unknown key 'user'"),
        ('"code": null', '"code": null, "ip": "x"', 5, "unknown key 'ip'"),
        ('"authprobe": "', '"authprobe": "x', 2, "is not a version of authprobe"),
        ("authprobe-observation/1", "authprobe-observation/2", 18, "schema"),
        (f'"day": "{TODAY}"', '"day": "2026-02-30"', 3, "there is no such day"),
        (f'"day": "{TODAY}"', '"day": "today"', 3, "is not a day; write it as"),
        ("{\n", "{\n# jane@example.org\n", 2, "is not as `authprobe drift` writes it"),
        ('  {"code"', '   {"code"', 5, "is not as `authprobe drift` writes it"),
        ("{\n", "", 1, ""),
    ],
)
def test_tampered_file_is_refused_at_its_place(
    before: str, after: str, line: int, message: str, file: Path
) -> None:
    ended = observe(replace(file, before, after))
    assert ended.exit_code == ExitCode.USAGE
    assert message in ended.stderr
    assert any(each.startswith(f"{file}:{line}:") for each in ended.stderr.splitlines()), (
        ended.stderr
    )
    assert ended.stdout == ""


def test_result_that_is_only_claimed_is_refused(file: Path) -> None:
    [changed] = [line for line in file.read_text().splitlines() if '"row": "L08"' in line]
    assert '"kind": "changed"' in changed
    ended = observe(replace(file, changed, changed.replace("changed", "same")))
    assert ended.exit_code == ExitCode.USAGE
    assert "L08 is 'changed' for authprobe of this version, and not 'same'" in ended.stderr


@pytest.mark.parametrize(
    ("days", "message"),
    [(-2, "is in the future"), (31, "is 31 days ago; at most 30 are taken"), (30, None)],
)
def test_day(days: int, message: str | None, file: Path) -> None:
    day = TODAY - datetime.timedelta(days=days)
    ended = observe(replace(file, f'"day": "{TODAY}"', f'"day": "{day}"'))
    if message is None:
        assert "days ago" not in ended.stderr
        return
    assert ended.exit_code == ExitCode.USAGE
    assert message in ended.stderr
    assert f"{file}:3:" in ended.stderr


@pytest.mark.parametrize(
    "place", ['"date"', "authprobe-observation/1", "x-api-key header is required"]
)
def test_credential_is_neither_printed_nor_quoted(place: str, file: Path) -> None:
    ended = observe(replace(file, place, f"{place[:-1]}{KEY}{place[-1]}"))
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert "AbCd1234" not in ended.output
    assert ended.stdout == ""
    assert "what looks like" in ended.stderr
    ended = observe(file, "--json")
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert "AbCd1234" not in ended.output


def test_larger_file_is_refused(file: Path) -> None:
    file.write_text(file.read_text() + " " * LIMIT_BYTES)
    ended = observe(file)
    assert ended.exit_code == ExitCode.USAGE
    assert "at most 16,000 are taken" in ended.stderr


def test_byte_order_mark_is_no_part_of_the_form(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    ended = observe(file)
    assert ended.exit_code == ExitCode.USAGE
    assert f"{file}:1:1: begins with a byte order mark" in ended.stderr


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/kmsg", "/proc/self/mem", "."])
def test_what_is_no_file_is_refused_at_once(path: str) -> None:
    ended = observe(path)
    assert ended.exit_code == ExitCode.USAGE, ended.output
    assert ended.stderr.startswith(f"{path}:1:1: ")
    assert ended.stdout == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b"{}", b"a: b", b"[" * 9000, b"\0"])
def test_other_content_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(content)
    ended = observe(tmp_path / "file.json")
    assert ended.exit_code == ExitCode.USAGE
    assert f"{tmp_path / 'file.json'}:" in ended.stderr
    assert ended.stdout == ""


def test_name_of_a_file_that_was_given_back_is_that_of_its_content(file: Path) -> None:
    value = read_observation(file).value
    assert value is not None
    name = shared_name(value)
    path = file.parent / name
    path.parent.mkdir(parents=True)
    path.write_text(file.read_text())
    assert observe(path).exit_code == ExitCode.OK
    other = path.rename(path.with_name("0" * 32 + ".json"))
    ended = observe(other)
    assert ended.exit_code == ExitCode.USAGE
    assert f"its name must be {name}" in ended.stderr


def test_new_wording_is_shown_from_the_comparison_beside_it(file: Path) -> None:
    before = file.read_text()
    assert NEW not in before
    assert f"<new: {len(NEW)} characters>" in before
    ended = observe(file, "--show")
    assert ended.exit_code == ExitCode.OK
    assert f"L05: {NEW}" in ended.stderr
    assert file.read_text() == before


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    return terminal


def approve(file: Path) -> int:
    from authprobe.commands.observe import observe as command

    return command((file,), shows_new=True, approves=True, as_json=False)


@pytest.mark.parametrize(("reply", "enters"), [("y\n", True), ("n\n", False), ("", False)])
def test_new_wording_enters_only_after_a_yes(
    reply: str,
    enters: bool,
    file: Path,
    terminal: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.write(reply)
    terminal.seek(0)
    assert approve(file) == ExitCode.OK
    out, err = capsys.readouterr()
    assert (NEW in file.read_text()) is (NEW in out) is enters
    assert ("new wording in L05, read it once more" in err) is enters
    assert observe(file).exit_code == ExitCode.OK


def test_wording_with_a_value_is_never_asked_about(
    file: Path, terminal: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "The key of jane@example.org expired"
    assert len(bad) == len(NEW)
    replace(file.parent / "drift.json", f'"message": "{NEW}"', f'"message": "{bad}"')
    terminal.write("y\ny\n")
    terminal.seek(0)
    before = file.read_text()
    assert approve(file) == ExitCode.OK
    assert "stays here: " in capsys.readouterr().err
    assert file.read_text() == before


def test_credential_in_a_new_wording_is_not_shown(file: Path) -> None:
    """Whoever wrote the comparison: it need not be authprobe."""
    wording = f"The key {KEY} is not valid."
    replace(file, f"<new: {len(NEW)} characters>", f"<new: {len(wording)} characters>")
    record = file.parent / "drift.json"
    record.write_text(record.read_text().replace(NEW, wording))
    ended = observe(file, "--show")
    assert "L05: The key [redacted:token] is not valid." in ended.stderr
    assert "stays here" in ended.stderr
    assert "AbCd1234" not in ended.output


def test_approval_needs_a_terminal(file: Path) -> None:
    before = file.read_text()
    ended = observe(file, "--approve")
    assert ended.exit_code == ExitCode.USAGE
    assert "--approve: a person has to answer" in ended.stderr
    assert file.read_text() == before


def test_comparison_of_another_run_has_no_wording_for_the_file(file: Path) -> None:
    replace(file.parent / "drift.json", f'"message": "{NEW}"', '"message": "another one"')
    assert "another one" not in observe(file, "--show").stderr
    (file.parent / "drift.json").unlink()
    ended = observe(file, "--show")
    assert ended.exit_code == ExitCode.OK
    assert "keep the drift.json of the same run beside" in ended.stderr


def test_approve_and_json_exclude_each_other(file: Path) -> None:
    assert observe(file, "--approve", "--json").exit_code == ExitCode.USAGE


def test_echoed_values_are_not_in_the_file(tmp_path: Path) -> None:
    """A service that puts what it gets, and ids, into every field."""
    person = "8a1f7e42-77aa-4777-8777-77aa77aa77aa jane.doe@example.org 192.0.2.77"
    fields: dict[str, Any] = {"message": person, "type": person, "details": {"error_code": person}}
    with Network() as network, open_service(network) as (backend, directions):
        for path in ("/v1/messages", "/v1/models"):
            mutate(backend, API, path, with_error(**fields))
        drift(DriftOptions(out=tmp_path), directions, pause=0.0)
    text = (tmp_path / "observation.json").read_text()
    assert not [word for word in person.replace("-", " ").split() if word in text]
    assert text.count("<new: ") >= 6
    assert observe(tmp_path / "observation.json").exit_code == ExitCode.OK
