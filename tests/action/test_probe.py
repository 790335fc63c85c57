"""The step of the action that runs authprobe: its words, exit codes, outputs and summary."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.command import PROJECT
from tests.support.github_runner import GitHubRunner, Step, parse_outputs
from tests.support.waiting import PATIENCE

FAKE: Final = """\
#!{python} -IS
import json, os, pathlib, signal, sys
here = pathlib.Path({folder!r})
(here / "argv.json").write_text(json.dumps(sys.argv[1:]))
(here / "cache").write_text(os.environ["AUTHPROBE_CACHE"])
out = pathlib.Path(next(w for w in sys.argv if w.startswith("--out=")).removeprefix("--out="))
for source in (here / "reports").iterdir() if out.is_dir() else ():
    (out / source.name).write_bytes(source.read_bytes())
if (here / "printed").exists():
    print((here / "printed").read_text())
if (here / "wait").exists():
    signal.signal(signal.SIGINT, lambda *_: sys.exit(2))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    print("waiting", flush=True)
    signal.pause()
sys.exit(int((here / "code").read_text()))
"""
"""A program that keeps its arguments, and leaves the reports and exit code that a test wants."""

HOSTILE: Final = (
    "$(touch owned)",
    "`touch owned`",
    "; touch owned",
    "&& touch owned",
    "| touch owned",
    "> owned",
    "'\"",
    '"; touch owned; "',
    "a\nb=c",
    "--har=x",
    "-k",
    "${IFS}",
    "%0A::set-output name=exit-code::0",
    "*",
    "~",
    "\\",
    "é\u202e",
)


@pytest.fixture
def runner(tmp_path: Path) -> GitHubRunner:
    """A job."""
    return GitHubRunner(tmp_path, {"STATE_FOLDER": str(tmp_path / "state")})


@pytest.fixture
def fake(tmp_path: Path, runner: GitHubRunner) -> Path:
    """The folder of a program that stands for authprobe in the job."""
    folder = tmp_path / "fake"
    (folder / "reports").mkdir(parents=True)
    (folder / "code").write_text("0")
    program = folder / "authprobe"
    program.write_text(FAKE.format(python=sys.executable, folder=str(folder)))
    program.chmod(0o755)
    runner.variables["AUTHPROBE"] = str(program)
    return folder


def words_of(fake: Path) -> list[str]:
    """Return the arguments of the program, without the folder of the reports."""
    words = json.loads((fake / "argv.json").read_text())
    return [word for word in words if not word.startswith("--out=")]


def probe(runner: GitHubRunner, **inputs: str) -> Step:
    """Run the step with these inputs."""
    return runner.start("probe.py", **{f"INPUT_{name.upper()}": v for name, v in inputs.items()})


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 99])
def test_every_exit_code_is_the_one_of_the_step(
    code: int, runner: GitHubRunner, fake: Path
) -> None:
    (fake / "code").write_text(str(code))
    step = probe(runner, command="drift")
    assert (step.code, step.outputs["exit-code"]) == (code, str(code))
    assert (step.outputs["report"], step.outputs["counts"]) == ("", "{}")
    assert f"`authprobe drift` ended with exit code {code}: " in step.summary
    assert step.log.count("::error ") == (code != 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_ends_authprobe_in_its_own_way(
    number: signal.Signals, runner: GitHubRunner, fake: Path, tmp_path: Path
) -> None:
    (fake / "wait").write_text("")
    output = tmp_path / "output"
    files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    argv = [sys.executable, "-E", "-s", str(PROJECT / "action" / "probe.py")]
    environment = {**runner.variables, **files}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as step:
        assert step.stdout is not None
        while "waiting" not in step.stdout.readline():
            assert step.poll() is None
        step.send_signal(number)
        assert step.wait(PATIENCE) == 2
    assert parse_outputs(output.read_text())["exit-code"] == "2"


def test_inputs_are_options_of_one_word_each(runner: GitHubRunner, fake: Path) -> None:
    inputs = {"suite": "smoke", "fail_on": "failed,absent", "scenarios": "  a b.yaml\n\n-x/\n"}
    probe(runner, **inputs, args="-k 'login and\texpired' --client=claude-code@2.1.9\n--retries 2")
    assert words_of(fake) == [
        *("run", "--suite=smoke", "--fail-on=failed,absent", "a b.yaml", "./-x/"),
        *("-k", "login and\texpired", "--client=claude-code@2.1.9", "--retries", "2"),
    ]
    assert (fake / "cache").read_text() == runner.variables["CACHE_FOLDER"]
    probe(runner, command="diff", scenarios="-a.yaml\nincidents", args="x@1 x@2")
    page, *words = words_of(fake)[1:]
    assert page.startswith("--json") or page.startswith("--markdown")
    assert words == ["--log", "--scenarios=-a.yaml", "--scenarios=incidents", "x@1", "x@2"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_inputs_are_words_and_nothing_else(
    text: str, runner: GitHubRunner, fake: Path
) -> None:
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    lines = [line for line in text.splitlines() if line]
    step = probe(runner, suite=text, fail_on=text, scenarios=text, args=quoted)
    paths = [f"./{line}" if line.startswith("-") else line for line in lines]
    assert words_of(fake) == ["run", f"--suite={text}", f"--fail-on={text}", *paths, text]
    assert step.code == 0
    assert set(step.outputs) == {
        *("folder", "exit-code", "counts", "regressed", "report", "summary")
    }
    assert list(runner.work.iterdir()) == []
    assert not any(line.startswith("::set-output") for line in step.log.splitlines())


@pytest.mark.parametrize("name", ["suite", "fail_on", "args"])
def test_the_command_line_in_the_log_is_one_line_without_commands(
    name: str, runner: GitHubRunner, fake: Path
) -> None:
    text = "smoke\n::error title=forged::x\n::stop-commands::x\r##[error]y\x1b[2J"
    step = probe(runner, **{name: f"'{text}'" if name == "args" else text})
    (line,) = step.log.splitlines()
    assert line.startswith("$ ")
    assert "smoke\\n::error title=forged::x\\n::stop-commands::x\\r\\x23#[error]y\\x1b[2J" in line


def test_the_page_of_watch_in_the_log_has_no_commands(runner: GitHubRunner, fake: Path) -> None:
    client: dict[str, Any] = {
        "client": "##[error]a\x1b[2J",
        "problem": None,
        "new": [],
        "comparisons": [],
    }
    counts = {"broke\n# x ##[error]": 1}
    diff = {"counts": counts, "command": "", "questions": []}
    compared = {"before": "1", "version": "2", "diff": diff}
    clients = [client, client | {"client": "b", "comparisons": [compared]}]
    (fake / "printed").write_text(json.dumps({"broke": 0, "complete": 1, "clients": clients}))
    step = probe(runner, command="watch")
    assert "- `\\x23#[error]a\\x1b[2J`: nothing new" in step.log
    assert "### `b 1 → 2`: 1 `broke # x ##[error]`" in step.summary.splitlines()
    assert "##[" not in step.log


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("$(touch owned) `touch owned`", ["$(touch", "owned)", "`touch", "owned`"]),
        ("a;touch owned", ["a;touch", "owned"]),
        ("$HOME ~ * > owned", ["$HOME", "~", "*", ">", "owned"]),
        ("a # b", ["a", "#", "b"]),
    ],
)
def test_args_are_split_and_never_evaluated(
    args: str, words: list[str], runner: GitHubRunner, fake: Path
) -> None:
    probe(runner, args=args)
    assert words_of(fake) == ["run", *words]
    assert list(runner.work.iterdir()) == []


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"command": "emulator"},
            "command: 'emulator' is not one of: run, merge, diff, watch, drift",
        ),
        ({"command": "--help"}, "command: '--help' is not one of"),
        ({"command": "watch\n"}, "command: has space before or after 'watch'; remove it"),
        ({"command": "run\nrun"}, "command: 'run\\nrun' is not one of"),
        ({"args": "'open"}, "args: No closing quotation"),
        ({"args": "--out /etc"}, "args: --out: the action sets it"),
        ({"args": "'--out=/etc'"}, "args: --out: the action sets it"),
        ({"args": "--json"}, "args: --json: the action sets it"),
    ],
)
def test_inputs_that_cannot_be_meant_are_refused(
    inputs: dict[str, str], message: str, runner: GitHubRunner, fake: Path
) -> None:
    step = probe(runner, **inputs)
    assert step.code == 4
    assert step.log.startswith("::error title=authprobe::" + message)
    assert not (fake / "argv.json").exists()


def report_files(fake: Path, **files: str | bytes) -> None:
    """Let the program leave these reports, named as a run names them."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (fake / "reports" / name.replace("_", ".")).write_bytes(data)


