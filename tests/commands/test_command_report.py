"""`authprobe emulator --report DIR -- COMMAND` as a user runs it, and its report."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from authprobe.run.results_file import read_run
from authprobe.verdict.model import Status
from tests.support.command import Ended, command, environment, results
from tests.support.command import run as run_here
from tests.support.waiting import wait_until

LIMIT = 60.0
ASK = """
import json, os, sys, urllib.request, urllib.error
request = urllib.request.Request(
    os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages",
    data=json.dumps({"model": "claude-opus-5-5", "max_tokens": 5,
                     "messages": [{"role": "user", "content": "ping"}]}).encode(),
    headers={"content-type": "application/json", "anthropic-version": "2023-06-01",
             "x-api-key": os.environ.get(sys.argv[1], "none")},
)
try:
    print(json.load(urllib.request.urlopen(request))["content"][0]["text"])
except urllib.error.HTTPError as error:
    print("Error:", json.load(error)["error"]["message"], file=sys.stderr)
    sys.exit(int(sys.argv[2]))
"""


def _seals() -> bool:
    with Children(isolation=Isolation.SEALED) as children:
        return children.isolation is Isolation.SEALED


needs_seal = pytest.mark.skipif(not _seals(), reason="THIS SYSTEM SEALS NO CONTAINERS")


def run(folder: Path, *options: str, argv: tuple[str, ...]) -> Ended:
    """Run a command with a report in `out`, in a project beside the user's home."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / "ask.py").write_text(ASK)
    words = ("emulator", "--report", "out", *options, "--", *argv)
    return run_here(*words, cwd=project, HOME=str(folder / "home"))


def ask(folder: Path, *options: str, name: str = "ANTHROPIC_API_KEY", code: int = 1) -> Ended:
    return run(folder, *options, argv=(sys.executable, "ask.py", name, str(code)))


def python(folder: Path, *options: str, code: str) -> Ended:
    return run(folder, *options, argv=(sys.executable, "-c", code))


def only_case(folder: Path) -> dict[str, Any]:
    [case] = results(folder / "project" / "out")["cases"]
    return dict(case)


# --- observed, without an expectation -------------------------------------------------------------


def test_a_command_is_observed_and_its_exit_code_stays(tmp_path: Path) -> None:
    ended = ask(tmp_path, "--issue", "api-key:expired", code=7)
    assert (ended.code, ended.out) == (7, "")
    assert "Error: (the wording for an expired API key is not documented)" in ended.err
    assert "authprobe: observed: rejected 401, authentication_error" in ended.err
    assert ended.err.endswith("authprobe: report: out/report.html\n")
    case = only_case(tmp_path)
    assert case["id"].endswith("ask.py-anthropic_api_key-7/base-url/expired-api-key")
    assert case["id"].startswith("emulator/python")
    assert (case["verdict"]["status"], case["expectation"]) == ("observed", None)
    observation = case["observation"]
    assert (observation["outcome"], observation["exit_code"]) == ("rejected", 7)
    assert [e["status"] for e in observation["exchanges"]] == [401]
    assert observation["message"].startswith("Error: (the wording")
    assert case["diagnosis"]["id"] == "api-key-invalid"


def test_what_was_only_observed_is_no_passed_test(tmp_path: Path) -> None:
    assert ask(tmp_path, "--issue", "api-key").code == 0
    out = tmp_path / "project" / "out"
    assert {path.name for path in out.iterdir()} == {
        *("results.json", "report.html", "summary.md", "junit.xml", "ctrf.json"),
    }
    root = ElementTree.fromstring((out / "junit.xml").read_text())  # noqa: S314 - our own text
    [test] = root.iter("testcase")
    [skipped] = test.iter("skipped")
    assert skipped.get("type") == "observed"
    assert (skipped.get("message") or "").startswith("nothing was expected: accepted 200")
    summary = json.loads((out / "ctrf.json").read_text())["results"]["summary"]
    assert (summary["passed"], summary["other"]) == (0, 1)
    assert "✓" not in (out / "summary.md").read_text()
    assert "## • authprobe: Observed" in (out / "summary.md").read_text()
    page = (out / "report.html").read_text()
    assert "nothing was judged" in page
    assert 'ap-passed">' not in page
    assert "scenario" not in page.partition("<body")[2].partition("<script")[0]


def test_a_command_without_a_request_was_not_tested(tmp_path: Path) -> None:
    ended = python(tmp_path, "--issue", "api-key", code="raise SystemExit(3)")
    assert ended.code == 3
    case = only_case(tmp_path)
    assert case["verdict"]["status"] == "error"
    assert case["observation"]["detail"] == (
        "the command made no request to the emulator; exit code 3; it printed nothing"
    )
    assert case["findings"] == []


def test_requests_without_an_answer_are_not_denied(tmp_path: Path) -> None:
    code = (
        "import os, urllib.request\n"
        "urllib.request.urlopen(os.environ['ANTHROPIC_BASE_URL'] + '/v1/unknown')"
    )
    python(tmp_path, "--issue", "api-key", code=code)
    observation = only_case(tmp_path)["observation"]
    assert [e["status"] for e in observation["exchanges"]] == [404]
    assert observation["detail"].startswith(
        "the command made no request that the emulator has an answer for; exit code 1"
    )


