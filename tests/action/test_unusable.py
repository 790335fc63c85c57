"""Inputs, files and programs that no step of the actions can use: it says so, and ends."""

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.github_runner import FakeGitHub, GitHubRunner, Step


def make_sparse(path: Path) -> None:
    """Make a file of 4 GiB that takes no room."""
    path.touch()
    os.truncate(path, 4 * 2**30)


KINDS: Final[dict[str, Callable[[Path], object]]] = {
    "folder": Path.mkdir,
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path),
    "sparse": make_sparse,
}
"""What can be found in the place of a file."""


@pytest.fixture
def runner(tmp_path: Path, github: FakeGitHub) -> GitHubRunner:
    """A job in which each step has what it needs, and authprobe does nothing."""
    event, summary = tmp_path / "event.json", tmp_path / "summary.md"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    summary.write_text("the summary")
    variables = {
        **github.variables,
        "ARTIFACT_NAME": "authprobe",
        "EXIT_CODE": "6",
        "GITHUB_EVENT_PATH": str(event),
        "INPUT_LABEL": "label",
        "INPUT_RESULTS": "release=1",
        "INPUT_TITLE": "title",
        "INPUT_VERSION": "7.0",
        "STATE_FOLDER": str(tmp_path / "state"),
        "SUMMARY": str(summary),
    }
    runner = GitHubRunner(tmp_path, variables)
    runner.variables["AUTHPROBE"] = str(program(runner, "echo authprobe 7.0"))
    return runner


def program(runner: GitHubRunner, *lines: str) -> Path:
    """Make a shell script that stands for the installed authprobe; `$out` is its folder."""
    path = runner.folder / "temp" / "authprobe-7.0" / "bin" / "authprobe"
    path.parent.mkdir(parents=True, exist_ok=True)
    out = 'for each; do case "$each" in --out=*) out="${each#--out=}";; esac; done'
    path.write_text("\n".join(("#!/bin/sh", out, *lines, "")))
    path.chmod(0o755)
    return path


def annotations(step: Step) -> list[str]:
    """Return the annotations of a step, which is the only thing that may complain in its log."""
    assert "Traceback" not in step.log, step.log
    return [line for line in step.log.splitlines() if line.startswith("::")]


def refused(step: Step) -> str:
    """Return the one error of a step that ended with the exit code of an invalid input."""
    (line,) = annotations(step)
    assert (step.code, line.partition(" ")[0]) == (4, "::error")
    return line


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [0, 6])
def test_reports_that_cannot_be_read_hide_no_exit_code(
    runner: GitHubRunner, kind: str, code: int
) -> None:
    model = runner.folder / "model"
    KINDS[kind](model)
    copies = (
        f'cp -a --sparse=always {model} "$out/{name}"' for name in ("results.json", "summary.md")
    )
    program(runner, *copies, f"exit {code}")
    step = runner.start("probe.py")
    assert (step.code, step.outputs["exit-code"]) == (code, str(code))
    assert (step.outputs["counts"], step.outputs["summary"]) == ("{}", "")
    assert f"ended with exit code {code}: " in step.summary
    results, summary = annotations(step)[:2]
    assert results.startswith("::warning title=authprobe%3A no counts::results.json cannot be read")
    assert summary.startswith("::warning title=authprobe%3A no summary::")


@pytest.mark.parametrize("command", ["run", "merge", "diff", "watch", "drift"])
@pytest.mark.parametrize("code", [0, 6])
def test_a_folder_that_the_run_removes_hides_no_exit_code(
    runner: GitHubRunner, command: str, code: int
) -> None:
    program(
        runner, f"rm -rf {runner.folder}/temp/{command}-*; echo '{{\"clients\": []}}'; exit {code}"
    )
    step = runner.start("probe.py", INPUT_COMMAND=command)
    assert (step.code, step.outputs["exit-code"]) == (code, str(code))
    levels = [line.split()[0] for line in annotations(step)]
    assert levels == ["::warning"] * (command == "diff") + ["::error"] * (code != 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("command", "name", "text"),
    [
        ("diff", "diff.json", '{"counts": {"broke": 0}, "questions": []}'),
        ("watch", "watch.md", '{"broke": 0, "complete": 1, "clients": []}'),
    ],
)
def test_what_the_run_leaves_in_the_place_of_a_page_is_replaced_or_reported(
    runner: GitHubRunner, kind: str, command: str, name: str, text: str
) -> None:
    model = runner.folder / "model"
    KINDS[kind](model)
    page = f"{runner.folder}/temp/{command}-*/"
    program(
        runner,
        f"test -e ran || cp -a --sparse=always {model} $(echo {page}){name}",
        f"touch ran; echo '{text}'",
    )
    step = runner.start("probe.py", INPUT_COMMAND=command)
    assert step.code == 0
    path = Path(step.outputs["folder"]) / name
    if kind == "folder":
        assert path.is_dir()
    else:
        assert stat.S_ISREG(path.lstat().st_mode)
        assert 0 < path.stat().st_size < 1000
    assert bool(annotations(step)) is (kind == "folder")