HOSTILE_WATCH: Final[dict[str, Any]] = {
    "broke": True,
    "complete": False,
    "clients": [
        {"client": "a`b", "problem": None, "new": ["1\n# x"], "comparisons": []},
        {"client": "c", "problem": "no\n::error::x", "new": [], "comparisons": []},
        {
            "client": "d",
            "problem": None,
            "new": ["1.0"],
            "comparisons": [
                {"before": None, "version": "0.1", "diff": None},
                {
                    "before": "0.1",
                    "version": "1.0",
                    "diff": {
                        "counts": {"broke": 1},
                        "command": "authprobe diff 'a`b'\n<img src=x>",
                        "questions": [
                            {"id": "x\n@you", "effect": "broke", "reasons": ["`\n<b>", "#7"]},
                            {"id": "same", "effect": "same", "reasons": []},
                            {"id": "none", "effect": None, "reasons": []},
                        ],
                    },
                },
            ],
        },
    ],
}


def test_the_page_of_watch_shows_texts_as_they_are(runner: GitHubRunner, fake: Path) -> None:
    (fake / "printed").write_text(json.dumps(HOSTILE_WATCH))
    (fake / "code").write_text("1")
    runner.variables["STATE_FOLDER"] = "/state"
    step = probe(runner, command="watch", scenarios="a.yaml", suite="smoke", args="--at-most 1")
    words = json.loads((fake / "argv.json").read_text())
    options = ["--out=/state", "--suite=smoke", "--scenarios=a.yaml"]
    assert words == ["watch", "--json", *options, "--at-most", "1"]
    assert step.code == 1
    assert step.summary.splitlines() == [
        "## authprobe watch: something broke; not everything could be tested",
        "",
        "- `a'b`: `1 # x`",
        "- `c`: `no ::error::x`",
        "- `d`: `1.0`",
        "",
        "### `d no version before it → 0.1`",
        "",
        "### `d 0.1 → 1.0`: 1 broke",
        "",
        "- **broke** `x @you`: `' <b>`; `#7`",
        "",
        "Again: `authprobe diff 'a'b' <img src=x>`",
        "",
    ]
    assert json.loads(step.outputs["regressed"]) == ["d@1.0: x\n@you"]
    (line,) = [line for line in step.log.splitlines() if line.startswith("::")]
    assert line.startswith("::error title=authprobe watch::")
    assert line.endswith("d@1.0: x%0A@you")