def test_a_command_that_cannot_be_started_is_recorded(tmp_path: Path) -> None:
    ended = run(tmp_path, argv=("no-such-program",))
    assert ended.code == 127
    observation = only_case(tmp_path)["observation"]
    assert (observation["outcome"], observation["detail"]) == ("unavailable", "command not found")


def test_a_program_that_fails_after_an_answer_has_crashed(tmp_path: Path) -> None:
    ended = python(
        tmp_path,
        "--issue",
        "api-key",
        code=f"import sys; sys.argv = ['', "
        f"'ANTHROPIC_API_KEY', '1']; exec({ASK!r}); raise SystemExit(9)",
    )
    assert ended.code == 9
    observation = only_case(tmp_path)["observation"]
    assert observation["outcome"] == "crashed"
    assert observation["detail"] == "exit code 9, although its last request was accepted"


# --- with an expectation --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued", "expected", "code", "exit_code", "status"),
    [
        ("api-key", "accepted", 1, 0, "passed"),
        ("api-key", "rejected", 1, 1, "failed"),
        ("api-key:revoked", "rejected", 1, 0, "passed"),
        ("api-key:revoked", "accepted", 1, 1, "failed"),
        ("api-key:unknown", "accepted", 0, 1, "failed"),
    ],
)
def test_the_exit_code_is_that_of_the_verdict(
    tmp_path: Path, issued: str, expected: str, code: int, exit_code: int, status: str
) -> None:
    ended = ask(tmp_path, "--issue", issued, "--expect", expected, code=code)
    assert ended.code == exit_code
    assert only_case(tmp_path)["verdict"]["status"] == status
    assert f"authprobe: {status}: " in ended.err


def test_a_hidden_refusal_is_told_as_such(tmp_path: Path) -> None:
    ended = ask(tmp_path, "--issue", "api-key:revoked", "--expect", "accepted", code=0)
    assert ended.code == 1
    case = only_case(tmp_path)
    assert case["observation"]["outcome"] == "rejected"
    detail = "exit code 0: it reports success, although it was refused"
    assert case["observation"]["detail"] == detail
    assert [finding["name"] for finding in case["findings"]] == ["claims-success"]
    assert "not accepted as --expect says" in ended.err


def test_a_command_that_was_issued_no_credential_is_told_so(tmp_path: Path) -> None:
    ended = ask(tmp_path, "--expect", "accepted", code=1)
    hint = "No credential was issued to the command, and the emulator accepts no other: --issue"
    assert ended.err.count(f"authprobe: {hint}") == 1
    assert "Create a new key" not in ended.err
    issued = ask(tmp_path, "--issue", "api-key:revoked", "--expect", "accepted", code=1)
    assert hint not in issued.err


def test_an_untested_command_meets_no_expectation(tmp_path: Path) -> None:
    ended = python(tmp_path, "--expect", "rejected", code="raise SystemExit(1)")
    assert ended.code == 6
    page = (tmp_path / "project" / "out" / "report.html").read_text()
    assert "exit code 6: the command could not be tested (--expect rejected)" in page


def test_an_overload_is_an_outcome_of_its_own(tmp_path: Path) -> None:
    options = ("--issue", "api-key", "--fault", "A30", "--expect", "overloaded")
    assert ask(tmp_path, *options).code == 0
    case = only_case(tmp_path)
    assert case["id"].endswith("/base-url/api-key/A30")
    assert case["fault"] == "A30"


# --- leaks ----------------------------------------------------------------------------------------


@needs_seal
def test_tokens_in_the_output_and_in_the_home_are_found(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; key = os.environ['ANTHROPIC_API_KEY']; print(key); "
        "pathlib.Path.home().joinpath('debug.log').write_text(key)"
    )
    ended = python(tmp_path, "--issue", "api-key", code=code)
    assert ended.out.startswith("sk-ant-api03-")  # the user's own terminal shows what it shows
    assert only_case(tmp_path)["observation"]["leaks"] == ["~/debug.log", "its output (stdout)"]
    token = ended.out.strip()
    out = tmp_path / "project" / "out"
    assert not any(token in path.read_text() for path in out.iterdir())


def test_a_report_names_no_token_of_the_command_line(tmp_path: Path) -> None:
    token = "sk-ant-api03-" + "made" * 16
    run(tmp_path, "--issue", "api-key", argv=("/bin/echo", f"--key={token}"))
    out = tmp_path / "project" / "out"
    assert not any("mademade" in path.read_text() for path in out.iterdir())
    assert "[redacted:" in (out / "results.json").read_text()


# --- the output stays what it was -----------------------------------------------------------------