@pytest.mark.parametrize("kind", [*KINDS, "missing"])
@pytest.mark.parametrize(
    ("name", "title"), [("SUMMARY", "no summary"), ("GITHUB_EVENT_PATH", "no comment")]
)
def test_what_a_comment_needs_and_cannot_be_read_is_a_warning(
    runner: GitHubRunner, github: FakeGitHub, kind: str, name: str, title: str
) -> None:
    path = runner.folder / "other"
    KINDS.get(kind, str)(path)
    step = runner.start("comment.py", **{name: str(path)})
    (line,) = annotations(step)
    assert (step.code, line.split("::")[1]) == (0, f"warning title=authprobe%3A {title}")
    # Without a summary, it says the exit code; without a pull request, there is no place for it.
    said = ["its exit code is 6" in each["body"] for each in github.read()["comments"]]
    assert said == [True] * (name == "SUMMARY")


@pytest.mark.parametrize(
    ("content", "level"),
    [
        (b"", "warning"),
        (b"\xff\xfe", "warning"),
        (b"[" * 99_999, "warning"),
        (b"9" * 9_999, "warning"),
        (b"[]", "notice"),
        (b"null", "notice"),
        (b'{"pull_request": 5}', "notice"),
        (b'{"pull_request": [5]}', "notice"),
    ],
)
def test_an_event_of_another_shape_is_no_pull_request(
    runner: GitHubRunner, github: FakeGitHub, content: bytes, level: str
) -> None:
    Path(runner.variables["GITHUB_EVENT_PATH"]).write_bytes(content)
    step = runner.start("comment.py")
    (line,) = annotations(step)
    assert (step.code, line.split("::")[1]) == (0, f"{level} title=authprobe%3A no comment")
    assert github.read()["calls"] == []


@pytest.mark.parametrize("kind", [*KINDS, "long", "outside"])
def test_a_report_that_cannot_be_read_is_left_out_of_the_issue(
    runner: GitHubRunner, github: FakeGitHub, kind: str
) -> None:
    names = {"long": "x" * 300, "outside": "/etc/passwd"}
    KINDS.get(kind, str)(runner.work / "a.md")
    (runner.work / "b.md").write_text("the report")
    step = runner.start("issue.py", INPUT_REPORTS=f"{names.get(kind, 'a.md')}\nb.md\nmissing.md")
    (line,) = annotations(step)
    assert (step.code, line.split("::")[1]) == (
        0,
        "warning title=authprobe%3A a report is left out",
    )
    (issue,) = github.read()["issues"]
    assert issue["body"].endswith("the report")


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("prepare.py", "RUNNER_TEMP"),
        ("prepare.py", "GITHUB_OUTPUT"),
        ("probe.py", "GITHUB_OUTPUT"),
        ("issue.py", "GITHUB_REPOSITORY"),
    ],
)
def test_a_variable_that_is_missing_is_named(runner: GitHubRunner, script: str, name: str) -> None:
    assert f"::{name} is not set: this program is a step" in refused(
        runner.start(script, **{name: ""})
    )


@pytest.mark.parametrize("name", ["GITHUB_EVENT_PATH", "GITHUB_REPOSITORY", "EXIT_CODE"])
def test_a_variable_that_a_comment_needs_is_named_in_a_warning(
    runner: GitHubRunner, name: str
) -> None:
    step = runner.start("comment.py", **{"SUMMARY": "", name: ""})
    (line,) = annotations(step)
    assert step.code == 0
    assert line.startswith(f"::warning title=authprobe%3A no comment::{name} is not set: ")