@pytest.mark.parametrize("printed", ["", "{", "[]", '{"broke": true, "complete": true}'])
def test_without_an_answer_of_watch_its_exit_code_is_said(
    printed: str, runner: GitHubRunner, fake: Path
) -> None:
    (fake / "printed").write_text(printed)
    (fake / "code").write_text("6")
    step = probe(runner, command="watch", args="--client x")
    assert step.code == 6
    assert step.outputs["report"] == ""
    assert "exit code 6: nothing failed, but something could not be tested" in step.summary


def test_values_cannot_forge_further_outputs(runner: GitHubRunner, fake: Path) -> None:
    forged = "a\nend-0\nexit-code=0\nregressed<<x\n[]\nx\n"
    verdict = {"status": "failed", "regressed": True}
    document = {"cases": [{"id": forged, "verdict": verdict}]}
    report_files(fake, results_json=json.dumps(document), report_html="")
    (fake / "code").write_text("1")
    step = probe(runner)
    assert step.outputs["exit-code"] == "1"
    assert json.loads(step.outputs["regressed"]) == [forged]
    assert "::error" not in step.log  # `authprobe run` annotates itself
    hostile = runner.folder / "a\nexit-code=0"
    hostile.mkdir()
    step = runner.start("probe.py", RUNNER_TEMP=str(hostile))
    assert step.outputs["report"].startswith(f"{hostile}/run-")
    assert step.outputs["exit-code"] == "1"


def test_annotations_are_escaped(runner: GitHubRunner, fake: Path) -> None:
    rows = [{"row": "L01\n::set-output name=a::b%", "kind": "changed"}]
    report_files(fake, drift_json=json.dumps({"rows": rows, "counts": {"changed": 1}}))
    (fake / "code").write_text("11")
    step = probe(runner, command="drift")
    (line,) = [line for line in step.log.splitlines() if line.startswith("::")]
    assert line.endswith("L01%0A::set-output name=a::b%25")
    assert json.loads(step.outputs["counts"]) == {"changed": 1}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"cases": 1}', '{"cases": [{}]}', b"\xff\x00", "[" * 99999]
)
def test_broken_results_are_no_findings(
    content: str | bytes, runner: GitHubRunner, fake: Path
) -> None:
    report_files(fake, results_json=content)
    step = probe(runner)
    assert step.code == 0
    assert (step.outputs["counts"], step.outputs["regressed"]) == ("{}", "[]")
    assert step.log.count("::warning title=authprobe%3A no counts::") == (content != "")