def test_output_is_shown_unchanged(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.write(1, bytes(range(256)) * 5000); os.write(2, b'\\xff error\\n'); "
        "print(os.isatty(1), file=sys.stderr)"
    )
    project = tmp_path / "project"
    project.mkdir()
    ended = subprocess.run(
        command("emulator", "--quiet", "--report", "out", "--", sys.executable, "-c", code),
        cwd=project,
        env=environment(tmp_path / "home"),
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stdout == bytes(range(256)) * 5000
    assert ended.stderr == b"\xff error\nFalse\n"


def test_a_terminal_stays_a_terminal_of_the_same_size(tmp_path: Path) -> None:
    code = "import os; print(os.isatty(0), os.isatty(1), os.isatty(2), *os.get_terminal_size(1))"
    project = tmp_path / "project"
    project.mkdir()
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (33, 99))
    with subprocess.Popen(
        command("emulator", "--quiet", "--report", "out", "--", sys.executable, "-c", code),
        cwd=project,
        env=environment(tmp_path / "home"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as child:
        assert child.wait(LIMIT) == 0
    os.close(theirs)
    assert os.read(ours, 1000) == b"True True True 99 33\r\n"
    os.close(ours)
    [message] = [only_case(tmp_path)["observation"]["message"]]
    assert message == "True True True 99 33"


# --- interruption, and places that cannot be written ----------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_is_reported(tmp_path: Path, number: signal.Signals) -> None:
    project = tmp_path / "project"
    project.mkdir()
    code = f"import sys, time; sys.argv = ['', 'ANTHROPIC_API_KEY', '1']; exec({ASK!r}); "
    code += "open('asked', 'w').close(); time.sleep(60)"
    options = ("--report", "out", "--issue", "api-key", "--expect", "accepted")
    with subprocess.Popen(
        command("emulator", *options, "--", sys.executable, "-c", code),
        cwd=project,
        env=environment(tmp_path / "home", TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        wait_until((project / "asked").exists)
        child.send_signal(number)
        _, err = child.communicate(timeout=LIMIT)
    assert child.returncode == 2
    assert "probes/authprobe" not in err  # the only traceback is that of the command
    document = results(project / "out")
    assert document["interrupted"] is True
    observation = only_case(tmp_path)["observation"]
    assert [e["status"] for e in observation["exchanges"]] == [200]
    assert f"{number.name} was passed on to it" in observation["detail"]
    assert "Interrupted" in (project / "out" / "summary.md").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "project"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("file", "--report file: cannot be written: 'file' is a regular file"),
        ("file/below", "--report file/below: cannot be written: "),
        ("link", "--report link: cannot be written: 'link' is a symbolic link"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_the_start(
    tmp_path: Path, place: str, words: str
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path)
    argv = ("--report", place, "--", "/bin/sh", "-c", "touch started")
    ended = run_here("emulator", *argv, cwd=tmp_path)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith(words)
    assert not (tmp_path / "started").exists()
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--report", "out"), "--report is only for a command"),
        (("--expect", "accepted", "--", "true"), "--expect needs --report DIR"),
        (("--baseline", "x.json", "--", "true"), "--baseline needs --report DIR"),
        (
            ("--report", "out", "--expect", "acepted", "--", "true"),
            "--expect acepted: no such outcome; did you mean 'accepted'?",
        ),
        (
            ("--report", "out", "--expect", "yes", "--", "true"),
            "--expect yes: no such outcome; use accepted, rejected, ",
        ),
        (("--report", "out", "--baseline", "x.json", "--", "true"), "x.json: "),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    ended = run_here("emulator", *options, cwd=tmp_path)
    assert (ended.code, ended.out) == (4, "")
    assert words in ended.err
    assert not (tmp_path / "out").exists()


# --- what is made of the results ------------------------------------------------------------------


def test_results_of_a_command_work_as_those_of_a_run(tmp_path: Path) -> None:
    project, home = tmp_path / "project", str(tmp_path / "home")
    ask(tmp_path, "--issue", "api-key", "--follows-prompts")
    file = project / "out" / "results.json"
    record = read_run(file).cases[0]
    assert record.verdict.status is Status.OBSERVED

    def work(*words: str) -> Ended:
        return run_here(*words, cwd=project, HOME=home)

    accepted = work("accept", "--results", "out/results.json", "--baseline", "baseline.json")
    assert (accepted.code, "1 new" in accepted.err) == (0, True)
    shared = work("share", record.id, "--results", "out/results.json")
    assert shared.code == 0
    assert "authprobe emulator --follows-prompts --issue api-key --report out -- " in shared.out
    assert work("report", "out/results.json", "--out", "again").code == 0
    first, again = (project / name / "report.html" for name in ("out", "again"))
    assert first.read_text() == again.read_text()

    ended = ask(tmp_path, "--issue", "api-key", "--fault", "A20", "--baseline", "baseline.json")
    assert "authprobe: observed" in ended.err
    (project / "ask.py").write_text(ASK.replace("claude-opus-5-5", "claude-opus-4-5") + "\n1/0")
    old = file.read_text()
    words = (sys.executable, "ask.py", "ANTHROPIC_API_KEY", "1")
    options = ("--report", "out", "--issue", "api-key", "--baseline", "baseline.json")
    changed = work("emulator", *options, "--", *words)
    assert changed.code == 1
    assert "authprobe: outcome: accepted → crashed" in changed.err
    (project / "old.json").write_text(old)