@pytest.mark.parametrize("path", ["/dev/null", "/" + "x" * 5000])
@pytest.mark.parametrize("script", ["prepare.py", "probe.py"])
def test_a_temporary_folder_that_cannot_be_used_is_an_error(
    runner: GitHubRunner, script: str, path: str
) -> None:
    refused(runner.start(script, RUNNER_TEMP=path))


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize("kind", ["folder", "fifo", "/dev/full"])
@pytest.mark.parametrize("code", [0, 6])
def test_a_file_of_the_runner_that_cannot_be_written_hides_no_exit_code(
    runner: GitHubRunner, name: str, kind: str, code: int
) -> None:
    path = runner.folder / "other"
    KINDS.get(kind, str)(path)
    program(runner, f"exit {code}")
    step = runner.start("probe.py", **{name: kind if kind.startswith("/") else str(path)})
    (line,) = annotations(step)
    assert line.startswith("::error title=authprobe::")
    # Without outputs it does not start.
    assert step.code == (4 if name == "GITHUB_OUTPUT" else code or 4)


@pytest.mark.parametrize("text", ["", "#!/nowhere/sh\n", "\x7fELF"])
@pytest.mark.parametrize("mode", [0o755, 0o600])
def test_a_program_that_cannot_be_started_is_an_error(
    runner: GitHubRunner, text: str, mode: int
) -> None:
    path = program(runner)
    path.write_text(text)
    path.chmod(mode)
    for step in (runner.start("probe.py"), runner.start("prepare.py")):
        assert str(path) in refused(step) or not text


@pytest.mark.parametrize("path", ["/nowhere/authprobe", "/"])
def test_a_missing_program_is_an_error(runner: GitHubRunner, path: str) -> None:
    assert path in refused(runner.start("probe.py", AUTHPROBE=path))


def test_a_long_word_that_is_no_file_is_a_word(runner: GitHubRunner) -> None:
    program(runner, """echo '{"counts": {}, "questions": []}'""")
    step = runner.start("probe.py", INPUT_COMMAND="diff", INPUT_ARGS=f"{'x' * 5000}.json")
    assert (step.code, annotations(step)) == (0, [])


@pytest.mark.parametrize(
    "lines",
    [["exit 1"], ["kill -9 $$"], ["true"], ["echo authprobe"], ["printf '\\377'"], ["echo 7 x"]],
)
def test_a_program_that_does_not_say_its_version_is_an_error(
    runner: GitHubRunner, lines: list[str]
) -> None:
    path = program(runner, *lines)
    assert str(path) in refused(runner.start("prepare.py")) or "377" in lines[0]


@pytest.mark.parametrize("scenarios", ["deep", "fifo", "/dev/zero", "loop"])
def test_scenarios_that_cannot_be_read_do_not_hinder_the_cache(
    runner: GitHubRunner, scenarios: str
) -> None:
    deep = "/".join(["deep", *["x" * 250] * 20])  # longer than a path can be
    subprocess.run(["mkdir", "-p", deep], cwd=runner.work, check=True)
    KINDS["fifo"](runner.work / "fifo")
    KINDS["loop"](runner.work / "loop")
    KINDS["fifo"](runner.work / "authprobe.toml")
    step = runner.start("prepare.py", INPUT_SCENARIOS=scenarios)
    assert (step.code, annotations(step)) == (0, [])
    assert step.outputs["cache-key"]


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "sub/a.definitions.yml"])
def test_each_file_that_authprobe_reads_decides_about_the_cache(
    runner: GitHubRunner, name: str
) -> None:
    path = runner.work / "auth" / name
    path.parent.mkdir(parents=True)
    keys = []
    for text in "ab":
        path.write_text(text)
        keys.append(runner.start("prepare.py", INPUT_SCENARIOS="auth").outputs["cache-key"])
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("issue.py", "title"),
        ("issue.py", "label"),
        ("issue.py", "key"),
        ("issue.py", "results"),
        ("prepare.py", "scenarios"),
        ("probe.py", "args"),
    ],
)
def test_an_input_that_is_no_utf_8_is_an_error(
    runner: GitHubRunner, script: str, name: str
) -> None:
    step = runner.start(script, **{f"INPUT_{name.upper()}": os.fsdecode(b"a\xff=1")})
    assert f"::{name}: is not UTF-8" in refused(step)


@pytest.mark.parametrize("name", ["ARTIFACT_NAME", "GITHUB_JOB", "GITHUB_WORKFLOW"])
def test_a_name_that_is_no_utf_8_is_a_name(
    runner: GitHubRunner, github: FakeGitHub, name: str
) -> None:
    for script in ("comment.py", "prepare.py"):
        step = runner.start(script, **{name: os.fsdecode(b"\xff")})
        assert (step.code, annotations(step)) == (0, [])
    assert len(github.read()["comments"]) == 1