def test_a_summary_is_cut_below_the_limit_and_says_so(runner: GitHubRunner, fake: Path) -> None:
    line = "é" * 99 + "\n"
    report_files(fake, summary_md=line * 20_000)
    step = probe(runner)
    size = len(step.summary.encode())
    assert 1_000_000 < size < 1024 * 1024
    notice, _, rest = step.summary.partition("\n\n")
    assert "Only the beginning** of 3,980,000 bytes" in notice
    assert set(rest.strip().splitlines()) == {line.strip()}  # whole lines only
    report_files(fake, summary_md=line)
    assert probe(runner).summary == line + "\n"


def test_many_regressed_cases_are_cut(runner: GitHubRunner, fake: Path) -> None:
    verdict: dict[str, Any] = {"status": "failed", "regressed": True}
    cases = [{"id": f"case-{number}", "verdict": verdict} for number in range(3000)]
    report_files(fake, results_json=json.dumps({"cases": cases}))
    step = probe(runner)
    assert len(json.loads(step.outputs["regressed"])) == 1000
    assert json.loads(step.outputs["counts"])["failed"] == 3000


@pytest.mark.parametrize("name", ["x" * 3_000_000, "\U0001f511" * 900, "\x00\ud800" * 9000])
def test_long_names_are_cut_and_fit_into_a_variable(
    name: str, runner: GitHubRunner, fake: Path
) -> None:
    rows = [{"row": f"{number}{name}", "kind": "changed"} for number in range(20)]
    report_files(fake, drift_json=json.dumps({"rows": rows, "counts": {"changed": 20}}))
    (fake / "code").write_text("11")
    step = probe(runner, command="drift")
    names = json.loads(step.outputs["regressed"])
    assert len(step.outputs["regressed"]) <= 32 * 1024
    assert names[0] == f"0{name}"[:300] + "…"
    assert len(step.log) < 64 * 1024
    assert json.loads(step.outputs["counts"]) == {"changed": 20}


@pytest.mark.parametrize(
    "change",
    [
        {"rows": [{"row": 1, "kind": "changed"}]},
        {"rows": [{"row": ["a"], "kind": "changed"}]},
        {"counts": {"changed": "1"}},
        {"counts": {"changed": True}},
        {"counts": [["changed", 1]]},
        {"counts": {"x" * 40_000: 1}},
    ],
)
def test_forged_results_are_no_findings(
    change: dict[str, Any], runner: GitHubRunner, fake: Path
) -> None:
    document = {"rows": [{"row": "L01", "kind": "changed"}], "counts": {"changed": 1}}
    report_files(fake, drift_json=json.dumps(document | change))
    (fake / "code").write_text("11")
    step = probe(runner, command="drift")
    assert (step.code, step.outputs["counts"], step.outputs["regressed"]) == (11, "{}", "[]")
    assert "::warning title=authprobe%3A no counts::drift.json cannot be read: " in step.log
    assert "Traceback" not in step.log


@pytest.mark.parametrize("id", [1, None, 2.5])
def test_ids_that_are_no_names_hide_no_exit_code(
    id: object, runner: GitHubRunner, fake: Path
) -> None:
    verdict = {"status": "failed", "regressed": True}
    report_files(fake, results_json=json.dumps({"cases": [{"id": id, "verdict": verdict}]}))
    (fake / "code").write_text("6")
    step = probe(runner)
    assert (step.code, step.outputs["exit-code"], step.outputs["regressed"]) == (6, "6", "[]")


@pytest.mark.parametrize("variable", ["RUNNER_TEMP", "AUTHPROBE", "CACHE_FOLDER"])
def test_what_the_runner_must_set_is_named(variable: str, runner: GitHubRunner, fake: Path) -> None:
    step = runner.start("probe.py", **{variable: ""})
    assert step.code == 4
    assert f"{variable} is not set: this program is a step of GitHub Actions" in step.log
