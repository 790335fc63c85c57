"""`authprobe.run`, `diff`, `explain` and `emulate` as a program calls them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import authprobe
from authprobe.diagnosis.text_facts import MAX_INPUT_BYTES
from authprobe.engine import laboratory, runner
from tests.support.command import PROJECT, command, environment
from tests.support.ordinary_user import USER
from tests.support.waiting import PATIENCE

SCENARIO = """
id: example
title: Two kinds of key
why: To see what a program gets.
sources: [https://example.org/]
variables: {state: unknown}
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
credentials:
  good: {token: api-key, via: x-api-key}
  bad: {token: api-key, state: "${state}", via: x-api-key}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [good, bad]
expect:
  - when: {credential: good}
    then: {outcome: accepted}
  - then: {outcome: rejected, status: 401}
"""
GOOD, BAD = "example/raw-http/messages/good", "example/raw-http/messages/bad"


class PathOf:
    """A path of another program, whose text may be of any type."""

    def __init__(self, text: object) -> None:
        self.text = text

    def __fspath__(self) -> object:
        return self.text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_run_warns_of_a_file_of_options_of_another_user(folder: Path) -> None:
    file = folder / "authprobe.toml"
    file.write_text('clients = ["missing.yaml"]\n')
    os.chown(file, USER, USER)
    with pytest.warns(UserWarning, match=r"^authprobe\.toml: belongs to another user") as warned:
        assert len(authprobe.run(SCENARIO).cases) == 2
    assert warned[0].filename == __file__


def test_a_run_warns_of_a_variable_that_does_not_exist(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHPROBE_HISTROY", "")
    monkeypatch.setenv("AUTHPROBE_ISOLATOIN", "network")
    message = "AUTHPROBE_ISOLATOIN: no such variable of authprobe; did you mean "
    with pytest.warns(UserWarning, match=f"^{message}'AUTHPROBE_ISOLATION'") as warned:
        assert len(authprobe.run(SCENARIO).cases) == 2
    assert [each.filename for each in warned] == [__file__]


def test_a_run_has_no_side_effect(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    variables, threads = dict(os.environ), set(threading.enumerate())
    seen: list[object] = []
    original = laboratory.open_laboratory

    def look(*arguments: object) -> object:
        seen.append(signal.getsignal(signal.SIGTERM))
        return original(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "open_laboratory", look)
        result = authprobe.run(SCENARIO)
    assert result.passed
    assert result.counts == {authprobe.Status.PASSED: 2}
    assert [case.id for case in result.cases] == [BAD, GOOD]
    assert capfd.readouterr() == ("", "")
    assert list(folder.iterdir()) == []
    assert Path.cwd() == folder
    assert dict(os.environ) == variables
    assert seen == [handlers[signal.SIGTERM]]
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert set(threading.enumerate()) <= threads


def test_the_values_are_those_of_the_results(folder: Path) -> None:
    (folder / "mine.yaml").write_text(SCENARIO)
    result = authprobe.run("mine.yaml", out="out", cases=[BAD])
    written = json.loads((folder / "out" / "results.json").read_text())
    assert json.loads(result.results_json) == written
    assert (result.id, result.partial) == (written["id"], True)
    [case], [record] = result.cases, written["cases"]
    assert case is result.case(BAD)
    assert (case.status, case.outcome, case.http_status) == ("passed", "rejected", 401)
    assert case.message == record["observation"]["message"]
    assert case.requests[0].credential == record["observation"]["exchanges"][0]["credential"]
    assert {path.name for path in (folder / "out").iterdir()} - {".lock"} == {
        *("results.json", "report.html", "summary.md", "junit.xml", "ctrf.json")
    }
    with pytest.raises(authprobe.SettingsError, match="did you mean"):
        result.case(BAD[:-1])


def test_a_failed_case_has_its_reasons(folder: Path) -> None:
    result = authprobe.run([SCENARIO], variables={"state": "valid"}, select="bad")
    [case] = result.cases
    assert not result.passed
    assert case.status is authprobe.Status.FAILED
    assert {each.field for each in case.mismatches} >= {"outcome"}
    assert case.reasons


def test_two_runs_are_compared(folder: Path) -> None:
    before = authprobe.run(SCENARIO, out="before")
    after = authprobe.run(SCENARIO, variables={"state": "valid"})
    difference = authprobe.diff(folder / "before" / "results.json", after)
    assert difference == authprobe.diff(before, after)
    effects = {each.id: each.effect for each in difference.questions}
    assert effects == {BAD: authprobe.Effect.BROKE, GOOD: authprobe.Effect.SAME}
    with pytest.raises(authprobe.RecordError, match=r"missing\.json"):
        authprobe.diff(before, "missing.json")
    baseline = folder / "before" / "results.json"
    compared = authprobe.run(SCENARIO, variables={"state": "valid"}, baseline=baseline)
    assert [case.regressed for case in compared.cases] == [True, False]


def test_runs_at_the_same_time_and_in_an_event_loop(folder: Path) -> None:
    async def ask() -> authprobe.RunResult:
        first = authprobe.run(SCENARIO)  # blocks the loop, and works
        second = await asyncio.to_thread(authprobe.run, SCENARIO)
        assert [c.status for c in first.cases] == [c.status for c in second.cases]
        return second

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(authprobe.run, SCENARIO) for _ in range(2)]
        results = [asyncio.run(ask()), *(each.result() for each in others)]
    assert all(each.passed for each in results)
    assert len({each.id for each in results}) == 3


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"scenarios": "none.yaml"}, "ScenarioError", "none.yaml"),
        ({"scenarios": ["a: b\n"]}, "ScenarioError", "^scenario-1.yaml:1:1: "),
        ({"scenarios": ["\0\n$(touch x)`\"'"]}, "ScenarioError", "^scenario-1.yaml:1:1: "),
        ({"scenarios": ["\udc80\n"]}, "ScenarioError", "^scenario-1.yaml:1:1: "),
        ({"scenarios": "x\n" * 600_000}, "ScenarioError", "^scenario-1.yaml"),
        (
            {"scenarios": [""]},
            "SettingsError",
            "^scenarios=.*: must be a path or the text of a scenario",
        ),
        (
            {"scenarios": [3]},
            "SettingsError",
            "^scenarios=.*: must be a path or the text of a scenario",
        ),
        ({"scenarios": 3}, "SettingsError", "^scenarios=3: must be a list"),
        ({"select": "nonsense"}, "SettingsError", "select='nonsense': no case matches"),
        ({"select": "good or"}, "SettingsError", "^Wrong expression passed to .select.: good or"),
        ({"suite": "smok"}, "SettingsError", "^suite smok: no such suite; did you mean"),
        (
            {"suite": "smoke", "scenarios": ["x.yaml"]},
            "SettingsError",
            "^suite smoke: a suite selects bundled cases",
        ),
        (
            {"suite": "smoke", "scenarios": "a: b\n"},
            "SettingsError",
            r"the scenarios \(scenario-1.yaml\) out",
        ),
        ({"clients": "raw-http"}, "SettingsError", "must be a list"),
        ({"clients": ["claude-cod"]}, "SettingsError", "^clients claude-cod: no such client"),
        ({"clients": ["claude-code"]}, "SettingsError", "^clients claude-code: no scenario has a"),
        ({"cases": ["none"]}, "SettingsError", "^cases none: .* as in `authprobe run --list`"),
        ({"variables": {"none": 1}}, "SettingsError", "^variables none: no scenario has this"),
        (
            {"variables": {"state": "nosuch"}},
            "ScenarioError",
            "; the value comes from variables state$",
        ),
        ({"variables": {1: 2}}, "SettingsError", "^variables: name=1: must be a string"),
        ({"variables": ["none"]}, "SettingsError", "^variables=.'none'.: must be a dict"),
        ({"clients": [5]}, "SettingsError", "^clients=5: must be a string"),
        ({"cases": [None]}, "SettingsError", "^cases=None: must be a string"),
        ({"cases": 5}, "SettingsError", "^cases=5: must be a list"),
        ({"select": 5}, "SettingsError", "^select=5: must be a string"),
        ({"suite": 5}, "SettingsError", "^suite=5: must be a string"),
        *(
            ({name: value}, "SettingsError", f"^{name}={message}")
            for name in ("out", "baseline", "known_failures")
            for value, message in (
                ("a\0b", "'a.x00b': no path has a null character"),
                ("", "'': must be a path"),
                (5, "5: must be a path"),
                (b"x", "b'x': must be a path"),
                (PathOf(b"x"), "<.*PathOf.*: must be a path"),
                (PathOf(5), "<.*PathOf.*: must be a path"),
            )
        ),
        ({"isolation": "weak"}, "SettingsError", "isolation='weak': no such isolation"),
        ({"jobs": 0}, "SettingsError", "jobs=0: must be a whole number of at least 1"),
        ({"retries": True}, "SettingsError", "retries=True: must be"),
        ({"max_failures": 0}, "SettingsError", "max_failures=0: must be"),
        ({"baseline": "none.json"}, "RecordError", "none.json"),
        ({"known_failures": "none.yaml"}, "ScenarioError", "none.yaml"),
        ({"out": "/dev/null"}, "SettingsError", "/dev/null: cannot be written"),
    ],
)
def test_what_cannot_be_run_is_an_exception_of_authprobe(
    arguments: dict[str, object],
    kind: str,
    message: str,
    folder: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    values = arguments if "suite" in arguments else {"scenarios": SCENARIO, **arguments}
    with pytest.raises(authprobe.ProbesError, match=message) as caught:
        authprobe.run(**values)  # type: ignore[arg-type]
    assert type(caught.value).__name__ == kind
    assert "/authprobe-api-" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert list(folder.iterdir()) == []


def test_a_text_with_a_credential_is_not_in_the_results(folder: Path) -> None:
    secret = "sk-ant-api03-" + "Zx9" * 30
    result = authprobe.run(f"# {secret}\n{SCENARIO}")
    assert secret not in result.results_json


def test_what_would_contain_a_credential_is_kept_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-ant-api03-" + "Zx9" * 30
    monkeypatch.setattr("authprobe.api.running.fit_run", lambda run: (run, secret))
    with pytest.raises(authprobe.ProbesError, match="was not written") as caught:
        authprobe.run(SCENARIO, out=folder / "out")
    assert secret not in str(caught.value)
    assert not (folder / "out" / "results.json").exists()


def test_an_internal_error_shows_no_credential(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-ant-api03-" + "Zx9" * 30

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError(secret)

    monkeypatch.setattr(runner, "open_laboratory", fail)
    with pytest.raises(RuntimeError, match="ZeroDivisionError") as caught:
        authprobe.run(SCENARIO)
    assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


def test_ctrl_c_raises_keyboard_interrupt_and_leaves_nothing(tmp_path: Path) -> None:
    scenario = SCENARIO.replace(
        "matrix:", "backends:\n  default: {faults: [{name: delay, seconds: 600}]}\nmatrix:"
    )
    program = tmp_path / "program.py"
    program.write_text(
        "import authprobe, threading, os, signal, tempfile, pathlib, time\n"
        "def later():\n"
        "    while not list(pathlib.Path(tempfile.gettempdir()).glob('authprobe-run-*')):\n"
        "        time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=later, daemon=True).start()\n"
        "try:\n"
        f"    authprobe.run({scenario!r})\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ended = subprocess.run(
        [sys.executable, program],
        env=environment(tmp_path / "home", TMPDIR=str(temporary)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.stdout, ended.returncode) == ("interrupted\n", 0), ended.stderr
    assert list(temporary.iterdir()) == []


def test_an_error_is_explained() -> None:
    secret = "sk-ant-oat01-" + "Zx9" * 30
    diagnosis = authprobe.explain(
        f"API Error: 401 OAuth token has expired. token={secret} for jane@example.org"
    )
    assert diagnosis.id == "access-token-expired"
    assert diagnosis.remedy
    assert diagnosis.evidence
    assert secret not in repr(diagnosis)
    assert authprobe.explain("nothing of interest").id in ("unknown", "not-auth")


def test_a_text_that_has_no_encoding_is_explained() -> None:
    text = "\ud800 API Error: 401 OAuth token has expired."
    assert authprobe.explain(text).id == "access-token-expired"


@pytest.mark.parametrize("name", ["port", "https_port", "control_port"])
@pytest.mark.parametrize("value", [-1, 65_536, 1.5, "", "x", b"80", True])
def test_a_port_that_no_system_has_is_an_error(name: str, value: Any) -> None:
    ports: Any = {name: value}
    with pytest.raises(
        authprobe.SettingsError, match=f"^{name}={value!r}: must be a whole number from 0 to 65535"
    ):
        authprobe.emulate(**ports)


@pytest.mark.parametrize(
    ("text", "message"),
    [(" \n", "empty"), ("x" * (MAX_INPUT_BYTES + 1), "more than"), ("", "empty")],
)
def test_what_cannot_be_explained_is_an_error(text: str, message: str) -> None:
    with pytest.raises(authprobe.SettingsError, match=message):
        authprobe.explain(text)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("explain", (b"x",), "^text=b'x': must be a string"),
        ("explain", (None,), "^text=None: must be a string"),
        ("diff", (1, "b"), "^before=1: must be a path"),
        ("diff", ("", "b"), "^before='': must be a path"),
        ("emulate", ({},), "^setup={}: must be a Backend"),
        ("emulate", ("fault",), "^setup='fault': must be a Backend"),
    ],
)
def test_an_argument_of_another_type_is_an_error(
    name: str, arguments: tuple[object, ...], message: str
) -> None:
    with pytest.raises(authprobe.SettingsError, match=message):
        getattr(authprobe, name)(*arguments)


def test_a_name_that_no_file_can_have_is_an_error() -> None:
    with pytest.raises(authprobe.ScenarioError, match="cannot be read: File name too long"):
        authprobe.run("x" * 5000)


def test_a_folder_that_cannot_be_searched_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rglob(*_: object) -> None:  # as of /proc, in which a process ends meanwhile
        raise OSError(22, "Invalid argument", "net")

    monkeypatch.setattr(Path, "rglob", rglob)
    with pytest.raises(authprobe.SettingsError, match=r"because of net \(Invalid argument\)"):
        authprobe.run(tmp_path)


def test_a_variable_has_a_value_that_yaml_has_as_a_scalar(folder: Path) -> None:
    with pytest.raises(authprobe.SettingsError, match=r"^variables: state=\[\]: must be a text"):
        authprobe.run(folder, variables={"state": []})  # type: ignore[dict-item]


def test_the_emulator_says_after_its_block_that_it_has_stopped() -> None:
    with authprobe.emulate() as emulator:
        pass
    for ask in (lambda: emulator.issue("api-key"), emulator.reset, lambda: emulator.exchanges):
        with pytest.raises(authprobe.SettingsError, match=r"^the emulator has stopped"):
            ask()


def test_a_thread_that_asks_while_the_block_ends_is_told_that_it_has() -> None:
    def ask(emulator: authprobe.Emulator) -> str:
        while True:
            try:
                emulator.issue("api-key")
            except authprobe.SettingsError as error:
                return str(error)

    with ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            with authprobe.emulate() as emulator:
                asking = [threads.submit(ask, emulator) for _ in range(8)]
                emulator.issue("api-key")
            for each in asking:
                assert each.result(PATIENCE).startswith("the emulator has stopped")


def test_what_a_killed_run_left_is_removed_by_the_next(folder: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()
    program = (
        "import os, signal, authprobe.api.running as running\n"
        "running.load_plan = lambda settings: os.kill(os.getpid(), signal.SIGKILL)\n"
        "running.run(['x\\n'])\n"
    )
    variables = os.environ | {"TMPDIR": str(left)}
    killed = subprocess.run([sys.executable, "-c", program], env=variables, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name[:14] for path in left.iterdir()] == ["authprobe-api-"]
    program = (
        "import authprobe, contextlib\n"
        "with contextlib.suppress(authprobe.ScenarioError):\n"
        "    authprobe.run(['x\\n'])\n"
    )
    subprocess.run([sys.executable, "-c", program], env=variables, check=True)
    assert not list(left.iterdir())


def test_results_are_not_explained_as_a_text(folder: Path) -> None:
    with pytest.raises(authprobe.SettingsError, match=r"results\.json"):
        authprobe.explain(authprobe.run(SCENARIO, select="good").results_json)


def test_the_emulator_serves_until_the_end() -> None:
    with authprobe.emulate(authprobe.Backend(standing=authprobe.AccountState.ACTIVE)) as emulator:
        key = emulator.issue("api-key")
        answer = httpx.get(f"{emulator.base_url}/v1/models", headers={"x-api-key": key.value})
        assert [each.credential for each in emulator.exchanges] == ["api-key"]
        assert answer.status_code != 401
        url = emulator.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with pytest.raises(authprobe.SettingsError), authprobe.emulate(host="192.0.2.1"):
        pass


PAGE: Final = (PROJECT / "docs" / "api.md").read_text()
EXAMPLES: Final = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)
"""Each program of the page, with the output below it if the page shows one."""


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the one file that the page says to write, with the page's text."""
    [(name, text)] = re.findall(
        r"Write this into `(.+?)`\..*?\n\n```yaml\n(.*?)```", PAGE, re.DOTALL
    )
    folder = tmp_path_factory.mktemp("page")
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("program", "output"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_page_runs_as_pasted(
    program: str,
    output: str,
    page_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(page_folder)
    assert "authprobe." in program
    exec(compile(program, "docs/api.md", "exec"), {"__name__": "example"})  # noqa: S102 - ours
    if output:
        assert capsys.readouterr().out == output


def test_the_examples_run_at_a_prompt(page_folder: Path) -> None:
    # At a prompt, only a blank line ends an indented block.
    ended = subprocess.run(
        [sys.executable, "-i", "-q"],
        input="".join(f"{program}\n" for program, _ in EXAMPLES),
        cwd=page_folder,
        env=environment(page_folder / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Error" not in ended.stderr, ended.stderr
    printed = iter(ended.stdout.splitlines())
    shown = [line for _, output in EXAMPLES for line in output.splitlines()]
    assert len(shown) > 4
    assert [line for line in shown if line not in printed] == [], ended.stdout


def test_every_block_of_the_page_is_tried() -> None:
    kinds = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert (kinds.count("yaml"), kinds.count("text")) == (1, 2)
    assert set(kinds) == {"yaml", "python", "text"}


def test_the_command_and_the_function_agree(folder: Path) -> None:
    (folder / "mine.yaml").write_text(SCENARIO)
    listed = subprocess.run(
        command("run", "--list", "mine.yaml"),
        env=environment(folder / "home"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert sorted(listed) == [case.id for case in authprobe.run("mine.yaml").cases]
